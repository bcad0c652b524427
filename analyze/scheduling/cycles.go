package scheduling

import (
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// cycles finds the groups that wait for each other: the strongly connected parts
// of what waits for what, of those who are stuck. If nobody else is left, all of
// them are one, whatever the signs say.
func (a *assembly) cycles() []finding.Cycle {
	list := []finding.Cycle{}
	if a.all {
		c := finding.Cycle{Blocked: []int{}, Goroutines: []string{}, All: true, Why: "Every goroutine of the program waits for another one"}
		if a.ender != nil {
			c.Why += ", but " + a.ender.name() + ", which ran when the trace ended"
		}
		c.Why += "."
		for _, g := range a.groups {
			c.Blocked = append(c.Blocked, g.number)
			c.Goroutines = append(c.Goroutines, g.names()...)
		}
		c.Goroutines = c.Goroutines[:min(len(c.Goroutines), maxNames)]
		list = append(list, c)
	}
	next := make([][]int, len(a.groups))
	for _, e := range a.edges {
		if e.To >= 0 && a.groups[e.From].stuck && a.groups[e.To].stuck {
			next[e.From] = append(next[e.From], e.To)
		}
	}
	reach := make([][]bool, len(next))
	for i := range next {
		reach[i] = reachable(next, i)
	}
	done := make([]bool, len(next))
	for i := range next {
		if done[i] || !reach[i][i] {
			continue
		}
		var part []int
		for j := range next {
			if reach[i][j] && reach[j][i] {
				part, done[j] = append(part, j), true
			}
		}
		list = append(list, a.cycle(part))
	}
	return list
}

// reachable marks what one or more edges lead to.
func reachable(next [][]int, from int) []bool {
	seen := make([]bool, len(next))
	for todo := []int{from}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, to := range next[at] {
			if !seen[to] {
				seen[to] = true
				todo = append(todo, to)
			}
		}
	}
	return seen
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
