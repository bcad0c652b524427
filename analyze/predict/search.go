package predict

import (
	"math/bits"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// Bounds of the search through all schedules of a window.
const (
	windowBefore = 400     // events before the first target that may be reordered, where there are more
	windowMost   = 4000    // events of a window
	windowStates = 200_000 // visited for one witness
	windowWords  = 1 << 16 // touched by the accesses of a window
)

// window is a stretch of the recording of which all schedules are searched.
// Everything before it happens as recorded.
type window struct {
	base      uint64
	moves     []move
	own       [][]int32 // by local goroutine: its moves in order
	gs        []event.G // by local goroutine
	local     map[event.G]int32
	start     *world
	swaps     bool // a receive from a buffer may get what another send sent
	uncounted bool // WaitGroups are
}

// move is an event of a window, made ready for the search.
type move struct {
	op    event.Op
	g     int32
	child int32 // Go
	obj   int32 // index of world.objects; none: -1
	cap   uint32
	n     int64
	bytes []span // of memory, accesses only
	reads []int32
	id    witness.ID
	pair  int32 // unbuffered send: its receive; buffered receive: the send it got; outside of the window: below 0
	seen  uint64
	all   bool // needs all that came before it
	odd   bool // could not have happened as far as is known: it then can when all before it has
	wakes []waiter
	fifo  bool // of a Cond of which the waiting is known
	last  bool // acquire that is released only after a target, or what follows it
}

// waiter is a local goroutine that is parked once it has done so many moves.
type waiter struct{ g, moves int32 }

// span is some bytes of a word of world.last.
type span struct {
	word int32
	mask uint8
}

// world is the state of a window's search.
type world struct {
	at      []int32 // by local goroutine: moves done
	born    []bool
	last    [][8]int32 // by word: the move that wrote each byte, -1: before the window
	objects []thing
	done    int32 // moves done
	highest int32 // move done
}

// thing is a synchronization object's state.
type thing struct {
	writer  bool
	readers int32
	queue   []int32 // moves; sends before the window are below 0. Cond: local goroutines that wait
	woken   []int32 // Cond: local goroutines
	closed  bool
	count   int64
	ready   bool // Once
	version uint64
}

// newWindow makes a window of events. It returns nil where they are too many.
func (p *predictor) newWindow(base uint64, events []event.Event, swaps bool) *window {
	w := &window{base: base, local: map[event.G]int32{}, start: &world{highest: -1}, swaps: swaps, uncounted: p.c.uncounted}
	wordOf, objectOf := map[uint64]int32{}, map[objectKey]int32{}
	local := func(g event.G) int32 {
		l, ok := w.local[g]
		if !ok {
			l = int32(len(w.gs))
			w.local[g] = l
			w.gs = append(w.gs, g)
			w.own = append(w.own, nil)
			w.start.at = append(w.start.at, 0)
			w.start.born = append(w.start.born, true)
		}
		return l
	}
	for i := range events {
		e := &events[i]
		m := move{op: e.Op, g: local(e.G), obj: -1, cap: e.Cap, n: e.N, id: witness.ID{G: e.G, Index: e.Index}, pair: -1}
		if e.Op == event.Go {
			m.child = local(e.Child)
			w.start.born[m.child] = false
		}
		m.all = e.Op == event.IORead || e.Op == event.Acquire && (e.Obj.Space == event.SpaceFinal || e.Obj.Space == event.SpaceBubble)
		if (reads(e.Op) || writes(e.Op)) && p.c.shared.has(e.Addr, e.Size) {
			masks(e.Addr, e.Size, func(word uint64, mask uint8) {
				if p.c.shared.hasWord(word) {
					m.bytes = append(m.bytes, span{number(wordOf, word), mask})
				}
			})
			if len(wordOf) > windowWords {
				return nil
			}
		}
		if e.Quiet && e.Op != event.AtomicStore && e.Op != event.AtomicRMW {
			m.bytes = nil
		}
		if k, ok := kindOf(e.Op); ok {
			m.obj = number(objectOf, objectKey{e.Obj, k})
		}
		w.own[m.g] = append(w.own[m.g], int32(i))
		w.moves = append(w.moves, m)
	}
	w.start.last = make([][8]int32, len(wordOf))
	for i := range w.start.last {
		w.start.last[i] = [8]int32{-1, -1, -1, -1, -1, -1, -1, -1}
	}
	w.start.objects = make([]thing, len(objectOf))
	for key, i := range objectOf {
		p.thingAt(&w.start.objects[i], key, base)
	}
	w.observe(events)
	return w
}

// thingAt finds the state of an object where a window begins. Of what was
// before, only what its operations tell is known.
func (p *predictor) thingAt(t *thing, key objectKey, base uint64) {
	s := p.c.sync[key]
	if s == nil {
		return
	}
	if key.kind >= aOnce {
		t.ready = p.c.before(s.done, base)
		return
	}
	o := &p.c.objects[s.id]
	before := p.c.since(o.ops, base)
	for _, i := range o.ops[:before] {
		t.lock(p.c.entries.at(i).op)
	}
	if key.kind == aChannel {
		sent, got := p.c.since(o.sends, base), p.c.since(o.recvs, base)
		for k := got; k < sent; k++ {
			t.queue = append(t.queue, -2-int32(k))
		}
		t.closed = p.c.before(o.close, base)
	}
	if key.kind == aGroup {
		t.count, _ = o.countAt(before)
	}
}

// lock follows who holds a lock.
func (t *thing) lock(op event.Op) {
	switch op {
	case event.Lock:
		t.writer = true
	case event.Unlock:
		t.writer = false
	case event.RLock:
		t.readers++
	case event.RUnlock:
		t.readers--
	}
}

// number returns the number of a key, a new one if need be.
func number[K comparable](m map[K]int32, key K) int32 {
	n, ok := m[key]
	if !ok {
		n = int32(len(m))
		m[key] = n
	}
	return n
}

// observe goes through the window as recorded, and notes what each move saw.
func (w *window) observe(events []event.Event) {
	s := w.start.clone()
	signals := map[[2]uint32]int32{} // object and ticket
	seen := w.condsSeen()
	for i := range w.moves {
		m := &w.moves[i]
		if reads(m.op) && !events[i].Quiet {
			for _, b := range m.bytes {
				for x := range 8 {
					if b.mask&(1<<x) != 0 {
						m.reads = append(m.reads, s.last[b.word][x])
					}
				}
			}
		}
		e := &events[i]
		m.fifo = m.obj >= 0 && seen[m.obj]
		switch m.op {
		case event.Send:
			if m.cap == 0 && i+1 < len(w.moves) && w.moves[i+1].op == event.Recv && w.moves[i+1].obj == m.obj {
				m.pair = int32(i + 1)
			}
		case event.Recv:
			if q := s.objects[m.obj].queue; m.cap > 0 && len(q) > 0 {
				m.pair = q[0]
			}
		case event.CondSignal, event.CondBroadcast:
			for t := range uint32(min(m.n, 1<<10)) {
				signals[[2]uint32{uint32(m.obj), e.Slot + t}] = int32(i)
			}
		case event.CondWake:
			if by, ok := signals[[2]uint32{uint32(m.obj), e.Slot}]; ok {
				w.moves[by].wakes = append(w.moves[by].wakes, waiter{m.g, s.at[m.g]})
				m.pair = by
			}
		}
		if m.obj >= 0 {
			m.seen = s.objects[m.obj].version
		}
		m.odd = (m.op != event.Recv || m.cap > 0) && m.pair != int32(i+1) && !s.can(w, int32(i))
		s.do(w, int32(i))
	}
}

// condsSeen returns the Conds of which all beginnings of Waits are in the window.
func (w *window) condsSeen() map[int32]bool {
	seen := map[int32]bool{}
	waits := map[int32]int32{} // by goroutine: the Cond for which it has just begun to wait, plus one
	for i := range w.moves {
		m := &w.moves[i]
		if m.op == event.CondWake {
			before, known := seen[m.obj]
			seen[m.obj] = (before || !known) && waits[m.g] == m.obj+1
		}
		waits[m.g] = 0
		if m.op == event.CondWait {
			waits[m.g] = m.obj + 1
		}
	}
	return seen
}

func (s *world) clone() *world {
	c := *s
	c.at, c.born, c.last, c.objects = slices.Clone(s.at), slices.Clone(s.born), slices.Clone(s.last), slices.Clone(s.objects)
	return &c
}

// can reports whether a move can be made.
func (s *world) can(w *window, i int32) bool {
	m := &w.moves[i]
	if (m.all || m.odd) && (s.done != i || s.highest > i) {
		return false
	}
	if m.odd {
		return true
	}
	if len(m.reads) > 0 {
		k := 0
		for _, b := range m.bytes {
			for x := range 8 {
				if b.mask&(1<<x) != 0 {
					if s.last[b.word][x] != m.reads[k] {
						return false
					}
					k++
				}
			}
		}
	}
	if m.obj < 0 {
		return true
	}
	t := &s.objects[m.obj]
	switch m.op {
	case event.Lock:
		return !t.writer && t.readers == 0
	case event.Unlock:
		return t.writer
	case event.RLock:
		return !t.writer
	case event.RUnlock:
		return t.readers > 0
	case event.Send:
		if m.cap == 0 {
			if m.pair < 0 || t.closed {
				return false
			}
			r := &w.moves[m.pair]
			return s.born[r.g] && w.next(s, r.g) == m.pair
		}
		return !t.closed && len(t.queue) < int(m.cap)
	case event.Recv:
		return m.cap > 0 && len(t.queue) > 0 && (w.swaps || t.queue[0] == m.pair)
	case event.Close:
		return !t.closed
	case event.RecvClosed:
		return t.closed && len(t.queue) == 0
	case event.SendClosed, event.CloseClosed:
		return t.closed
	case event.DefaultRecv:
		return !t.closed && len(t.queue) == 0
	case event.DefaultSend:
		return !t.closed && (m.cap == 0 || len(t.queue) >= int(m.cap))
	case event.Add:
		return w.uncounted || t.count+m.n >= 0
	case event.Wait:
		return !w.uncounted && t.count == 0 || w.uncounted && t.version == m.seen
	case event.OnceWait:
		return t.ready
	case event.CondSignal, event.CondBroadcast:
		if m.fifo {
			return true
		}
		for _, x := range m.wakes {
			if s.at[x.g] < x.moves {
				return false
			}
		}
	case event.CondWake:
		if m.fifo {
			return slices.Contains(t.woken, m.g)
		}
		return m.pair >= 0 && s.at[w.moves[m.pair].g] > w.place(m.pair)
	case event.Acquire, event.ReleaseAcquire:
		return t.version == m.seen
	}
	return true
}

// place is the number of moves of its goroutine before a move.
func (w *window) place(i int32) int32 {
	own := w.own[w.moves[i].g]
	n, _ := slices.BinarySearch(own, i)
	return int32(n)
}

// next is the next move of a goroutine, -1 at its end.
func (w *window) next(s *world, g int32) int32 {
	if int(s.at[g]) == len(w.own[g]) {
		return -1
	}
	return w.own[g][s.at[g]]
}

// do makes a move.
func (s *world) do(w *window, i int32) {
	m := &w.moves[i]
	s.at[m.g]++
	s.done++
	s.highest = max(s.highest, i)
	if writes(m.op) {
		for _, b := range m.bytes {
			for x := range 8 {
				if b.mask&(1<<x) != 0 {
					s.last[b.word][x] = i
				}
			}
		}
	}
	if m.op == event.Go {
		s.born[m.child] = true
	}
	if m.obj < 0 {
		return
	}
	t := &s.objects[m.obj]
	t.lock(m.op)
	switch m.op {
	case event.Send:
		if m.cap > 0 {
			t.queue = append(slices.Clip(t.queue), i)
		}
	case event.Recv:
		if m.cap > 0 && len(t.queue) > 0 {
			t.queue = t.queue[1:]
		}
	case event.Close:
		t.closed = true
	case event.Add:
		t.count += m.n
		t.version += hash(uint64(i)) // of those that have happened, in any order
	case event.OnceDone:
		t.ready = true
	case event.CondWait:
		t.queue = append(slices.Clip(t.queue), m.g)
	case event.CondSignal, event.CondBroadcast:
		n := len(t.queue)
		if m.op == event.CondSignal {
			n = min(n, 1)
		}
		t.woken = slices.Concat(t.woken, t.queue[:n])
		t.queue = t.queue[n:]
	case event.CondWake:
		t.woken = slices.DeleteFunc(slices.Clone(t.woken), func(g int32) bool { return g == m.g })
	case event.Release:
		t.version = hash(uint64(i))
	case event.ReleaseMerge, event.ReleaseAcquire:
		t.version = t.version*31 + hash(uint64(i))
	}
}

func hash(x uint64) uint64 {
	x = (x + 1) * 0x9E3779B97F4A7C15
	x ^= x >> 31
	return x * 0xBF58476D1CE4E5B9
}

// key is what tells a state from others: how far everybody is, and what
// depends on the order in which they got there.
func (s *world) key() [2]uint64 {
	var a, b uint64
	add := func(x uint64) {
		a = bits.RotateLeft64(a, 5) ^ hash(x+a)
		b = b*0x100000001B3 + hash(x^b)
	}
	for _, n := range s.at {
		add(uint64(n))
	}
	for i := range s.last {
		for _, x := range s.last[i] {
			add(uint64(x))
		}
	}
	for i := range s.objects {
		add(s.objects[i].version)
		for _, x := range s.objects[i].queue {
			add(uint64(x))
		}
		for _, x := range s.objects[i].woken {
			add(uint64(x) + 1<<32)
		}
	}
	return [2]uint64{a, b}
}

// hunt is one search for a state in which certain moves are next.
type hunt struct {
	*window
	targets []int32
	cap     []int32 // by local goroutine: moves it may make
	wanted  []int32 // by local goroutine: moves that are surely needed
	seen    map[[2]uint64]struct{}
	path    []int32
	most    int
	goal    witness.Goal
}

// find returns the moves to a state in which the targets are next, and whether
// all states were visited where there is none.
func (w *window) find(targets []int32, wanted []int32, goal witness.Goal, most int) (path []int32, complete bool, states int) {
	h := &hunt{window: w, targets: targets, wanted: wanted, seen: map[[2]uint64]struct{}{}, most: most, goal: goal}
	for g := range w.own {
		h.cap = append(h.cap, int32(len(w.own[g])))
	}
	for _, t := range targets {
		g := w.moves[t].g
		h.cap[g] = w.place(t)
		h.markLast(g, h.cap[g])
	}
	found, complete := h.visit(w.start.clone())
	for i := range w.moves {
		w.moves[i].last = false
	}
	if !found {
		return nil, complete, len(h.seen)
	}
	return h.path, true, len(h.seen)
}

// markLast marks what a goroutine does from the first acquire on that it has
// not released when it stands before its target: it had better come last.
func (h *hunt) markLast(g, end int32) {
	open := map[int32][]int32{}
	for n, i := range h.own[g][:end] {
		m := &h.moves[i]
		switch m.op {
		case event.Lock, event.RLock:
			open[m.obj] = append(open[m.obj], int32(n))
		case event.Unlock, event.RUnlock:
			if o := open[m.obj]; len(o) > 0 {
				open[m.obj] = o[:len(o)-1]
			}
		}
	}
	first := end
	for _, o := range open {
		for _, n := range o {
			first = min(first, n)
		}
	}
	for _, i := range h.own[g][first:end] {
		h.moves[i].last = true
	}
}

func (h *hunt) visit(s *world) (found, complete bool) {
	if h.reached(s) {
		return true, true
	}
	k := s.key()
	if _, ok := h.seen[k]; ok {
		return false, true
	}
	if len(h.seen) >= h.most {
		return false, false
	}
	h.seen[k] = struct{}{}
	var next []int32
	for g := range s.at {
		if s.born[g] && s.at[g] < h.cap[g] {
			if i := h.next(s, int32(g)); s.can(h.window, i) && h.partnerFree(s, i) {
				next = append(next, i)
			}
		}
	}
	slices.SortFunc(next, func(a, b int32) int {
		if d := h.rank(s, a) - h.rank(s, b); d != 0 {
			return d
		}
		return int(a - b)
	})
	complete = true
	for _, i := range next {
		c := s.clone()
		c.do(h.window, i)
		h.path = append(h.path, i)
		n := len(h.path) - 1
		if m := &h.moves[i]; m.op == event.Send && m.cap == 0 {
			c.do(h.window, m.pair)
			h.path = append(h.path, m.pair)
		}
		f, all := h.visit(c)
		if f {
			return true, true
		}
		complete = complete && all
		h.path = h.path[:n]
		if len(h.seen) >= h.most {
			return false, false
		}
	}
	return false, complete
}

// partnerFree reports whether an unbuffered send's receiver may go on.
func (h *hunt) partnerFree(s *world, i int32) bool {
	m := &h.moves[i]
	if m.op != event.Send || m.cap > 0 {
		return true
	}
	g := h.moves[m.pair].g
	return s.at[g] < h.cap[g]
}

// rank prefers moves that are surely needed to others, and both to those that
// keep a lock.
func (h *hunt) rank(s *world, i int32) int {
	m := &h.moves[i]
	switch {
	case m.last:
		return 2
	case s.at[m.g] < h.wanted[m.g]:
		return 0
	}
	return 1
}

// reached reports whether the targets are next and do what is claimed.
func (h *hunt) reached(s *world) bool {
	for _, t := range h.targets {
		m := &h.moves[t]
		if !s.born[m.g] || h.next(s, m.g) != t {
			return false
		}
	}
	t := &h.moves[h.targets[0]]
	if t.obj < 0 {
		return true
	}
	o := &s.objects[t.obj]
	switch h.goal {
	case witness.Negative:
		return !h.uncounted && o.count+t.n < 0
	case witness.AddWait:
		return !h.uncounted && o.count == 0
	case witness.UnlockUnlocked:
		return t.op == event.Unlock && !o.writer || t.op == event.RUnlock && o.readers == 0
	}
	return true
}
