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
