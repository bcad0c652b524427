package scheduling

import (
	"errors"
	"fmt"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"golang.org/x/exp/trace"
)

// MaxGraph is how many events the happens-before graph of a trace can show.
const MaxGraph = 2000

// A history is the happens-before graph of a trace: what each goroutine did that
// the trace tells, creation and wake-ups between them.
type history struct {
	graph   finding.Graph
	last    map[trace.GoID]int // index of the last node
	nodes   map[nodeKey]int
	pending map[trace.GoID]nodeKey // the go statement of a goroutine that has no node yet
}

type nodeKey struct {
	g     trace.GoID
	event uint64
}

func newHistory() *history {
	return &history{
		graph: finding.Graph{Nodes: []finding.Node{}, Edges: []finding.Edge{}},
		last:  make(map[trace.GoID]int), nodes: make(map[nodeKey]int), pending: make(map[trace.GoID]nodeKey),
	}
}

func (h *history) full() bool { return len(h.graph.Nodes) > MaxGraph }

// record takes an event of a goroutine of the program, if it matters.
func (b *Observer) record(g *goroutine, index uint64, op, label string, stack stackID, matters bool) {
	h := b.graph
	if h == nil || g.system || h.full() || !b.counts() || !matters && len(b.chosen) > 0 {
		return
	}
	n := b.node(g.id, index, op, label, stack)
	n.ID = len(h.graph.Nodes)
	n.Elided = int(index)
	if last, ok := h.last[g.id]; ok {
		n.Elided = int(index - h.graph.Nodes[last].Event - 1)
		h.graph.Edges = append(h.graph.Edges, finding.Edge{From: last, To: n.ID, Kind: "program"})
	}
	h.last[g.id] = n.ID
	h.nodes[nodeKey{g.id, index}] = n.ID
	h.graph.Nodes = append(h.graph.Nodes, n)
	if from, ok := h.pending[g.id]; ok {
		delete(h.pending, g.id)
		h.edge(from, nodeKey{g.id, index}, "go")
	}
}

// label says what an event does to another goroutine, if there is a graph to say it.
func (b *Observer) label(verb string, g *goroutine) string {
	if b.graph == nil {
		return ""
	}
	return verb + " " + g.name()
}

// node makes a node of an event.
func (b *Observer) node(g trace.GoID, index uint64, op, label string, stack stackID) finding.Node {
	n := finding.Node{Goroutine: goName(g), Event: index, Op: op, Label: label}
	if frames := b.stacks.frames(stack); len(frames) > 0 {
		n.Site = finding.Frame(site(frames))
	}
	return n
}

// start notes that a goroutine was started by an event of another.
func (h *history) start(by *goroutine, event uint64, g *goroutine) {
	if _, ok := h.nodes[nodeKey{by.id, event}]; ok {
		h.pending[g.id] = nodeKey{by.id, event}
	}
}

// join notes that an event of a goroutine let another go on.
func (h *history) join(by *goroutine, woke uint64, g *goroutine, goesOn uint64, kind string) {
	h.edge(nodeKey{by.id, woke}, nodeKey{g.id, goesOn}, kind)
}

func (h *history) edge(from, to nodeKey, kind string) {
	a, ok := h.nodes[from]
	z, known := h.nodes[to]
	if ok && known {
		h.graph.Edges = append(h.graph.Edges, finding.Edge{From: a, To: z, Kind: kind})
	}
}

// ErrNoGraph means that [Options.Graph] was not set.
var ErrNoGraph = errors.New("no graph was asked for")

// Graph returns the happens-before graph of what was seen.
func (b *Observer) Graph() (*finding.Graph, error) {
	switch h := b.graph; {
	case h == nil:
		return nil, ErrNoGraph
	case h.full():
		return nil, fmt.Errorf("the trace has more than the %d events that a graph can show: choose with --since, --until or --goroutine", MaxGraph)
	default:
		return &h.graph, nil
	}
}
