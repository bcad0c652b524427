package samples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// TestAnnotated records the annotated samples as ordinary programs, and in a
// window of their own as instrumented ones.
func TestAnnotated(t *testing.T) {
	for _, name := range []string{"annotated", "annotated-fixed"} {
		want, _ := expected(t, filepath.Join(name, "annotated.go"))
		for i := range want {
			want[i].object = strings.TrimSuffix(want[i].object, ".v") // the Var, as which annotations know it
		}
		t.Run(name, func(t *testing.T) {
			ordinary := filepath.Join(t.TempDir(), name)
			build := exec.Command("go", "build", "-o", ordinary, "./"+name)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			result := analyze(t, ".", window(t, ordinary))
			checkRaces(t, result, want)
			if c := result.Coverage; c.Instrumented || c.Truncated {
				t.Errorf("coverage %+v", c)
			}
			if len(want) == 0 && result.Verdict != finding.Inconclusive {
				t.Errorf("verdict %q of annotations alone", result.Verdict)
			}
		})
		t.Run(name+" instrumented", func(t *testing.T) {
			result := analyze(t, ".", window(t, filepath.Join(bin, name)))
			if got := len(result.Races) > 0; got != (len(want) > 0) {
				t.Errorf("races: %+v", result.Races)
			}
			for _, r := range result.Races {
				if sites := sortedSites(siteOf(r.Accesses[0].Site), siteOf(r.Accesses[1].Site)); sites != want[0].sites {
					t.Errorf("race at %v, want %v", sites, want[0].sites)
				}
			}
			if len(want) == 0 && result.Verdict != finding.None {
				t.Errorf("verdict %q, coverage %+v", result.Verdict, result.Coverage)
			}
		})
	}
}

// TestCollect runs the tests of package collect in programs built with hindsight.
func TestCollect(t *testing.T) {
	for _, dir := range []string{"../collect", "../collect/collecthttp"} {
		binary := filepath.Join(t.TempDir(), "collect.test")
		for _, args := range [][]string{{hindsight, "test", "-c", "-o", binary, dir}, {binary, "-test.v"}} {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "HINDSIGHT=")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", args, err, out)
			}
			if args[0] == binary && !strings.Contains(string(out), "--- PASS") {
				t.Errorf("%s: no tests\n%s", dir, out)
			}
		}
	}
}

// window runs an annotated sample and returns the trace that it made itself.
func window(t *testing.T, binary string) string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "window.trace")
	cmd := exec.Command(binary, trace)
	cmd.Env = append(os.Environ(), "HINDSIGHT=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return trace
}
