package detect

import (
	"math/bits"
	"sort"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/naming"
)

// pairs compares every access to racy bytes with every earlier one.
//
// Accesses that only differ in when they happened form a series: one goroutine,
// one operation, one line, one range, one garbage collection cycle. A series is
// a list of steps, one for each segment, with running totals, so that the
// accesses of a series which are unordered with a later one, always a tail of
// it, are found and counted by a binary search.
type pairs struct {
	words  map[uint64]*word
	series map[seriesKey]*series
	names  *naming.Names
	races  map[pairKey]*race
	rules  map[ruleKey]*race
	steps  int  // comparisons so far
	most   int  // of them that are made for every access
	capped bool // some were left out

	recent struct { // the race noted last
		at     uint64
		cycle  uint32
		object naming.Object
		key    pairKey
		race   *race
	}
}

// After Options.MaxCompare comparisons an access is compared with the series of one line
// and operation, the last first, only until so many were found to be unordered
// with it. So on a word on which thousands of goroutines race all pairs of lines
// are found, but not all occurrences are counted.
const enough = 16

// word holds the series that touch a word, by line and operation.
type word struct {
	racy   uint8
	groups []group
}

type group struct {
	site naming.Line
	op   event.Op
	rule uint8
	kind kind
	refs []ref
}

type ref struct {
	of   *series
	mask uint8
}

type seriesKey struct {
	g          event.G
	op         event.Op
	rule       uint8
	site       naming.Line
	cycle      uint32
	addr, size uint64
}

type series struct {
	seriesKey
	kind  kind
	slot  hb.Slot
	steps []step
	seen  uint64 // number of the last access compared with this series
}

// step is what a series has in one segment of its goroutine.
type step struct {
	t     hb.Time
	total uint64 // accesses of the series up to and including this step
	first access
	last  moment
}

// moment is when an access was.
type moment struct{ seq, index uint64 }

// moments are when the accesses of a pair were.
type moments [2]moment

// access is one recorded access, with all that a report may want.
type access struct {
	op    event.Op
	g     event.G
	seq   uint64 // place in the replay, from 1
	index uint64
	addr  uint64
	size  uint64
	cycle uint32
	stack event.Stack
	locks []event.Obj // held; shared, never changed
}

// pairKey names a distinct race: an object and two lines, the smaller first.
type pairKey struct {
	object naming.Object
	a, b   naming.Line
}

// ruleKey names a distinct finding of another rule.
type ruleKey struct {
	rule   uint8
	object event.Obj     // misuse: the primitive
	memory naming.Object // use after free: the variable
	a, b   naming.Line
}

// race is what is known of a distinct race or finding.
type race struct {
	count uint64
	ww    *pair // the first pair of writes
	rw    *pair // the first pair of others
	// The first and last of all, by the later access, then by the earlier.
	first, last moments
}

// pair is two accesses in replay order; at is their first common byte.
type pair struct {
	a, b access
	at   uint64
}

func newPairs(racy map[uint64]uint8, n *naming.Names) *pairs {
	p := &pairs{
		words:  make(map[uint64]*word, len(racy)),
		series: map[seriesKey]*series{},
		names:  n,
		races:  map[pairKey]*race{},
		rules:  map[ruleKey]*race{},
	}
	for w, mask := range racy {
		p.words[w] = &word{racy: mask}
	}
	return p
}

// touches reports whether [addr, addr+size) has a racy byte.
func (p *pairs) touches(addr, size uint64) bool {
	found := false
	masks(addr, size, func(w uint64, mask uint8) {
		if !found {
			if x := p.words[w]; x != nil && x.racy&mask != 0 {
				found = true
			}
		}
	})
	return found
}

// access compares an access in a segment, of a goroutine with clock c, with
// all before it and adds it. A rule other than 0 makes it a check of the
// primitive obj.
func (p *pairs) access(a access, kd kind, ep hb.Epoch, c *hb.Clock, rule uint8, obj event.Obj) {
	site := p.names.Line(a.stack)
	masks(a.addr, a.size, func(w uint64, mask uint8) {
		x := p.words[w]
		if x == nil {
			return
		}
		for i := range x.groups {
			gr := &x.groups[i]
			if gr.kind != free && 1<<gr.kind&conflicts[kd] == 0 {
				continue
			}
			found := 0
			for k := len(gr.refs) - 1; k >= 0; k-- {
				r := &gr.refs[k]
				both := r.mask & mask
				if both == 0 || r.of.seen == a.seq || r.of.g == a.g && gr.kind != free {
					continue
				}
				if p.steps++; p.steps > p.most && found == enough {
					p.capped = true
					break
				}
				r.of.seen = a.seq
				if p.compare(&a, kd, site, c, r.of, w*8+uint64(bits.TrailingZeros8(both)), rule, obj) {
					found++
				}
			}
		}
	})
	p.add(a, kd, ep, site, rule)
}

