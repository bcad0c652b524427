package graph

import (
	"container/heap"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// Point is a place in an execution: before the goroutine's event of an index.
type Point struct {
	G     event.G
	Index uint64
}

// Meeting is where two points meet in the past.
type Meeting struct {
	// Ancestor is the latest event, in replay order, that both points follow;
	// 0 if there is none.
	Ancestor Node
	// Paths lead from Ancestor, included, to each of the points, excluded,
	// oldest first. An edge's From is the node, its Kind that of the edge which
	// leaves it.
	Paths [2][]Edge
	Steps int // nodes looked at
}

// Meet finds where two points meet, looking at no more than steps nodes; ok is
// false if that was not enough.
//
// Nodes are visited from the largest number down, so all that follow a node and
// precede a point have been seen when the node is: the first event found from
// both sides is the nearest.
func (g *Graph) Meet(a, b Point, steps int) (m Meeting, ok bool) {
	s := search{marks: map[Node]*mark{}}
	var edges []Edge
	for side, p := range [...]Point{a, b} {
		if int(p.G) >= len(g.byG) {
			continue
		}
		edges = edges[:0]
		if n := g.Last(p.G, p.Index+1); n != 0 && g.at(n).index == p.Index {
			edges = g.Preds(edges, n) // an atomic access
		} else {
			edges = g.programPreds(edges, p.G, n)
		}
		for _, e := range edges {
			s.reach(e, 0, side)
		}
	}
	for len(s.queue) > 0 {
		if m.Steps++; m.Steps > steps {
			return m, false
		}
		n := heap.Pop(&s.queue).(Node)
		k := s.marks[n]
		if k.from[0] && k.from[1] && !g.IsVersion(n) {
			m.Ancestor = n
			for side := range m.Paths {
				m.Paths[side] = s.path(g, n, side)
			}
			return m, true
		}
		for _, e := range g.Preds(edges[:0], n) {
			for side := range k.from {
				if k.from[side] {
					s.reach(e, n, side)
				}
			}
		}
	}
	return m, true
}

// mark says from which sides a node was reached and by which edge.
type mark struct {
	from [2]bool
	next [2]Node
	kind [2]hb.Kind
}

type search struct {
	queue largest
	marks map[Node]*mark
}

func (s *search) reach(e Edge, next Node, side int) {
	k := s.marks[e.From]
	if k == nil {
		k = &mark{}
		s.marks[e.From] = k
		heap.Push(&s.queue, e.From)
	}
	if !k.from[side] {
		k.from[side], k.next[side], k.kind[side] = true, next, e.Kind
	}
}

// path returns the events from n to a side's point, versions left out.
func (s *search) path(g *Graph, n Node, side int) (path []Edge) {
	for ; n != 0; n = s.marks[n].next[side] {
		if g.IsVersion(n) {
			path[len(path)-1].Kind = s.marks[n].kind[side]
			continue
		}
		path = append(path, Edge{n, s.marks[n].kind[side]})
	}
	return path
}

type largest []Node

func (l largest) Len() int           { return len(l) }
func (l largest) Less(i, j int) bool { return l[i] > l[j] }
func (l largest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *largest) Push(x any)        { *l = append(*l, x.(Node)) }
func (l *largest) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}

// Access is one of the two accesses that a slice is around.
type Access struct {
	Point
	Seq   uint64
	Op    event.Op
	Label string
	Site  finding.Frame
}

// Describer puts events into words.
type Describer interface {
	Goroutine(event.G) string
	Label(Event) string
	Site(event.Stack) finding.Frame
}

// maxNodes is how many events a slice shows.
const maxNodes = 60

