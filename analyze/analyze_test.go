package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/predict"
	"github.com/hindsight-go/hindsight/analyze/script"
)

func analyzed(t testing.TB, text string, mode hb.Mode) *finding.Result {
	t.Helper()
	s, err := script.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Source(s, Options{Order: mode, Coverage: func() finding.Coverage { return Whole(0) }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every litmus script ends its name with its verdict.
func TestLitmus(t *testing.T) {
	files, err := filepath.Glob("testdata/litmus/*.hbt")
	if err != nil || len(files) == 0 {
		t.Fatal("no litmus scripts", err)
	}
	verdicts := map[string]string{
		"none": finding.None, "race": finding.Races, "misuse": finding.Findings,
		"predicted": finding.None, "deep": finding.None, // see TestPredictedLitmus
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hbt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := analyzed(t, string(text), hb.Model)
			want := verdicts[name[strings.LastIndexByte(name, '-')+1:]]
			if r.Verdict != want {
				t.Errorf("verdict %s, want %s", r.Verdict, want)
			}
			if want == finding.Races && len(r.Races) != 1 {
				t.Errorf("%d races, want one", len(r.Races))
			}
			if want == finding.Findings && len(r.Findings) != 1 {
				t.Errorf("%d findings, want one", len(r.Findings))
			}
			for _, x := range r.Races {
				for _, a := range x.Accesses {
					if a.Site.File != "a.go" || a.Site.Line == 0 {
						t.Errorf("site %v", a.Site)
					}
				}
				if x.Graph == nil || x.Why == "" || len(x.ID) != 12 {
					t.Errorf("incomplete: %+v", x)
				}
			}
			// What is printed is the same execution.
			s, _ := script.Parse(bytes.NewReader(text))
			var printed bytes.Buffer
			if err := script.Print(&printed, s); err != nil {
				t.Fatal(err)
			}
			if again := analyzed(t, printed.String(), hb.Model); encoded(again) != encoded(r) {
				t.Errorf("printed script differs:\n%s", &printed)
			}
		})
	}
}

// What is predicted from litmus scripts, besides from those whose verdict says so.
var predicted = map[string]string{
	"22-reader-writer-reader-none": "the sections of the readers may overlap without the writer's in between",
	"23-unlock-by-third-none":      "the third goroutine may unlock before anybody has locked",
	"27-add-wait-race":             "both Dones may come before the second Add (a deep search tells)",
}

// Of a script whose verdict is "predicted", a fast search finds the race; where
// it is "deep", only a deep one does.
func TestPredictedLitmus(t *testing.T) {
	files, err := filepath.Glob("testdata/litmus/*.hbt")
	if err != nil || len(files) == 0 {
		t.Fatal("no litmus scripts", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hbt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, level := range []predict.Level{predict.Fast, predict.Deep} {
				s, err := script.Parse(bytes.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				r, err := Source(s, Options{Coverage: func() finding.Coverage { return Whole(0) }, Predict: level})
				if err != nil {
					t.Fatal(err)
				}
				found := 0
				for _, x := range r.Races {
					if x.Tier == "predicted" {
						found++
						if x.Witness != "checked" || len(x.Steps.Steps) < 2 || len(x.Steps.Assumptions) == 0 {
							t.Errorf("incomplete: %+v", x)
						}
					}
				}
				for _, x := range r.Findings {
					if x.Tier == "predicted" {
						found++
					}
				}
				_, listed := predicted[name]
				if listed && level == predict.Fast {
					continue
				}
				want := listed || strings.HasSuffix(name, "-predicted") || strings.HasSuffix(name, "-deep") && level == predict.Deep
				if want != (found > 0) {
					t.Errorf("%v: %d predictions", level, found)
				}
			}
		})
	}
}

func encoded(r *finding.Result) string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A hundred thousand goroutines between the accesses, and a million events.
func TestFarApart(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	var b strings.Builder
	b.WriteString("main go g @a.go:1\nmain write x @a.go:2\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "main go h%d\nh%d read z\nh%d done wg\nh%d end\n", i, i, i, i)
	}
	text := "main add wg 100000\n" + b.String()
	text += strings.Repeat("main read y\nmain atomic-rmw a\n", 250_000) + "g write x @a.go:3\n"
	r := analyzed(t, text, hb.Model)
	if len(r.Races) != 1 || r.Races[0].Accesses[0].Site.Line != 2 || r.Races[0].Accesses[1].Site.Line != 3 {
		t.Errorf("%d races", len(r.Races))
	}
}

// The first line of a script that tells the orders apart says the verdict of each.
func TestOrders(t *testing.T) {
	files, err := filepath.Glob("testdata/order/*.hbt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	doc, err := os.ReadFile("../docs/memory-model.md")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{"none": finding.None, "race": finding.Races, "misuse": finding.Findings}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hbt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, _, _ := strings.Cut(string(text), ":")
			var want [3]string
			if _, err := fmt.Sscanf(strings.ReplaceAll(head, ",", ""), "# model %s strict %s tsan %s", &want[0], &want[1], &want[2]); err != nil {
				t.Fatal(err)
			}
			for mode, verdict := range want {
				if got := analyzed(t, string(text), hb.Mode(mode)).Verdict; got != verdicts[verdict] {
					t.Errorf("%v: %s, want %s", hb.Mode(mode), got, verdict)
				}
			}
			if !strings.Contains(string(doc), "`"+name+"`") {
				t.Error("docs/memory-model.md does not name it")
			}
		})
	}
}

