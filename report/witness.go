package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/dominikbraun/graph"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// A witness is a checked graph, ready to be drawn: its edges join known nodes,
// no two nodes are twice joined and no way leads back.
type witness struct {
	nodes   []finding.Node // in an order that all edges follow
	row     map[int]int    // node id to index in nodes
	edges   []edge
	lanes   []string // goroutines, in order of their first node
	members map[string][]finding.Node
}

// An edge joins two nodes; two that share their ends have become one of several kinds.
type edge struct {
	from, to int // node ids
	kinds    []string
}

// unordered is the kind of the edge drawn between the two accesses of a race.
const unordered = "unordered"

// newWitness checks g and puts it in drawing order: the given one, which is
// the replay order, or where edges contradict that, a topological one.
func newWitness(g *finding.Graph) (*witness, error) {
	held := graph.New(func(n finding.Node) int { return n.ID }, graph.Directed())
	w := &witness{row: map[int]int{}, members: map[string][]finding.Node{}}
	for i, n := range g.Nodes {
		if err := held.AddVertex(n); err != nil {
			return nil, fmt.Errorf("node %d: %w", n.ID, err)
		}
		w.row[n.ID] = i
	}
	merged := map[[2]int]int{} // index in w.edges
	forward := true
	for _, e := range g.Edges {
		ends := [2]int{e.From, e.To}
		if i, ok := merged[ends]; ok {
			if !slices.Contains(w.edges[i].kinds, e.Kind) {
				w.edges[i].kinds = append(w.edges[i].kinds, e.Kind)
			}
			continue
		}
		if err := held.AddEdge(e.From, e.To); err != nil {
			return nil, fmt.Errorf("edge from %d to %d: %w", e.From, e.To, err)
		}
		merged[ends] = len(w.edges)
		w.edges = append(w.edges, edge{e.From, e.To, []string{e.Kind}})
		forward = forward && w.row[e.From] < w.row[e.To]
	}

	w.nodes = slices.Clone(g.Nodes)
	if !forward {
		order, err := graph.StableTopologicalSort(held, func(a, b int) bool { return w.row[a] < w.row[b] })
		if err != nil {
			return nil, errors.New("happens-before graph has a cycle")
		}
		for i, id := range order {
			w.nodes[i], _ = held.Vertex(id) // every id is of a vertex
		}
		for i, n := range w.nodes {
			w.row[n.ID] = i
		}
	}
	for _, n := range w.nodes {
		if w.members[n.Goroutine] == nil {
			w.lanes = append(w.lanes, n.Goroutine)
		}
		w.members[n.Goroutine] = append(w.members[n.Goroutine], n)
	}
	slices.SortStableFunc(w.edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(w.row[a.to], w.row[b.to]), cmp.Compare(w.row[a.from], w.row[b.from]))
	})
	return w, nil
}

// pairs returns the ids of the nodes, earlier first, that race with each other.
// Of a graph without races the two nodes marked as racing are the pair.
func (w *witness) pairs(races []finding.Race) [][2]int {
	type event struct {
		goroutine string
		index     uint64
	}
	node := map[event]int{}
	var racing []int
	for _, n := range w.nodes {
		node[event{n.Goroutine, n.Event}] = n.ID
		if n.Racing {
			racing = append(racing, n.ID)
		}
	}
	var pairs [][2]int
	for _, r := range races {
		a, okA := node[event{r.Accesses[0].Goroutine, r.Accesses[0].Event}]
		b, okB := node[event{r.Accesses[1].Goroutine, r.Accesses[1].Event}]
		if okA && okB && a != b {
			pairs = append(pairs, [2]int{a, b})
		}
	}
	if len(pairs) == 0 && len(racing) == 2 {
		pairs = append(pairs, [2]int{racing[0], racing[1]})
	}
	return pairs
}

// program reports whether an edge is nothing but the order within a goroutine.
func (e edge) program() bool { return len(e.kinds) == 1 && e.kinds[0] == "program" }

// label names the kinds of an edge beside program order.
func (e edge) label() string {
	var kinds []string
	for _, k := range e.kinds {
		if k != "program" {
			kinds = append(kinds, k)
		}
	}
	return visibleList(kinds)
}

// style is the kind that decides how an edge is drawn.
func (e edge) style() string {
	for _, k := range e.kinds {
		if k != "program" {
			return k
		}
	}
	return "program"
}
