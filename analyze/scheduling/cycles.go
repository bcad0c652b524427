package scheduling

import (
	"slices"
	"strings"

	"github.com/dominikbraun/graph"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"golang.org/x/exp/trace"
)

// cycles finds the groups that wait for each other: the strongly connected parts
// of what waits for what, of those who are stuck. If nobody else is left, all of
// them are one, whatever the signs say.
func (a *assembly) cycles() []finding.Cycle {
	list := []finding.Cycle{}
	if a.all() {
		c := finding.Cycle{Blocked: []int{}, Goroutines: []string{}, All: true, Why: "Every goroutine of the program waits for another one"}
		if len(a.active) > 0 {
			c.Why += ", but " + a.active[0].name() + ", which ran when the trace ended"
		}
		c.Why += "."
		for _, g := range a.groups {
			c.Blocked = append(c.Blocked, g.number)
			c.Goroutines = append(c.Goroutines, g.names()...)
		}
		c.Goroutines = c.Goroutines[:min(len(c.Goroutines), maxNames)]
		list = append(list, c)
	}
	held := graph.New(graph.IntHash, graph.Directed())
	self := make(map[int]bool)
	for _, g := range a.groups {
		if g.stuck {
			_ = held.AddVertex(g.number) // numbers are unique
		}
	}
	for _, e := range a.edges {
		if e.To < 0 || !a.groups[e.From].stuck || !a.groups[e.To].stuck {
			continue
		}
		if e.From == e.To {
			self[e.From] = true
			continue
		}
		_ = held.AddEdge(e.From, e.To) // a second edge adds nothing
	}
	parts, err := graph.StronglyConnectedComponents(held)
	if err != nil {
		return list // of undirected graphs only
	}
	for i := range parts {
		slices.Sort(parts[i])
	}
	slices.SortFunc(parts, func(x, y []int) int { return x[0] - y[0] })
	for _, part := range parts {
		if len(part) > 1 || self[part[0]] {
			list = append(list, a.cycle(part))
		}
	}
	return list
}

// all reports whether the whole program waits, main with it, but for one goroutine
// that ended the trace.
func (a *assembly) all() bool {
	main := a.byID[1]
	if main == nil || !main.blocked() || len(a.live)-len(a.active) < 2 || len(a.active) > 1 || len(a.b.chosen) > 0 {
		return false
	}
	return len(a.active) == 0 || a.active[0].state == trace.GoRunning && a.b.o.Until == 0
}

func (a *assembly) cycle(part []int) finding.Cycle {
	c := finding.Cycle{Blocked: part, Goroutines: []string{}}
	for _, i := range part {
		a.groups[i].cyclic = true
		c.Goroutines = append(c.Goroutines, a.groups[i].names()...)
	}
	c.Goroutines = c.Goroutines[:min(len(c.Goroutines), maxNames)]
	signs := map[string]bool{}
	for _, e := range a.edges {
		if slices.Contains(part, e.From) && slices.Contains(part, e.To) {
			signs[e.Why] = true
		}
	}
	var why []string
	if signs[woke] {
		why = append(why, "they have ended each other's waits at these places before")
	}
	if signs[started] {
		why = append(why, "one waits for what it started")
	}
	if signs[held] {
		why = append(why, "each waits for a lock that nobody was seen to pass on, and that another of them may hold")
	}
	c.Why = "Nobody else is known who could wake them: " + strings.Join(why, "; ") + "."
	return c
}
