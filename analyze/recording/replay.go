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
// The real order of things was one like that, so there always is one.
//
// Where records are missing (a lost chunk, a process that was killed between
// writing one P's records and the next's), a goroutine is replayed up to its
// first missing record, and an operation only if those with smaller numbers of
// its counter have been. So what is replayed is a prefix of the execution that
// holds, for each of its events, all that came before it: a race in it is one,
// whatever is missing. What is left out is counted.

// cursor is how far a goroutine has been replayed.
type cursor struct {
	g      *goroutine
	slice  int // the next one to open
	number uint32
	part   uint32 // of the slice that is open
	d      record.Decoder
	r      record.Record // the next record, if have
	have   bool
	index  uint64
	cycle  uint32
	stack  []call // outermost first
	rwlock uint64 // an RWMutex.Lock of which the first acquire has been seen
}

// replay is one run over the recording.
type replay struct {
	rec      *Recording
	f        func(*event.Event) bool
	counters []counterState
	waiting  int       // cursors in the counters' queues
	ready    []*cursor // may go on
	later    queue     // next record is of a later cycle
	cycle    uint32
	stopped  bool
	first    bool // collect allocations and goroutine facts
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
		rec: rec, f: f,
		counters: make([]counterState, 1<<record.CounterBits),
		first:    !rec.allocs.complete,
	}
	rec.lost.records, rec.lost.sync, rec.abandoned = 0, 0, 0
	rec.replays++
	for _, id := range sortedKeys(rec.byID) {
		if g := rec.byID[id]; rec.root(g) {
			rp.begin(g)
		}
	}
	for !rp.stopped {
		for len(rp.ready) > 0 && !rp.stopped {
			c := rp.ready[0]
			rp.ready[0] = nil
			rp.ready = rp.ready[1:]
			rp.run(c)
		}
		if rp.stopped || !rp.nextCycle() {
			break
		}
	}
	if rp.stopped {
		return nil
	}
	// Goroutines whose go statement is missing.
	for _, g := range rec.byID {
		if g.begun != rec.replays && len(g.slices) > 0 {
			rp.abandon(1)
			if rec.whole() {
				rp.lose(1)
			}
		}
	}
	if rp.first {
		rec.allocs.finish()
	}
	return nil
}

// root reports whether nothing comes before the goroutine's first record. That
// no go statement names it says so if all records are there; if not, only the
// main goroutine and contexts of the runtime, which have no number, are known to have none.
func (rec *Recording) root(g *goroutine) bool {
	return !g.child && (rec.whole() || g.goid <= 1)
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
	if len(g.slices) > 0 {
		rp.ready = append(rp.ready, &cursor{g: g})
	}
	return true
}

// nextCycle goes on to the next GC cycle when nothing is ready, and reports
// whether there is one. What still waits for a number then waits for one that
// is missing.
func (rp *replay) nextCycle() bool {
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
			cs.waiters = nil
		}
	}
	if len(rp.later) == 0 {
		return false
	}
	rp.cycle = uint32(rp.later[0].key)
	for len(rp.later) > 0 && rp.later[0].key == uint64(rp.cycle) {
		rp.ready = append(rp.ready, rp.later.pop())
	}
	return true
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
	return rec.lost.chunks == 0 && (rec.last == nil || rec.last.Reason != 0)
}

// run replays c as far as it goes.
func (rp *replay) run(c *cursor) {
	for !rp.stopped && rp.fetch(c) {
		if c.cycle > rp.cycle {
			rp.later.push(uint64(c.cycle), c)
			return
		}
		r := &c.r
		if r.Tag == record.TagSync || r.Tag == record.TagAtomic {
			space := r.Space
			if r.Tag == record.TagAtomic {
				space = 0
			}
			cs := &rp.counters[record.Counter(space, r.Addr)]
			switch {
			case r.Num < cs.next:
				// No recorder gives a number twice.
				rp.lose(1)
				rp.abandon(1)
				return
			case r.Num > cs.next:
				rp.wait(c, cs)
				// An unbuffered receive whose send is next completes both.
				if c.unbuffered(record.Recv) && r.Num == cs.next+1 {
					rp.pair(cs)
				}
				return
			case c.unbuffered(record.Send):
				// The receive must be next in its goroutine, so that the two
				// are delivered together.
				rp.wait(c, cs)
				rp.pair(cs)
				return
			}
			rp.deliver(c)
			c.have = false
			cs.next++
			rp.wake(cs)
			continue
		}
		rp.deliver(c)
		c.have = false
	}
}

