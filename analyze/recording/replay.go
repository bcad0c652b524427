package recording

import (
	"math"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
)

// The replay order. No clock is trusted; an order is legal if
//   - a goroutine's records keep their order,
//   - a goroutine begins after the go statement that made it,
//   - operations that took their numbers from one counter come by number (what
//     a goroutine waits for at the end has none: it orders nothing),
//   - what happened in one GC cycle comes before what happened in the next: the
//     world stopped in between,
//   - an unbuffered send and its receive, which have consecutive numbers, come
//     next to each other.
//
// The real order of things was one like that, so there always is one.
//
// Where records are missing (a lost chunk, a process that was killed between
// writing one P's records and the next's), a goroutine is replayed up to its
// first missing record, and an operation only if those with smaller numbers of
// its counter have been. So what is replayed is a prefix of the execution that
// holds, for each of its events, all that came before it: a race in it is one,
// whatever is missing. What is left out is counted.
//
// The file is read from its beginning to its end. A slice waits in memory until
// it can be replayed: as long as the recorder was late in writing something that
// comes before it, at most about a second. If too much waits (waiting.go), what
// has waited longest is taken to wait for something that is missing.

// cursor is how far a goroutine has been replayed.
type cursor struct {
	g      *goroutine
	number uint32 // of the last slice in queue, or that was
	part   uint32
	ended  bool               // no further part of that slice comes
	queue  []slice            // to come, without gaps
	early  map[sliceKey]slice // those after a gap
	stray  bool               // there was one that fits nowhere
	idle   bool               // has done all of queue and waits for more
	lost   bool               // goes no further: something is missing

	open   bool // a slice is
	slice  slice
	at     uint32 // number of the next op within it
	told   bool   // what comes before that op has been delivered
	last   uint32 // stack: where the changes told so far end
	index  uint64
	cycle  uint32
	stack  callStack
	rwlock uint64 // an RWMutex.Lock of which the first acquire has been seen
}

// sliceKey is a slice's place in its goroutine.
type sliceKey struct{ number, part uint32 }

// replay is one run over the recording.
type replay struct {
	rec      *Recording
	sel      selection
	f        func(*event.Event, uint64) bool
	runs     func(g event.G, cycle uint32, n uint64, parts [][]event.Access) bool
	parts    [][]event.Access
	keep     func(addr, size uint64) bool // allocations; nil: none
	counters []counterState
	waiting  int       // cursors in the counters' queues
	ready    []*cursor // may go on
	later    queue     // next record is of a later cycle
	cycle    uint32
	oldest   uint32 // cycle of records that are still to be read
	place    uint64 // events so far
	waits    int64  // weight of the blocks in which something waits
	stopped  bool
	extent   extent
	ev       event.Event
}

type counterState struct {
	next    uint64
	waiters queue // by number
}

// Replay implements [event.Source].
func (rec *Recording) Replay(f func(*event.Event) bool) error {
	rp := &replay{
		sel: selection{every: true},
		f:   func(e *event.Event, _ uint64) bool { return f(e) },
	}
	if !rec.allocs.all {
		rp.keep = func(addr, size uint64) bool { return true }
	}
	done, err := rp.replay(rec)
	if rp.keep != nil && done {
		rec.allocs.all = true
	}
	return err
}

// ReplayRuns implements [event.Batched].
func (rec *Recording) ReplayRuns(
	shards int,
	run func(g event.G, cycle uint32, n uint64, parts [][]event.Access) bool,
	f func(*event.Event) bool,
) error {
	rp := &replay{
		sel:  selection{shards: shards},
		runs: run, parts: make([][]event.Access, shards),
		f: func(e *event.Event, _ uint64) bool { return f(e) },
	}
	_, err := rp.replay(rec)
	return err
}

// ReplayWhere implements [event.Batched].
func (rec *Recording) ReplayWhere(want, keep func(addr, size uint64) bool, f func(e *event.Event, place uint64) bool) error {
	rp := &replay{sel: selection{want: want}, f: f, keep: keep}
	if rec.allocs.all {
		rp.keep = nil
	}
	_, err := rp.replay(rec)
	return err
}

