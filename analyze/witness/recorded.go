package witness

import (
	"github.com/hindsight-go/hindsight/analyze/event"
)

// facts are what is known of a recording before it is replayed.
type facts struct {
	src   event.Source
	parks map[ID]parking       // by a goroutine's event before a Cond's wake
	late  map[ID][]uint32      // by signal: tickets of those whose parking comes after it
	begun map[objectKey]object // objects in use when the recording began
	// unseen are the Conds of which not every beginning of a Wait was recorded:
	// who is woken is then told by the tickets alone.
	unseen map[objectKey]bool
	// uncounted is set if Adds were not recorded, which shows in counters that
	// become negative. Of WaitGroups it is then known only which Dones a Wait
	// has waited for.
	uncounted bool
}

// parking says that a goroutine may be waiting for a Cond after an event.
type parking struct {
	key    objectKey
	ticket uint32
}

// recorded is the machine of the recording itself. It believes what it is told.
type recorded struct {
	*machine
	pages map[uint64][]objectKey // objects in memory, by page of their address
	at    []uint64               // by goroutine: one more than the index of its last event
}

// inMemory says which spaces are addresses of memory that can be freed.
func inMemory(s event.Space) bool {
	switch s {
	case event.SpaceAddr, event.SpaceChan, event.SpacePool, event.SpaceCond, event.SpaceTimer, event.SpaceFinal:
		return true
	}
	return false
}

const pageBits = 12

// survey replays a recording once for its facts: among them what must have
// been so when it began, since recordings may begin anywhere.
func survey(src event.Source) (*recorded, error) {
	f := &facts{
		src: src, parks: map[ID]parking{}, late: map[ID][]uint32{}, begun: map[objectKey]object{}, unseen: map[objectKey]bool{},
	}
	rec := f.machineOf()
	// moment is an event and its place.
	type moment struct {
		ID
		n     uint64
		waits objectKey // the Cond for which it begins to wait
	}
	type ticket struct {
		key    objectKey
		number uint32
	}
	last := map[event.G]moment{}
	signals := map[ticket]moment{}
	again := map[objectKey]bool{} // objects of a second life
	n := uint64(0)
	err := replay(src, func(e *event.Event) bool {
		n++
		now := moment{ID: ID{e.G, e.Index}, n: n}
		for _, k := range rec.forget(e) {
			again[k] = true
		}
		k, ok := keyOf(e)
		if ok {
			rec.beginning(k, e, again[k])
		}
		switch e.Op {
		case event.CondWait:
			now.waits = k
		case event.CondSignal, event.CondBroadcast:
			for i := range uint32(min(e.N, maxWoken)) {
				signals[ticket{k, e.Slot + i}] = now
			}
		case event.CondWake:
			t := ticket{k, e.Slot}
			by, signaled := signals[t]
			delete(signals, t)
			if last[e.G].waits != k {
				f.unseen[k] = true
			}
			switch prev, known := last[e.G]; {
			case !signaled:
				f.start(k, func(o *object) { o.signal(e.Slot) })
			case !known || by.n < prev.n:
				f.late[by.ID] = append(f.late[by.ID], e.Slot)
			default:
				f.parks[prev.ID] = parking{k, e.Slot}
			}
		}
		last[e.G] = now
		rec.apply(e)
		return true
	})
	return rec, err
}

// replay replays a source; the names of its objects are not asked for.
func replay(src event.Source, f func(*event.Event) bool) error {
	if fast, ok := src.(event.Batched); ok {
		all := func(addr, size uint64) bool { return true }
		return fast.ReplayWhere(all, nil, func(e *event.Event, _ uint64) bool { return f(e) })
	}
	return src.Replay(f)
}

// maxWoken is how many waits one broadcast may end.
const maxWoken = 1 << 16

func (f *facts) machineOf() *recorded {
	return &recorded{newMachine(f, nil), map[uint64][]objectKey{}, nil}
}

// start changes what an object was when the recording began.
func (f *facts) start(k objectKey, change func(*object)) {
	o, ok := f.begun[k]
	if !ok {
		o = object{writer: nobody}
	}
	change(&o)
	f.begun[k] = o
}

