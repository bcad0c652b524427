package hb

import (
	"fmt"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// Mode says which edges count.
type Mode uint8

// The modes of docs/memory-model.md.
const (
	Model  Mode = iota // the table, exactly
	Strict             // the same without input and output, and without reachability of finalized objects
	TSan               // what the Go race detector's annotations give
)

var modeNames = [...]string{Model: "model", Strict: "strict", TSan: "tsan"}

func (m Mode) String() string { return modeNames[m] }

// ParseMode returns the mode of a name.
func ParseMode(name string) (Mode, error) {
	for m, n := range modeNames {
		if n == name {
			return Mode(m), nil
		}
	}
	return 0, fmt.Errorf("unknown order %q (model, strict or tsan)", name)
}

// Kind is what makes an edge.
type Kind uint8

// The kinds, in the words of finding.Edge.
const (
	Program Kind = iota
	Go
	Channel
	Lock
	WaitGroup
	Once
	Cond
	Atomic
	Pool
	Map
	Timer
	Finalizer
	IO
	Sync
)

var kindNames = [...]string{
	Program: "program", Go: "go", Channel: "channel", Lock: "lock", WaitGroup: "waitgroup",
	Once: "once", Cond: "cond", Atomic: "atomic", Pool: "pool", Map: "map", Timer: "timer",
	Finalizer: "finalizer", IO: "io", Sync: "sync",
}

func (k Kind) String() string { return kindNames[k] }

// spaceKinds are the kinds of the generic operations.
var spaceKinds = [...]Kind{
	event.SpaceAddr: Sync, event.SpaceChan: Channel, event.SpacePool: Pool, event.SpaceMap: Map,
	event.SpaceCond: Cond, event.SpaceTimer: Timer, event.SpaceFinal: Finalizer, event.SpaceIO: IO,
	event.SpaceCoro: Sync, event.SpaceBubble: Sync,
}

// A Tracer is told of every edge while events are applied, as releases into and
// acquires from versions of an object's clock. A version is what the tracer
// says it is; 0 is the clock of an object to which nobody has released.
type Tracer interface {
	// Release says that the current event releases: the new version holds it
	// and, unless old is 0, all of old.
	Release(old int32, k Kind) int32
	// Acquire says that the current event learns version v, never 0.
	Acquire(v int32, k Kind)
	// Start says that child learns version v before its first event.
	Start(child event.G, v int32)
	// Meet says that goroutine sender learns version v at once, after its last event.
	Meet(sender event.G, v int32)
}

// State is the clocks of an execution at one point of its replay. Clocks of
// objects die with the memory they live in: an Alloc removes those below it.
type State struct {
	mode      Mode
	collected bool
	gs        []goroutine
	slots     Slot      // that have ever been given
	ended     []event.G // whose slots others may take, a queue
	objects   map[event.Obj]*object
	memory    Index[*object]
	tracer    Tracer
}

type goroutine struct {
	clock Clock // zero before it has begun, and when another has its slot
	asked Time  // the last segment that Epoch told of
}

// release is the clock of an object: what has been released to it.
type release struct {
	Clock
	version int32
}

type object struct {
	obj   event.Obj
	w     release // LW of a lock, K of a channel, the clock of all others
	r     release // LR of a lock
	cycle uint32  // of the last use
	*extra
}

// extra is what only channels and condition variables have.
type extra struct {
	slots   map[uint32]*release // buffered channel
	sender  event.G             // unbuffered channel, between Send and Recv
	sent    int32               // the version of what it released
	waiting bool
	tickets []ticket // condition variable
}

// ticket is a signal's release of tickets from up to from+n, left of which have
// not yet been taken.
type ticket struct {
	release
	from    uint32
	n, left int64
}

// New returns the state before the first event. Collected is that of the event
// source.
func New(mode Mode, collected bool) *State {
	return &State{mode: mode, collected: collected, objects: map[event.Obj]*object{}}
}

// Trace has every edge of the events to come told to t.
func (s *State) Trace(t Tracer) { s.tracer = t }

// Clock returns the clock of goroutine g. It is valid until the next Apply.
func (s *State) Clock(g event.G) *Clock { return &s.goroutine(g).clock }

// Epoch returns the segment that goroutine g is in. Whoever calls it does so for
// something that g does now, and may compare the segment with clocks from now on.
func (s *State) Epoch(g event.G) Epoch {
	x := s.goroutine(g)
	x.asked = x.clock.t
	return x.clock.Epoch()
}

// goroutine returns the state of g, which has a slot of its own if it has none yet.
func (s *State) goroutine(g event.G) *goroutine {
	s.grow(g)
	x := &s.gs[g]
	if x.clock.t == 0 {
		x.clock = NewClock(s.slots)
		s.slots++
	}
	return x
}

func (s *State) grow(g event.G) {
	for int(g) >= len(s.gs) {
		s.gs = append(s.gs, goroutine{})
	}
}

// inMemory says which spaces are addresses of memory that can be freed.
var inMemory = [...]bool{
	event.SpaceAddr: true, event.SpaceChan: true, event.SpacePool: true, event.SpaceCond: true,
	event.SpaceTimer: true, event.SpaceFinal: true, event.SpaceBubble: false,
}

func (s *State) object(o event.Obj, cycle uint32) *object {
	ob := s.objects[o]
	if ob == nil {
		ob = &object{obj: o}
		s.objects[o] = ob
		if inMemory[o.Space] {
			s.memory.Add(o.Addr, ob)
		}
	}
	ob.cycle = cycle
	return ob
}

func (o *object) more() *extra {
	if o.extra == nil {
		o.extra = &extra{}
	}
	return o.extra
}

// acquire: C ⊔= r.
func (s *State) acquire(g event.G, r *release, k Kind) {
	s.goroutine(g).clock.join(&r.Clock)
	if s.tracer != nil && r.version != 0 {
		s.tracer.Acquire(r.version, k)
	}
}

// store: r = C. It ends g's segment.
func (s *State) store(g event.G, r *release, k Kind) {
	c := s.Clock(g)
	r.Clock = *c
	c.t++
	if s.tracer != nil {
		r.version = s.tracer.Release(0, k)
	}
}

// merge: r ⊔= C. It ends g's segment.
func (s *State) merge(g event.G, r *release, k Kind) {
	c := s.Clock(g)
	r.Clock = merge(&r.Clock, c)
	c.t++
	if s.tracer != nil {
		r.version = s.tracer.Release(r.version, k)
	}
}

// Apply moves the clocks over one event. An access changes nothing.
func (s *State) Apply(e *event.Event) {
	if e.Quiet {
		return
	}
	switch e.Op {
	case event.Read, event.Write:
	case event.AtomicLoad, event.AtomicCASFail:
		if o := s.objects[event.Obj{Addr: e.Addr}]; o != nil {
			o.cycle = e.Cycle
			s.acquire(e.G, &o.w, Atomic)
		}
	case event.AtomicStore:
		s.store(e.G, &s.object(event.Obj{Addr: e.Addr}, e.Cycle).w, Atomic)
	case event.AtomicRMW:
		o := s.object(event.Obj{Addr: e.Addr}, e.Cycle)
		s.acquire(e.G, &o.w, Atomic)
		s.store(e.G, &o.w, Atomic)

	case event.Go:
		s.start(e)
	case event.End:
		s.end(e.G)

	case event.Lock:
		o := s.object(e.Obj, e.Cycle)
		s.acquire(e.G, &o.w, Lock)
		s.acquire(e.G, &o.r, Lock)
	case event.Unlock:
		if o := s.object(e.Obj, e.Cycle); s.mode == TSan {
			s.store(e.G, &o.w, Lock)
		} else {
			s.merge(e.G, &o.w, Lock)
		}
	case event.RLock:
		s.acquire(e.G, &s.object(e.Obj, e.Cycle).w, Lock)
	case event.RUnlock:
		s.merge(e.G, &s.object(e.Obj, e.Cycle).r, Lock)

	case event.Send, event.Recv:
		s.transfer(e)
	case event.Close:
		s.store(e.G, &s.object(e.Obj, e.Cycle).w, Channel)
	case event.RecvClosed:
		s.acquire(e.G, &s.object(e.Obj, e.Cycle).w, Channel)
	case event.SendClosed:
		if s.mode == TSan {
			s.acquire(e.G, &s.object(e.Obj, e.Cycle).w, Channel)
		}

	case event.Add:
		if e.N < 0 {
			s.merge(e.G, &s.object(e.Obj, e.Cycle).w, WaitGroup)
		}
	case event.Wait:
		s.acquire(e.G, &s.object(e.Obj, e.Cycle).w, WaitGroup)
	case event.OnceDone:
		s.store(e.G, &s.object(e.Obj, e.Cycle).w, Once)
	case event.OnceWait:
		s.acquire(e.G, &s.object(e.Obj, e.Cycle).w, Once)
	case event.CondSignal, event.CondBroadcast, event.CondWake:
		if s.mode != TSan {
			s.cond(e)
		}

	case event.Acquire, event.Release, event.ReleaseMerge, event.ReleaseAcquire, event.IORead, event.IOWrite:
		s.generic(e)

	case event.Alloc:
		s.forget(e)
	}
}

// start lets the child begin with the parent's clock.
func (s *State) start(e *event.Event) {
	if e.Child < 0 || e.Child == e.G {
		return
	}
	s.grow(max(e.G, e.Child))
	c := s.Clock(e.G)
	s.reuse(e.Child, c)
	s.Clock(e.Child).join(c)
	c.t++
	if s.tracer != nil {
		s.tracer.Start(e.Child, s.tracer.Release(0, Go))
	}
}

// transfer is a send or receive. The two of an unbuffered channel follow each
// other and learn from each other when the second has come.
func (s *State) transfer(e *event.Event) {
	ch := s.object(e.Obj, e.Cycle)
	x := ch.more()
	if e.Cap > 0 {
		slot := x.slots[e.Slot%e.Cap]
		if slot == nil {
			if x.slots == nil {
				x.slots = map[uint32]*release{}
			}
			slot = &release{}
			x.slots[e.Slot%e.Cap] = slot
		}
		old := *slot
		s.store(e.G, slot, Channel)
		s.acquire(e.G, &old, Channel)
		return
	}
	if e.Op == event.Send {
		x.sender, x.waiting = e.G, true
		if s.tracer != nil {
			x.sent = s.tracer.Release(0, Channel)
		}
		return
	}
	if !x.waiting || x.sender == e.G {
		return // its send was lost
	}
	x.waiting = false
	from, to := s.Clock(x.sender), s.Clock(e.G)
	sent, received := *from, *to
	from.t++
	to.t++
	from.join(&received)
	to.join(&sent)
	if s.tracer != nil {
		s.tracer.Acquire(x.sent, Channel)
		s.tracer.Meet(x.sender, s.tracer.Release(0, Channel))
	}
}

func (s *State) cond(e *event.Event) {
	x := s.object(e.Obj, e.Cycle).more()
	if e.Op != event.CondWake {
		t := ticket{from: e.Slot, n: e.N, left: e.N}
		s.store(e.G, &t.release, Cond)
		if t.n > 0 {
			x.tickets = append(x.tickets, t)
		}
		return
	}
	for i := range x.tickets {
		if t := &x.tickets[i]; int64(e.Slot-t.from) < t.n {
			s.acquire(e.G, &t.release, Cond)
			if t.left--; t.left == 0 {
				x.tickets = append(x.tickets[:i], x.tickets[i+1:]...)
			}
			return
		}
	}
}

func (s *State) generic(e *event.Event) {
	obj, k := e.Obj, spaceKinds[e.Obj.Space]
	if e.Op == event.IORead || e.Op == event.IOWrite {
		k = IO
		switch s.mode {
		case Strict:
			return
		case TSan: // syscall's ioSync
			obj = event.Obj{Space: event.SpaceIO}
		}
	}
	o := s.object(obj, e.Cycle)
	switch e.Op {
	case event.Acquire, event.IORead:
		s.acquire(e.G, &o.w, k)
	case event.Release:
		s.store(e.G, &o.w, k)
	case event.ReleaseMerge, event.IOWrite:
		s.merge(e.G, &o.w, k)
	case event.ReleaseAcquire:
		old := o.w
		s.store(e.G, &o.w, k)
		s.acquire(e.G, &old, k)
	}
}

// forget removes the clocks of objects in memory that begins a new life. Of a
// garbage collected execution these are the ones last used in an earlier cycle:
// within a cycle no address is used again.
func (s *State) forget(e *event.Event) {
	s.memory.Remove(e.Addr, e.Size, func(o *object) bool {
		if s.collected && o.cycle >= e.Cycle {
			return false
		}
		delete(s.objects, o.obj)
		return true
	})
}
