package detect

import (
	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// kind is what an access conflicts with.
type kind uint8

const (
	read kind = iota
	write
	atomicRead
	atomicWrite
	free // a write after which no access is right
)

// conflicts says which kinds conflict with each kind, as a set of bits.
var conflicts = [...]uint8{
	read:        1<<write | 1<<atomicWrite | 1<<free,
	write:       1<<read | 1<<write | 1<<atomicRead | 1<<atomicWrite | 1<<free,
	atomicRead:  1<<write | 1<<free,
	atomicWrite: 1<<read | 1<<write | 1<<free,
	free:        1<<read | 1<<write | 1<<atomicRead | 1<<atomicWrite | 1<<free,
}

// covered says which kinds conflict with nothing but what a kind conflicts
// with. An earlier access of such a kind, ordered before a later one that
// covers it, can be forgotten: what is unordered with the earlier is either
// unordered with the later as well, or between the two in the replay and has
// been compared with the earlier already.
var covered = [...]uint8{
	read:        1<<read | 1<<atomicRead,
	write:       1<<read | 1<<write | 1<<atomicRead | 1<<atomicWrite,
	atomicRead:  1 << atomicRead,
	atomicWrite: 1<<atomicRead | 1<<atomicWrite,
	free:        1<<read | 1<<write | 1<<atomicRead | 1<<atomicWrite | 1<<free,
}

func kindOf(op event.Op) kind {
	switch op {
	case event.Read, event.MisuseRead:
		return read
	case event.AtomicLoad, event.AtomicCASFail:
		return atomicRead
	case event.AtomicStore, event.AtomicRMW:
		return atomicWrite
	case event.Free:
		return free
	}
	return write
}

func (k kind) writes() bool { return k != read && k != atomicRead }

// past is an access that may still turn out to be unordered with a later one.
type past struct {
	hb.Epoch
	cycle uint32
	mask  uint8 // bytes of the word
	kind  kind
}

// shadow finds the racy bytes of an execution in one go. For every word of 8
// bytes it holds the accesses that no later one covers; a byte for which two
// conflicting unordered accesses were seen is racy and needs no more memory.
//
// It errs on one side only. An access may be delivered before the Alloc of the
// life it belongs to, and then is compared with the life before: so some racy
// bytes are none, and the pairs decide. No racy byte is missed.
//
// Most words are touched by one goroutine, or written by one and read by
// another: two entries, each a segment's number and the bytes it touched, say
// all, and an access that the segment has made before is seen to be known by one
// comparison. Other words have a list. Memory is 8 bytes a word in every page
// touched, 16 for every segment that an entry names, and 24 for each access in a
// list, all of it memory that the garbage collector does not look into.
type shadow struct {
	pages map[uint64]*page
	cache [cachedPages]cachedPage
	last  *page // the page used last, number lastN
	lastN uint64

	epochs  []epoch  // by number; the first two are none
	spareID []uint32 // numbers that nothing names any more
	limit   int      // length of epochs at which unused ones are looked for
	now     []segment

	// The segment that accesses are being made in, its clock and cycle.
	cur   *segment
	epoch hb.Epoch
	cycle uint32
	clock *hb.Clock

	slabs []*[slabLen]cell
	used  uint32 // cells ever taken, the first is never
	spare uint32 // list of cells given back

	large map[uint64]*crowd // words with many accesses
	racy  map[uint64]uint8  // by word
}

// A page is words. A word is two entries, or, if the first is listed, the second
// is a list: 0, nothing; else the number of its first cell; or crowded, then the
// word is in large. A list of a word with racy bytes has flagged set.
type page [pageWords][2]uint32

// An entry is bytes (8 bits) and the number of an epoch (24 bits); 0 is none.
const (
	entryBytes = 24
	entryID    = 1<<entryBytes - 1

	listed uint32 = 1
)

const (
	pageWords   = event.Page / 8
	cachedPages = 1 << 10
	slabLen     = 1 << 10

	flagged uint32 = 1 << 31
	crowded uint32 = 1<<31 - 1

	// manyCells is the length of the list at which a word becomes a crowd.
	manyCells = 24
)

type cachedPage struct {
	n uint64
	p *page
}

// epoch is what the accesses of one kind in one segment and cycle have in common.
type epoch struct {
	hb.Epoch
	cycle uint32
	kind  kind
}

// segment is a slot's last, with the numbers of its epochs.
type segment struct {
	t     hb.Time
	cycle uint32
	ids   [free + 1]uint32
}

type cell struct {
	past
	next uint32
}

// crowd is a word that many goroutines access, none of them ordered. Accesses
// are kept by kind, and those of one slot found by a map, so that a
// hundred thousand readers are not compared with each other.
type crowd [free + 1]struct {
	list  []past
	index map[crowdKey]int // places in list
	limit int              // length of list at which ordered accesses are swept out
}

type crowdKey struct {
	slot hb.Slot
	mask uint8
}

func newShadow() *shadow {
	return &shadow{
		pages: map[uint64]*page{}, used: 1,
		epochs: make([]epoch, 2), limit: 1 << 17,
		large: map[uint64]*crowd{}, racy: map[uint64]uint8{},
		lastN: ^uint64(0),
	}
}

// apply does what a piece says.
func (s *shadow) apply(p *piece) {
	if p.cut {
		s.cut(p.addr, p.size, p.cycle)
		return
	}
	s.begin(p.epoch, p.cycle, &p.clock)
	if p.run == nil {
		s.access(p.addr, p.size, p.kind)
		return
	}
	for _, a := range p.run {
		kd := kind(a & 1) // read, write
		addr, size := a.Addr(), a.Size()
		w := addr / 8
		if n := w / pageWords; n != s.lastN {
			s.find(n, true)
		}
		if addr%8+size <= 8 {
			at := &s.last[w%pageWords]
			if mask := uint8(0xff) >> (8 - size) << (addr % 8); !s.made(at, mask, kd) {
				s.accessWord(w, at, mask, kd)
			}
			continue
		}
		// Several words of one page.
		end := (addr + size - 1) / 8
		mask := uint8(0xff) << (addr % 8)
		for ; w <= end; w++ {
			if w == end {
				mask &= 0xff >> (7 - (addr+size-1)%8)
			}
			if at := &s.last[w%pageWords]; !s.made(at, mask, kd) {
				s.accessWord(w, at, mask, kd)
			}
			mask = 0xff
		}
	}
}

// made reports whether an entry says that the segment has made the access.
func (s *shadow) made(at *[2]uint32, mask uint8, kd kind) bool {
	own := s.cur.ids[kd]
	if own == 0 || kd == free {
		return false
	}
	bytes := uint32(mask) << entryBytes
	x, y := at[0], at[1]
	return x&entryID == own && x&bytes == bytes || y&entryID == own && y&bytes == bytes && x != listed
}

// begin says in which segment, cycle and with which clock accesses are made.
func (s *shadow) begin(ep hb.Epoch, cycle uint32, clock *hb.Clock) {
	s.epoch, s.cycle, s.clock = ep, cycle, clock
	if len(s.spareID) < 8 && len(s.epochs)+8 > s.limit {
		s.sweepEpochs()
	}
	for int(ep.Slot) >= len(s.now) {
		s.now = append(s.now, segment{})
	}
	s.cur = &s.now[ep.Slot]
	if s.cur.t != ep.T || s.cur.cycle != cycle {
		*s.cur = segment{t: ep.T, cycle: cycle}
	}
}

// id returns the number of the current segment's epoch of a kind.
func (s *shadow) id(kd kind) uint32 {
	id := s.cur.ids[kd]
	if id == 0 {
		e := epoch{s.epoch, s.cycle, kd}
		if n := len(s.spareID); n > 0 {
			id = s.spareID[n-1]
			s.spareID = s.spareID[:n-1]
			s.epochs[id] = e
		} else {
			id = uint32(len(s.epochs))
			s.epochs = append(s.epochs, e)
		}
		s.cur.ids[kd] = id
	}
	return id
}

// sweepEpochs finds the numbers that no entry has. If too few are left, all
// entries become lists.
func (s *shadow) sweepEpochs() {
	used := make([]bool, len(s.epochs))
	n := 0
	for _, p := range s.pages {
		for i := range p {
			if p[i][0] == listed {
				continue
			}
			for _, v := range p[i] {
				if id := v & entryID; id != 0 && !used[id] {
					used[id] = true
					n++
				}
			}
		}
	}
	// A sweep looks at all pages: it must free as much as that is worth.
	s.limit = min(max(s.limit, 2*n, len(s.pages)*32), entryID-8)
	if n > entryID/4*3 {
		for _, p := range s.pages {
			for i := range p {
				if p[i] != [2]uint32{} {
					s.list(&p[i])
				}
			}
		}
		clear(used)
	}
	s.spareID = s.spareID[:0]
	for id := len(used) - 1; id > int(listed); id-- {
		if !used[id] {
			s.spareID = append(s.spareID, uint32(id))
		}
	}
	clear(s.now)
}

// word returns a word's place.
func (s *shadow) word(w uint64) *[2]uint32 {
	if n := w / pageWords; n != s.lastN {
		s.find(n, true)
	}
	return &s.last[w%pageWords]
}

// find makes page n the last one used, and reports whether there is one. If
// create is set, there will be.
func (s *shadow) find(n uint64, create bool) bool {
	at := &s.cache[(n^n>>10)%cachedPages]
	if at.p == nil || at.n != n {
		p := s.pages[n]
		if p == nil {
			if !create {
				return false
			}
			p = new(page)
			s.pages[n] = p
		}
		*at = cachedPage{n, p}
	}
	s.last, s.lastN = at.p, n
	return true
}

func (s *shadow) cell(i uint32) *cell { return &s.slabs[i/slabLen][i%slabLen] }

func (s *shadow) take() uint32 {
	if i := s.spare; i != 0 {
		s.spare = s.cell(i).next
		return i
	}
	i := s.used
	s.used++
	if int(i/slabLen) == len(s.slabs) {
		s.slabs = append(s.slabs, new([slabLen]cell))
	}
	return i
}

func (s *shadow) give(i uint32) {
	s.cell(i).next = s.spare
	s.spare = i
}

// masks calls f for every word that [addr, addr+size) touches, with the bytes
// it touches of it.
func masks(addr, size uint64, f func(w uint64, mask uint8)) {
	for w, end := addr/8, (addr+size-1)/8; ; w++ {
		mask := uint8(0xff)
		if w == addr/8 {
			mask &= 0xff << (addr % 8)
		}
		if w == end {
			mask &= 0xff >> (7 - (addr+size-1)%8)
			f(w, mask)
			return
		}
		f(w, mask)
	}
}

// access notes an access of any size.
func (s *shadow) access(addr, size uint64, kd kind) {
	masks(addr, size, func(w uint64, mask uint8) { s.accessWord(w, s.word(w), mask, kd) })
}

// accessWord notes an access to bytes of a word.
func (s *shadow) accessWord(w uint64, at *[2]uint32, mask uint8, kd kind) {
	x, y := at[0], at[1]
	if x == listed {
		s.accessList(w, &at[1], past{s.epoch, s.cycle, mask, kd}, s.clock)
		return
	}
	if s.made(at, mask, kd) {
		return
	}
	var racy uint8
	known := false
	both := [2]uint32{x, y}
	for i, v := range both {
		bytes := uint8(v >> entryBytes)
		common := bytes & mask
		if common == 0 {
			continue
		}
		e := &s.epochs[v&entryID]
		if e.Epoch == s.epoch && mask&^bytes == 0 && 1<<kd&covered[e.kind] != 0 && e.kind != free {
			// Nothing new, but it now belongs to the newer life.
			if known = true; e.cycle != s.cycle {
				both[i] = uint32(bytes)<<entryBytes | s.id(e.kind)
			}
			continue
		}
		before := e.Slot == s.epoch.Slot || s.clock.Knows(e.Epoch)
		if !before && 1<<e.kind&conflicts[kd] != 0 || before && e.kind == free {
			racy |= common
		}
		if before && 1<<e.kind&covered[kd] != 0 {
			bytes &^= common
		}
		if both[i] = uint32(bytes)<<entryBytes | v&entryID; bytes == 0 {
			both[i] = 0
		}
	}
	*at = both
	if racy != 0 {
		s.list(at)
		s.flag(w, &at[1], racy)
		s.accessList(w, &at[1], past{s.epoch, s.cycle, mask, kd}, s.clock)
		return
	}
	if known {
		return
	}
	own := uint32(mask)<<entryBytes | s.id(kd)
	for i, v := range both {
		if v == 0 || v&entryID == own&entryID {
			at[i] = v | own
			return
		}
	}
	s.list(at)
	s.accessList(w, &at[1], past{s.epoch, s.cycle, mask, kd}, s.clock)
}

// list makes a list of a word's entries.
func (s *shadow) list(at *[2]uint32) {
	if at[0] == listed {
		return
	}
	both := *at
	*at = [2]uint32{listed, 0}
	for _, v := range both {
		if v != 0 {
			e := &s.epochs[v&entryID]
			i := s.take()
			*s.cell(i) = cell{past{e.Epoch, e.cycle, uint8(v >> entryBytes), e.kind}, at[1]}
			at[1] = i
		}
	}
}

// accessList notes an access to bytes of a word that has a list.
func (s *shadow) accessList(w uint64, at *uint32, a past, c *hb.Clock) {
	ref := *at
	if ref&flagged != 0 {
		if a.mask &^= s.racy[w]; a.mask == 0 {
			return
		}
	}
	first := ref &^ flagged
	if first == crowded {
		s.flag(w, at, s.large[w].access(a, c))
		return
	}
	var racy uint8
	var same uint32 // the segment's own cell of the kind
	n := 0
	for prev, i := uint32(0), first; i != 0; {
		e := s.cell(i)
		next := e.next
		if e.Epoch == a.Epoch {
			if e.mask|a.mask == e.mask && 1<<a.kind&covered[e.kind] != 0 && e.kind != free {
				// Nothing new: what conflicts with it was found when the cell was
				// made, or since then. But it now belongs to the newer life, and
				// there may be more like it.
				e.cycle = a.cycle
				if prev != 0 && racy == 0 {
					s.cell(prev).next = next
					e.next = first
					*at = ref&flagged | i
				}
				s.flag(w, at, racy)
				return
			}
			if e.kind == a.kind && e.cycle == a.cycle {
				same = i
			}
		}
		both := e.mask & a.mask
		if both == 0 {
			prev, i, n = i, next, n+1
			continue
		}
		against := 1<<e.kind&conflicts[a.kind] != 0
		if !against && e.Slot != a.Slot && e.kind != free && n < manyCells/2 {
			prev, i, n = i, next, n+1 // of no interest; whether it is covered can be found out later
			continue
		}
		before := e.Slot == a.Slot || c.Knows(e.Epoch)
		if !before && against || before && e.kind == free {
			racy |= both
		}
		if before && 1<<e.kind&covered[a.kind] != 0 {
			e.mask &^= both
		}
		if e.mask &^= racy; e.mask == 0 && i != same {
			if prev == 0 {
				first = next
				*at = ref&flagged | first
			} else {
				s.cell(prev).next = next
			}
			s.give(i)
			i = next
			continue
		}
		prev, i, n = i, next, n+1
	}
	if racy != 0 {
		s.flag(w, at, racy)
		a.mask &^= racy
	}
	if a.mask == 0 {
		return
	}
	if same != 0 {
		s.cell(same).mask |= a.mask
		return
	}
	if n >= manyCells {
		s.crowd(w, at, a, c)
		return
	}
	if *at == 0 {
		// It covers all that was in the list.
		s.last[w%pageWords] = [2]uint32{uint32(a.mask)<<entryBytes | s.id(a.kind), 0}
		return
	}
	i := s.take()
	*s.cell(i) = cell{a, first}
	*at = *at&flagged | i
}

// flag marks bytes of a word as racy.
func (s *shadow) flag(w uint64, at *uint32, mask uint8) {
	if mask != 0 {
		*at |= flagged
		s.racy[w] |= mask
	}
}

// crowd makes a crowd of a word's list and the access a.
func (s *shadow) crowd(w uint64, at *uint32, a past, c *hb.Clock) {
	k := new(crowd)
	for i := *at &^ flagged; i != 0; {
		e := s.cell(i)
		k.add(e.past)
		next := e.next
		s.give(i)
		i = next
	}
	s.large[w] = k
	*at = *at&flagged | crowded
	s.flag(w, at, k.access(a, c))
}

func (k *crowd) add(a past) {
	of := &k[a.kind]
	if of.index == nil {
		of.index = map[crowdKey]int{}
	}
	key := crowdKey{a.Slot, a.mask}
	if i, ok := of.index[key]; ok {
		of.list[i] = a // same slot, later: covers the one before
		return
	}
	of.index[key] = len(of.list)
	of.list = append(of.list, a)
}

// access adds an access and returns the bytes found racy.
func (k *crowd) access(a past, c *hb.Clock) (racy uint8) {
	for kd := range k {
		of := &k[kd]
		against := 1<<kd&conflicts[a.kind] != 0
		covers := 1<<kd&covered[a.kind] != 0
		if !against && (!covers || len(of.list) <= of.limit) {
			continue
		}
		k.sweep(kd, func(e *past) {
			both := e.mask & a.mask
			if both == 0 {
				return
			}
			before := e.Slot == a.Slot || c.Knows(e.Epoch)
			if against && !before || before && e.kind == free {
				racy |= both
			}
			if before && covers {
				e.mask &^= both
			}
			e.mask &^= racy
		})
	}
	if a.mask &^= racy; a.mask != 0 {
		k.add(a)
	}
	return racy
}

// sweep calls f, which may take bytes away, for all accesses of a kind.
func (k *crowd) sweep(kd int, f func(*past)) {
	of := &k[kd]
	kept, changed := of.list[:0], false
	for _, e := range of.list {
		mask := e.mask
		f(&e)
		changed = changed || e.mask != mask
		if e.mask != 0 {
			kept = append(kept, e)
		}
	}
	of.list = kept
	of.limit = max(2*len(kept), manyCells)
	if !changed {
		return
	}
	clear(of.index)
	for i, e := range kept {
		of.index[crowdKey{e.Slot, e.mask}] = i
	}
}

// cut ends the lives in [addr, addr+size): what was accessed there in cycles
// before the given one is forgotten.
func (s *shadow) cut(addr, size uint64, cycle uint32) {
	if size == 0 {
		return
	}
	first, last := addr/8, (addr+size-1)/8
	for n := first / pageWords; n <= last/pageWords; n++ {
		if last/pageWords-n > uint64(len(s.pages)) {
			for p := range s.pages { // a huge range, few pages
				if p >= n && p <= last/pageWords {
					s.cutWords(addr, size, max(first, p*pageWords), min(last, p*pageWords+pageWords-1), cycle)
				}
			}
			return
		}
		s.cutWords(addr, size, max(first, n*pageWords), min(last, n*pageWords+pageWords-1), cycle)
	}
}

// cutWords cuts the words from first to last, all of one page.
func (s *shadow) cutWords(addr, size, first, last uint64, cycle uint32) {
	if !s.find(first/pageWords, false) {
		return
	}
	for w := first; w <= last; w++ {
		at := &s.last[w%pageWords]
		if at[0]|at[1] == 0 {
			continue
		}
		mask := uint8(0xff)
		if w == addr/8 {
			mask &= 0xff << (addr % 8)
		}
		if w == (addr+size-1)/8 {
			mask &= 0xff >> (7 - (addr+size-1)%8)
		}
		if at[0] == listed {
			if s.cutWord(w, &at[1], mask, cycle); at[1] == 0 {
				at[0] = 0
			}
			continue
		}
		for i, v := range at {
			if v != 0 && s.epochs[v&entryID].cycle < cycle {
				if v &^= uint32(mask) << entryBytes; v>>entryBytes == 0 {
					v = 0
				}
				at[i] = v
			}
		}
	}
}

func (s *shadow) cutWord(w uint64, at *uint32, mask uint8, cycle uint32) {
	if *at&^flagged == 0 {
		return
	}
	if *at&^flagged == crowded {
		k := s.large[w]
		for kd := range k {
			k.sweep(kd, func(e *past) {
				if e.cycle < cycle {
					e.mask &^= mask
				}
			})
		}
		return
	}
	var first uint32
	for i := *at &^ flagged; i != 0; {
		e := s.cell(i)
		next := e.next
		if e.cycle < cycle {
			e.mask &^= mask
		}
		if e.mask == 0 {
			s.give(i)
		} else {
			e.next, first = first, i
		}
		i = next
	}
	*at = *at&flagged | first
}