// replay does it, and reports whether it came to the end.
func (rp *replay) replay(rec *Recording) (done bool, err error) {
	rp.rec = rec
	rp.counters = make([]counterState, 1<<record.CounterBits)
	rec.lost.records, rec.lost.sync, rec.abandoned, rec.givenUp = 0, 0, 0, 0
	if rec.annotated != nil {
		for i, n := range rec.annotated.first {
			rp.counters[i].next = n // there may have been other traces before
		}
	}
	rec.replays++
	if rp.keep != nil {
		rec.allocs = allocs{}
	}
	for _, id := range sortedKeys(rec.byID) {
		if g := rec.byID[id]; rec.root(g) {
			rp.begin(g)
		}
	}
	n := 0
	err = overBlocks(newScanner(rec.file), rec.jobs, rp.sel.decode, func(b *block, d *decoded) bool {
		rec.read.Store(b.end)
		n++
		d.number = n
		for i := range d.chunks {
			rp.chunk(&d.chunks[i])
		}
		rp.oldest = math.MaxUint32
		if n < len(rec.oldest) {
			rp.oldest = rec.oldest[n]
		}
		rp.advance()
		if rp.waits > rec.mostWaits {
			rp.giveUp()
		}
		return !rp.stopped
	})
	if err != nil || rp.stopped {
		rec.forgetCursors()
		return false, err
	}
	// Goroutines of which a part, or whose go statement, is missing.
	for _, g := range rec.byID {
		switch {
		case g.cursor != nil && g.cursor.lost:
		case g.begun != rec.replays && g.records:
			rp.abandon(1)
			if rec.whole() {
				rp.lose(1)
			}
		case g.cursor != nil && (len(g.cursor.early) > 0 || g.cursor.stray):
			rp.abandon(1)
			rp.lose(1)
		}
	}
	if rp.keep != nil {
		rec.allocs.finish()
	}
	rec.forgetCursors()
	return true, nil
}

// forgetCursors drops what a replay has left.
func (rec *Recording) forgetCursors() {
	for _, g := range rec.byID {
		g.cursor = nil
	}
}

// chunk takes in a chunk's slices.
func (rp *replay) chunk(ch *decodedChunk) {
	for i := range ch.slices {
		s := &ch.slices[i]
		s.ended = i+1 < len(ch.slices) || rp.rec.ended(ch.chunkKey)
		rp.arrive(s)
	}
}

// arrive takes a slice into the queue of its goroutine.
func (rp *replay) arrive(s *slice) {
	g := rp.rec.goroutine(s.g)
	c := g.cursor
	if c == nil {
		c = &cursor{g: g, idle: true, ended: true}
		g.cursor = c
	}
	if c.lost {
		return
	}
	key := sliceKey{s.number, s.part}
	switch _, twice := c.early[key]; {
	case s.number == c.number && s.part == c.part+1 && c.number > 0 || s.number == c.number+1 && s.part == 0 && c.ended:
		rp.hold(s)
		c.push(s)
		rp.follow(c)
	case twice || s.number < c.number || s.number == c.number && s.part <= c.part:
		c.stray = true
	default:
		if c.early == nil {
			c.early = make(map[sliceKey]slice)
		}
		rp.hold(s)
		c.early[key] = *s
	}
}

// follow moves the slices that now follow into the queue of c, and makes it ready
// if it has waited for them.
func (rp *replay) follow(c *cursor) {
	for len(c.early) > 0 {
		key := sliceKey{c.number, c.part + 1}
		s, ok := c.early[key]
		if !ok && c.ended {
			key = sliceKey{c.number + 1, 0}
			s, ok = c.early[key]
		}
		if !ok {
			break
		}
		delete(c.early, key)
		c.push(&s)
	}
	if c.idle && len(c.queue) > 0 && c.g.begun == rp.rec.replays {
		c.idle = false
		rp.ready = append(rp.ready, c)
	}
}

func (c *cursor) push(s *slice) {
	c.number, c.part, c.ended = s.number, s.part, s.ended
	c.queue = append(c.queue, *s)
}

// advance replays what can be.
func (rp *replay) advance() {
	for !rp.stopped {
		for i := 0; i < len(rp.ready) && !rp.stopped; i++ {
			c := rp.ready[i]
			rp.ready[i] = nil
			rp.run(c)
		}
		rp.ready = rp.ready[:0]
		if rp.stopped || !rp.nextCycle() {
			return
		}
	}
}

// root reports whether nothing comes before the goroutine's first record. That
// no go statement names it says so if all records are there; if not, only the
// main goroutine, contexts of the runtime, which have no number, and those that were there
// when a window opened are known to have none.
func (rec *Recording) root(g *goroutine) bool {
	return !g.child && (rec.whole() || g.goid <= 1 || g.id <= rec.before)
}

