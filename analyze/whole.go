package analyze

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/graph"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// MaxWhole is how many events the graph of a whole execution can show.
const MaxWhole = 2000

// Graph draws the happens-before graph of a whole small execution, with the
// accesses of races marked. Of a recording, in which a goroutine does much that
// concerns nobody else, it shows racing accesses and the events that order
// something in another goroutine, and counts the rest.
func Graph(src event.Source, mode hb.Mode, races []finding.Race) (*finding.Graph, error) {
	g, err := graph.Of(src, mode)
	if err != nil {
		return nil, err
	}
	w := whole{src: src, g: g, into: make(map[place][]link), shown: make(map[place]bool), racing: make(map[racing]bool)}
	for i := range races {
		for j := range races[i].Accesses {
			a := &races[i].Accesses[j]
			w.racing[racing{a.Goroutine, a.Event}] = true
		}
	}
	w.link()
	return w.draw()
}

// place is an event's: its index within its goroutine.
type place struct {
	g     event.G
	index uint64
}

type racing struct {
	goroutine string
	index     uint64
}

type link struct {
	from place
	kind hb.Kind
}

type whole struct {
	src    event.Source
	g      *graph.Graph
	into   map[place][]link // edges between goroutines
	shown  map[place]bool   // has such an edge
	racing map[racing]bool
}

// link finds the edges that lead from one goroutine to another.
func (w *whole) link() {
	for n := graph.Node(1); int(n) < w.g.Len(); n++ {
		if w.g.IsVersion(n) {
			continue
		}
		e := w.g.Event(n)
		to := place{e.G, e.Index}
		w.releases(n, func(from graph.Event, kind hb.Kind) {
			if from.G == to.g {
				return
			}
			p := place{from.G, from.Index}
			w.into[to] = append(w.into[to], link{p, kind})
			w.shown[p], w.shown[to] = true, true
		})
	}
}

// releases calls f for each event that n is directly after, through versions.
func (w *whole) releases(n graph.Node, f func(graph.Event, hb.Kind)) {
	seen := make(map[graph.Node]bool)
	var visit func(n graph.Node)
	visit = func(n graph.Node) {
		for _, e := range w.g.Preds(nil, n) {
			switch {
			case e.Kind == hb.Program || seen[e.From]:
			case w.g.IsVersion(e.From):
				seen[e.From] = true
				visit(e.From)
			default:
				seen[e.From] = true
				f(w.g.Event(e.From), e.Kind)
			}
		}
	}
	visit(n)
}

func (w *whole) draw() (*finding.Graph, error) {
	out := &finding.Graph{Nodes: []finding.Node{}, Edges: []finding.Edge{}}
	ids := make(map[place]int)
	last := make(map[event.G]*finding.Node)
	all := !w.src.Collected()
	err := w.src.Replay(func(e *event.Event) bool {
		at := place{e.G, e.Index}
		name := w.src.Goroutine(e.G).Name
		races := w.racing[racing{name, e.Index}]
		if !all && !races && !w.shown[at] {
			return true
		}
		n := finding.Node{
			ID: len(out.Nodes), Goroutine: name, Event: e.Index, Op: e.Verb(), Racing: races, Elided: int(e.Index),
			Label: strings.TrimSpace(e.Verb() + " " + w.object(e)),
		}
		if frames := w.src.Frames(e.Stack); len(frames) > 0 {
			n.Site = finding.Frame(frames[event.Caller(frames)])
		}
		if before := last[e.G]; before != nil {
			n.Elided = int(e.Index - before.Event - 1)
			out.Edges = append(out.Edges, finding.Edge{From: before.ID, To: n.ID, Kind: hb.Program.String()})
		}
		for _, l := range w.into[at] {
			if from, ok := ids[l.from]; ok {
				edge := finding.Edge{From: from, To: n.ID, Kind: l.kind.String()}
				if !slices.Contains(out.Edges[max(0, len(out.Edges)-len(w.into[at])):], edge) {
					out.Edges = append(out.Edges, edge)
				}
			}
		}
		ids[at] = n.ID
		last[e.G] = &n
		out.Nodes = append(out.Nodes, n)
		return len(out.Nodes) <= MaxWhole
	})
	if err == nil && len(out.Nodes) > MaxWhole {
		err = fmt.Errorf("the execution has more than the %d events that a graph can show", MaxWhole)
	}
	return out, err
}

// object names what an event is about.
func (w *whole) object(e *event.Event) string {
	switch e.Op {
	case event.Go:
		return w.src.Goroutine(e.Child).Name
	case event.End:
		return ""
	case event.Read, event.Write, event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail,
		event.Alloc, event.Free, event.LifeCut:
		return w.src.Object(e.Addr, e.Cycle).Name
	}
	return w.src.SyncName(e.Obj)
}
