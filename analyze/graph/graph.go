// Package graph is the happens-before graph of an execution: its
// synchronization events in compact arrays, with the edges that the rules of
// package hb give.
//
// Besides events there are versions: what an object's clock was between two
// releases to it. A release leads to the version it makes, a version to the one
// that a merge makes of it and to everything that acquires it. So the graph has
// as many edges as there were operations, although a lock's every Lock is after
// its every earlier Unlock.
package graph

import (
	"sort"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// Node is the number of an event or version. Every edge leads from a smaller
// number to a larger one. 0 is no node.
type Node int32

// Graph is a happens-before graph. It does not change once built.
type Graph struct {
	// Node n is event where[n], or, if that is negative, a version that event
	// ^where[n] has made: most nodes may be versions.
	where  []int32
	events []node
	// In-edges of node n are in[first[n]:first[n+1]]; those of program order
	// and of goroutine creation are not among them, see preds.
	first  []uint32
	in     []half
	byG    [][]Node // events of a goroutine, in program order
	starts []Node   // version with which a goroutine begins
	// late is what an event learns at its end: all after it in program order
	// follows that, but what it releases does not.
	late map[Node]half
}

// node is an event.
type node struct {
	seq   uint64 // place in the replay, from 1
	index uint64
	obj   event.Obj
	g     event.G
	child event.G
	prev  Node // in program order, 0 for the first
	cycle uint32
	stack event.Stack
	op    event.Op
	done  bool
}

type half struct {
	from Node
	kind hb.Kind
}

// Edge is an edge with its start.
type Edge struct {
	From Node
	Kind hb.Kind
}

// Event is what a node of an event says.
type Event struct {
	Op    event.Op
	G     event.G
	Child event.G // Go
	Index uint64
	Seq   uint64 // place in the replay, from 1
	Obj   event.Obj
	Cycle uint32
	Stack event.Stack
	Done  bool // an Add of a negative number
}

// Verb is the event's, in event scripts.
func (e *Event) Verb() string {
	if e.Done {
		return "done"
	}
	return e.Op.String()
}

// IsVersion reports whether n is a version.
func (g *Graph) IsVersion(n Node) bool { return g.where[n] < 0 }

// at returns the event of a node, or that which made the version.
func (g *Graph) at(n Node) *node { return &g.events[max(g.where[n], ^g.where[n])] }

// Event returns the event of a node that is no version.
func (g *Graph) Event(n Node) Event {
	x := g.at(n)
	return Event{x.op, x.g, x.child, x.index, x.seq, x.obj, x.cycle, x.stack, x.done}
}

// Len returns the number of nodes, 0 included.
func (g *Graph) Len() int { return len(g.where) }

// Preds appends the edges that lead to n.
func (g *Graph) Preds(edges []Edge, n Node) []Edge {
	for _, h := range g.in[g.first[n]:g.first[n+1]] {
		edges = append(edges, Edge{h.from, h.kind})
	}
	if g.IsVersion(n) {
		return edges
	}
	x := g.at(n)
	return g.programPreds(edges, x.g, x.prev)
}

// programPreds appends what precedes, in program order, an event of goroutine
// of after whose event prev it comes.
func (g *Graph) programPreds(edges []Edge, of event.G, prev Node) []Edge {
	if prev == 0 {
		if s := g.starts[of]; s != 0 {
			edges = append(edges, Edge{s, hb.Go})
		}
		return edges
	}
	edges = append(edges, Edge{prev, hb.Program})
	if l, ok := g.late[prev]; ok {
		edges = append(edges, Edge{l.from, l.kind})
	}
	return edges
}

// Last returns the last event of goroutine of before its index-th, 0 if none.
func (g *Graph) Last(of event.G, index uint64) Node {
	if int(of) >= len(g.byG) {
		return 0
	}
	all := g.byG[of]
	i := sort.Search(len(all), func(i int) bool { return g.at(all[i]).index >= index })
	if i == 0 {
		return 0
	}
	return all[i-1]
}

// Next returns the first event of goroutine of after its index-th, 0 if none.
func (g *Graph) Next(of event.G, index uint64) Node {
	if int(of) >= len(g.byG) {
		return 0
	}
	all := g.byG[of]
	i := sort.Search(len(all), func(i int) bool { return g.at(all[i]).index > index })
	if i == len(all) {
		return 0
	}
	return all[i]
}

// Builder makes a graph of events in replay order.
type Builder struct {
	graph  *Graph
	clocks *hb.State
	seq    uint64
	cur    Node
	in     []half   // of cur
	made   [][]half // of the versions after cur
}

// NewBuilder returns a builder of the graph in one mode.
func NewBuilder(mode hb.Mode, collected bool) *Builder {
	b := &Builder{
		graph:  &Graph{where: make([]int32, 1), events: make([]node, 1), first: []uint32{0, 0}, late: map[Node]half{}},
		clocks: hb.New(mode, collected),
	}
	b.clocks.Trace((*tracer)(b))
	return b
}

// Clocks returns the clocks after the last event.
func (b *Builder) Clocks() *hb.State { return b.clocks }

// Add adds the next event, at place seq of the replay, from 1. Plain accesses and
// lives of memory are no nodes, and may be left out.
func (b *Builder) Add(e *event.Event, seq uint64) {
	b.seq = seq
	switch e.Op {
	case event.Read, event.Write, event.Free, event.LifeCut, event.MisuseRead, event.MisuseWrite:
		return
	case event.Alloc:
		b.clocks.Apply(e)
		return
	}
	g := b.graph
	b.grow(e.G)
	b.cur = Node(len(g.where))
	n := node{seq: b.seq, index: e.Index, obj: e.Obj, g: e.G, cycle: e.Cycle, stack: e.Stack, op: e.Op}
	switch e.Op {
	case event.Go:
		n.child = e.Child
	case event.Add:
		n.done = e.N < 0
	case event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail:
		n.obj = event.Obj{Addr: e.Addr}
	}
	if all := g.byG[e.G]; len(all) > 0 {
		n.prev = all[len(all)-1]
	}
	g.where = append(g.where, int32(len(g.events)))
	g.events = append(g.events, n)
	g.byG[e.G] = append(g.byG[e.G], b.cur)
	b.in, b.made = b.in[:0], b.made[:0]
	b.clocks.Apply(e)
	g.in = append(g.in, b.in...)
	g.first = append(g.first, uint32(len(g.in)))
	for _, in := range b.made {
		g.in = append(g.in, in...)
		g.first = append(g.first, uint32(len(g.in)))
	}
}

func (b *Builder) grow(of event.G) {
	for int(of) >= len(b.graph.byG) {
		b.graph.byG = append(b.graph.byG, nil)
		b.graph.starts = append(b.graph.starts, 0)
	}
}

// Graph returns what has been built. The builder must not be used after it.
func (b *Builder) Graph() *Graph {
	return b.graph
}

// tracer is the builder as the clocks see it.
type tracer Builder

func (t *tracer) Release(old int32, k hb.Kind) int32 {
	g := t.graph
	v := Node(len(g.where))
	g.where = append(g.where, ^int32(len(g.events)-1))
	in := []half{{t.cur, k}}
	if old != 0 {
		in = append(in, half{Node(old), k})
	}
	t.made = append(t.made, in)
	return int32(v)
}

// Acquire after a release, by the same event, is not part of what was released:
// only what comes after the event follows v.
func (t *tracer) Acquire(v int32, k hb.Kind) {
	if len(t.made) > 0 {
		t.graph.late[t.cur] = half{Node(v), k}
		return
	}
	t.in = append(t.in, half{Node(v), k})
}

func (t *tracer) Start(child event.G, v int32) {
	(*Builder)(t).grow(child)
	t.graph.starts[child] = Node(v)
}

func (t *tracer) Meet(sender event.G, v int32) {
	if all := t.graph.byG[sender]; len(all) > 0 {
		t.graph.late[all[len(all)-1]] = half{Node(v), hb.Channel}
	}
}

// Of builds the graph of a whole execution.
func Of(src event.Source, mode hb.Mode) (*Graph, error) {
	b := NewBuilder(mode, src.Collected())
	var seq uint64
	err := src.Replay(func(e *event.Event) bool {
		seq++
		b.Add(e, seq)
		return true
	})
	return b.Graph(), err
}
