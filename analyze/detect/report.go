package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/graph"
	"github.com/hindsight-go/hindsight/analyze/rule"
)

// report puts what was found into words.
func (d *detector) report() *Report {
	r := &Report{Races: []finding.Race{}, Findings: []finding.Finding{}, Events: d.events, Stopped: d.stopped}
	if d.unnoted {
		r.Notes = append(r.Notes, "more accesses than can be compared may be ordered only by input and output or by reachability; --order=strict reports them")
	}
	if d.pairs == nil {
		return r
	}
	r.Capped = d.pairs.capped
	e := &explainer{detector: d, steps: 20_000_000}
	races := slices.SortedFunc(maps.Values(d.pairs.races), inOrder)
	for _, x := range races {
		r.Races = append(r.Races, e.race(x))
	}
	rules := slices.SortedFunc(maps.Keys(d.pairs.rules), func(a, b ruleKey) int {
		return cmp.Or(int(a.rule)-int(b.rule), inOrder(d.pairs.rules[a], d.pairs.rules[b]))
	})
	for _, k := range rules {
		r.Findings = append(r.Findings, e.finding(k, d.pairs.rules[k]))
	}
	for _, n := range d.noted {
		if n.first != nil {
			r.Notes = append(r.Notes, e.note(&n))
		}
	}
	return r
}

// shown is the pair that a race shows: the first pair of writes, else the first.
func (r *race) shown() *pair {
	if r.ww != nil {
		return r.ww
	}
	return r.rw
}

func inOrder(x, y *race) int {
	a, b := x.shown(), y.shown()
	return cmp.Or(cmp.Compare(a.b.seq, b.b.seq), cmp.Compare(a.a.seq, b.a.seq), cmp.Compare(a.at, b.at))
}

// explainer turns pairs into the form that is stored.
type explainer struct {
	*detector
	steps int // that may still be taken in the graph
}

func (e *explainer) race(r *race) finding.Race {
	p := r.shown()
	out := finding.Race{
		Tier: "observed", Witness: "none", Kind: "read-write",
		Object: e.Memory(p.at, p.b.cycle), Occurrences: r.count,
		Accesses: [2]finding.Access{e.access(&p.a), e.access(&p.b)},
	}
	if r.ww != nil {
		out.Kind = "write-write"
	}
	out.First, out.Last = r.first.found(), r.last.found()
	out.Explain = e.explain(p)
	if e.graph == nil || e.steps <= 0 {
		out.Why = e.why(p, nil)
		return out
	}
	m, ok := e.graph.Meet(point(&p.a), point(&p.b), min(e.steps, 200_000))
	e.steps -= m.Steps
	if !ok {
		out.Why = e.why(p, nil)
		return out
	}
	if m.Ancestor != 0 {
		out.Explain.Ancestor = e.point(m.Ancestor)
	}
	out.Why = e.why(p, &m)
	name := out.Object.Name
	out.Graph = e.graph.Slice(&m, e.node(&p.a, name), e.node(&p.b, name), e)
	return out
}

func point(a *access) graph.Point { return graph.Point{G: a.g, Index: a.index} }

func (e *explainer) node(a *access, object string) graph.Access {
	return graph.Access{
		Point: point(a), Seq: a.seq, Op: a.op,
		Label: strings.TrimSpace(a.op.String() + " " + object), Site: e.Site(a.stack),
	}
}

func (e *explainer) finding(k ruleKey, r *race) finding.Finding {
	p := r.shown()
	out := finding.Finding{
		Rule: rule.ID(int(k.rule)), Severity: "error", Tier: "observed", Witness: "none", Occurrences: r.count,
		Events: []finding.Access{},
	}
	if k.rule == 40 {
		out.Object = e.src.Object(p.at, p.b.cycle).Name
	} else {
		out.Object = e.src.SyncName(k.object)
	}
	for _, a := range [...]*access{&p.a, &p.b} {
		if a.seq != 0 {
			x := e.access(a)
			x.Op = verb(a.op, k.rule)
			out.Events = append(out.Events, x)
		}
	}
	first, then := e.deed(&p.a, k.rule), e.deed(&p.b, k.rule)
	switch k.rule {
	case 11:
		out.Message = fmt.Sprintf("%s on %s, which is closed", then, out.Object)
	case 12:
		out.Message = fmt.Sprintf("%s of %s, which is closed already", then, out.Object)
	case 40:
		out.Message = fmt.Sprintf("%s of %s comes after it was freed: %s", then, out.Object, first)
	default:
		out.Message = fmt.Sprintf("%s and %s on %s are not ordered", first, then, out.Object)
	}
	return out
}

// deed is a short description of an event: "send by g2 at a.go:4".
func (e *explainer) deed(a *access, rule uint8) string {
	return verb(a.op, rule) + " by " + e.Goroutine(a.g) + e.At(a.stack)
}

