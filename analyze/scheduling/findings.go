package scheduling

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/rule"
	"golang.org/x/exp/trace"
)

// The rules of findings in plain traces. All but the first are notes: a trace
// without records proves no more than what the runtime itself says.
const (
	ruleForever = 50
	ruleStuck   = 52
	ruleCycle   = 53
	ruleConvoy  = 54
)

// findings are those of the result. Their messages name no goroutine and no
// number, so that those of several traces can be taken together.
func (b *Observer) findings(a *assembly, cycles []finding.Cycle, convoys []*spot) []finding.Finding {
	out := []finding.Finding{}
	for i := range cycles {
		if !cycles[i].All || len(cycles) == 1 { // else one says more
			out = append(out, b.cycleFinding(a, &cycles[i]))
		}
	}
	for _, g := range a.groups {
		if g.stuck && !g.cyclic && g.worthNoting(b) {
			out = append(out, b.stuckFinding(g))
		}
	}
	for _, s := range convoys {
		out = append(out, b.convoyFinding(s))
	}
	return out
}

// worthNoting reports whether a stuck group may be a leak: it has code of the
// program's, and several goroutines or one that was started within the trace. What
// waits from beginning to end alone, as for the program's end, is no news; main
// is none either.
func (g *blockedGroup) worthNoting(b *Observer) bool {
	nilChannel := g.kind == forever && !g.emptySelect(b)
	if !g.own(b) || g.members[0].main() && !nilChannel {
		return false
	}
	return len(g.members) > 1 || nilChannel || slices.ContainsFunc(g.members, func(s *standing) bool { return !s.before })
}

// emptySelect reports whether a wait that nothing ends is a select without cases,
// which is written for just that.
func (g *blockedGroup) emptySelect(b *Observer) bool {
	return len(b.stacks.frames(g.stack)) > 0 && b.stacks.frames(g.stack)[0].Func == "runtime.block"
}

// does says what a goroutine does while it waits.
var does = [numKinds]string{
	"waits to receive", "waits to send", "waits in a select", "waits for a lock", "waits for a lock, to read", "waits for a WaitGroup",
	"waits for a Once", "waits for a Cond", "waits for a semaphore of the runtime's", "waits for ever",
	"sleeps", "waits for the network", "is parked as an iterator", "waits for the runtime",
}

func (b *Observer) note(number int, message string, occurrences int, events ...finding.Access) finding.Finding {
	return finding.Finding{
		Rule: rule.ID(number), Severity: "note", Tier: "observed", Witness: "none",
		Message: message, Occurrences: uint64(occurrences), Events: events,
	}
}

func (b *Observer) stuckFinding(g *blockedGroup) finding.Finding {
	first := g.members[0]
	f := b.note(ruleStuck, "", len(g.members), b.access(first.goroutine))
	f.Graph = b.slice(first.goroutine)
	switch {
	case g.kind == forever && g.emptySelect(b):
		f.Message = "a goroutine waits in a select without cases"
	case g.kind == forever:
		f.Rule, f.Severity = rule.ID(ruleForever), "error"
		f.Message = "a goroutine uses a nil channel, and nothing can end its wait"
	case g.kind == group && !b.hasChildren(first.id):
		f.Message = "a goroutine " + does[g.kind] + ", and none is left of those that it started: a possible leak"
	case g.place != nil && g.place.all > 0 && !first.passed():
		f.Message = "a goroutine " + does[g.kind] + ", and whoever went on here before was woken by who had started it, who has gone on: a possible leak"
	case first.passed():
		f.Message = "a goroutine " + does[g.kind] + ", and others that came here later went on before it: a possible leak"
	default:
		f.Message = "a goroutine " + does[g.kind] + ", and nobody was woken here during the trace: a possible leak"
	}
	return f
}

// hasChildren reports whether something lives that a goroutine started.
func (b *Observer) hasChildren(id trace.GoID) bool {
	for _, g := range b.gs {
		if slices.ContainsFunc(g.origins, func(o origin) bool { return o.by == id }) {
			return true
		}
	}
	return false
}

// maxEvents is how many goroutines a finding shows, maxDrawnSteps how many turns of
// a convoy.
const (
	maxEvents     = 4
	maxDrawnSteps = 5
)

func (b *Observer) cycleFinding(a *assembly, c *finding.Cycle) finding.Finding {
	var gs []*goroutine
	total := 0
	for _, i := range c.Blocked {
		g := a.groups[i]
		total += len(g.members)
		n := 1
		if len(c.Blocked) == 1 {
			n = 2
		}
		for _, s := range g.members[:min(n, len(g.members))] {
			gs = append(gs, s.goroutine)
		}
	}
	gs = gs[:min(len(gs), maxEvents)]
	message := "goroutines may wait for each other: a possible deadlock"
	if c.All {
		message = "the whole program waits: a possible deadlock"
	}
	f := b.note(ruleCycle, message, 1)
	for _, g := range gs {
		f.Events = append(f.Events, b.access(g))
	}
	f.Graph = b.slice(gs...)
	f.Why = c.Why
	if total > len(gs) {
		f.Why += fmt.Sprintf(" There are %d goroutines of this kind.", total)
	}
	return f
}

