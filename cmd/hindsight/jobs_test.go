package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An analysis that the user interrupts says what it has found so far.
func TestInterrupted(t *testing.T) {
	rest := strings.Repeat("a read y @m.go:7\n", 100_000)
	for begin, want := range map[string]int{
		"a go b @m.go:1\na write x @m.go:2\nb write x @m.go:3\n": exitFound,
		"a go b @m.go:1\n": exitInconclusive,
	} {
		name := filepath.Join(t.TempDir(), "x.hbt")
		// The race at the end is not seen.
		if err := os.WriteFile(name, fmt.Appendf(nil, "%s%sa write z @m.go:4\nb write z @m.go:5\n", begin, rest), 0o666); err != nil {
			t.Fatal(err)
		}
		var out, notes strings.Builder
		a := &app{stdout: &out, stderr: &notes, progress: newProgress(&notes), sources: newSources("")}
		a.order = "model"
		a.interrupted.Store(true)
		status, err := runAnalyze(a, []string{name})
		a.temp.clean()
		if err != nil || status != want || !strings.Contains(out.String(), "interrupted") || strings.Contains(out.String(), "m.go:5") {
			t.Errorf("%v, status %d, want %d\n%s%s", err, status, want, &out, &notes)
		}
	}
}

// The result is the same bytes whatever the number of jobs.
func TestJobs(t *testing.T) {
	var want string
	for _, jobs := range []string{"1", "2", "7"} {
		var out, notes strings.Builder
		args := []string{"analyze", "--jobs", jobs, "--format", "json", "../../collect/record/recorded/lostupdate.trace.gz"}
		if status := run(args, strings.NewReader(""), &out, &notes); status != exitFound {
			t.Fatalf("status %d\n%s", status, &notes)
		}
		if want == "" {
			want = out.String()
		}
		if out.String() != want {
			t.Errorf("%s jobs:\n%s\nwant\n%s", jobs, &out, want)
		}
	}
}
