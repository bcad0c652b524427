package analyze

import (
	"fmt"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// part is one of several results that share races, suppressed entries and what
// pages left out.
func part(n int) *finding.Result {
	access := func(fn string) finding.Access {
		f := finding.Frame{Func: "main." + fn, File: fn + ".go", Line: 1}
		return finding.Access{Op: "write", Site: f, Stack: []finding.Frame{f}}
	}
	r := &finding.Result{
		Schema: finding.Schema, Order: "model", Tool: fmt.Sprintf("v1.%d.0", n),
		Coverage:   finding.Coverage{Complete: n != 1, Instrumented: true, Notes: []string{fmt.Sprint("note ", n)}},
		Runs:       []finding.Run{{Program: fmt.Sprint("run ", n)}},
		Suppressed: []finding.Suppressed{{ID: "aa", By: "file:1", Occurrences: uint64(n + 1)}, {ID: fmt.Sprint("b", n), By: "file:2"}},
		Omitted: &finding.Omitted{Races: 2, Observed: 1, Occurrences: 8, Named: []finding.OmittedRace{
			{ID: "cc", Object: "x", Occurrences: 3, Observed: true}, {ID: fmt.Sprint("d", n), Object: "y", Occurrences: 5},
		}},
		Redaction: []string{"", "team", "public"}[n],
	}
	for i := n; i < n+2; i++ { // two neighbours share one
		r.Races = append(r.Races, finding.Race{
			Tier: "observed", Kind: "write-write", Object: finding.Object{Name: fmt.Sprint("main.v", i)}, Occurrences: uint64(10*n + i + 1),
			Accesses: [2]finding.Access{access("f"), access(fmt.Sprint("g", i))}, Why: fmt.Sprint("because ", n),
		})
	}
	r.Findings = []finding.Finding{{Rule: "HB011", Severity: "error", Tier: "observed", Object: "main.c", Occurrences: 1, Message: fmt.Sprint("message ", n)}}
	r.Finish()
	return r
}

// TestMergeInAnyOrder merges three results in every order and grouping.
func TestMergeInAnyOrder(t *testing.T) {
	merge := func(list ...*finding.Result) *finding.Result {
		t.Helper()
		r, err := Merge(list...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	whole := merge(part(0), part(1), part(2))
	if len(whole.Races) != 4 || len(whole.Suppressed) != 4 || whole.Suppressed[0].Occurrences != 6 || whole.Redaction != "public" || whole.Tool != "v1.2.0" {
		t.Errorf("%d races, suppressed %+v, %s, %s", len(whole.Races), whole.Suppressed, whole.Redaction, whole.Tool)
	}
	if o := whole.Omitted; o.Races != 4 || o.Observed != 1 || o.Occurrences != 18 || len(o.Named) != 4 {
		t.Errorf("omitted %+v", o)
	}
	want := string(content(whole))
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		a, b, c := part(order[0]), part(order[1]), part(order[2])
		for name, r := range map[string]*finding.Result{
			"(a b c)": merge(a, b, c), "((a b) c)": merge(merge(a, b), c), "(a (b c))": merge(a, merge(b, c)), "((a) (b) (c))": merge(merge(a), merge(b), merge(c)),
		} {
			if got := string(content(r)); got != want {
				t.Errorf("%s of %v is\n%s, want\n%s", name, order, got, want)
			}
		}
	}
}
