package predict

import (
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// The kinds of objects that have no state of their own in a closure: their
// operations need single other ones.
const (
	aOnce kind = aCond + 1 + iota
	aGeneric
	kinds
)

func kindOf(op event.Op) (kind, bool) {
	switch op {
	case event.Lock, event.Unlock, event.RLock, event.RUnlock:
		return aLock, true
	case event.Send, event.Recv, event.Close, event.RecvClosed, event.SendClosed, event.CloseClosed,
		event.DefaultSend, event.DefaultRecv:
		return aChannel, true
	case event.Add, event.Wait:
		return aGroup, true
	case event.CondWait, event.CondSignal, event.CondBroadcast, event.CondWake:
		return aCond, true
	case event.Once, event.OnceDone, event.OnceWait:
		return aOnce, true
	case event.Acquire, event.Release, event.ReleaseMerge, event.ReleaseAcquire:
		return aGeneric, true
	}
	return 0, false
}

// inMemory says which spaces are addresses of memory that can be freed.
func inMemory(s event.Space) bool {
	switch s {
	case event.SpaceAddr, event.SpaceChan, event.SpacePool, event.SpaceCond, event.SpaceTimer, event.SpaceFinal:
		return true
	}
	return false
}

// state returns the object that an event is about.
func (c *collector) state(e *event.Event, k kind) *syncState {
	key := objectKey{e.Obj, k}
	s := c.sync[key]
	if s == nil {
		s = &syncState{id: -1}
		if k < aOnce {
			if len(c.objects) < maxObjects {
				c.objects = append(c.objects, object{kind: k, cap: e.Cap})
			} else {
				c.horizon = min(c.horizon, c.pos) // its operations are not looked at
			}
			s.id = int32(len(c.objects) - 1)
		}
		c.sync[key] = s
		if inMemory(e.Obj.Space) {
			c.memory.Add(e.Obj.Addr, e.Obj)
		}
	}
	s.cycle = e.Cycle
	return s
}

// synchronize takes an event that is no access.
func (c *collector) synchronize(e *event.Event) {
	switch e.Op {
	case event.Go:
		if e.Child < 0 || e.Child == e.G {
			return
		}
		c.grow(e.Child)
		if c.starts[e.Child] == 0 {
			c.starts[e.Child] = c.entry(e, -1)
		}
		r := c.must[e.G].Release()
		c.must[e.Child].Acquire(&r)
		return
	case event.IORead:
		c.barrier(e)
		return
	}
	k, ok := kindOf(e.Op)
	if !ok {
		return
	}
	s := c.state(e, k)
	switch k {
	case aLock:
		c.lock(e, s)
	case aChannel:
		c.channel(e, s)
	case aGroup:
		c.group(e, s)
	case aCond:
		c.cond(e, s)
	case aOnce:
		c.once(e, s)
	case aGeneric:
		c.generic(e, s)
	}
}

// barrier is an event that needs all that came before it.
func (c *collector) barrier(e *event.Event) {
	if n := c.entry(e, -1); n != 0 {
		c.entries.at(n).op = event.IORead
	}
}

func (c *collector) lock(e *event.Event, s *syncState) {
	if e.Op == event.Lock || e.Op == event.RLock {
		c.cycles.acquire(c, e)
		if s.read = s.read || e.Op == event.RLock; s.read && e.Op == event.Lock {
			c.misuse.remember(c, e, aLock)
		}
		n := c.entry(e, s.id)
		s.open = append(s.open, hold{e.G, n, e.Op == event.RLock})
		c.held[e.G] = c.locks.with(c.held[e.G], held{e.Obj, e.Op == event.RLock})
		return
	}
	// Any goroutine may release; of readers it is the one itself, if it is one.
	read := e.Op == event.RUnlock
	i := len(s.open) - 1
	for i >= 0 && (s.open[i].g != e.G || s.open[i].read != read) {
		i--
	}
	if i < 0 {
		i = slices.IndexFunc(s.open, func(h hold) bool { return h.read == read })
	}
	if i < 0 { // locked before the recording began
		c.barrier(e)
		return
	}
	h := s.open[i]
	s.open = slices.Delete(s.open, i, i+1)
	c.held[h.g] = c.locks.without(c.held[h.g], e.Obj)
	if h.g != e.G {
		c.misuse.unlock(c, e)
		if c.cycles.passed == nil {
			c.cycles.passed = map[event.Obj]bool{}
		}
		c.cycles.passed[e.Obj] = true
	}
	n := c.entry(e, s.id)
	if h.entry != 0 {
		c.entries.at(h.entry).pair = n
		c.needs(n, h.entry)
	}
}

func (c *collector) channel(e *event.Event, s *syncState) {
	o := &c.objects[s.id]
	o.cap = max(o.cap, e.Cap)
	switch e.Op {
	case event.Send:
		c.misuse.send(c, e, s)
		n := c.entry(e, s.id)
		if n != 0 {
			o.sends = append(o.sends, n)
		}
		s.queued = append(s.queued, n)
		if e.Cap > 0 {
			c.releaseAt(e.G, n)
		}
	case event.Recv:
		if len(s.queued) == 0 { // sent before the recording began
			c.barrier(e)
			return
		}
		from := s.queued[0]
		s.queued = s.queued[1:]
		n := c.entry(e, s.id)
		if from == 0 || n == 0 {
			return
		}
		o.recvs = append(o.recvs, n)
		c.entries.at(n).pair, c.entries.at(from).pair = from, n
		c.needs(n, from)
		if e.Cap > 0 {
			if !c.swaps {
				c.learn(e.G, from)
			}
			delete(c.released, from)
			return
		}
		c.needs(from, n) // they happen together
		sender, receiver := &c.must[c.entries.at(from).g], &c.must[e.G]
		sent, received := sender.Release(), receiver.Release()
		sender.Acquire(&received)
		receiver.Acquire(&sent)
	case event.Close:
		c.misuse.close(c, e, s)
		n := c.entry(e, s.id)
		if s.closed == 0 {
			s.closed, o.close = n, n
		}
		c.releaseAt(e.G, n)
	case event.RecvClosed, event.SendClosed, event.CloseClosed:
		if s.closed == 0 { // closed before the recording began
			c.barrier(e)
			return
		}
		n := c.entry(e, s.id)
		c.needs(n, s.closed)
		c.learn(e.G, s.closed)
	case event.DefaultSend, event.DefaultRecv:
		c.entry(e, s.id)
	}
}

func (c *collector) group(e *event.Event, s *syncState) {
	o := &c.objects[s.id]
	c.misuse.group(c, e, s)
	n := c.entry(e, s.id)
	if n == 0 {
		return
	}
	o.round = append(o.round, s.rounds)
	if e.Op == event.Add {
		s.count += e.N
		if s.count == 0 {
			s.rounds++
		}
		if s.count < 0 {
			c.uncounted = true
		}
	}
	o.count = append(o.count, s.count)
}

func (c *collector) cond(e *event.Event, s *syncState) {
	o := &c.objects[s.id]
	switch e.Op {
	case event.CondWait:
		c.entry(e, s.id)
		c.waits[e.G] = s.id + 1
	case event.CondSignal, event.CondBroadcast:
		n := c.entry(e, s.id)
		if s.signals == nil {
			s.signals = map[uint32]int32{}
		}
		for i := range uint32(min(e.N, 1<<12)) {
			s.signals[e.Slot+i] = n
		}
	case event.CondWake:
		by := s.signals[e.Slot]
		delete(s.signals, e.Slot)
		if by == 0 {
			c.barrier(e)
			return
		}
		n := c.entry(e, s.id)
		c.needs(n, by)
		o.unseen = o.unseen || c.waits[e.G] != s.id+1
		if o.wakes == nil {
			o.wakes = map[int32][]parked{}
		}
		o.wakes[by] = append(o.wakes[by], parked{e.G, e.Index})
	}
}

func (c *collector) once(e *event.Event, s *syncState) {
	n := c.entry(e, -1)
	switch e.Op {
	case event.OnceDone:
		s.done = n
		c.releaseAt(e.G, n)
	case event.OnceWait:
		if s.done == 0 {
			c.barrier(e)
			return
		}
		c.needs(n, s.done)
		c.learn(e.G, s.done)
	}
}

// generic operations need what was released last, and a release that adds to
// others needs these.
func (c *collector) generic(e *event.Event, s *syncState) {
	switch {
	case e.Op == event.Acquire && (e.Obj.Space == event.SpaceFinal || e.Obj.Space == event.SpaceBubble):
		c.barrier(e)
		return
	case e.Op == event.Acquire && s.done == 0:
		return
	case e.Op == event.Acquire:
		if r, ok := c.released[s.done]; ok && c.must[e.G].Knows(r.Epoch()) {
			return // it needs nothing new
		}
	}
	n := c.entry(e, -1)
	if e.Op != event.Release {
		c.needs(n, s.done)
		c.learn(e.G, s.done)
	}
	if e.Op != event.Acquire {
		delete(c.released, s.done)
		s.done = n
		c.releaseAt(e.G, n)
	}
}

// ordered reports whether an event of a goroutine in an epoch comes before the
// present one of g in every schedule.
func (c *collector) ordered(ep hb.Epoch, g event.G) bool { return c.must[g].Knows(ep) }
