package recording

import (
	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
)

// The replay order. No clock is trusted; an order is legal if
//   - a goroutine's records keep their order,
//   - a goroutine begins after the go statement that made it,
//   - operations that took their numbers from one counter come by number,
//   - what happened in one GC cycle comes before what happened in the next: the
//     world stopped in between,
//   - an unbuffered send and its receive, which have consecutive numbers, come
//     next to each other.
//
// The real order of things was one like that, so there always is one; where
// records are lost, numbers are missing, and then the smallest gap is jumped
// and counted.

// cursor is how far a goroutine has been replayed.
type cursor struct {
	g     *goroutine
	slice int // the next one to open
	d     record.Decoder
	r     record.Record // the next record, if have
	have  bool
	begun bool // its go statement has been replayed, or has none
	done  bool
	index uint64
	cycle uint32
	stack []node // of calls, outermost first
	cache [64]struct {
		parent  node
		pc, via uint32
		s       event.Stack
	}
	rwlock uint64 // an RWMutex.Lock of which the first acquire has been seen
}

// replay is one run over the recording.
type replay struct {
	rec      *Recording
	f        func(*event.Event) bool
	counters []counterState
	cursors  map[uint64]*cursor
	ready    []*cursor // may go on
	later    []*cursor // next record is of a later cycle
	cycle    uint32
	stopped  bool
	first    bool // collect allocations and goroutine facts
	ev       event.Event
}

type counterState struct {
	next    uint64
	waiters map[uint64]*cursor // by number
}

// Replay implements [event.Source].
func (rec *Recording) Replay(f func(*event.Event) bool) error {
	rp := &replay{
		rec: rec, f: f,
		counters: make([]counterState, 1<<record.CounterBits),
		cursors:  make(map[uint64]*cursor, len(rec.byID)),
		first:    !rec.allocs.complete,
	}
	rec.lost.sync, rec.abandoned = 0, 0
	for _, id := range sortedKeys(rec.byID) {
		g := rec.byID[id]
		c := &cursor{g: g, begun: !g.child}
		rp.cursors[id] = c
		if c.begun {
			rp.ready = append(rp.ready, c)
		}
	}
	for !rp.stopped {
		for len(rp.ready) > 0 && !rp.stopped {
			c := rp.ready[0]
			rp.ready = rp.ready[1:]
			rp.run(c)
		}
		if rp.stopped || !rp.unblock() {
			break
		}
	}
	if !rp.stopped && rp.first {
		rec.allocs.finish()
	}
	return nil
}

// unblock makes something ready when nothing is: the next GC cycle or, where
// numbers have been lost, the operation after the smallest gap. It reports
// whether there is anything left.
func (rp *replay) unblock() bool {
	var (
		best *counterState
		num  uint64
		gap  = ^uint64(0)
	)
	for i := range rp.counters {
		cs := &rp.counters[i]
		for n, c := range cs.waiters {
			if c.cycle <= rp.cycle && n-cs.next < gap {
				best, num, gap = cs, n, n-cs.next
			}
		}
	}
	if best != nil && rp.rec.diedRunning() {
		// These numbers were taken, and their records not yet in safety: the
		// process died in between. What waits for them is not replayed, since
		// the order that they gave is not known.
		for i := range rp.counters {
			rp.rec.abandoned += len(rp.counters[i].waiters)
			rp.counters[i].waiters = nil
		}
		best = nil
	}
	if best != nil {
		rp.rec.lost.sync += max(gap, 1)
		c := best.waiters[num]
		delete(best.waiters, num)
		best.next = num
		rp.ready = append(rp.ready, c)
		if gap == 0 { // an unbuffered send whose receive is missing
			c.orphan()
		}
		return true
	}
	if len(rp.later) > 0 {
		next := rp.later[0].cycle
		for _, c := range rp.later {
			next = min(next, c.cycle)
		}
		rp.cycle = next
		keep := rp.later[:0]
		for _, c := range rp.later {
			if c.cycle == next {
				rp.ready = append(rp.ready, c)
			} else {
				keep = append(keep, c)
			}
		}
		rp.later = keep
		return true
	}
	if rp.rec.diedRunning() {
		return false
	}
	// Goroutines whose go statement has been lost.
	for _, id := range sortedKeys(rp.cursors) {
		if c := rp.cursors[id]; !c.begun {
			c.begun = true
			rp.rec.lost.sync++
			rp.ready = append(rp.ready, c)
			return true
		}
	}
	return false
}

