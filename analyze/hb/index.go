package hb

// Index finds things by address ranges. The zero Index is empty.
type Index[T any] struct {
	pages map[uint64][]at[T]
}

type at[T any] struct {
	addr  uint64
	thing T
}

const indexPage = 12 // bits

// Add puts a thing at addr.
func (x *Index[T]) Add(addr uint64, thing T) {
	if x.pages == nil {
		x.pages = map[uint64][]at[T]{}
	}
	p := addr >> indexPage
	x.pages[p] = append(x.pages[p], at[T]{addr, thing})
}

// Remove calls gone for everything in [addr, addr+size) and removes that for
// which it returns true.
func (x *Index[T]) Remove(addr, size uint64, gone func(T) bool) {
	if size == 0 || len(x.pages) == 0 {
		return
	}
	last := addr + size - 1
	if last < addr {
		last = ^uint64(0)
	}
	from, to := addr>>indexPage, last>>indexPage
	if to-from < uint64(len(x.pages)) {
		for p := from; p <= to; p++ {
			x.sweep(p, addr, last, gone)
		}
		return
	}
	for p := range x.pages {
		if p >= from && p <= to {
			x.sweep(p, addr, last, gone)
		}
	}
}

func (x *Index[T]) sweep(p, addr, last uint64, gone func(T) bool) {
	all := x.pages[p]
	kept := all[:0]
	for _, a := range all {
		if a.addr < addr || a.addr > last || !gone(a.thing) {
			kept = append(kept, a)
		}
	}
	if len(kept) == 0 {
		delete(x.pages, p)
	} else if len(kept) < len(all) {
		clear(all[len(kept):])
		x.pages[p] = kept
	}
}
