package detect

import "github.com/hindsight-go/hindsight/analyze/event"

// marks are marked words of memory.
type marks struct {
	pages map[uint64]*markPage
	last  *markPage
	lastN uint64
}

type markPage [pageWords / 64]uint64

// add marks the word at addr.
func (m *marks) add(addr uint64) {
	n := addr / event.Page
	if m.last == nil || m.lastN != n {
		if m.pages == nil {
			m.pages = map[uint64]*markPage{}
		}
		p := m.pages[n]
		if p == nil {
			p = new(markPage)
			m.pages[n] = p
		}
		m.last, m.lastN = p, n
	}
	w := addr / 8 % pageWords
	m.last[w/64] |= 1 << (w % 64)
}

// any reports whether a word that [addr, addr+size) touches is marked. It may be
// called by several goroutines at once.
func (m *marks) any(addr, size uint64) bool {
	if size == 0 {
		return false
	}
	first, last := addr/8, (addr+size-1)/8
	if last/pageWords-first/pageWords > uint64(len(m.pages)) {
		for n, p := range m.pages { // a huge range, few pages
			if n >= first/pageWords && n <= last/pageWords && p.any(max(first, n*pageWords), min(last, (n+1)*pageWords-1)) {
				return true
			}
		}
		return false
	}
	for n := first / pageWords; n <= last/pageWords; n++ {
		if p := m.pages[n]; p != nil && p.any(max(first, n*pageWords), min(last, (n+1)*pageWords-1)) {
			return true
		}
	}
	return false
}

// any reports whether a word from first to last, of this page, is marked.
func (p *markPage) any(first, last uint64) bool {
	for i := first % pageWords / 64; i <= last%pageWords/64; i++ {
		bits := p[i]
		if i == first%pageWords/64 {
			bits &= ^uint64(0) << (first % 64)
		}
		if i == last%pageWords/64 {
			bits &= ^uint64(0) >> (63 - last%64)
		}
		if bits != 0 {
			return true
		}
	}
	return false
}
