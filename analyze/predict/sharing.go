package predict

import (
	"math"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// Sharing finds the words that matter for other schedules, from the events in
// their order: those with two conflicting accesses, in one life of their memory,
// that no must-order path connects. Here the must-order is program order,
// creation, what channels hand over, Once and what is released to generic
// primitives: no more than holds in every schedule, so no word is missed. Of all other words each read reads the same write in every
// schedule, and no two accesses can race.
//
// As in FastTrack (PLDI 2009) of each word the last write is kept and the last
// read, or that several goroutines read it. It takes 12 bytes for each word of
// every page touched.
type Sharing struct {
	collected bool
	swaps     bool // a receive from a buffer may get what another send sent
	pages     map[uint64]*usedPage
	last      *usedPage
	lastN     uint64

	segments []segment // by number; the first is none
	most     int       // segments at which unused ones are looked for
	now      []uint32  // by goroutine: the number of its segment
	must     []hb.Clock
	sent     map[slot]hb.Clock
	told     map[event.Obj]release
	sender   event.G // of the unbuffered send before
	events   uint64

	lives   []life // by number; the first is none
	horizon uint64 // from this position on, lives have been left out
	found   map[uint64]*sharedPage
	filter  [1 << 10]uint64 // of pages in found, by hash
}

// segment is what a goroutine does between two of its releases, in one GC cycle.
type segment struct {
	g     event.G
	t     hb.Time
	cycle uint32
}

// release is what a primitive tells whoever asks later: that it was closed, is
// done, or what was released to it.
type release struct {
	clock hb.Clock
	cycle uint32
}

// slot is a place in a channel's buffer.
type slot struct {
	obj event.Obj
	n   uint32
}

// touched is what is known of a word: segments of the last write (or that it is
// shared) and read (or manyReaders) of this life, and the cycle in which the
// life began.
type touched struct{ write, read, birth uint32 }

const (
	wordShared  = math.MaxUint32
	manyReaders = math.MaxUint32
)

type usedPage [pageWords]touched

// life is one of a word, in which it is shared: the GC cycles from one up to
// but not including another.
type life struct {
	from, to uint32
	next     uint32 // of the same word; 0: none
	number   int32  // see [collector.word]: one more; 0: none
}

// sharedPage is a page with shared words, or primitives.
type sharedPage struct {
	first [pageWords]uint32 // life, by word
	now   [pageWords]uint32 // the first of them that has not ended
	last  [pageWords]uint32
	named [pageWords / 64]uint64 // something is there whose name is asked for
}

const (
	pageWords   = 512
	maxLives    = 4 << 20 // 64 MB
	maxSegments = 1 << 22 // 48 MB, if not that many are in use
)

// NewSharing returns what is known at an execution's beginning.
func NewSharing(collected bool, o Options) *Sharing {
	return &Sharing{
		collected: collected, swaps: o.Level == Deep && !o.Strict,
		pages: map[uint64]*usedPage{}, lastN: math.MaxUint64, segments: make([]segment, 1), most: maxSegments,
		sent: map[slot]hb.Clock{}, told: map[event.Obj]release{},
		lives: make([]life, 1), horizon: math.MaxUint64, found: map[uint64]*sharedPage{},
	}
}

// Add adds the next event. Plain accesses may come by [Sharing.Run].
func (s *Sharing) Add(e *event.Event) {
	s.grow(max(e.G, e.Child))
	switch e.Op {
	case event.Alloc:
		if s.collected {
			s.forget(e.Addr, e.Size, e.Cycle)
		} else {
			s.access(e.G, e.Cycle, e.Addr, e.Size, true)
		}
	case event.Free:
		if !s.collected {
			s.access(e.G, e.Cycle, e.Addr, e.Size, true)
		}
	case event.Read, event.Write, event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail:
		s.access(e.G, e.Cycle, e.Addr, e.Size, writes(e.Op))
	default:
		if _, ok := kindOf(e.Op); ok && inMemory(e.Obj.Space) {
			w := e.Obj.Addr / 8
			s.page(w / pageWords).named[w%pageWords/64] |= 1 << (w % 64)
		}
		s.order(e)
	}
	s.events++
}

// Run adds the accesses of one goroutine that come next, n events.
func (s *Sharing) Run(g event.G, cycle uint32, n uint64, parts [][]event.Access) {
	s.grow(g)
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		id, clock := s.segment(g, cycle), &s.must[g]
		for _, a := range part {
			addr, size := a.Addr(), a.Size()
			w := addr / 8
			if (addr+size-1)/8 == w {
				s.touch(s.at(w), w, id, clock, a.Write())
				continue
			}
			for end := (addr + size - 1) / 8; w <= end; w++ {
				s.touch(s.at(w), w, id, clock, a.Write())
			}
		}
	}
	s.events += n
}

