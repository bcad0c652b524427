package witness

import (
	"errors"
	"maps"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// machine interprets synchronization: the states of all objects at one moment.
// The machine of a trial begins as the recording's at that moment, of which it
// copies what it is about to need.
type machine struct {
	*facts
	parent   *machine
	objects  map[objectKey]*object
	previous map[event.G]uint64 // clock of a goroutine's last event; 0: before the machine began
	clock    uint64
	handover *handover // a send on an unbuffered channel, whose receive must follow
	polls    map[event.G][]poll
}

// objectKey keeps apart primitives of different kinds that a script calls by one name.
type objectKey struct {
	obj  event.Obj
	kind byte
}

// object is the state of a synchronization object. Each kind uses a part of it.
type object struct {
	cycle uint32 // of its last use

	// lock
	locked  bool
	writer  event.G
	readers []event.G

	// channel
	queue  []ID
	closed bool

	// WaitGroup
	count int64
	left  uint64 // clock at which the counter last left zero
	dones uint64 // a sum over those that have happened

	// Once
	begun, done bool

	// Cond: who waits, oldest first, and who has been woken
	waits []event.G
	woken map[event.G]bool
	// Cond of which the waiting is not all known, by ticket
	signaled map[uint32]bool // and not yet awake
	parked   map[uint32]bool // and not yet signaled

	// others
	version uint64 // of what was released
}

// handover is an unbuffered send.
type handover struct {
	key objectKey
	by  ID
}

// poll is a select's case that was not ready.
type poll struct {
	key  objectKey
	send bool
	cap  uint32
}

// nobody holds a lock that is free, or that was locked before the recording
// began, and has sent what was sent before then.
const nobody = event.G(-1)

func newMachine(f *facts, parent *machine) *machine {
	return &machine{
		facts: f, parent: parent,
		objects: map[objectKey]*object{}, previous: map[event.G]uint64{}, polls: map[event.G][]poll{},
	}
}

func (o *object) clone() *object {
	c := *o
	c.left = 0
	c.readers, c.queue = slices.Clone(o.readers), slices.Clone(o.queue)
	c.waits, c.woken = slices.Clone(o.waits), maps.Clone(o.woken)
	c.signaled, c.parked = maps.Clone(o.signaled), maps.Clone(o.parked)
	return &c
}

// keyOf returns the object that an event is about.
func keyOf(e *event.Event) (objectKey, bool) {
	var kind byte
	switch e.Op {
	case event.Lock, event.Unlock, event.RLock, event.RUnlock:
		kind = 'l'
	case event.Send, event.Recv, event.Close, event.RecvClosed, event.SendClosed, event.CloseClosed,
		event.DefaultSend, event.DefaultRecv:
		kind = 'c'
	case event.Add, event.Wait:
		kind = 'w'
	case event.Once, event.OnceDone, event.OnceWait:
		kind = 'o'
	case event.CondWait, event.CondSignal, event.CondBroadcast, event.CondWake:
		kind = 'k'
	case event.Acquire, event.Release, event.ReleaseMerge, event.ReleaseAcquire:
		kind = 's'
	default:
		return objectKey{}, false
	}
	return objectKey{e.Obj, kind}, true
}

// needsAll reports whether an event depends on all before it: what a read of
// the outside world returns, a finalizer's start, synctest's idea of time.
func needsAll(e *event.Event) bool {
	return e.Op == event.IORead || e.Op == event.Acquire && (e.Obj.Space == event.SpaceFinal || e.Obj.Space == event.SpaceBubble)
}

func (m *machine) object(k objectKey) *object {
	o := m.objects[k]
	if o == nil {
		o = &object{writer: nobody}
		m.objects[k] = o
	}
	return o
}

// adopt copies from the recording's machine what an event that is to come may change.
func (m *machine) adopt(e *event.Event) {
	copy := func(k objectKey) {
		if _, own := m.objects[k]; !own {
			if o := m.parent.objects[k]; o != nil {
				m.objects[k] = o.clone()
			} else {
				m.object(k) // as new, whatever others do with it
			}
		}
	}
	if k, ok := keyOf(e); ok {
		copy(k)
	}
	if p, ok := m.parks[ID{e.G, e.Index}]; ok {
		copy(p.key)
	}
}

// expected is an event with what it observed in the recording.
type expected struct {
	event.Event
	pos     uint64
	partner ID     // Recv: the send
	version uint64 // Acquire and the like: what had been released
	dones   uint64 // Wait: the Dones that had happened
	wrote   []ID   // reads: whose writes, where it matters
}

var (
	errLocked     = errors.New("the lock is held")
	errUnlocked   = errors.New("the lock is not held")
	errFull       = errors.New("the channel is full")
	errEmpty      = errors.New("the channel is empty")
	errClosed     = errors.New("the channel is closed")
	errOpen       = errors.New("the channel is open")
	errNotEmpty   = errors.New("the channel still holds something")
	errPartner    = errors.New("a send on an unbuffered channel is not followed by its receive")
	errReady      = errors.New("the select had a case that was ready")
	errNegative   = errors.New("the counter becomes negative")
	errCounter    = errors.New("the counter is not zero")
	errOnce       = errors.New("the function has not returned")
	errBegun      = errors.New("the function has been called before")
	errAsleep     = errors.New("nobody has woken it")
	errOtherWaits = errors.New("another goroutine would be woken")
	errReleased   = errors.New("it observes something else than recorded")
)

// do lets an event happen, and returns how many receives took what another
// send has sent than recorded.
func (m *machine) do(x *expected) (swapped int, err error) {
	e := &x.Event
	swapped, err = m.act(x)
	m.clock++
	m.previous[e.G] = m.clock
	return swapped, err
}

// act is do without the time that passes.
func (m *machine) act(x *expected) (swapped int, err error) {
	e := &x.Event
	if p, ok := m.parks[ID{e.G, e.Index}]; ok {
		defer func() { m.object(p.key).park(p.ticket) }()
	}
	if h := m.handover; h != nil {
		k, _ := keyOf(e)
		if e.Op != event.Recv || k != h.key || x.partner != h.by {
			return 0, errPartner
		}
		m.handover = nil
		return 0, nil
	}
	if e.Op != event.DefaultSend && e.Op != event.DefaultRecv {
		delete(m.polls, e.G)
	}
	k, ok := keyOf(e)
	if !ok {
		return 0, nil
	}
	o := m.object(k)
	switch k.kind {
	case 'l':
		return 0, o.lock(e)
	case 'c':
		return m.channel(o, k, x)
	case 'w':
		return 0, m.group(o, x)
	case 'o':
		return 0, o.once(e)
	case 'k':
		return 0, m.cond(o, k, e)
	}
	return 0, o.generic(e, x.version)
}

func (o *object) lock(e *event.Event) error {
	switch e.Op {
	case event.Lock:
		if o.locked || len(o.readers) > 0 {
			return errLocked
		}
		o.locked, o.writer = true, e.G
	case event.Unlock:
		if !o.locked {
			return errUnlocked
		}
		o.locked, o.writer = false, nobody
	case event.RLock:
		if o.locked {
			return errLocked
		}
		o.readers = append(o.readers, e.G)
	case event.RUnlock:
		if len(o.readers) == 0 {
			return errUnlocked
		}
		i := max(0, slices.Index(o.readers, e.G))
		o.readers = slices.Delete(o.readers, i, i+1)
	}
	return nil
}

func (m *machine) channel(o *object, k objectKey, x *expected) (swapped int, err error) {
	e := &x.Event
	switch e.Op {
	case event.Send:
		switch {
		case o.closed:
			return 0, errClosed
		case e.Cap == 0:
			m.handover = &handover{k, ID{e.G, e.Index}}
		case len(o.queue) >= int(e.Cap):
			return 0, errFull
		default:
			o.queue = append(o.queue, ID{e.G, e.Index})
		}
	case event.Recv:
		if len(o.queue) == 0 {
			return 0, errEmpty
		}
		if o.queue[0] != x.partner {
			swapped = 1
		}
		o.queue = o.queue[1:]
	case event.Close:
		if o.closed {
			return 0, errClosed
		}
		o.closed = true
	case event.RecvClosed:
		if !o.closed {
			return 0, errOpen
		}
		if len(o.queue) > 0 {
			return 0, errNotEmpty
		}
	case event.SendClosed, event.CloseClosed:
		if !o.closed {
			return 0, errOpen
		}
	case event.DefaultSend, event.DefaultRecv:
		return 0, m.poll(k, e)
	}
	return swapped, nil
}

// poll is a select that took default. The defaults that a goroutine took one
// after the other, of different cases, may be one select's: at one moment none
// of them was ready.
func (m *machine) poll(k objectKey, e *event.Event) error {
	p := poll{k, e.Op == event.DefaultSend, e.Cap}
	polls := m.polls[e.G]
	if slices.Contains(polls, p) {
		polls = nil
	}
	polls = append(polls, p)
	m.polls[e.G] = polls
	for _, p := range polls {
		o := m.object(p.key)
		if o.closed || !p.send && len(o.queue) > 0 || p.send && p.cap > 0 && len(o.queue) < int(p.cap) {
			return errReady
		}
	}
	return nil
}

func (m *machine) group(o *object, x *expected) error {
	e := &x.Event
	if e.Op == event.Wait {
		switch {
		case m.uncounted:
			if o.dones != x.dones {
				return errCounter
			}
		case o.count != 0 && o.left <= m.previous[e.G]:
			return errCounter
		}
		return nil
	}
	if m.uncounted {
		if e.N < 0 {
			o.dones += mix(ID{e.G, e.Index})
		}
		return nil
	}
	if o.count == 0 {
		o.left = m.clock + 1
	}
	if o.count += e.N; o.count < 0 {
		return errNegative
	}
	return nil
}

func (o *object) once(e *event.Event) error {
	switch e.Op {
	case event.Once:
		if o.begun {
			return errBegun
		}
		o.begun = true
	case event.OnceDone:
		o.done = true
	case event.OnceWait:
		if !o.done {
			return errOnce
		}
	}
	return nil
}

// cond is first in, first out: a signal wakes who has waited longest.
func (m *machine) cond(o *object, k objectKey, e *event.Event) error {
	if m.unseen[k] {
		return m.ticketed(o, e)
	}
	switch e.Op {
	case event.CondWait:
		o.waits = append(o.waits, e.G)
	case event.CondSignal, event.CondBroadcast:
		n := len(o.waits)
		if e.Op == event.CondSignal {
			n = min(n, 1)
		}
		if o.woken == nil {
			o.woken = map[event.G]bool{}
		}
		for _, g := range o.waits[:n] {
			o.woken[g] = true
		}
		o.waits = o.waits[n:]
	case event.CondWake:
		if !o.woken[e.G] {
			return errAsleep
		}
		delete(o.woken, e.G)
	}
	return nil
}

// ticketed is cond where it is not known who waits. Tickets say who was woken
// in the recording; it must be the same here.
func (m *machine) ticketed(o *object, e *event.Event) error {
	switch e.Op {
	case event.CondSignal, event.CondBroadcast:
		for ticket := range o.parked {
			if ticket-e.Slot < uint32(e.N) {
				o.signal(ticket)
			} else if e.Op == event.CondBroadcast || ticket-e.Slot > 1<<31 {
				return errOtherWaits
			}
		}
		for _, ticket := range m.late[ID{e.G, e.Index}] {
			o.signal(ticket)
		}
	case event.CondWake:
		if !o.signaled[e.Slot] {
			return errAsleep
		}
		delete(o.signaled, e.Slot)
	}
	return nil
}

func (o *object) signal(ticket uint32) {
	if o.signaled == nil {
		o.signaled = map[uint32]bool{}
	}
	o.signaled[ticket] = true
	delete(o.parked, ticket)
}

func (o *object) park(ticket uint32) {
	if o.parked == nil {
		o.parked = map[uint32]bool{}
	}
	if !o.signaled[ticket] {
		o.parked[ticket] = true
	}
}

// generic is an operation of which only the order is known: what it observes
// must have been released by the same events.
func (o *object) generic(e *event.Event, version uint64) error {
	if e.Op != event.Release && e.Op != event.ReleaseMerge && o.version != version {
		return errReleased
	}
	switch e.Op {
	case event.Release:
		o.version = mix(ID{e.G, e.Index})
	case event.ReleaseMerge, event.ReleaseAcquire:
		o.version = o.version*31 + mix(ID{e.G, e.Index})
	}
	return nil
}

func mix(id ID) uint64 {
	x := (uint64(id.G)+1)*0x9E3779B97F4A7C15 ^ (id.Index+1)*0xBF58476D1CE4E5B9
	x ^= x >> 29
	return x*0x94D049BB133111EB ^ x>>32
}