// whole reports whether the recording has its end and no gap before it.
func (rec *Recording) whole() bool {
	return rec.last != nil && rec.lost.chunks == 0
}

// begin makes a goroutine ready, once.
func (rp *replay) begin(g *goroutine) bool {
	if g.begun == rp.rec.replays {
		return false
	}
	g.begun = rp.rec.replays
	if c := g.cursor; c != nil && c.idle && len(c.queue) > 0 {
		c.idle = false
		rp.ready = append(rp.ready, c)
	}
	return true
}

// nextCycle goes on to the next GC cycle when nothing is ready and all records
// of this one have been read, and reports whether there is one. What still
// waits for a number then waits for one that is missing.
func (rp *replay) nextCycle() bool {
	if rp.oldest <= rp.cycle {
		return false // there is more of this one
	}
	for i := range rp.counters {
		if rp.waiting == 0 {
			break
		}
		cs := &rp.counters[i]
		if n := len(cs.waiters); n > 0 {
			// An unbuffered send whose receive is missing leaves no gap.
			rp.lose(max(cs.waiters[0].key-cs.next, 1))
			rp.abandon(n)
			rp.waiting -= n
			for _, w := range cs.waiters {
				rp.stop(w.c)
			}
			cs.waiters = nil
		}
	}
	if len(rp.later) == 0 || uint64(rp.oldest) < rp.later[0].key {
		if rp.oldest < math.MaxUint32 {
			rp.cycle = rp.oldest
		}
		return false
	}
	rp.cycle = uint32(rp.later[0].key)
	for len(rp.later) > 0 && rp.later[0].key == uint64(rp.cycle) {
		rp.ready = append(rp.ready, rp.later.pop())
	}
	return true
}

// stop lets c go no further, and forgets what it would have done.
func (rp *replay) stop(c *cursor) {
	for s := range c.waiting() {
		rp.release(s)
	}
	c.lost, c.open, c.slice.of, c.queue, c.early = true, false, nil, nil, nil
}

// abandon counts goroutines that are not replayed to their end.
func (rp *replay) abandon(n int) { rp.rec.abandoned += n }

// lose counts synchronization operations that are missing. Those that a dying
// process had not written yet are no loss: the recording is shorter by them.
func (rp *replay) lose(n uint64) {
	if !rp.rec.diedRunning() {
		const most = 1 << 50
		rp.rec.lost.sync = min(rp.rec.lost.sync+min(n, most), most)
	}
}

// diedRunning reports whether the process ended without stopping its goroutines
// first, and nothing but the very end is missing.
func (rec *Recording) diedRunning() bool {
	return rec.lost.chunks == 0 && (rec.last == nil || !orderly(rec.last.Reason))
}

// run replays c as far as it goes.
func (rp *replay) run(c *cursor) {
	for !rp.stopped {
		if c.cycle > rp.cycle && c.happens() {
			rp.later.push(uint64(c.cycle), c)
			return
		}
		if !c.open {
			if len(c.queue) == 0 {
				c.idle = true
				return
			}
			c.next()
			continue
		}
		s := &c.slice
		if !c.told {
			rp.tell(c)
			c.told = true
			continue
		}
		if c.at == s.ops {
			if s.bad {
				rp.lose(1)
				rp.abandon(1)
				rp.stop(c)
				return
			}
			rp.release(s)
			c.open, c.slice.of = false, nil
			continue
		}
		o := c.op()
		switch o.tag {
		case record.TagCycle:
			c.cycle = o.slot
			c.done()
			continue
		case record.TagStack:
			c.done()
			continue
		case record.TagSync, record.TagAtomic:
			space := o.space
			if o.tag == record.TagAtomic {
				space = 0
			} else if !record.Sync(o.code).Numbered() {
				rp.deliver(c, o)
				c.done()
				continue
			}
			cs := &rp.counters[record.Counter(space, o.addr)]
			switch {
			case o.num < cs.next:
				// No recorder gives a number twice.
				rp.lose(1)
				rp.abandon(1)
				rp.stop(c)
				return
			case o.num > cs.next:
				rp.wait(c, cs)
				// An unbuffered receive whose send is next completes both.
				if o.unbuffered(record.Recv) && o.num == cs.next+1 {
					rp.pair(cs)
				}
				return
			case o.unbuffered(record.Send):
				// The receive must be next in its goroutine, so that the two
				// are delivered together.
				rp.wait(c, cs)
				rp.pair(cs)
				return
			}
			rp.deliver(c, o)
			c.done()
			cs.next++
			if len(cs.waiters) > 0 {
				rp.wake(cs)
			}
			continue
		}
		rp.deliver(c, o)
		c.done()
	}
}

