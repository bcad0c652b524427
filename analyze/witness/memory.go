package witness

import "github.com/hindsight-go/hindsight/analyze/event"

// isAccess reports whether an operation reads or writes memory.
func isAccess(op event.Op) bool {
	switch op {
	case event.Read, event.Write, event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail,
		event.Alloc, event.Free:
		return true
	}
	return false
}

func isAtomic(op event.Op) bool {
	switch op {
	case event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail:
		return true
	}
	return false
}

// writes reports whether an operation changes memory.
func writes(op event.Op) bool {
	switch op {
	case event.Write, event.AtomicStore, event.AtomicRMW, event.Alloc, event.Free:
		return true
	}
	return false
}

// reads reports whether what follows an event may depend on what it read. The
// atomics inside a primitive tell nothing that its own events do not.
func reads(e *event.Event) bool {
	switch e.Op {
	case event.Read, event.AtomicLoad, event.AtomicRMW, event.AtomicCASFail:
		return !e.Quiet
	}
	return false
}

// words calls f for every word of 8 bytes that [addr, addr+size) touches, with
// the bytes that it touches of it.
func words(addr, size uint64, f func(w uint64, mask uint8)) {
	if size == 0 {
		return
	}
	for w, last := addr/8, (addr+size-1)/8; w <= last; w++ {
		mask := uint8(0xff)
		if lo := w * 8; addr > lo {
			mask &= 0xff << (addr - lo)
		}
		if end := w*8 + 8; addr+size < end {
			mask &= 0xff >> (end - (addr + size))
		}
		f(w, mask)
	}
}

// recent knows who wrote each byte last since some moment.
type recent struct {
	bytes map[uint64]*[8]ID // by word; an Index of 0 is nobody, else one more than the event's
}

func newRecent() *recent { return &recent{map[uint64]*[8]ID{}} }

// record notes the writes of an event.
func (r *recent) record(e *event.Event, id ID) {
	if !writes(e.Op) {
		return
	}
	words(e.Addr, e.Size, func(w uint64, mask uint8) {
		b := r.bytes[w]
		if b == nil {
			b = new([8]ID)
			r.bytes[w] = b
		}
		for i := range b {
			if mask&(1<<i) != 0 {
				b[i] = ID{id.G, id.Index + 1}
			}
		}
	})
}

// expect returns, byte by byte, whose writes an event reads.
func (r *recent) expect(e *event.Event) []ID {
	if !reads(e) {
		return nil
	}
	out := make([]ID, 0, e.Size)
	words(e.Addr, e.Size, func(w uint64, mask uint8) {
		b := r.bytes[w]
		for i := range 8 {
			if mask&(1<<i) == 0 {
				continue
			}
			if b == nil {
				out = append(out, ID{})
			} else {
				out = append(out, b[i])
			}
		}
	})
	return out
}

// same reports whether an event reads whose writes it is to read. Older writes
// are the same where they are not stale.
func (r *recent) same(e *event.Event, want []ID, old map[uint64]stale) bool {
	got := r.expect(e)
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	ok, i := true, 0
	words(e.Addr, e.Size, func(w uint64, mask uint8) {
		for b := range 8 {
			if mask&(1<<b) == 0 {
				continue
			}
			if got[i] == (ID{}) && old[w].mask&(1<<b) != 0 {
				ok = false
			}
			i++
		}
	})
	return ok
}
