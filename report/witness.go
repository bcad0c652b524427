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
	left    int // nodes that condense left out after the last one of their goroutine
}

// An edge joins two nodes; two that share their ends have become one of several kinds.
type edge struct {
	from, to int // node ids
	kinds    []string
}

// maxDrawn is how many events a diagram of a race shows at most.
const maxDrawn = 60

// maxNodes is how many events a graph may have at all.
const maxNodes = 10_000

// unordered is the kind of the edge drawn between the two accesses of a race.
const unordered = "unordered"

// newWitness checks g and puts it in drawing order: the given one, which is
// the replay order, or where edges contradict that, a topological one.
func newWitness(g *finding.Graph) (*witness, error) {
	if len(g.Nodes) > maxNodes || len(g.Edges) > 8*maxNodes {
		return nil, fmt.Errorf("happens-before graph of %d events is too large to draw", len(g.Nodes))
	}
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
	w.arrange()
	return w, nil
}

// arrange fills in what follows from nodes, their rows and edges.
func (w *witness) arrange() {
	for _, n := range w.nodes {
		if w.members[n.Goroutine] == nil {
			w.lanes = append(w.lanes, n.Goroutine)
		}
		w.members[n.Goroutine] = append(w.members[n.Goroutine], n)
	}
	slices.SortStableFunc(w.edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(w.row[a.to], w.row[b.to]), cmp.Compare(w.row[a.from], w.row[b.from]))
	})
}

// distances counts the edges between each node and the nearest racing one.
func (w *witness) distances() []int {
	neighbours := make([][]int, len(w.nodes))
	for _, e := range w.edges {
		from, to := w.row[e.from], w.row[e.to]
		neighbours[from] = append(neighbours[from], to)
		neighbours[to] = append(neighbours[to], from)
	}
	near := make([]int, len(w.nodes))
	var queue []int
	for i, n := range w.nodes {
		if near[i] = len(w.nodes); n.Racing {
			near[i] = 0
			queue = append(queue, i)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, next := range neighbours[queue[0]] {
			if near[next] == len(w.nodes) {
				near[next] = near[queue[0]] + 1
				queue = append(queue, next)
			}
		}
	}
	return near
}

// past marks the nodes from which a way leads to the node of an id, itself included.
func (w *witness) past(id int) []bool {
	reaches := make([]bool, len(w.nodes))
	reaches[w.row[id]] = true
	for _, e := range slices.Backward(w.edges) { // those into later rows first
		if reaches[w.row[e.to]] {
			reaches[w.row[e.from]] = true
		}
	}
	return reaches
}

// ancestor is the id of the nearest node that comes before both of a pair.
func (w *witness) ancestor(pair [2]int) (id int, ok bool) {
	a, b := w.past(pair[0]), w.past(pair[1])
	for i, n := range slices.Backward(w.nodes) {
		if a[i] && b[i] && n.ID != pair[0] && n.ID != pair[1] {
			return n.ID, true
		}
	}
	return 0, false
}

// condense returns the witness with at most most nodes: the racing ones, the
// nearest that comes before both, and of the others those with the fewest edges
// to a racing one. The rest are counted where they were.
func (w *witness) condense(most int) *witness {
	if len(w.nodes) <= most {
		return w
	}
	near := w.distances()
	for _, pair := range w.pairs(nil) {
		if id, ok := w.ancestor(pair); ok {
			near[w.row[id]] = 0
		}
	}
	order := make([]int, len(w.nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(near[a], near[b]) })
	keep := make([]bool, len(w.nodes))
	for _, i := range order[:most] {
		keep[i] = true
	}

	c := &witness{row: map[int]int{}, members: map[string][]finding.Node{}}
	gone := map[string]int{}    // events left out since the goroutine's last node
	last := map[string]int{}    // that node
	joined := map[[2]int]bool{} // program edges
	for i, n := range w.nodes {
		if !keep[i] {
			gone[n.Goroutine] += 1 + n.Elided
			continue
		}
		n.Elided += gone[n.Goroutine]
		gone[n.Goroutine] = 0
		if from, ok := last[n.Goroutine]; ok {
			joined[[2]int{from, n.ID}] = true
			c.edges = append(c.edges, edge{from, n.ID, []string{"program"}})
		}
		last[n.Goroutine] = n.ID
		c.row[n.ID] = len(c.nodes)
		c.nodes = append(c.nodes, n)
	}
	for _, e := range w.edges {
		if keep[w.row[e.from]] && keep[w.row[e.to]] && !joined[[2]int{e.from, e.to}] && !e.program() {
			c.edges = append(c.edges, e)
		}
	}
	for _, n := range gone {
		c.left += n
	}
	c.arrange()
	return c
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