// unbuffered reports whether c's next record is a send to an unbuffered channel
// or a receive from one.
func (c *cursor) unbuffered(op record.Sync) bool {
	return c.r.Tag == record.TagSync && c.r.Sync == op && c.r.N == 0
}

// wait parks c until its number is next.
func (rp *replay) wait(c *cursor, cs *counterState) {
	cs.waiters.push(c.r.Num, c)
	rp.waiting++
}

// pair delivers an unbuffered send and its receive if both are next.
func (rp *replay) pair(cs *counterState) {
	w := cs.waiters
	if w[0].key != cs.next || !w[0].c.unbuffered(record.Send) {
		return
	}
	s := cs.waiters.pop()
	if w := cs.waiters; len(w) == 0 || w[0].key != cs.next+1 || !w[0].c.unbuffered(record.Recv) {
		cs.waiters.push(s.r.Num, s)
		return
	}
	r := cs.waiters.pop()
	rp.waiting -= 2
	rp.deliver(s)
	rp.deliver(r)
	s.have, r.have = false, false
	cs.next += 2
	rp.ready = append(rp.ready, s, r)
	rp.wake(cs)
}

// wake makes the goroutine ready that waits for the counter's next number.
func (rp *replay) wake(cs *counterState) {
	// Smaller ones are duplicates, for run to find out.
	for len(cs.waiters) > 0 && cs.waiters[0].key <= cs.next {
		if c := cs.waiters[0].c; c.r.Num == cs.next && c.unbuffered(record.Send) {
			rp.pair(cs)
			return
		}
		rp.ready = append(rp.ready, cs.waiters.pop())
		rp.waiting--
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
				rp.rec.stacks.change(c, c.r.Low, c.r.PCs)
				continue
			case record.TagSymbol, record.TagString, record.TagType, record.TagField, record.TagVar,
				record.TagFact, record.TagStatus, record.TagLast:
				continue
			}
			c.have = true
			return true
		}
		if c.d.Err() != nil {
			rp.lose(1)
			rp.abandon(1)
			return false
		}
		if c.slice == len(c.g.slices) {
			return false
		}
		s := c.g.slices[c.slice]
		next := c.slice > 0 && s.number == c.number && s.part == c.part+1 || s.number == c.number+1 && s.part == 0
		if !next {
			rp.lose(1)
			rp.abandon(1)
			return false
		}
		c.slice++
		c.number, c.part, c.cycle = s.number, s.part, s.cycle
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
		if !rp.extent.add(r) {
			rec.lost.records++
			return
		}
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
		k := rec.class.of(rec, c, r.PC)
		if k.hideAtomics || k.onlyAtomic && hidesAtomics(rec.calls(c, r.PC, 4)) {
			ev.Quiet = true
			emit = k.locks
		}
	case record.TagSync:
		ev.Stack = rec.stacks.leaf(c, r.PC, 0)
		emit = rec.syncEvent(c, ev)
	case record.TagGo:
		child := rec.byID[r.Child]
		if !rp.begin(child) {
			rp.lose(1) // no recorder names a goroutine twice
			return
		}
		if len(child.slices) == 0 {
			return // it did nothing
		}
		ev.Stack = rec.stacks.leaf(c, r.PC, 0)
		if child.index < 0 {
			child.index = event.G(len(rec.gs))
			rec.gs = append(rec.gs, child)
		}
		// The runtime starts its own goroutines when it happens to need them.
		child.system = rec.class.of(rec, c, r.PC).runtime
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