func (s *Sharing) grow(g event.G) {
	for int(g) >= len(s.must) {
		s.must = append(s.must, hb.NewClock(hb.Slot(len(s.must))))
		s.now = append(s.now, 0)
	}
}

// order moves the clocks of the must-order.
func (s *Sharing) order(e *event.Event) {
	m := &s.must[e.G]
	switch e.Op {
	case event.Go:
		if e.Child >= 0 && e.Child != e.G {
			r := m.Release()
			s.must[e.Child].Acquire(&r)
		}
	case event.Send:
		switch {
		case e.Cap == 0:
			s.sender = e.G // its receive comes next
		case !s.swaps:
			s.sent[slot{e.Obj, e.Slot % e.Cap}] = m.Release()
		}
	case event.Recv:
		if e.Cap == 0 {
			sender := &s.must[s.sender]
			sent, received := sender.Release(), m.Release()
			sender.Acquire(&received)
			m.Acquire(&sent)
			return
		}
		at := slot{e.Obj, e.Slot % e.Cap}
		if r, ok := s.sent[at]; ok {
			m.Acquire(&r)
			delete(s.sent, at)
		}
	case event.RecvClosed, event.SendClosed, event.CloseClosed, event.OnceWait:
		s.learn(e)
	case event.Acquire:
		if e.Obj.Space != event.SpaceFinal && e.Obj.Space != event.SpaceBubble {
			s.learn(e)
		}
	case event.ReleaseMerge, event.ReleaseAcquire:
		s.learn(e)
		s.tell(e)
	case event.Close, event.OnceDone, event.Release:
		s.tell(e)
	case event.End:
		*m = hb.NewClock(hb.Slot(e.G)) // what it knew is not asked for any more
	}
}

// tell lets those know who learn later, in this life of the primitive, what e's
// goroutine knows.
func (s *Sharing) tell(e *event.Event) {
	if inMemory(e.Obj.Space) {
		s.at(e.Obj.Addr / 8) // so that the life's end shows
	}
	s.told[e.Obj] = release{s.must[e.G].Release(), e.Cycle}
}

// learn lets e's goroutine know what has been told.
func (s *Sharing) learn(e *event.Event) {
	r, ok := s.told[e.Obj]
	if ok && !(inMemory(e.Obj.Space) && r.cycle < s.at(e.Obj.Addr/8).birth) {
		s.must[e.G].Acquire(&r.clock)
	}
}

// segment returns the number of the segment that g is in.
func (s *Sharing) segment(g event.G, cycle uint32) uint32 {
	now := segment{g, s.must[g].Epoch().T, cycle}
	if id := s.now[g]; id != 0 && s.segments[id] == now {
		return id
	}
	if len(s.segments) >= s.most {
		s.sweep()
	}
	s.now[g] = uint32(len(s.segments))
	s.segments = append(s.segments, now)
	return s.now[g]
}

// sweep forgets the segments that no word names.
func (s *Sharing) sweep() {
	to := make([]uint32, len(s.segments))
	kept := make([]segment, 1)
	again := func(id *uint32) {
		if *id == 0 || *id == math.MaxUint32 {
			return
		}
		if to[*id] == 0 {
			to[*id] = uint32(len(kept))
			kept = append(kept, s.segments[*id])
		}
		*id = to[*id]
	}
	for _, p := range s.pages {
		for i := range p {
			again(&p[i].write)
			again(&p[i].read)
		}
	}
	clear(s.now)
	s.segments, s.most = kept, max(s.most, 2*len(kept))
}

// at returns what is known of a word.
func (s *Sharing) at(w uint64) *touched {
	if n := w / pageWords; n != s.lastN {
		p := s.pages[n]
		if p == nil {
			p = new(usedPage)
			s.pages[n] = p
		}
		s.last, s.lastN = p, n
	}
	return &s.last[w%pageWords]
}

// access notes an access of any size.
func (s *Sharing) access(g event.G, cycle uint32, addr, size uint64, write bool) {
	id := s.segment(g, cycle)
	masks(addr, size, func(w uint64, _ uint8) { s.touch(s.at(w), w, id, &s.must[g], write) })
}

// touch notes an access in a segment to a word.
func (s *Sharing) touch(u *touched, w uint64, id uint32, clock *hb.Clock, write bool) {
	switch {
	case u.write == wordShared, u.write == id && (!write || u.read == 0), u.read == id && !write:
		return
	}
	if !s.ordered(u.write, clock) {
		s.share(u, w)
		return
	}
	switch read := u.read == manyReaders || !s.ordered(u.read, clock); {
	case write && read:
		s.share(u, w)
	case write:
		u.write, u.read = id, 0
	case read:
		u.read = manyReaders
	default:
		u.read = id
	}
}