func (b *Observer) convoyFinding(s *spot) finding.Finding {
	c := &s.best
	last := c.steps[len(c.steps)-1]
	event := finding.Access{Op: ops[s.kind], Goroutine: goName(last.g), Event: last.goesOn, Running: b.gs[last.g] != nil}
	event.Stack, event.Created = b.stack(last.blockStack), []finding.Frame{}
	event.Site = finding.Frame(site(b.stacks.frames(last.blockStack)))
	if g := b.gs[last.g]; g != nil {
		event.Created, event.Creator = b.created(g)
	}
	f := b.note(ruleConvoy, "many goroutines wait here in turn: a convoy", 1, event)
	f.Why = fmt.Sprintf("At most %d waited at once, and %d waits ended one after the other, of %d goroutines: %.3g s in all, %.3g s from the first turn to the last.",
		c.width, c.turns, len(c.gs), seconds(c.ns), seconds(c.end-c.start))
	p := newPicture(b)
	for _, st := range c.steps[:min(len(c.steps), maxDrawnSteps)] {
		if st.by == trace.NoGoroutine {
			continue
		}
		wake := p.node(st.by, st.byEvent, "wake", "wake "+goName(st.g), st.byStack)
		goesOn := p.node(st.g, st.goesOn, "woken", does[s.kind]+" no longer", st.blockStack)
		p.edge(wake, goesOn, s.kind.edge())
	}
	f.Graph = p.graph()
	return f
}

// access is the wait of a goroutine that is blocked.
func (b *Observer) access(g *goroutine) finding.Access {
	a := finding.Access{
		Op: ops[g.wait.kind], Goroutine: g.name(), Event: g.wait.event,
		Site: finding.Frame(site(b.stacks.frames(g.wait.stack))), Stack: b.stack(g.wait.stack), Running: true,
	}
	a.Created, a.Creator = b.created(g)
	return a
}

// slice is the part of the happens-before graph that led to waits which have not
// ended: the go statements above them.
func (b *Observer) slice(gs ...*goroutine) *finding.Graph {
	p := newPicture(b)
	for _, g := range gs {
		from := -1
		for _, o := range slices.Backward(g.origins) {
			if o.by == trace.NoGoroutine {
				continue
			}
			to := p.node(o.by, o.event, "go", "go "+goName(o.child), o.stack)
			if from >= 0 {
				p.edge(from, to, "go")
			}
			from = to
		}
		to := p.node(g.id, g.wait.event, ops[g.wait.kind], does[g.wait.kind], g.wait.stack)
		if from >= 0 {
			p.edge(from, to, "go")
		}
	}
	return p.graph()
}

// A picture is a small part of the happens-before graph.
type picture struct {
	b     *Observer
	nodes []pictureNode
	at    map[nodeKey]int
	edges map[finding.Edge]bool // between indices in nodes
}

type pictureNode struct {
	key nodeKey
	n   finding.Node
}

func newPicture(b *Observer) *picture {
	return &picture{b: b, at: make(map[nodeKey]int), edges: make(map[finding.Edge]bool)}
}

func (p *picture) node(g trace.GoID, event uint64, op, label string, stack stackID) int {
	key := nodeKey{g, event}
	i, ok := p.at[key]
	if !ok {
		i = len(p.nodes)
		p.at[key] = i
		p.nodes = append(p.nodes, pictureNode{key, p.b.node(g, event, op, label, stack)})
	}
	return i
}

func (p *picture) edge(from, to int, kind string) {
	p.edges[finding.Edge{From: from, To: to, Kind: kind}] = true
}

// graph adds the order within goroutines. Nodes stay in the order in which they
// came, which is that of the trace wherever no edge says otherwise.
func (p *picture) graph() *finding.Graph {
	out := &finding.Graph{Nodes: []finding.Node{}, Edges: []finding.Edge{}}
	order := make([]int, len(p.nodes))
	for i := range p.nodes {
		order[i] = i
		n := p.nodes[i].n
		n.ID, n.Elided = i, int(n.Event)
		out.Nodes = append(out.Nodes, n)
	}
	slices.SortFunc(order, func(x, y int) int {
		a, b := p.nodes[x].key, p.nodes[y].key
		return cmp.Or(cmp.Compare(a.g, b.g), cmp.Compare(a.event, b.event))
	})
	for at, i := range order {
		if at == 0 {
			continue
		}
		if before, n := &out.Nodes[order[at-1]], &out.Nodes[i]; before.Goroutine == n.Goroutine {
			n.Elided = int(n.Event - before.Event - 1)
			out.Edges = append(out.Edges, finding.Edge{From: before.ID, To: n.ID, Kind: "program"})
		}
	}
	for e := range p.edges {
		out.Edges = append(out.Edges, e)
	}
	slices.SortFunc(out.Edges, func(x, y finding.Edge) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.Kind, y.Kind))
	})
	return out
}
