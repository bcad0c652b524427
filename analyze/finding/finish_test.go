package finding

import "testing"

func TestNormalize(t *testing.T) {
	for fn, want := range map[string]string{
		"main.f":                     "main.f",
		"main.main.func1":            "main.main.func",
		"main.main.func12.3":         "main.main.func",
		"main.main.func1.gowrap2":    "main.main.func.gowrap",
		"main.(*T).Put.deferwrap1":   "main.(*T).Put.deferwrap",
		"main.all-range3":            "main.all-range",
		"main.Map[go.shape.int].Get": "main.Map[...].Get",
		"main.F[a.B[c.D],e.F].func1": "main.F[...].func",
		"example.com/v2/pkg.init.0":  "example.com/v2/pkg.init",
	} {
		if got := Normalize(fn); got != want {
			t.Errorf("%s: %s, want %s", fn, got, want)
		}
	}
}

func raceAt(fn1, fn2, name string, n uint64) Race {
	side := func(fn string) Access {
		return Access{Op: "write", Site: Frame{fn, "f.go", 1}, Stack: []Frame{{fn, "f.go", 1}}}
	}
	return Race{Tier: "observed", Object: Object{Name: name}, Occurrences: n, Accesses: [2]Access{side(fn1), side(fn2)}}
}

func TestFinish(t *testing.T) {
	r := &Result{
		Runs: []Run{{Module: "a.org/m"}},
		Races: []Race{
			raceAt("b.org/dep.F", "b.org/dep.G", "x", 9),
			raceAt("a.org/m/p.F", "b.org/dep.G", "x", 1),
			raceAt("a.org/m.F.func1", "main.G", "y", 5),
			raceAt("main.G", "a.org/m.F.func2", "y", 4),
		},
	}
	r.Finish()
	if r.Verdict != Races {
		t.Error(r.Verdict)
	}
	x := r.Races
	if x[0].Occurrences != 5 || x[1].ID != x[0].ID+"-2" || x[2].Occurrences != 1 || x[3].Occurrences != 9 {
		t.Errorf("order: %+v", x)
	}
	if x[0].Weak || x[2].Weak || !x[3].Weak {
		t.Error("weak ids")
	}
	id := x[0].ID
	r.Finish()
	if r.Races[0].ID != id {
		t.Error("a second Finish changes ids")
	}
}

func TestVerdict(t *testing.T) {
	note := Finding{Severity: "note"}
	fault := Finding{Severity: "error"}
	whole := Coverage{Complete: true, Instrumented: true}
	for _, test := range []struct {
		r    Result
		want string
	}{
		{Result{Coverage: whole}, None},
		{Result{}, Inconclusive},
		{Result{Coverage: Coverage{Complete: true}}, Inconclusive},
		{Result{Coverage: whole, Findings: []Finding{note}}, None},
		{Result{Findings: []Finding{note, fault}}, Findings},
		{Result{Findings: []Finding{fault}, Races: []Race{raceAt("f", "g", "x", 1)}}, Races},
	} {
		if test.r.Finish(); test.r.Verdict != test.want {
			t.Errorf("%s, want %s", test.r.Verdict, test.want)
		}
	}
}