// ordered reports whether a segment comes before a goroutine's clock.
func (s *Sharing) ordered(id uint32, clock *hb.Clock) bool {
	x := &s.segments[id]
	return id == 0 || x.t <= clock.At(hb.Slot(x.g))
}

// page returns the page number n of what is found.
func (s *Sharing) page(n uint64) *sharedPage {
	p := s.found[n]
	if p == nil {
		p = new(sharedPage)
		s.found[n] = p
		h := pageHash(n)
		s.filter[h/64] |= 1 << (h % 64)
	}
	return p
}

func pageHash(n uint64) uint64 { return n * 0x9E3779B97F4A7C15 >> 48 }

// share begins a life in which the word is shared: the present one.
func (s *Sharing) share(u *touched, w uint64) {
	u.write = wordShared
	if len(s.lives) >= maxLives {
		s.horizon = min(s.horizon, s.events)
		return
	}
	n := uint32(len(s.lives))
	s.lives = append(s.lives, life{from: u.birth, to: math.MaxUint32})
	p := s.page(w / pageWords)
	if last := p.last[w%pageWords]; last != 0 {
		s.lives[last].next = n
	} else {
		p.first[w%pageWords], p.now[w%pageWords] = n, n
	}
	p.last[w%pageWords] = n
}

// forget begins lives of memory. Of words that are not allocated whole, the life
// goes on.
func (s *Sharing) forget(addr, size uint64, cycle uint32) {
	eachOf(s.pages, addr, size, func(w uint64, mask uint8) {
		u := s.at(w)
		switch {
		case mask != 0xff || u.birth >= cycle: // a life ends by garbage collection
		case u.write == wordShared:
			if l := s.page(w / pageWords).last[w%pageWords]; l != 0 {
				s.lives[l].to = cycle
			}
			*u = touched{birth: cycle}
		default:
			// An access may be delivered before the Alloc, though in the same cycle.
			old := func(id uint32) bool { return id == manyReaders || s.segments[id].cycle < cycle }
			if old(u.write) {
				u.write = 0
			}
			if old(u.read) {
				u.read = 0
			}
			u.birth = cycle
		}
	})
}

// finish ends the search, of which only what was found remains.
func (s *Sharing) finish() {
	s.pages, s.last, s.segments, s.now, s.must, s.sent, s.told = nil, nil, nil, nil, nil, nil, nil
}

// eachOf calls f for the words of a range that lie in some pages.
func eachOf[P any](pages map[uint64]P, addr, size uint64, f func(w uint64, mask uint8)) {
	if size == 0 {
		return
	}
	const bytes = pageWords * 8
	last := addr + size - 1
	if size/bytes > uint64(len(pages)) {
		for n := range pages {
			if lo, hi := max(addr, n*bytes), min(last, n*bytes+bytes-1); lo <= hi && last >= addr {
				masks(lo, hi-lo+1, f)
			}
		}
		return
	}
	for at, end := addr, addr+size; at < end; {
		next := min(end, at/bytes*bytes+bytes)
		if next <= at {
			return // the end of the address space
		}
		if _, ok := pages[at/bytes]; ok {
			masks(at, next-at, f)
		}
		at = next
	}
}

// hasWord reports whether a word is shared in one of its lives.
func (s *Sharing) hasWord(w uint64) bool {
	n := w / pageWords
	if h := pageHash(n); s.filter[h/64]>>(h%64)&1 == 0 {
		return false
	}
	p := s.found[n]
	return p != nil && p.first[w%pageWords] != 0
}

// has reports whether a word of [addr, addr+size) is shared in one of its lives.
// It may be called by several goroutines at once.
func (s *Sharing) has(addr, size uint64) bool {
	if size <= 8 && addr/8 == (addr+size-1)/8 {
		return s.hasWord(addr / 8)
	}
	shared := false
	eachOf(s.found, addr, size, func(w uint64, _ uint8) { shared = shared || s.hasWord(w) })
	return shared
}

// names reports whether the name of something in [addr, addr+size) is asked for.
func (s *Sharing) names(addr, size uint64) bool {
	named := false
	eachOf(s.found, addr, size, func(w uint64, _ uint8) {
		p := s.found[w/pageWords]
		named = named || p.first[w%pageWords] != 0 || p.named[w%pageWords/64]>>(w%64)&1 != 0
	})
	return named
}