// beginning finds out from an event that could not have happened what was
// before the recording began.
func (rec *recorded) beginning(k objectKey, e *event.Event, again bool) {
	o := rec.objects[k]
	if o == nil {
		o = &object{}
	}
	switch {
	case e.Op == event.Add:
		rec.uncounted = rec.uncounted || o.count+e.N < 0
	case again:
	case e.Op == event.Unlock && !o.locked:
		rec.start(k, func(o *object) { o.locked = true })
	case e.Op == event.RUnlock && len(o.readers) == 0:
		rec.start(k, func(o *object) { o.readers = append(o.readers, nobody) })
	case e.Op == event.Recv && e.Cap > 0 && len(o.queue) == 0:
		rec.start(k, func(o *object) { o.queue = append(o.queue, ID{nobody, uint64(len(o.queue))}) })
	case (e.Op == event.RecvClosed || e.Op == event.SendClosed || e.Op == event.CloseClosed) && !o.closed:
		rec.start(k, func(o *object) { o.closed = true })
		rec.object(k).closed = true
	case e.Op == event.OnceWait && !o.done:
		rec.start(k, func(o *object) { o.begun, o.done = true, true })
	}
}

// restart returns the machine as it was when the recording began.
func (rec *recorded) restart() *recorded {
	again := rec.machineOf()
	for k, o := range rec.begun {
		again.objects[k] = o.clone()
		again.place(k)
	}
	return again
}

// place enters an object where forget finds it.
func (rec *recorded) place(k objectKey) {
	if inMemory(k.obj.Space) {
		p := k.obj.Addr >> pageBits
		rec.pages[p] = append(rec.pages[p], k)
	}
}

// past is one more than the index of the last event that g has done.
func (rec *recorded) past(g event.G) uint64 {
	if int(g) < len(rec.at) {
		return rec.at[g]
	}
	return 0
}

// expect says what an event observed in the recording.
func (rec *recorded) expect(e *event.Event) expected {
	x := expected{Event: *e}
	k, ok := keyOf(e)
	if !ok {
		return x
	}
	if h := rec.handover; h != nil && e.Op == event.Recv {
		x.partner = h.by
	}
	if o := rec.objects[k]; o != nil {
		if e.Op == event.Recv && e.Cap > 0 && len(o.queue) > 0 {
			x.partner = o.queue[0]
		}
		x.version, x.dones = o.version, o.dones
	}
	return x
}

// apply moves the machine over a recorded event, which did happen.
func (rec *recorded) apply(e *event.Event) {
	for int(e.G) >= len(rec.at) {
		rec.at = append(rec.at, 0)
	}
	rec.at[e.G] = e.Index + 1
	k, ok := keyOf(e)
	if _, parks := rec.parks[ID{e.G, e.Index}]; !ok && !parks && rec.handover == nil {
		return
	}
	if ok && rec.objects[k] == nil {
		rec.object(k)
		rec.place(k)
	}
	if ok {
		rec.objects[k].cycle = e.Cycle
	}
	x := rec.expect(e)
	_, err := rec.act(&x)
	if err == nil {
		return
	}
	rec.handover = nil
	o := rec.objects[k]
	switch {
	case o == nil:
	case e.Op == event.Lock:
		o.locked, o.writer, o.readers = true, e.G, nil
	case e.Op == event.RLock:
		o.locked, o.readers = false, append(o.readers, e.G)
	case e.Op == event.Send && e.Cap > 0:
		if len(o.queue) > 0 {
			o.queue = o.queue[1:]
		}
		o.queue = append(o.queue, ID{e.G, e.Index})
	}
}

// forget removes the objects whose memory begins a new life with e, and
// returns them.
func (rec *recorded) forget(e *event.Event) (gone []objectKey) {
	if e.Op != event.Alloc || !rec.src.Collected() || e.Size == 0 {
		return nil
	}
	from, to := e.Addr>>pageBits, (e.Addr+e.Size-1)>>pageBits
	sweep := func(p uint64) {
		kept := rec.pages[p][:0]
		for _, k := range rec.pages[p] {
			if k.obj.Addr-e.Addr < e.Size && rec.objects[k].cycle < e.Cycle {
				gone = append(gone, k)
				delete(rec.objects, k)
			} else {
				kept = append(kept, k)
			}
		}
		if len(kept) == 0 {
			delete(rec.pages, p)
		} else {
			rec.pages[p] = kept
		}
	}
	if to-from < uint64(len(rec.pages)) {
		for p := from; p <= to; p++ {
			if rec.pages[p] != nil {
				sweep(p)
			}
		}
		return gone
	}
	for p := range rec.pages {
		if p >= from && p <= to {
			sweep(p)
		}
	}
	return gone
}
