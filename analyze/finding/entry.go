package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/rule"
)

// Entry is what races and findings have in common, as lists, comparisons and
// suppressions need it.
type Entry struct {
	ID, Rule, Object, Tier string
	Note                   bool // changes neither verdict nor exit status
	Occurrences            uint64
	Accesses               []Access
}

func (r *Race) entry() Entry {
	return Entry{r.ID, rule.Race(r.Tier), r.Object.Name, r.Tier, false, r.Occurrences, r.Accesses[:]}
}

func (f *Finding) entry() Entry {
	return Entry{f.ID, f.Rule, f.Object, f.Tier, f.Severity != "error", f.Occurrences, f.Events}
}

// Entries lists the races and the findings of a result, in its order.
func (r *Result) Entries() []Entry {
	list := make([]Entry, 0, len(r.Races)+len(r.Findings))
	for i := range r.Races {
		list = append(list, r.Races[i].entry())
	}
	for i := range r.Findings {
		list = append(list, r.Findings[i].entry())
	}
	return list
}

// BaseID is an id without the suffix that made it unique within its result.
func BaseID(id string) string {
	base, _, _ := strings.Cut(id, "-")
	return base
}

// sites are the lines of an entry, sorted: what two entries of one id differ by.
func (e *Entry) sites() string {
	lines := make([]string, len(e.Accesses))
	for i := range e.Accesses {
		lines[i] = fmt.Sprintf("%s:%d", e.Accesses[i].Site.File, e.Accesses[i].Site.Line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\x00")
}

// Change says of an entry whether both of two results have it.
type Change struct {
	Entry
	State State
}

// State is what became of an entry between two results. There is no "fixed": a
// recording proves no absence.
type State int

// The states, in the order in which they are listed.
const (
	New State = iota
	StillThere
	NotSeen
)

func (s State) String() string { return [...]string{"new", "still there", "not seen"}[s] }

// Compare compares two results: first what is new, then what is still there, as
// the second result has it, then what of the first was not seen. Entries are the
// same if their ids are, without suffixes; where several share an id, those of
// the same lines belong together, then the others in their order.
func Compare(before, after *Result) []Change {
	was := map[string][]Entry{} // by base id
	for _, e := range before.Entries() {
		id := BaseID(e.ID)
		was[id] = append(was[id], e)
	}
	now := after.Entries()
	known := make([]bool, len(now))
	for _, sameLines := range [...]bool{true, false} {
		for i := range now {
			id := BaseID(now[i].ID)
			at := slices.IndexFunc(was[id], func(e Entry) bool { return !sameLines || e.sites() == now[i].sites() })
			if !known[i] && at >= 0 {
				known[i] = true
				was[id] = slices.Delete(was[id], at, at+1)
			}
		}
	}
	var changes []Change
	for i, e := range now {
		state := New
		if known[i] {
			state = StillThere
		}
		changes = append(changes, Change{e, state})
	}
	for _, e := range before.Entries() {
		if id := BaseID(e.ID); slices.ContainsFunc(was[id], func(left Entry) bool { return left.ID == e.ID }) {
			changes = append(changes, Change{e, NotSeen})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.State, b.State) })
	return changes
}
