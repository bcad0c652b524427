package finding

import (
	"slices"
	"strings"
	"testing"
)

// some is a result with races of three ids, two of which share one, and a note.
func some() *Result {
	r := &Result{
		Runs: []Run{{Module: "a.org/m"}},
		Races: []Race{
			raceAt("a.org/m.F", "a.org/m.G", "x", 9),
			raceAt("a.org/m.F", "a.org/m.H", "y", 5),
			raceAt("a.org/m.F", "a.org/m.H", "y", 4),
		},
		Findings: []Finding{{Rule: "HB051", Severity: "note", Object: "main.done", Occurrences: 2}},
		Coverage: Coverage{Complete: true, Instrumented: true},
	}
	r.Races[2].Accesses[0].Site.Line = 7
	r.Finish()
	return r
}

func TestSuppress(t *testing.T) {
	id := some().Races[0].ID
	for text, left := range map[string]int{
		"":                        4,
		"# nothing\n\n":           4,
		id + "# not a comment":    -1,
		id + " # known":           3,
		id + "-2":                 3,
		"rule:HB001":              1,
		"rule:HB00*":              1,
		"rule:HB00":               4,
		"rule:HB051 object:main*": 3,
		"object:y":                2,
		"func:*.H":                2,
		"func:a.org/m.H file:g*":  4,
		"file:*.go":               1,
		"func:":                   -1,
		"nonsense":                -1,
		"colour:red":              -1,
		"rule:a rule:b":           -1,
		id + " " + id:             -1,
		"object:[":                4,
	} {
		list, err := ParseSuppressions(strings.NewReader(text), "file")
		if err != nil {
			if left >= 0 || !strings.HasPrefix(err.Error(), "file:1: ") {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		r := some()
		unused := r.Suppress(list)
		if n := len(r.Entries()); n != left || len(r.Suppressed) != 4-left {
			t.Errorf("%q: %d left, %d suppressed, want %d left", text, n, len(r.Suppressed), left)
		}
		if (len(unused) > 0) != (left == 4 && len(list) > 0) {
			t.Errorf("%q: %d unused", text, len(unused))
		}
	}
	r := some()
	list, err := ParseSuppressions(strings.NewReader("\nobject:* # all of it\nrule:HB051"), "file")
	if err != nil {
		t.Fatal(err)
	}
	unused := r.Suppress(list)
	if r.Verdict != None || len(unused) != 1 || unused[0].By != "file:3" || r.Suppressed[0].By != "file:2" || r.Suppressed[0].Reason != "all of it" {
		t.Errorf("%s, %+v, %+v", r.Verdict, unused, r.Suppressed)
	}
}

func TestCompare(t *testing.T) {
	states := func(before, after *Result) string {
		var list []string
		for _, c := range Compare(before, after) {
			list = append(list, c.State.String()+" "+c.Object)
		}
		return strings.Join(list, ", ")
	}
	less := func(drop ...int) *Result {
		r := some()
		slices.Reverse(drop)
		for _, i := range drop {
			r.Races = slices.Delete(r.Races, i, i+1)
		}
		r.Finish()
		return r
	}
	moved := some()
	for i := range moved.Races {
		moved.Races[i].Accesses[1].Site.Line += 100
	}
	y := some().Races[1:3]
	for name, test := range map[string]struct {
		before, after *Result
		want          string
	}{
		"same":      {some(), some(), "still there x, still there y, still there y, still there main.done"},
		"moved":     {some(), moved, "still there x, still there y, still there y, still there main.done"},
		"one more":  {less(0), some(), "new x, still there y, still there y, still there main.done"},
		"one less":  {some(), less(0), "still there y, still there y, still there main.done, not seen x"},
		"of an id":  {less(2), some(), "new y, still there x, still there y, still there main.done"},
		"by line":   {less(1), some(), "new y, still there x, still there y, still there main.done"},
		"lost line": {some(), less(1), "still there x, still there y, still there main.done, not seen y"},
	} {
		if got := states(test.before, test.after); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	// Of an id, those of the same lines belong together, whatever the suffix.
	for _, c := range Compare(less(1), some()) {
		if c.State == New && c.sites() != (&Entry{Accesses: y[0].Accesses[:]}).sites() {
			t.Errorf("%s is new, not %s", c.ID, y[0].ID)
		}
	}
}

func TestSuppressKnown(t *testing.T) {
	baseline, r := some(), some()
	baseline.Races = baseline.Races[:1]
	r.Races = append(r.Races, raceAt("a.org/m.New", "a.org/m.G", "x", 1))
	r.Findings = nil
	r.Finish()
	unseen := r.SuppressKnown(baseline, "old.json")
	if len(r.Races) != 3 || len(r.Suppressed) != 1 || r.Suppressed[0].By != "old.json" || len(unseen) != 1 || unseen[0].Rule != "HB051" || r.Verdict != Races {
		t.Errorf("%d races, %+v, %+v", len(r.Races), r.Suppressed, unseen)
	}
}
