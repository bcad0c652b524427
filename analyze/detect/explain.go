package detect

import (
	"fmt"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/graph"
)

// found is the pair's place in the replay.
func (m *moments) found() *finding.Moment {
	return &finding.Moment{
		Events:   [2]uint64{m[0].index, m[1].index},
		Position: m[1].seq - 1,
		Distance: m[1].seq - m[0].seq - 1,
	}
}

// explain says what stands around the two accesses of a pair, and what would have
// ordered them. Their common ancestor is not yet among it.
func (e *explainer) explain(p *pair) *finding.Explain {
	x := &finding.Explain{Missing: e.missing(p)}
	for i, a := range [...]*access{&p.a, &p.b} {
		side := &x.Sides[i]
		side.Ancestry = e.ancestry(a.g)
		if e.graph == nil {
			continue
		}
		if n := e.graph.Last(a.g, a.index); n != 0 {
			side.Previous = e.point(n)
		}
		if n := e.graph.Next(a.g, a.index); n != 0 {
			side.Next = e.point(n)
		}
	}
	return x
}

// point describes an event of the graph.
func (e *explainer) point(n graph.Node) *finding.Point {
	x := e.graph.Event(n)
	return &finding.Point{
		Goroutine: e.Goroutine(x.G), Event: x.Index, Op: x.Verb(), Label: e.Label(x), Site: e.Site(x.Stack),
	}
}

// maxAncestry bounds how many go statements are told of a goroutine.
const maxAncestry = 32

// ancestry returns the go statements that led to a goroutine, its own first.
func (e *explainer) ancestry(g event.G) (points []finding.Point) {
	for len(points) < maxAncestry {
		info := e.src.Goroutine(g)
		if info.Parent < 0 || info.Parent == g {
			break
		}
		points = append(points, finding.Point{
			Goroutine: e.Goroutine(info.Parent), Event: e.goAt(g), Op: event.Go.String(),
			Label: "go " + e.Goroutine(g), Site: e.Site(info.Created),
		})
		g = info.Parent
	}
	return points
}

// goAt is the index of the go statement of g within its creator.
func (e *explainer) goAt(g event.G) uint64 {
	if int(g) < len(e.started) {
		return e.started[g]
	}
	return 0
}

// missing is a sentence that names an edge which would have ordered the two
// accesses: from what the first goroutine did after its access to what the
// second did before its own.
func (e *explainer) missing(p *pair) string {
	a, b := e.Goroutine(p.a.g), e.Goroutine(p.b.g)
	if l := common(p.a.locks, p.b.locks); l != nil {
		return fmt.Sprintf("If one of them held %s for writing, not both for reading, its Unlock would come before the other's Lock.", e.lockName(*l))
	}
	for _, side := range [...]struct {
		locks       []event.Obj
		does, other string
	}{{p.a.locks, a, b}, {p.b.locks, b, a}} {
		if len(side.locks) > 0 {
			l := e.lockName(side.locks[len(side.locks)-1])
			return fmt.Sprintf("%s holds %s; if %s held it too, the one's Unlock would come before the other's Lock.", side.does, l, side.other)
		}
	}
	if info := e.src.Goroutine(p.b.g); info.Parent == p.a.g && e.graph != nil {
		// The child was started before its parent's access.
		return fmt.Sprintf("If %s made its access before the go statement%s that starts %s, the go statement would order the two.", a, e.At(info.Created), b)
	}
	if e.graph != nil {
		if n := e.graph.Next(p.a.g, p.a.index); n != 0 {
			x := e.graph.Event(n)
			if x.Done || x.Op == event.Send || x.Op == event.Close {
				return fmt.Sprintf("%q by %s%s comes after its access; if %s waited for that before its own, the two would be ordered.", e.Label(x), a, e.At(x.Stack), b)
			}
		}
	}
	return fmt.Sprintf("A lock held at both, or something that %s does after its access, such as a send, a close or a Done, for which %s waits before its own, would order them.", a, b)
}

// common returns a lock that is in both lists, nil if there is none.
func common(a, b []event.Obj) *event.Obj {
	for i := range a {
		if slices.Contains(b, a[i]) {
			return &a[i]
		}
	}
	return nil
}