// next opens the next slice of the queue.
func (c *cursor) next() {
	c.slice, c.queue[0] = c.queue[0], slice{}
	if c.queue = c.queue[1:]; len(c.queue) == 0 {
		c.queue = nil
	}
	c.open, c.at, c.told = true, 0, false
	c.cycle, c.last = c.slice.cycle, c.slice.stack
}

// happens reports whether something is to be delivered before anything else. A
// slice may tell of a later cycle than its goroutine has seen, if nothing in it
// happens after that.
func (c *cursor) happens() bool {
	s := &c.slice
	switch {
	case !c.open:
		return false
	case !c.told && c.at == s.ops:
		return s.skipped > 0
	case !c.told && c.op().skipped > 0:
		return true
	case c.at == s.ops:
		return false
	}
	return c.op().tag != record.TagCycle && c.op().tag != record.TagStack
}

// op is the op that is next in the open slice.
func (c *cursor) op() *op { return &c.slice.of.ops[c.slice.op+c.at] }

// done goes on to the op after it.
func (c *cursor) done() {
	c.at++
	c.told = false
}

// tell delivers what comes before the next op or the slice's end: accesses,
// and changes of the stack.
func (rp *replay) tell(c *cursor) {
	s := &c.slice
	n := s.skipped
	if c.at < s.ops {
		o := c.op()
		n = o.skipped
		if o.stack > c.last {
			c.stack.change(s.of.stacks[c.last:o.stack])
			c.last = o.stack
		}
	}
	if n == 0 {
		return
	}
	rp.first(c.g)
	c.index += uint64(n)
	rp.place += uint64(n)
	if rp.runs == nil {
		return
	}
	row := s.row + c.at*uint32(len(rp.parts))
	for i := range rp.parts {
		from, to := s.of.rows[row+uint32(i)], s.of.rows[row+uint32(i+len(rp.parts))]
		rp.parts[i] = s.of.runs[i][from:to:to]
	}
	if !rp.runs(c.g.index, c.cycle, uint64(n), rp.parts) {
		rp.stopped = true
	}
}

// first numbers a goroutine that does something for the first time.
func (rp *replay) first(g *goroutine) {
	if g.index < 0 {
		g.index = event.G(len(rp.rec.gs))
		rp.rec.gs = append(rp.rec.gs, g)
	}
}

// unbuffered reports whether o is a send to an unbuffered channel or a receive
// from one.
func (o *op) unbuffered(what record.Sync) bool {
	return o.tag == record.TagSync && record.Sync(o.code) == what && o.n == 0
}

// wait parks c until its number is next.
func (rp *replay) wait(c *cursor, cs *counterState) {
	cs.waiters.push(c.op().num, c)
	rp.waiting++
}

// pair delivers an unbuffered send and its receive if both are next.
func (rp *replay) pair(cs *counterState) {
	w := cs.waiters
	if w[0].key != cs.next || !w[0].c.op().unbuffered(record.Send) {
		return
	}
	s := cs.waiters.pop()
	if w := cs.waiters; len(w) == 0 || w[0].key != cs.next+1 || !w[0].c.op().unbuffered(record.Recv) {
		cs.waiters.push(s.op().num, s)
		return
	}
	r := cs.waiters.pop()
	rp.waiting -= 2
	rp.deliver(s, s.op())
	rp.deliver(r, r.op())
	s.done()
	r.done()
	cs.next += 2
	rp.ready = append(rp.ready, s, r)
	rp.wake(cs)
}

// wake makes the goroutine ready that waits for the counter's next number.
func (rp *replay) wake(cs *counterState) {
	// Smaller ones are duplicates, for run to find out.
	for len(cs.waiters) > 0 && cs.waiters[0].key <= cs.next {
		if o := cs.waiters[0].c.op(); o.num == cs.next && o.unbuffered(record.Send) {
			rp.pair(cs)
			return
		}
		rp.ready = append(rp.ready, cs.waiters.pop())
		rp.waiting--
	}
}

// emit hands the event to the caller.
func (rp *replay) emit() {
	if !rp.f(&rp.ev, rp.place) {
		rp.stopped = true
	}
	rp.place++
}

