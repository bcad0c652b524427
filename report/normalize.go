package report

import (
	"cmp"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// normalize returns a copy of r in the order that every format shows, with no
// list nil. It changes nothing that r points to, and normalizing twice is the
// same as once.
//
// The order of the races means something: observed before predicted, those of
// the main module before others, more occurrences first.
func normalize(r *finding.Result) *finding.Result {
	n := *r
	n.Races = list(r.Races)
	for i := range n.Races {
		race := &n.Races[i]
		for j := range race.Accesses {
			race.Accesses[j] = normalizeAccess(race.Accesses[j])
		}
		if race.Graph != nil {
			race.Graph = &finding.Graph{Nodes: list(race.Graph.Nodes), Edges: list(race.Graph.Edges)}
		}
	}
	slices.SortStableFunc(n.Races, func(a, b finding.Race) int {
		return cmp.Or(
			cmp.Compare(tierRank(a.Tier), tierRank(b.Tier)),
			cmp.Compare(btoi(a.Weak), btoi(b.Weak)),
			cmp.Compare(b.Occurrences, a.Occurrences),
			cmp.Compare(a.Object.Name, b.Object.Name),
			cmp.Compare(a.ID, b.ID),
		)
	})
	n.Findings = list(r.Findings)
	for i := range n.Findings {
		f := &n.Findings[i]
		f.Events = list(f.Events)
		for j := range f.Events {
			f.Events[j] = normalizeAccess(f.Events[j])
		}
	}
	n.Coverage.NotInstrumented = list(r.Coverage.NotInstrumented)
	n.Coverage.Notes = list(r.Coverage.Notes)
	n.Runs = list(r.Runs)
	if r.Omitted != nil {
		o := *r.Omitted
		o.Named = list(o.Named)
		n.Omitted = &o
	}
	return &n
}

func normalizeAccess(a finding.Access) finding.Access {
	a.Stack = list(a.Stack)
	a.Created = list(a.Created)
	if a.Source != nil {
		a.Source = &finding.Lines{Start: a.Source.Start, Text: list(a.Source.Text)}
	}
	return a
}

// list returns a copy of s that is not nil.
func list[E any](s []E) []E {
	return append(make([]E, 0, len(s)), s...)
}

func tierRank(tier string) int {
	if tier == "observed" {
		return 0
	}
	return 1
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