// compare compares an access with a series that has the byte at in common with
// it, and reports whether some of it is unordered with the access.
func (p *pairs) compare(a *access, kd kind, site naming.Line, c *hb.Clock, s *series, at uint64, rule uint8, obj event.Obj) bool {
	known := c.At(s.slot)
	last := len(s.steps) - 1
	var i int
	switch {
	case s.g == a.g || s.steps[last].t <= known:
		i = last + 1
	case s.steps[0].t <= known:
		i = sort.Search(last, func(i int) bool { return s.steps[i].t > known })
	}
	var before uint64
	if i > 0 {
		before = s.steps[i-1].total
	}
	if s.kind == free && before > 0 {
		key := ruleKey{rule: 40, memory: p.names.Object(at, a.cycle)}
		key.a, key.b = s.site, site
		entry(p.rules, key).add(true, before, &s.steps[0].first, s.steps[i-1].last, a, at)
	}
	if i > last || 1<<s.kind&conflicts[kd] == 0 {
		return false
	}
	count := s.steps[last].total - before
	both := s.kind.writes() && kd.writes()
	lo, hi := min(s.site, site), max(s.site, site)
	var r *race
	if rule != 0 {
		r = entry(p.rules, ruleKey{rule: rule, object: obj, a: lo, b: hi})
	} else {
		r = p.race(at, a.cycle, lo, hi)
	}
	r.add(both, count, &s.steps[i].first, s.steps[last].last, a, at)
	return true
}

// race returns the race of an object and two lines.
func (p *pairs) race(at uint64, cycle uint32, lo, hi naming.Line) *race {
	x := &p.recent
	if x.race == nil || x.at != at || x.cycle != cycle {
		x.at, x.cycle, x.object, x.race = at, cycle, p.names.Object(at, cycle), nil
	}
	if key := (pairKey{x.object, lo, hi}); x.race == nil || x.key != key {
		x.key, x.race = key, entry(p.races, key)
	}
	return x.race
}

// entry returns the race or finding of a key, a new one if there is none.
func entry[K comparable](m map[K]*race, key K) *race {
	r := m[key]
	if r == nil {
		r = &race{}
		m[key] = r
	}
	return r
}

// add adds pairs of the later access b, of which a is the first earlier one in
// some series and last the last. Of each kind the pair is kept whose later
// access comes first in the replay, then whose earlier does.
func (r *race) add(writes bool, count uint64, a *access, last moment, b *access, at uint64) {
	r.count += count
	first := &r.rw
	if writes {
		first = &r.ww
	}
	if *first == nil || (*first).b.seq == b.seq && a.seq < (*first).a.seq {
		*first = &pair{*a, *b, at}
	}
	now := moment{b.seq, b.index}
	if r.first[1].seq == 0 || r.first[1] == now && a.seq < r.first[0].seq {
		r.first = moments{{a.seq, a.index}, now}
	}
	if r.last[1] != now || last.seq > r.last[0].seq {
		r.last = moments{last, now}
	}
}

func (p *pairs) add(a access, kd kind, ep hb.Epoch, site naming.Line, rule uint8) {
	key := seriesKey{a.g, a.op, rule, site, a.cycle, a.addr, a.size}
	s := p.series[key]
	if s == nil {
		s = &series{seriesKey: key, kind: kd, slot: ep.Slot}
		p.series[key] = s
		masks(a.addr, a.size, func(w uint64, mask uint8) {
			if x := p.words[w]; x != nil && x.racy&mask != 0 {
				x.add(ref{s, mask & x.racy})
			}
		})
	}
	now := moment{a.seq, a.index}
	if n := len(s.steps); n > 0 && s.steps[n-1].t == ep.T {
		s.steps[n-1].total++
		s.steps[n-1].last = now
		return
	}
	var total uint64
	if n := len(s.steps); n > 0 {
		total = s.steps[n-1].total
	}
	s.steps = append(s.steps, step{ep.T, total + 1, a, now})
}

// add adds a series to its group.
func (x *word) add(r ref) {
	for i := range x.groups {
		if gr := &x.groups[i]; gr.site == r.of.site && gr.op == r.of.op && gr.rule == r.of.rule && gr.kind == r.of.kind {
			gr.refs = append(gr.refs, r)
			return
		}
	}
	x.groups = append(x.groups, group{r.of.site, r.of.op, r.of.rule, r.of.kind, []ref{r}})
}

// cut ends the lives of bytes of a word: what was accessed there in cycles
// before the given one is forgotten.
func (p *pairs) cut(w uint64, mask uint8, cycle uint32) {
	x := p.words[w]
	if x == nil {
		return
	}
	for i := range x.groups {
		gr := &x.groups[i]
		kept := gr.refs[:0]
		for _, r := range gr.refs {
			if r.mask&mask != 0 && r.of.cycle < cycle {
				r.mask &^= mask
				delete(p.series, r.of.seriesKey) // complete: what comes is of the next life
			}
			if r.mask != 0 {
				kept = append(kept, r)
			}
		}
		clear(gr.refs[len(kept):])
		gr.refs = kept
	}
}