// Slice returns the part of the graph that shows how two accesses relate: the
// paths from where they meet, each one's synchronization before and after it,
// and the accesses.
func (g *Graph) Slice(m *Meeting, a, b Access, d Describer) *finding.Graph {
	type shown struct {
		node   Node
		access *Access
	}
	keep := map[Node]bool{}
	type link struct {
		from, to Node
		kind     hb.Kind
	}
	var links []link
	for _, path := range m.Paths {
		path = shorten(g, path)
		for i, e := range path {
			keep[e.From] = true
			if i+1 < len(path) && e.Kind != hb.Program {
				links = append(links, link{e.From, path[i+1].From, e.Kind})
			}
		}
	}
	for _, p := range [...]Point{a.Point, b.Point} {
		for _, n := range [...]Node{g.Last(p.G, p.Index), g.Next(p.G, p.Index)} {
			if n != 0 {
				keep[n] = true
			}
		}
	}
	var all []shown
	for n := range keep {
		x := g.at(n)
		if own := x.g == a.G && x.index == a.Index || x.g == b.G && x.index == b.Index; !own {
			all = append(all, shown{node: n})
		}
	}
	all = append(all, shown{access: &a}, shown{access: &b})
	seq := func(s shown) uint64 {
		if s.access != nil {
			return s.access.Seq
		}
		return g.at(s.node).seq
	}
	slices.SortFunc(all, func(x, y shown) int {
		if seq(x) < seq(y) {
			return -1
		}
		return 1
	})

	out := &finding.Graph{Nodes: []finding.Node{}, Edges: []finding.Edge{}}
	ids := map[Node]int{}
	last := map[event.G]int{}         // the last node shown of a goroutine
	lastIndex := map[event.G]uint64{} // and its event's index
	begun := map[event.G]int{}        // where a goroutine's creation is shown
	for _, s := range all {
		n := finding.Node{ID: len(out.Nodes)}
		var of event.G
		if s.access != nil {
			of = s.access.G
			n.Event, n.Op, n.Label, n.Site = s.access.Index, s.access.Op.String(), s.access.Label, s.access.Site
			n.Racing = true
		} else {
			e := g.Event(s.node)
			of = e.G
			n.Event, n.Op, n.Label, n.Site = e.Index, e.Verb(), d.Label(e), d.Site(e.Stack)
			ids[s.node] = n.ID
			if e.Op == event.Go {
				begun[e.Child] = n.ID
			}
		}
		n.Goroutine = d.Goroutine(of)
		if before, ok := last[of]; ok {
			n.Elided = int(n.Event - lastIndex[of] - 1)
			out.Edges = append(out.Edges, finding.Edge{From: before, To: n.ID, Kind: hb.Program.String()})
		} else {
			n.Elided = int(n.Event)
			if start, ok := begun[of]; ok {
				out.Edges = append(out.Edges, finding.Edge{From: start, To: n.ID, Kind: hb.Go.String()})
			}
		}
		last[of], lastIndex[of] = n.ID, n.Event
		out.Nodes = append(out.Nodes, n)
	}
	for _, l := range links {
		from, ok1 := ids[l.from]
		to, ok2 := ids[l.to]
		if e := (finding.Edge{From: from, To: to, Kind: l.kind.String()}); ok1 && ok2 && l.kind != hb.Go && !slices.Contains(out.Edges, e) {
			out.Edges = append(out.Edges, e)
		}
	}
	return out
}

// shorten leaves out what a goroutine did between where a path enters and where
// it leaves it, and then the middle of the path, so that it fits.
func shorten(g *Graph, path []Edge) []Edge {
	short := make([]Edge, 0, len(path))
	for i, e := range path {
		inner := i > 0 && i+1 < len(path) && e.Kind == hb.Program && path[i-1].Kind == hb.Program
		if !inner {
			short = append(short, e)
		}
	}
	const most = (maxNodes - 6) / 2
	if len(short) > most {
		// The gap hides edges: what is left on both sides is not linked by it.
		head := short[: most/2 : most/2]
		head[len(head)-1].Kind = hb.Program
		short = append(head, short[len(short)-most/2:]...)
	}
	return short
}
