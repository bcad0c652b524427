package scheduling

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"golang.org/x/exp/trace"
)

// Bounds of a result's lists.
const (
	maxShownPlaces = 50
	maxShownWakers = 5
)

// Result returns what the trace tells, and of it what is worth a finding.
func (b *Observer) Result() (*finding.Scheduling, []finding.Finding) {
	a := b.assemble()
	s := &finding.Scheduling{
		From: seconds(min(int64(b.o.Since), b.now)), To: seconds(b.now),
		Existed: b.existed, Started: b.started, Ended: b.ended, System: b.system,
		Blocked: []finding.Blocked{}, WaitsFor: []finding.WaitsFor{}, Waits: []finding.Wait{}, Convoys: []finding.Convoy{},
	}
	for _, g := range a.live {
		a.count(&s.AtEnd, g.goroutine)
		if g.blocked() && g.branch != nil {
			g.branch.waiting++
		}
	}
	s.Tree, s.Left.Branches = b.tree.list(b.stack)
	s.Left.Branches += b.tree.left
	for _, g := range a.groups {
		s.Blocked = append(s.Blocked, a.show(g))
	}
	s.Left.Blocked = a.left
	s.WaitsFor = append(s.WaitsFor, a.edges...)
	s.Cycles = a.cycles()
	for i := range b.longest.list {
		s.Waits = append(s.Waits, b.showWait(&b.longest.list[i]))
	}
	s.Left.Waits = b.longest.all - uint64(len(s.Waits))
	s.Places, s.Left.Places = b.showPlaces()
	convoys, left := b.convoys()
	for _, spot := range convoys {
		s.Convoys = append(s.Convoys, b.showConvoy(spot))
	}
	s.Left.Convoys = left
	s.Left.Stacks = b.stacks.left
	return s, b.findings(a, s.Cycles, convoys)
}

// Start is the time of the trace's first event, if the trace tells it.
func (b *Observer) Start() (time.Time, bool) { return b.wall, !b.wall.IsZero() }

func (a *assembly) count(n *finding.States, g *goroutine) {
	switch {
	case !g.waiting && g.state == trace.GoRunning:
		n.Running++
	case !g.waiting && g.state == trace.GoRunnable:
		n.Runnable++
	case !g.waiting && g.state == trace.GoSyscall:
		n.Syscall++
	case g.blocked():
		n.Waiting++
	case g.waiting && g.wait.kind == sleep:
		n.Sleep++
	case g.waiting && g.wait.kind == network:
		n.Network++
	default:
		n.Other++
	}
}

func (b *Observer) showWait(e *ended) finding.Wait {
	out := finding.Wait{
		Goroutine: goName(e.g), Event: e.wait.event, Op: ops[e.wait.kind], Reason: e.wait.reason,
		Site: finding.Frame(site(b.stacks.frames(e.wait.stack))), Stack: b.stack(e.wait.stack),
		Start: seconds(e.wait.start), Seconds: seconds(e.ns), Earlier: e.wait.earlier, ByStack: b.stack(e.stack),
	}
	if e.by != trace.NoGoroutine {
		out.By = goName(e.by)
	}
	return out
}

// showPlaces are the places by what was waited there: first those where another
// goroutine ends the wait.
func (b *Observer) showPlaces() (out []finding.Place, left int) {
	var list []*place
	for _, p := range b.places {
		if p.waits > 0 || p.open > 0 && len(b.chosen) == 0 {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(x, y *place) int {
		return cmp.Or(-compareBool(x.kind.peer(), y.kind.peer()), cmp.Compare(y.ns, x.ns), cmp.Compare(x.number, y.number))
	})
	n := min(len(list), maxShownPlaces)
	out = []finding.Place{}
	for _, p := range list[:n] {
		shown := finding.Place{
			Op: ops[p.kind], Reason: p.reason, Site: finding.Frame(site(b.stacks.frames(p.stack))), Stack: b.stack(p.stack),
			Waits: p.waits, Seconds: seconds(p.ns), Longest: seconds(p.longest), Open: p.open, Wakers: []finding.Waker{},
		}
		bySite := make(map[finding.Frame]uint64)
		for stack, n := range p.lines {
			bySite[finding.Frame(site(b.stacks.frames(stack)))] += n
		}
		sites := slices.SortedFunc(maps.Keys(bySite), func(x, y finding.Frame) int {
			return cmp.Or(cmp.Compare(bySite[y], bySite[x]), cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Func, y.Func))
		})
		for _, f := range sites[:min(len(sites), maxShownWakers)] {
			shown.Wakers = append(shown.Wakers, finding.Waker{Site: f, Count: bySite[f]})
		}
		out = append(out, shown)
	}
	return out, len(list) - n
}
