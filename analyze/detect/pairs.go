package detect

import (
	"math/bits"
	"sort"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
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
	names  *names
	races  map[pairKey]*race
	rules  map[ruleKey]*race
	spare  []overlap
}

// word holds the series that touch a word.
type word struct {
	racy uint8
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
	site       siteID
	cycle      uint32
	addr, size uint64
}

type series struct {
	seriesKey
	kind  kind
	steps []step
	seen  uint64 // number of the last access compared with this series
}

// step is what a series has in one segment of its goroutine.
type step struct {
	t     hb.Time
	total uint64 // accesses of the series up to and including this step
	first access
}

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

type overlap struct {
	of   *series
	addr uint64 // first common byte
}

// pairKey names a distinct race: an object and two lines, the smaller first.
type pairKey struct {
	object objectID
	a, b   siteID
}

// ruleKey names a distinct finding of another rule.
type ruleKey struct {
	rule   uint8
	object event.Obj // misuse: the primitive
	memory objectID  // use after free: the variable
	a, b   siteID
}

// race is what is known of a distinct race or finding.
type race struct {
	count uint64
	ww    *pair // the first pair of writes
	rw    *pair // the first pair of others
}

// pair is two accesses in replay order; at is their first common byte.
type pair struct {
	a, b access
	at   uint64
}

func newPairs(racy map[uint64]uint8, n *names) *pairs {
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

// access compares an access in segment t, of a goroutine with clock c, with
// all before it and adds it. A rule other than 0 makes it a check of the
// primitive obj.
func (p *pairs) access(a access, kd kind, t hb.Time, c *hb.Clock, rule uint8, obj event.Obj) {
	site := p.names.site(a.stack)
	over := p.spare[:0]
	masks(a.addr, a.size, func(w uint64, mask uint8) {
		x := p.words[w]
		if x == nil {
			return
		}
		for i := range x.refs {
			r := &x.refs[i]
			if both := r.mask & mask; both != 0 && r.of.seen != a.seq && r.of.g != a.g || both != 0 && r.of.kind == free && r.of.seen != a.seq {
				r.of.seen = a.seq
				over = append(over, overlap{r.of, w*8 + uint64(bits.TrailingZeros8(both))})
			}
		}
	})
	for _, o := range over {
		p.compare(&a, kd, site, c, o, rule, obj)
	}
	p.spare = over[:0]
	p.add(a, kd, t, site, rule)
}

func (p *pairs) compare(a *access, kd kind, site siteID, c *hb.Clock, o overlap, rule uint8, obj event.Obj) {
	s := o.of
	known := c.At(s.g)
	i := sort.Search(len(s.steps), func(i int) bool { return s.steps[i].t > known })
	if s.g == a.g {
		i = len(s.steps)
	}
	var before uint64
	if i > 0 {
		before = s.steps[i-1].total
	}
	if s.kind == free && before > 0 {
		key := ruleKey{rule: 40, memory: p.names.object(o.addr, a.cycle)}
		key.a, key.b = s.site, site
		note(p.rules, key, true, before, &s.steps[0].first, a, o.addr)
	}
	if i == len(s.steps) || 1<<s.kind&conflicts[kd] == 0 {
		return
	}
	count := s.steps[len(s.steps)-1].total - before
	both := s.kind.writes() && kd.writes()
	lo, hi := min(s.site, site), max(s.site, site)
	if rule != 0 {
		note(p.rules, ruleKey{rule: rule, object: obj, a: lo, b: hi}, both, count, &s.steps[i].first, a, o.addr)
		return
	}
	note(p.races, pairKey{p.names.object(o.addr, a.cycle), lo, hi}, both, count, &s.steps[i].first, a, o.addr)
}

// note counts pairs of the later access b, of which a is the first earlier one
// in some series. Of each kind it keeps the pair whose later access comes first
// in the replay, then whose earlier does.
func note[K comparable](m map[K]*race, key K, writes bool, count uint64, a, b *access, at uint64) {
	r := m[key]
	if r == nil {
		r = &race{}
		m[key] = r
	}
	r.count += count
	first := &r.rw
	if writes {
		first = &r.ww
	}
	if *first == nil || (*first).b.seq == b.seq && a.seq < (*first).a.seq {
		*first = &pair{*a, *b, at}
	}
}

func (p *pairs) add(a access, kd kind, t hb.Time, site siteID, rule uint8) {
	key := seriesKey{a.g, a.op, rule, site, a.cycle, a.addr, a.size}
	s := p.series[key]
	if s == nil {
		s = &series{seriesKey: key, kind: kd}
		p.series[key] = s
		masks(a.addr, a.size, func(w uint64, mask uint8) {
			if x := p.words[w]; x != nil && x.racy&mask != 0 {
				x.refs = append(x.refs, ref{s, mask & x.racy})
			}
		})
	}
	if n := len(s.steps); n > 0 && s.steps[n-1].t == t {
		s.steps[n-1].total++
		return
	}
	var total uint64
	if n := len(s.steps); n > 0 {
		total = s.steps[n-1].total
	}
	s.steps = append(s.steps, step{t, total + 1, a})
}

// cut ends the lives of bytes of a word: what was accessed there in cycles
// before the given one is forgotten.
func (p *pairs) cut(w uint64, mask uint8, cycle uint32) {
	x := p.words[w]
	if x == nil {
		return
	}
	kept := x.refs[:0]
	for _, r := range x.refs {
		if r.mask&mask != 0 && r.of.cycle < cycle {
			r.mask &^= mask
			delete(p.series, r.of.seriesKey) // complete: what comes is of the next life
		}
		if r.mask != 0 {
			kept = append(kept, r)
		}
	}
	clear(x.refs[len(kept):])
	x.refs = kept
}