// verb is the word for an operation of a finding: of a check of a primitive,
// what was checked.
func verb(op event.Op, rule uint8) string {
	switch op {
	case event.SendClosed:
		return "send"
	case event.CloseClosed:
		return "close"
	case event.MisuseRead, event.MisuseWrite:
		words := map[uint8][2]string{10: {"send", "close"}, 30: {"add", "wait"}}[rule]
		if w := words[op-event.MisuseRead]; w != "" {
			return w
		}
	}
	return op.String()
}

func (e *explainer) access(a *access) finding.Access {
	g := e.src.Goroutine(a.g)
	out := finding.Access{
		Op: a.op.String(), Goroutine: e.Goroutine(a.g), Event: a.index, Site: e.Site(a.stack),
		Stack: e.Stack(a.stack), Created: e.Stack(g.Created),
		Running: int(a.g) >= len(e.ended) || !e.ended[a.g],
	}
	if g.Parent >= 0 {
		out.Creator = e.Goroutine(g.Parent)
	}
	for _, l := range a.locks {
		out.Locks = append(out.Locks, e.lockName(l))
	}
	return out
}

func (e *explainer) lockName(o event.Obj) string {
	if name := e.src.SyncName(o); name != "" {
		return name
	}
	return fmt.Sprintf("lock %#x", o.Addr)
}

// Label implements [graph.Describer].
func (e *explainer) Label(x graph.Event) string {
	switch x.Op {
	case event.Go:
		return "go " + e.Goroutine(x.Child)
	case event.End:
		return "end"
	case event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail:
		if name := e.src.Object(x.Obj.Addr, x.Cycle).Name; name != "" {
			return x.Op.String() + " " + name
		}
		return x.Op.String()
	}
	return strings.TrimSpace(x.Verb() + " " + e.src.SyncName(x.Obj))
}

// why says in a few sentences why two accesses are unordered. The meeting is
// nil where it is not known.
func (e *explainer) why(p *pair, m *graph.Meeting) string {
	var s []string
	a, b := e.Goroutine(p.a.g), e.Goroutine(p.b.g)
	switch {
	case m == nil:
		s = append(s, fmt.Sprintf("Nothing that %s did after its %s leads to the %s by %s.", a, p.a.op, p.b.op, b))
	case m.Ancestor == 0:
		s = append(s, fmt.Sprintf("Nothing recorded comes before both: %s and %s have no common past.", a, b))
	default:
		x := e.graph.Event(m.Ancestor)
		s = append(s, fmt.Sprintf("The last event that comes before both is %q by %s%s.", e.Label(x), e.Goroutine(x.G), e.At(x.Stack)))
	}
	if m != nil {
		s = append(s, e.gap(p, a, b))
	}
	return strings.Join(append(s, e.guard(p, a, b)), " ")
}

// gap names the two ends between which an edge is missing.
func (e *explainer) gap(p *pair, a, b string) string {
	next := "does nothing more that could order anything"
	if n := e.graph.Next(p.a.g, p.a.index); n != 0 {
		x := e.graph.Event(n)
		next = fmt.Sprintf("next does %q%s", e.Label(x), e.At(x.Stack))
	}
	last := "had learned nothing since it began"
	if n := e.graph.Last(p.b.g, p.b.index); n != 0 {
		x := e.graph.Event(n)
		last = fmt.Sprintf("last did %q%s", e.Label(x), e.At(x.Stack))
	}
	return fmt.Sprintf("After its %s, %s %s; before its %s, %s %s; no chain of synchronization leads from the one to the other.",
		p.a.op, a, next, p.b.op, b, last)
}

// guard says which locks were held, and what would have ordered the two.
func (e *explainer) guard(p *pair, a, b string) string {
	for _, l := range p.a.locks {
		if slices.Contains(p.b.locks, l) {
			return fmt.Sprintf("Both hold %s, but not both for writing, and readers do not order each other.", e.lockName(l))
		}
	}
	switch {
	case len(p.a.locks) == 0 && len(p.b.locks) == 0:
		return "Neither holds a lock; one lock held at both, or a channel or WaitGroup between them, would order them."
	case len(p.a.locks) > 0 && len(p.b.locks) > 0:
		return fmt.Sprintf("%s holds %s and %s holds %s, which have none in common; one lock held at both would order them.",
			a, e.lockNames(p.a.locks), b, e.lockNames(p.b.locks))
	case len(p.a.locks) > 0:
		return fmt.Sprintf("%s holds %s, %s holds no lock; the same lock held at both would order them.", a, e.lockNames(p.a.locks), b)
	}
	return fmt.Sprintf("%s holds %s, %s holds no lock; the same lock held at both would order them.", b, e.lockNames(p.b.locks), a)
}

func (e *explainer) lockNames(all []event.Obj) string {
	var names []string
	for _, l := range all {
		if name := e.lockName(l); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