// What only input and output or only reachability orders is noted, and changes nothing else.
func TestNoted(t *testing.T) {
	io := "main go g\nmain write x @a.go:1\nmain write y @a.go:2\nmain io-write p\ng io-read p\n"
	final := ".recorded collected\nmain go f\nmain write x 0 8 @a.go:1\nmain write y 0 8 @a.go:2\n.gc 1\nf cut x 0 8\n"
	const reach = " ordered only by reachability (a finalizer or cleanup ran, so nobody could use the object)"
	for text, want := range map[string][]string{
		io:                      nil,
		io + "g read x @b.go:3": {"1 pair of accesses is ordered only by input and output: a.go:1 and b.go:3; --order=strict reports it"},
		io + "g read y @b.go:3\ng write x @b.go:4\ng read x @b.go:5": {
			"3 pairs of accesses are ordered only by input and output, the first: a.go:2 and b.go:3; --order=strict reports them"},
		final:                          nil,
		final + "f read x 0 8 @b.go:3": {"1 pair of accesses is" + reach + ": a.go:1 and b.go:3; --order=strict reports it"},
		final + "f read x 0 8 @b.go:3\nmain io-write p\nf io-read p\nf read y 0 8 @b.go:4": {
			"1 pair of accesses is" + reach + ": a.go:1 and b.go:3; --order=strict reports it",
			"1 pair of accesses is ordered only by input and output: a.go:2 and b.go:4; --order=strict reports it"},
		// Lines that race elsewhere are not the first if others do not.
		"main go g\nmain write z @a.go:1\ng write z @b.go:3\n" + io[len("main go g\n"):] + "g write x @b.go:3\ng write y @b.go:4": {
			"2 pairs of accesses are ordered only by input and output, the first: a.go:2 and b.go:4; --order=strict reports them"},
	} {
		r := analyzed(t, text, hb.Model)
		if !slices.Equal(r.Coverage.Notes, want) {
			t.Errorf("%s\nnotes %q, want %q", text, r.Coverage.Notes, want)
		}
		if races := strings.Count(text, " z "); len(r.Races) != races/2 || !r.Coverage.Complete {
			t.Errorf("%s\n%d races, complete: %v", text, len(r.Races), r.Coverage.Complete)
		}
		for _, mode := range []hb.Mode{hb.Strict, hb.TSan} {
			if r := analyzed(t, text, mode); len(r.Coverage.Notes) > 0 {
				t.Errorf("%s\n%v: %q", text, mode, r.Coverage.Notes)
			}
		}
	}
}

func TestFirstPair(t *testing.T) {
	// The pair of writes decides, though a read was first; of its pairs the one
	// whose later access is first, then whose earlier is.
	r := analyzed(t, `
a go b
a read x @f.go:1
b write x @f.go:2
a write x @f.go:1
a write x @f.go:1
b write x @f.go:2
`, hb.Model)
	if len(r.Races) != 1 {
		t.Fatalf("%d races", len(r.Races))
	}
	x := r.Races[0]
	if x.Kind != "write-write" || x.Occurrences != 6 || x.Accesses[0].Goroutine != "b" || x.Accesses[0].Event != 0 ||
		x.Accesses[1].Event != 2 {
		t.Errorf("%+v", x)
	}
}

func TestMerge(t *testing.T) {
	texts := []string{
		"a go b @f.go:1\na write x @f.go:2\nb write x @f.go:3\n",
		"a go b @f.go:1\na read x @f.go:2\nb write x @f.go:3\nb close c\nb close c\n",
		"a go b @f.go:1\na go c @f.go:1\nb write x @f.go:3\na write x @f.go:2\nc read y @f.go:8\nb write y @f.go:9\n",
	}
	var all []*finding.Result
	for _, text := range texts {
		all = append(all, analyzed(t, text, hb.Model))
	}
	merge := func(rs ...*finding.Result) *finding.Result {
		r, err := Merge(rs...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := merge(all...)
	if len(want.Races) != 2 || want.Races[0].Occurrences != 3 || want.Races[0].Kind != "write-write" || len(want.Findings) != 1 {
		t.Errorf("%s", encoded(want))
	}
	for _, got := range []*finding.Result{
		merge(all[2], all[0], all[1]),
		merge(merge(all[1], all[2]), all[0]),
		merge(all[1], merge(all[0], all[2])),
	} {
		if encoded(got) != encoded(want) {
			t.Errorf("merged otherwise:\n%s\n%s", encoded(got), encoded(want))
		}
	}
}