// diedRunning reports whether the process ended without stopping its goroutines
// first, and nothing but the very end is missing.
func (rec *Recording) diedRunning() bool {
	return rec.lost.chunks == 0 && rec.chunks.damaged == 0 && (rec.last == nil || rec.last.Reason != 0)
}

// orphan turns the next record, an unbuffered send without a receive, into one
// that nobody waits for.
func (c *cursor) orphan() {
	if c.have && c.r.Tag == record.TagSync && c.r.Sync == record.Send && c.r.N == 0 {
		c.r.Sync = record.Release
	}
}

// run replays c as far as it goes.
func (rp *replay) run(c *cursor) {
	for !rp.stopped && rp.fetch(c) {
		if c.cycle > rp.cycle {
			rp.later = append(rp.later, c)
			return
		}
		r := &c.r
		if r.Tag == record.TagSync || r.Tag == record.TagAtomic {
			space := r.Space
			if r.Tag == record.TagAtomic {
				space = 0
			}
			cs := &rp.counters[record.Counter(space, r.Addr)]
			if r.Num > cs.next {
				rp.wait(c, cs)
				return
			}
			if r.Tag == record.TagSync && r.Sync == record.Send && r.N == 0 {
				// The receive must be next in its goroutine, so that the two
				// are delivered together.
				rp.wait2(c, cs)
				return
			}
			rp.deliver(c)
			cs.next = max(cs.next, r.Num+1)
			c.have = false
			rp.wake(cs)
			continue
		}
		rp.deliver(c)
		c.have = false
	}
}

// wait parks c until its number is next.
func (rp *replay) wait(c *cursor, cs *counterState) {
	if cs.waiters == nil {
		cs.waiters = make(map[uint64]*cursor)
	}
	cs.waiters[c.r.Num] = c
	// An unbuffered receive whose send is next completes both.
	if r := &c.r; r.Tag == record.TagSync && r.Sync == record.Recv && r.N == 0 && r.Num == cs.next+1 {
		rp.pair(cs)
	}
}

// wait2 parks an unbuffered send, whose number is next, until its receive is there.
func (rp *replay) wait2(c *cursor, cs *counterState) {
	if cs.waiters == nil {
		cs.waiters = make(map[uint64]*cursor)
	}
	cs.waiters[c.r.Num] = c
	rp.pair(cs)
}

// pair delivers an unbuffered send and its receive if both are next.
func (rp *replay) pair(cs *counterState) {
	s, r := cs.waiters[cs.next], cs.waiters[cs.next+1]
	if s == nil || r == nil || s.r.Sync != record.Send || s.r.Tag != record.TagSync || r.r.Sync != record.Recv || r.r.Tag != record.TagSync {
		return
	}
	delete(cs.waiters, cs.next)
	delete(cs.waiters, cs.next+1)
	rp.deliver(s)
	rp.deliver(r)
	s.have, r.have = false, false
	cs.next += 2
	rp.ready = append(rp.ready, s, r)
	rp.wake(cs)
}

// wake makes the goroutine ready that waits for the counter's next number.
func (rp *replay) wake(cs *counterState) {
	if c := cs.waiters[cs.next]; c != nil {
		if c.r.Tag == record.TagSync && c.r.Sync == record.Send && c.r.N == 0 {
			rp.pair(cs)
			return
		}
		delete(cs.waiters, cs.next)
		rp.ready = append(rp.ready, c)
	}
}

