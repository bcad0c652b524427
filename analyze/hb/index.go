package hb

// Index finds things by address ranges. The zero Index is empty.
type Index[T any] struct {
	pages map[uint64]*indexed[T]
}

// indexed is what lies in a page, and in which 64ths of it there is something.
type indexed[T any] struct {
	parts  uint64
	things []at[T]
}

type at[T any] struct {
	addr  uint64
	thing T
}

const (
	indexPage = 12 // bits
	indexPart = indexPage - 6
)

func part(addr uint64) uint { return uint(addr >> indexPart % 64) }

// Add puts a thing at addr.
func (x *Index[T]) Add(addr uint64, thing T) {
	if x.pages == nil {
		x.pages = map[uint64]*indexed[T]{}
	}
	p := x.pages[addr>>indexPage]
	if p == nil {
		p = new(indexed[T])
		x.pages[addr>>indexPage] = p
	}
	p.parts |= 1 << part(addr)
	p.things = append(p.things, at[T]{addr, thing})
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

func (x *Index[T]) sweep(n, addr, last uint64, gone func(T) bool) {
	p := x.pages[n]
	if p == nil {
		return
	}
	first, end := max(addr, n<<indexPage), min(last, n<<indexPage|(1<<indexPage-1))
	if p.parts&(^uint64(0)<<part(first))&(^uint64(0)>>(63-part(end))) == 0 {
		return
	}
	kept := p.things[:0]
	p.parts = 0
	for _, a := range p.things {
		if a.addr < addr || a.addr > last || !gone(a.thing) {
			kept = append(kept, a)
			p.parts |= 1 << part(a.addr)
		}
	}
	clear(p.things[len(kept):])
	if p.things = kept; len(kept) == 0 {
		delete(x.pages, n)
	}
}