// spread delivers a run of accesses, each of one byte, as lists, if these can hold them.
func (rp *replay) spread(c *cursor, o *op) bool {
	if o.addr >= event.MaxAddr || o.addr+uint64(o.slot)*uint64(o.n-1) >= event.MaxAddr {
		return false
	}
	clear(rp.parts)
	all := make([]event.Access, 0, o.n)
	for i := range uint64(o.n) {
		a, _ := event.PackAccess(o.addr+i*uint64(o.slot), 1, o.tag == record.TagWrite)
		all = append(all, a)
	}
	for len(all) > 0 {
		// Most of them are in one page.
		shard, n := event.Shard(all[0].Addr(), len(rp.parts)), 1
		for n < len(all) && event.Shard(all[n].Addr(), len(rp.parts)) == shard {
			n++
		}
		if part := &rp.parts[shard]; *part == nil {
			*part = all[:n:n]
		} else {
			*part = append(*part, all[:n]...)
		}
		all = all[n:]
	}
	c.index += uint64(o.n - 1)
	rp.place += uint64(o.n)
	if !rp.runs(c.g.index, c.cycle, uint64(o.n), rp.parts) {
		rp.stopped = true
	}
	return true
}

// stack is the stack of what c's goroutine does at pc. Where accesses come as
// runs, most stacks are not told.
func (rp *replay) stack(c *cursor, pc uint32) event.Stack {
	if rp.runs != nil {
		return 0
	}
	return rp.rec.stacks.leaf(c, pc, 0)
}

// deliver hands the op of c to the caller, as an event.
func (rp *replay) deliver(c *cursor, o *op) {
	rec, ev := rp.rec, &rp.ev
	rp.first(c.g)
	*ev = event.Event{G: c.g.index, Index: c.index, Cycle: c.cycle}
	c.index++
	switch o.tag {
	case record.TagRead, record.TagWrite:
		ev.Op = event.Read
		if o.tag == record.TagWrite {
			ev.Op = event.Write
		}
		ev.Addr, ev.Size = o.addr, o.size
		if !rp.extent.add(o) {
			rec.lost.records++
			return
		}
		if rp.runs != nil && o.n > 1 && rp.spread(c, o) {
			return
		}
		ev.Stack = rec.stacks.leaf(c, o.pc, o.via)
		// A run is as many events.
		for n := o.n; n > 1 && !rp.stopped; n-- {
			rp.emit()
			ev.Addr += uint64(o.slot)
			ev.Index++
			c.index++
		}
	case record.TagAtomic:
		ev.Op = [...]event.Op{0, event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail}[o.code]
		ev.Addr, ev.Size = o.addr, o.size
		ev.Obj = event.Obj{Addr: o.addr}
		ev.Stack = rp.stack(c, o.pc)
		k := rec.class.of(rec, o.pc)
		if rec.annotated == nil && (k.hideAtomics || k.onlyAtomic && rec.callerHidesAtomics(c)) {
			ev.Quiet = true
			if !k.locks {
				return
			}
		}
	case record.TagSync:
		if !rec.syncEvent(c, o, ev) {
			return
		}
		if ev.Stack = rp.stack(c, o.pc); ev.Op.Waits() || ev.Op == event.CloseNil {
			ev.Stack = rec.stacks.leaf(c, o.pc, 0)
		}
	case record.TagGo:
		child := rec.goroutine(o.addr)
		if !rp.begin(child) {
			rp.lose(1) // no recorder names a goroutine twice
			return
		}
		if !child.records {
			return // it did nothing
		}
		ev.Stack = rec.stacks.leaf(c, o.pc, 0)
		rp.first(child)
		// The runtime starts its own goroutines when it happens to need them.
		child.system = rec.class.of(rec, o.pc).runtime
		child.created = ev.Stack
		if child.system {
			return
		}
		child.parent = c.g.index
		ev.Op, ev.Child = event.Go, child.index
	case record.TagEnd:
		c.g.ended = true
		ev.Op = event.End
	case record.TagAlloc:
		ev.Op = event.Alloc
		ev.Addr, ev.Size = o.addr, max(o.size, 1)
		ev.Stack = rp.stack(c, o.pc)
		if rp.keep != nil && rp.keep(ev.Addr, ev.Size) {
			rec.allocs.add(alloc{o.addr, uint32(min(ev.Size, 1<<32-1)), c.cycle, ev.Stack, c.g.index, o.typ})
		}
	case record.TagFree:
		ev.Op = event.Free
		ev.Addr, ev.Size = o.addr, max(o.size, 1)
		ev.Stack = rp.stack(c, o.pc)
	}
	if !rp.stopped {
		rp.emit()
	}
}
