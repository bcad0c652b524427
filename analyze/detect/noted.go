package detect

import (
	"fmt"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/naming"
)

// order is what counts as ordered.
type order struct {
	mode hb.Mode
	cuts bool   // what was done to an object before its finalizer is before that
	but  string // what orders in the order before this one in [detector.orders], and not in this one
}

// own is the order that was asked for.
func (d *detector) own() order { return order{mode: d.opts.Mode, cuts: d.opts.Mode != hb.Strict} }

// weakest is the order under which no pair that may be told of is ordered.
func (d *detector) weakest() order {
	if d.opts.Mode == hb.Model {
		return order{mode: hb.Strict}
	}
	return d.own()
}

// orders are the order that was asked for and weaker ones, each without one more
// kind of edge: those of which the execution has some. A pair that is ordered by
// the one but not by the next is noted.
func (d *detector) orders() []order {
	all := []order{d.own()}
	if d.opts.Mode != hb.Model || d.unnoted {
		return all
	}
	if d.reaches {
		all = append(all, order{mode: hb.Model, but: "by reachability (a finalizer or cleanup ran, so nobody could use the object)"})
	}
	if d.reads {
		all = append(all, order{mode: hb.Strict, but: "by input and output"})
	}
	return all
}

// noted is the pairs that only one kind of edge orders.
type noted struct {
	by     string
	count  uint64
	capped bool  // count is not exact
	first  *pair // nil: none
}

// lines is a pair of source lines, the smaller first. A pair of accesses may be of
// another object in a weaker order, but never of other lines.
type lines struct{ a, b naming.Line }

// between is what is known of the pairs of two lines.
type between struct {
	count uint64
	first *race
}

func byLines(p *pairs) map[lines]between {
	all := map[lines]between{}
	for key, r := range p.races {
		x := all[lines{key.a, key.b}]
		x.count += r.count
		if x.first == nil || inOrder(r, x.first) < 0 {
			x.first = r
		}
		all[lines{key.a, key.b}] = x
	}
	return all
}

// note returns the pairs of weak, an order without the edges of kind by, that are
// not among those of strong, the same with them. The first is of two lines of
// which no accesses race, if there is one.
func note(by string, strong, weak *pairs) noted {
	n := noted{by: by, capped: strong.capped || weak.capped}
	known := byLines(strong)
	var first *race
	races := true // first's lines do
	for l, w := range byLines(weak) {
		s := known[l]
		if w.count <= s.count {
			continue
		}
		n.count += w.count - s.count
		if too := s.count > 0; first == nil || races && !too || races == too && inOrder(w.first, first) < 0 {
			first, races = w.first, too
		}
	}
	if first != nil {
		n.first = first.shown()
	}
	return n
}

func (e *explainer) note(n *noted) string {
	pairs, first, them := fmt.Sprintf("%d pairs of accesses are", n.count), ", the first", "them"
	switch {
	case n.capped:
		pairs = "pairs of accesses are"
	case n.count == 1:
		pairs, first, them = "1 pair of accesses is", "", "it"
	}
	return fmt.Sprintf("%s ordered only %s%s: %s and %s; --order=strict reports %s",
		pairs, n.by, first, e.line(&n.first.a), e.line(&n.first.b), them)
}

// line is where an access was made, for people.
func (e *explainer) line(a *access) string {
	if at := e.At(a.stack); at != "" {
		return strings.TrimPrefix(at, " at ")
	}
	return "an unknown line of " + e.Goroutine(a.g)
}
