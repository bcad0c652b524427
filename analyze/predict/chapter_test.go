package predict

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/script"
)

// renamed is a script with other names for all but the main goroutine, and
// another file in its sites. Goroutines end.
func renamed(text, suffix string) string {
	var out strings.Builder
	others := map[string]bool{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		for i, w := range words {
			switch {
			case w[0] == '@':
				words[i] = "@" + suffix + w[2:]
			case i == 0 && w == "chan", i == 1 && words[0] != "chan", w == "main", w[0] >= '0' && w[0] <= '9' || w[0] == '-':
			default:
				words[i] = w + suffix
			}
		}
		if len(words) == 0 {
			continue
		}
		if words[0] != "main" && words[0] != "chan" {
			others[words[0]] = words[1] != "end"
		}
		fmt.Fprintln(&out, strings.Join(words, " "))
	}
	for g, on := range others {
		if on {
			fmt.Fprintln(&out, g, "end")
		}
	}
	return out.String()
}

// foundIn returns what is predicted in a script, and how much is left undecided.
func foundIn(t *testing.T, text string, level Level, entries int) (found []string, undecided int) {
	t.Helper()
	src, err := script.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(src, nil, nil, Options{Level: level, entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Races {
		x := &r.Races[i]
		found = append(found, fmt.Sprint(x.Object.Name, " ", x.Accesses[0].Site, " ", x.Accesses[1].Site))
	}
	for i := range r.Findings {
		x := &r.Findings[i]
		found = append(found, fmt.Sprint(x.Rule, " ", x.Object, " ", x.Events[0].Site))
	}
	slices.Sort(found)
	return found, r.Summary.Undecided
}

// TestChapters: what is found in one piece of many is found in many chapters too.
func TestChapters(t *testing.T) {
	files, err := filepath.Glob("../testdata/litmus/P*.hbt")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	rounds := func(n int) string {
		var all strings.Builder
		for round := range n {
			for i, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				all.WriteString(renamed(string(text), fmt.Sprintf("_%d_%d", round, i)))
			}
		}
		return all.String()
	}
	all := rounds(20)
	want, undecided := foundIn(t, all, Fast, 0)
	if len(want) < 100 || undecided != 0 {
		t.Fatalf("in one chapter %d are found, %d undecided", len(want), undecided)
	}
	for _, entries := range []int{300, 500, 1000} {
		got, undecided := foundIn(t, all, Fast, entries)
		missing := slices.DeleteFunc(slices.Clone(want), func(s string) bool { return slices.Contains(got, s) })
		more := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return slices.Contains(want, s) })
		t.Logf("%d entries a chapter: %d of %d found, %d undecided", entries, len(got), len(want), undecided)
		if len(missing) > 0 || len(more) > 0 || undecided > 0 {
			t.Errorf("%d entries a chapter: %d undecided, missing %q, more %q", entries, undecided, missing, more)
		}
	}
	// A deep search in the last chapter finds what a fast one does in all.
	all = rounds(3)
	want, _ = foundIn(t, all, Fast, 0)
	got, _ := foundIn(t, all, Deep, 100)
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("a deep search misses %q", s)
		}
	}
}
