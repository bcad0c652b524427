package scheduling

import (
	"cmp"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
)

// A tree is who started whom, with the goroutines that one go statement started
// taken together. A statement that lies in what it starts is one branch, however
// deep that goes.
type tree struct {
	branches []*branch // in order of first use
	byKey    map[branchKey]*branch
	left     int // goroutines beyond the bound
}

type branch struct {
	branchKey
	stack   stackID
	depth   int
	count   int
	ended   int
	waiting int // filled in at the end
	names   []string
}

type branchKey struct {
	above *branch
	site  event.Frame // of the go statement
	entry string      // the function that runs
}

// Bounds of the tree.
const (
	maxBranches = 1 << 12
	maxLevels   = 24
	maxNames    = 10 // of a group's goroutines
)

func newTree() tree { return tree{byKey: make(map[branchKey]*branch)} }

// add puts a goroutine under a branch.
func (t *tree) add(above *branch, stack stackID, created []event.Frame, g *goroutine) *branch {
	key := branchKey{above, site(created), g.entry}
	for up := above; up != nil; up = up.above {
		if up.site == key.site && up.entry == key.entry {
			return up.take(g)
		}
	}
	br := t.byKey[key]
	if br == nil {
		switch {
		case above != nil && (above.depth+1 == maxLevels || len(t.branches) >= maxBranches):
			return above.take(g)
		case len(t.branches) >= maxBranches:
			t.left++
			return nil
		}
		br = &branch{branchKey: key, stack: stack}
		if above != nil {
			br.depth = above.depth + 1
		}
		t.byKey[key] = br
		t.branches = append(t.branches, br)
	}
	return br.take(g)
}

func (br *branch) take(g *goroutine) *branch {
	br.count++
	if len(br.names) < maxNames {
		br.names = append(br.names, g.name())
	}
	return br
}

// maxShownBranches is how many branches a result has.
const maxShownBranches = 300

// list gives the branches in order, each before those that it has, and how many
// had to be left out.
func (t *tree) list(stack func(stackID) []finding.Frame) (out []finding.Branch, left int) {
	out = []finding.Branch{}
	below := make(map[*branch][]*branch)
	for _, br := range t.branches {
		below[br.above] = append(below[br.above], br)
	}
	var walk func(above *branch)
	walk = func(above *branch) {
		list := below[above]
		// main first, then the larger ones.
		slices.SortStableFunc(list, func(a, b *branch) int {
			return cmp.Or(cmp.Compare(first(b), first(a)), cmp.Compare(b.count, a.count))
		})
		for _, br := range list {
			switch {
			case br.count == 0 && len(below[br]) == 0:
			case len(out) == maxShownBranches:
				left++
			default:
				out = append(out, finding.Branch{
					Depth: br.depth, Func: br.entry, Created: nearest(stack(br.stack)), Count: br.count, Ended: br.ended, Waiting: br.waiting,
					Goroutines: append([]string{}, br.names...),
				})
			}
			walk(br)
		}
	}
	walk(nil)
	return out, left
}

// first is 1 for the branch of main.
func first(br *branch) int {
	if br.above == nil && br.entry == "main.main" {
		return 1
	}
	return 0
}

// nearest are the first frames of a go statement's stack.
func nearest(stack []finding.Frame) []finding.Frame { return stack[:min(len(stack), 8)] }
