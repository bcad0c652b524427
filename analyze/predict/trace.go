package predict

import (
	"maps"
	"slices"
	"sort"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// entry is a recorded event as far as other schedules depend on it: an
// operation on an object whose state decides whether it can happen, or an
// event that needs another one. All other events only need what is before them
// in their goroutine.
type entry struct {
	pos   uint64 // in the recording, from 0
	index uint64 // within its goroutine
	need  uint64 // the events of needG with a smaller index must have happened
	from  uint64 // position of the last of these
	n     int64  // Add: its delta
	needG event.G
	g     event.G
	obj   int32 // none: -1
	pair  int32 // acquire: its release, send: its receive and the other way round; none: 0
	op    event.Op
	racy  bool // reads what a racing write may have changed
}

// entries are numbered from 0, and never move.
type entries struct {
	slabs [][]entry
	n     int
}

const entrySlab = 1 << 10

func (l *entries) at(i int32) *entry { return &l.slabs[i/entrySlab][i%entrySlab] }

// add adds an entry and returns its number.
func (l *entries) add(e entry) int32 {
	if l.n == len(l.slabs)*entrySlab {
		l.slabs = append(l.slabs, make([]entry, entrySlab))
	}
	i := int32(l.n)
	*l.at(i) = e
	l.n++
	return i
}

func newTrace() *trace {
	t := &trace{}
	t.entries.add(entry{})
	return t
}

// object is a synchronization object: its operations, as entries in recorded order.
type object struct {
	kind  kind
	cap   uint32
	ops   []int32
	sends []int32 // buffered channels; receive number k got what send number k sent
	recvs []int32
	close int32              // the first close; 0: none
	wakes map[int32][]parked // Cond: whom a signal woke
	// unseen Conds are those of which not every beginning of a Wait was recorded.
	unseen bool
	count  []int64 // WaitGroup: the counter after each of ops
	round  []int32 // WaitGroup: how often the counter had come back to zero before each of ops
	count0 int64   // the same of the last that has been forgotten
	round0 int32
}

// parked is a goroutine that has done all before the event index and waits.
type parked struct {
	g     event.G
	index uint64
}

type kind uint8

const (
	aLock kind = iota
	aChannel
	aGroup
	aCond
)

// trace is what prediction keeps of a recording.
type trace struct {
	entries entries // by position; the first is none
	byG     [][]int32
	starts  []int32 // by goroutine: the entry of its go statement; 0: none
	objects []object
	racy    []int32 // the entries that are racy
	most    int     // entries that are kept
	start   uint64  // position from which on all are kept
	// racyBefore is the number of racy entries that have been forgotten.
	racyBefore int
	// uncounted is set if Adds were not recorded, which shows in counters of
	// WaitGroups that become negative. Then a Wait needs all earlier Dones.
	uncounted bool
}

// countAt returns a WaitGroup's counter before its operation number i, and the
// round of the operation before that.
func (o *object) countAt(i int) (count int64, round int32) {
	if i == 0 {
		return o.count0, o.round0
	}
	return o.count[i-1], o.round[i-1]
}

// before reports whether there is such an entry, and before a position.
func (t *trace) before(i int32, pos uint64) bool {
	return i == forgotten || i > 0 && t.entries.at(i).pos < pos
}

// at returns the number of entries of goroutine g with a smaller index, or
// before base if that is more.
func (t *trace) at(g event.G, index, base uint64) int {
	own := t.byG[g]
	i := sort.Search(len(own), func(i int) bool { return t.entries.at(own[i]).index >= index })
	if base == 0 {
		return i
	}
	return max(i, t.since(own, base))
}

// since returns how many of some entries lie before a position.
func (t *trace) since(list []int32, base uint64) int {
	if base == 0 {
		return 0
	}
	return sort.Search(len(list), func(i int) bool { return t.entries.at(list[i]).pos >= base })
}

// target is an event that is to be next.
type target struct {
	g     event.G
	index uint64
	pos   uint64
}

// closure is the smallest set of events that holds all before its targets and
// can happen in recorded order: per goroutine a prefix.
//
// What an event needs is needed in every schedule, or follows from keeping the
// recorded order: of two critical sections of one lock the earlier one must
// have ended, and so on. So if a target itself is needed, no schedule in
// recorded order has all targets next.
type closure struct {
	*trace
	base    uint64   // all events before this position happen
	ends    []uint64 // by goroutine, one more than the index of the last event that happens
	touched []event.G
	targets []target
	work    []incoming
	dirty   []int32
	marked  []bool // objects in dirty
	steps   uint64 // taken, of all closures
	limit   uint64 // of steps
	strict  bool   // refuse racy reads
	racy    int    // racy reads in the set
	failed  bool
	raise   uint64 // an event here needs all before it: base must be raised to it
	wait    int32  // the last Wait found for which something was missing
	early   int32  // this Wait returns before all that the set holds of its round
	queue   []int32
}

// incoming is a goroutine's entries that have come in and whose needs are not yet met.
type incoming struct {
	g        event.G
	from, to int
}

func newClosure(t *trace) *closure {
	return &closure{trace: t, ends: make([]uint64, len(t.byG)), marked: make([]bool, len(t.objects))}
}

// run computes the closure of what is before the targets and before further
// events, and reports whether no target is in it. All targets come after base.
func (c *closure) run(base uint64, targets, further []target) bool {
	for {
		c.reset(base, targets)
		if c.racy = c.racyBefore + c.since(c.trace.racy, base); c.racy > 0 && c.strict {
			return false
		}
		for _, t := range targets {
			if t.pos < base {
				return false
			}
			c.start(t.g)
			c.require(t.g, t.index)
		}
		for _, t := range further {
			c.require(t.g, t.index)
		}
		c.settle()
		if c.raise <= c.base || c.steps > c.limit {
			return !c.failed && c.steps <= c.limit
		}
		base = c.raise
	}
}

func (c *closure) reset(base uint64, targets []target) {
	for _, g := range c.touched {
		c.ends[g] = 0
	}
	for _, o := range c.dirty {
		c.marked[o] = false
	}
	c.touched, c.work, c.dirty = c.touched[:0], c.work[:0], c.dirty[:0]
	c.base, c.targets, c.failed, c.raise, c.wait = base, targets, false, 0, 0
}

// has reports whether an entry is in the set.
func (c *closure) has(i int32) bool {
	e := c.entries.at(i)
	return e.pos < c.base || e.index < c.ends[e.g]
}

// start takes in the go statement that made g.
func (c *closure) start(g event.G) {
	if s := c.starts[g]; s != 0 && !c.has(s) {
		c.take(s)
	}
}

// take takes in an entry's event and all before it in its goroutine.
func (c *closure) take(i int32) {
	e := c.entries.at(i)
	c.require(e.g, e.index+1)
}

// require takes in the events of g with an index below end.
func (c *closure) require(g event.G, end uint64) {
	if end <= c.ends[g] || c.failed {
		return
	}
	for i := range c.targets {
		if t := &c.targets[i]; t.g == g && t.index < end {
			c.failed = true
			return
		}
	}
	old := c.ends[g]
	if old == 0 {
		c.touched = append(c.touched, g)
		c.start(g)
	}
	c.ends[g] = end
	from := c.at(g, old, c.base)
	to := from
	for own := c.byG[g]; to < len(own) && c.entries.at(own[to]).index < end; to++ {
	}
	if to > from {
		c.work = append(c.work, incoming{g, from, to})
	}
}

// settle meets all needs.
func (c *closure) settle() {
	for !c.failed && c.raise == 0 && c.steps <= c.limit {
		if n := len(c.work); n > 0 {
			s := c.work[n-1]
			c.work = c.work[:n-1]
			c.meet(s)
			continue
		}
		n := len(c.dirty)
		if n == 0 {
			return
		}
		o := c.dirty[n-1]
		c.dirty = c.dirty[:n-1]
		c.marked[o] = false
		c.mend(&c.objects[o])
	}
}

// meet takes in what entries need by themselves.
func (c *closure) meet(s incoming) {
	for _, i := range c.byG[s.g][s.from:s.to] {
		c.steps++
		e := c.entries.at(i)
		if e.op == event.IORead && e.pos > c.base {
			c.raise = max(c.raise, e.pos)
			return
		}
		if e.racy {
			if c.racy++; c.strict {
				c.failed = true
				return
			}
		}
		if e.need > 0 {
			c.require(e.needG, e.need)
		}
		if e.obj >= 0 && !c.marked[e.obj] {
			c.marked[e.obj] = true
			c.dirty = append(c.dirty, e.obj)
		}
	}
}

// mend looks at the operations on an object that are in the set, in recorded
// order, and takes in what they need of each other.
func (c *closure) mend(o *object) {
	switch o.kind {
	case aLock:
		c.mendLock(o)
	case aChannel:
		c.mendChannel(o)
	case aGroup:
		c.mendGroup(o)
	case aCond:
		c.mendCond(o)
	}
}

// mendCond: a signal wakes who has waited longest. Where that would leave
// somebody asleep who went on, or who waits is not all known, every signal needs
// those waiting whom it woke in the recording.
func (c *closure) mendCond(o *object) {
	from := c.since(o.ops, c.base)
	if !o.unseen && from == 0 && c.wakesAll(o) {
		return
	}
	for _, i := range o.ops[from:] {
		c.steps++
		if c.has(i) {
			for _, w := range o.wakes[i] {
				c.require(w.g, w.index)
			}
		}
	}
}

// wakesAll reports whether all who went on have been woken.
func (c *closure) wakesAll(o *object) bool {
	var waits []event.G
	woken := map[event.G]bool{}
	for _, i := range o.ops {
		c.steps++
		if !c.has(i) {
			continue
		}
		switch e := c.entries.at(i); e.op {
		case event.CondWait:
			waits = append(waits, e.g)
		case event.CondSignal, event.CondBroadcast:
			n := len(waits)
			if e.op == event.CondSignal {
				n = min(n, 1)
			}
			for _, g := range waits[:n] {
				woken[g] = true
			}
			waits = waits[n:]
		case event.CondWake:
			if !woken[e.g] {
				return false
			}
			delete(woken, e.g)
		}
	}
	return true
}

// mendLock: of two conflicting acquires the release of the earlier one is needed.
func (c *closure) mendLock(o *object) {
	from := c.since(o.ops, c.base)
	var writer int32
	readers := c.queue[:0]
	// What was held at base: readers since the last writer, or that.
	for i := from - 1; i >= 0; i-- {
		c.steps++
		x := o.ops[i]
		e := c.entries.at(x)
		if e.op != event.Lock && e.op != event.RLock {
			continue
		}
		if e.pair == 0 || c.entries.at(e.pair).pos >= c.base {
			if e.op == event.Lock {
				writer = x
			} else {
				readers = append(readers, x)
			}
		}
		if e.op == event.Lock {
			break
		}
	}
	for _, x := range o.ops[from:] {
		if c.steps++; c.failed || c.steps > c.limit {
			break
		}
		e := c.entries.at(x)
		if !c.has(x) || e.op != event.Lock && e.op != event.RLock {
			continue
		}
		c.end(writer)
		writer = 0
		if e.op == event.RLock {
			readers = append(readers, x)
			continue
		}
		for _, r := range readers {
			c.end(r)
		}
		readers = readers[:0]
		writer = x
	}
	c.queue = readers[:0]
}

// end takes in the release of an acquire.
func (c *closure) end(acquire int32) {
	if acquire == 0 {
		return
	}
	r := c.entries.at(acquire).pair
	if r == 0 {
		c.failed = true
	} else if !c.has(r) {
		c.take(r)
	}
}

// mendChannel: first in, first out; no more than fit; drained where somebody
// saw that there was nothing.
func (c *closure) mendChannel(o *object) {
	from := c.since(o.ops, c.base)
	queue := c.queue[:0]
	if o.cap > 0 {
		sent, got := c.since(o.sends, c.base), c.since(o.recvs, c.base)
		if got < sent {
			queue = append(queue, o.sends[got:sent]...)
		}
	}
	head := 0
	// receive takes in the receive of the oldest that is in the buffer, which
	// must come before position pos.
	receive := func(pos uint64) {
		r := c.entries.at(queue[head]).pair
		head++
		switch {
		case r == 0 || c.entries.at(r).pos > pos:
			c.failed = true
		case !c.has(r):
			c.take(r)
		}
	}
	closed := c.before(o.close, c.base)
	for _, x := range o.ops[from:] {
		if c.steps++; c.failed || c.steps > c.limit {
			break
		}
		if !c.has(x) {
			continue
		}
		e := c.entries.at(x)
		switch e.op {
		case event.Send:
			if o.cap == 0 {
				continue
			}
			for !c.failed && len(queue)-head >= int(o.cap) {
				receive(e.pos)
			}
			queue = append(queue, x)
		case event.Recv:
			if o.cap == 0 {
				continue
			}
			// Unless it has been taken in already, what is older comes first.
			for !c.failed && head < len(queue) && queue[head] < e.pair {
				receive(e.pos)
			}
			if head < len(queue) && queue[head] == e.pair {
				head++
			}
		case event.RecvClosed, event.DefaultRecv:
			for !c.failed && head < len(queue) {
				receive(e.pos)
			}
			if e.op == event.DefaultRecv && closed {
				c.failed = true
			}
		case event.DefaultSend:
			if o.cap > 0 && len(queue)-head < int(o.cap) {
				// It was full then, of what must be sent.
				sent, got := c.since(o.sends, e.pos), c.since(o.recvs, e.pos)
				if sent-got < int(o.cap) {
					c.failed = true
					break
				}
				for _, s := range o.sends[got:sent] {
					if !c.has(s) {
						c.take(s)
					}
				}
			}
			if closed {
				c.failed = true
			}
		case event.Close:
			closed = true
		}
	}
	c.queue = queue[:0]
}

// mendGroup: the counter is never negative, and zero where Wait returns.
func (c *closure) mendGroup(o *object) {
	from := c.since(o.ops, c.base)
	count, _ := o.countAt(from)
	for i, x := range o.ops[from:] {
		if c.steps++; c.failed || c.steps > c.limit {
			return
		}
		if !c.has(x) {
			continue
		}
		e := c.entries.at(x)
		if e.op == event.Add {
			if count += e.n; count >= 0 || c.uncounted {
				continue
			}
			for j := from + i - 1; j >= from && o.round[j] == o.round[from+i]; j-- {
				if y := o.ops[j]; c.entries.at(y).n > 0 && !c.has(y) {
					count += c.entries.at(y).n
					c.take(y)
				}
			}
			continue
		}
		if count == 0 && !c.uncounted || x == c.early {
			continue
		}
		c.wait = x
		c.evenOut(o, from, from+i)
		count = 0
	}
}

// evenOut takes in, for the Wait at place i of an object's operations, what is
// missing of each round of the counter that has begun.
func (c *closure) evenOut(o *object, from, i int) {
	for j := from; j < i; {
		round, k := o.round[j], j
		var sum int64
		for ; k < i && o.round[k] == round; k++ {
			c.steps++
			if y := o.ops[k]; c.has(y) {
				sum += c.entries.at(y).n
			}
		}
		if count, last := o.countAt(from); j == from && last == round {
			sum += count
		}
		if sum != 0 || c.uncounted {
			for _, y := range o.ops[j:k] {
				if c.entries.at(y).op == event.Add && !c.has(y) {
					c.take(y)
				}
			}
		}
		j = k
	}
}

// prefixes returns the set beyond base.
func (c *closure) prefixes() map[event.G]uint64 {
	ends := make(map[event.G]uint64, len(c.touched))
	for _, g := range c.touched {
		if c.ends[g] > 0 {
			ends[g] = c.ends[g]
		}
	}
	return ends
}

// order lists what lies between two sets of prefixes, in recorded order: an
// element lets its goroutine act up to and including an event.
func (c *closure) order(after, upto map[event.G]uint64) []witness.ID {
	var out []witness.ID
	for i := 1 + c.sinceAll(c.base); i < c.entries.n; i++ {
		e := c.entries.at(int32(i))
		if e.index < after[e.g] || e.index >= upto[e.g] {
			continue
		}
		out = through(out, e.g, e.index)
	}
	for _, g := range slices.Sorted(maps.Keys(upto)) {
		if upto[g] > after[g] {
			out = through(out, g, upto[g]-1)
		}
	}
	return out
}

// through appends to an order that g acts up to and including an event.
func through(order []witness.ID, g event.G, index uint64) []witness.ID {
	id := witness.ID{G: g, Index: index}
	if n := len(order); n > 0 && order[n-1].G == g {
		order[n-1] = id
		return order
	}
	return append(order, id)
}

// sinceAll returns how many entries lie before a position.
func (t *trace) sinceAll(pos uint64) int {
	return sort.Search(t.entries.n-1, func(i int) bool { return t.entries.at(int32(i+1)).pos >= pos })
}

// shows reports whether what a goal claims of the first target is so after the
// set has happened, as far as its object says.
func (c *closure) shows(goal witness.Goal, targets []target) bool {
	if goal != witness.Negative && goal != witness.AddWait && goal != witness.UnlockUnlocked {
		return true
	}
	t := targets[0]
	own := c.byG[t.g]
	n := c.at(t.g, t.index, 0)
	if n == len(own) || c.entries.at(own[n]).index != t.index || c.entries.at(own[n]).obj < 0 {
		return false
	}
	e := c.entries.at(own[n])
	o := &c.objects[e.obj]
	count, locked := e.n, 0
	count += o.count0
	for _, i := range o.ops {
		c.steps++
		x := c.entries.at(i)
		if !c.has(i) {
			continue
		}
		count += x.n
		switch x.op {
		case event.Lock:
			locked = 1
		case event.RLock:
			locked++
		case event.Unlock, event.RUnlock:
			locked--
		}
	}
	switch goal {
	case witness.Negative:
		return !c.uncounted && count < 0
	case witness.AddWait:
		return !c.uncounted && count == e.n
	}
	return locked == 0
}