// fetch makes c.r the next record of c's goroutine and reports whether there is one.
func (rp *replay) fetch(c *cursor) bool {
	if c.have {
		return true
	}
	for {
		if c.d.Next(&c.r) {
			switch c.r.Tag {
			case record.TagSlice:
				// Another goroutine's, or this one's next part: found through
				// the index.
				c.d.Reset(nil, 0)
				continue
			case record.TagCycle:
				c.cycle = c.r.Slice.Cycle
				continue
			case record.TagStack:
				rp.rec.stacks.change(c, int(c.r.Low), c.r.PCs)
				continue
			case record.TagSymbol, record.TagString, record.TagType, record.TagField, record.TagVar,
				record.TagFact, record.TagStatus, record.TagLast:
				continue
			}
			c.have = true
			return true
		}
		if c.slice == len(c.g.slices) {
			c.done = true
			return false
		}
		s := c.g.slices[c.slice]
		c.slice++
		c.cycle = s.cycle
		c.d.Reset(rp.rec.chunks.list[s.chunk].Payload, int(s.pos))
	}
}

// deliver hands the next record of c to the caller, as an event.
func (rp *replay) deliver(c *cursor) {
	rec, r, ev := rp.rec, &c.r, &rp.ev
	if c.g.index < 0 {
		c.g.index = event.G(len(rec.gs))
		rec.gs = append(rec.gs, c.g)
	}
	*ev = event.Event{G: c.g.index, Index: c.index, Cycle: c.cycle}
	c.index++
	emit := true
	switch r.Tag {
	case record.TagRead, record.TagWrite:
		ev.Op = event.Read
		if r.Tag == record.TagWrite {
			ev.Op = event.Write
		}
		ev.Addr, ev.Size = r.Addr, r.Size
		ev.Stack = rec.stacks.leaf(c, r.PC, r.Via)
		// A run is as many events.
		for ; r.Count > 1; r.Count-- {
			if !rp.f(ev) {
				rp.stopped = true
				return
			}
			ev.Addr += r.Stride
			ev.Index++
			c.index++
		}
	case record.TagAtomic:
		ev.Op = [...]event.Op{0, event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail}[r.Atomic]
		ev.Addr, ev.Size = r.Addr, r.Size
		ev.Obj = event.Obj{Addr: r.Addr}
		ev.Stack = rec.stacks.leaf(c, r.PC, 0)
		if k := rec.class.of(rec, c, r.PC); k.hideAtomics {
			ev.Quiet = true
			emit = k.locks
		}
	case record.TagSync:
		ev.Stack = rec.stacks.leaf(c, r.PC, 0)
		emit = rec.syncEvent(c, ev)
	case record.TagGo:
		child := rp.cursors[r.Child]
		if child == nil || child.begun {
			return // it did nothing, or a damaged record names it twice
		}
		child.begun = true
		rp.ready = append(rp.ready, child)
		ev.Stack = rec.stacks.leaf(c, r.PC, 0)
		if child.g.index < 0 {
			child.g.index = event.G(len(rec.gs))
			rec.gs = append(rec.gs, child.g)
		}
		// The runtime starts its own goroutines when it happens to need them.
		child.g.system = rec.class.of(rec, c, r.PC).runtime
		child.g.created = ev.Stack
		if child.g.system {
			return
		}
		child.g.parent = c.g.index
		ev.Op, ev.Child = event.Go, child.g.index
	case record.TagEnd:
		c.g.ended = true
		ev.Op = event.End
	case record.TagAlloc:
		ev.Op = event.Alloc
		ev.Addr, ev.Size = r.Addr, max(r.Size, 1)
		ev.Stack = rec.stacks.leaf(c, r.PC, 0)
		if rp.first {
			rec.allocs.add(alloc{r.Addr, uint32(min(ev.Size, 1<<32-1)), c.cycle, ev.Stack, c.g.index, uint32(r.Type)})
		}
	}
	if emit && !rp.f(ev) {
		rp.stopped = true
	}
}
