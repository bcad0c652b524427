package predict

import "github.com/hindsight-go/hindsight/analyze/event"

func isAtomic(op event.Op) bool { return op >= event.AtomicLoad && op <= event.AtomicCASFail }

// writes reports whether an operation changes memory.
func writes(op event.Op) bool {
	switch op {
	case event.Write, event.AtomicStore, event.AtomicRMW, event.Alloc, event.Free:
		return true
	}
	return false
}

// reads reports whether an operation sees what memory holds.
func reads(op event.Op) bool {
	switch op {
	case event.Read, event.AtomicLoad, event.AtomicRMW, event.AtomicCASFail:
		return true
	}
	return false
}

// conflict reports whether two accesses to one location race if nothing orders them.
func conflict(a, b event.Op) bool {
	return (writes(a) || writes(b)) && !(isAtomic(a) && isAtomic(b))
}

// masks calls f for every word of 8 bytes that [addr, addr+size) touches, with
// the bytes it touches of it.
func masks(addr, size uint64, f func(w uint64, mask uint8)) {
	if size == 0 {
		return
	}
	first, last := addr/8, (addr+size-1)/8
	for w := first; w <= last; w++ {
		mask := uint8(0xff)
		if w == first {
			mask &= 0xff << (addr % 8)
		}
		if w == last {
			mask &= 0xff >> (7 - (addr+size-1)%8)
		}
		f(w, mask)
	}
}

// sharing knows the words that several goroutines access in one life, one of
// them writing: only these can race, and only they carry values from one
// goroutine to another. It takes 4 bytes for each word of every page touched.
type sharing struct {
	collected bool
	pages     map[uint64]*sharePage
	last      *sharePage
	lastN     uint64
	words     int // that have been numbered
}

type sharePage [sharePageWords]uint32

const (
	sharePageWords = 512

	// A word's state: 0, untouched; its goroutine's number plus one, shifted
	// by two, with these bits.
	wordWritten uint32 = 1
	wordShared  uint32 = 2
	// manyReaders is the goroutine of words that several read.
	manyReaders = 1<<30 - 1
)

func newSharing(collected bool) *sharing {
	return &sharing{collected: collected, pages: map[uint64]*sharePage{}, lastN: ^uint64(0)}
}

func (s *sharing) page(n uint64, make bool) *sharePage {
	if n == s.lastN {
		return s.last
	}
	p := s.pages[n]
	if p == nil {
		if !make {
			return nil
		}
		p = new(sharePage)
		s.pages[n] = p
	}
	s.last, s.lastN = p, n
	return p
}

// add takes the recording's next event.
func (s *sharing) add(e *event.Event) {
	switch e.Op {
	case event.Alloc:
		if s.collected {
			s.forget(e.Addr, e.Size)
			return
		}
	case event.Read, event.Write, event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail, event.Free:
	default:
		if _, ok := kindOf(e.Op); ok && inMemory(e.Obj.Space) {
			// So that the object's memory has a name.
			s.page(e.Obj.Addr/8/sharePageWords, true)[e.Obj.Addr/8%sharePageWords] = wordShared
		}
		return
	}
	s.access(e.G, e.Addr, e.Size, writes(e.Op))
}

// access notes an access of a goroutine.
func (s *sharing) access(g event.G, addr, size uint64, writes bool) {
	who := (uint32(g) + 1) % manyReaders << 2
	masks(addr, size, func(w uint64, _ uint8) {
		at := &s.page(w/sharePageWords, true)[w%sharePageWords]
		old := *at
		switch {
		case old&wordShared != 0:
		case old == 0:
			*at = who
			if writes {
				*at |= wordWritten
			}
		case old&^3 == who:
			if writes {
				*at |= wordWritten
			}
		case writes || old&wordWritten != 0:
			*at = wordShared
		default:
			*at = manyReaders << 2
		}
	})
}

// forget begins a new life: what is not yet shared is untouched.
func (s *sharing) forget(addr, size uint64) {
	s.each(addr, size, func(w uint64, mask uint8) {
		if at := &s.page(w/sharePageWords, true)[w%sharePageWords]; mask == 0xff && *at&wordShared == 0 {
			*at = 0
		}
	})
}

// each calls f for the words of a range that lie in pages touched.
func (s *sharing) each(addr, size uint64, f func(w uint64, mask uint8)) {
	if size == 0 {
		return
	}
	const bytes = sharePageWords * 8
	if size/bytes > uint64(len(s.pages)) {
		last := addr + size - 1
		for n := range s.pages {
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
		if s.page(at/bytes, false) != nil {
			masks(at, next-at, f)
		}
		at = next
	}
}

// tooMany is the number of shared words beyond the most that are numbered.
const tooMany = -2

// number numbers the shared words in order of their first use; it is negative
// for others.
func (s *sharing) number(w uint64, most int) int {
	p := s.page(w/sharePageWords, false)
	if p == nil || p[w%sharePageWords]&wordShared == 0 {
		return -1
	}
	at := &p[w%sharePageWords]
	if *at>>2 == 0 {
		if s.words == most {
			return tooMany
		}
		s.words++
		*at |= uint32(s.words) << 2
	}
	return int(*at>>2) - 1
}

func (s *sharing) hasWord(w uint64) bool {
	p := s.page(w/sharePageWords, false)
	return p != nil && p[w%sharePageWords]&wordShared != 0
}

// has reports whether a word of [addr, addr+size) is shared.
func (s *sharing) has(addr, size uint64) bool {
	if size <= 8 && addr/8 == (addr+size-1)/8 {
		return s.hasWord(addr / 8)
	}
	shared := false
	s.each(addr, size, func(w uint64, _ uint8) { shared = shared || s.hasWord(w) })
	return shared
}
