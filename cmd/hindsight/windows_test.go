package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// TestTraceLimit keeps the newest part of a trace, with run.
func TestTraceLimit(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("builds an instrumented program")
	}
	dir := t.TempDir()
	kept, result := filepath.Join(dir, "kept"), filepath.Join(dir, "result.json")
	var out bytes.Buffer
	code := run([]string{"run", "--trace-limit=4MB", "--trace", kept, "--output", result, "./testdata/windows", "long", dir}, nil, &out, &out)
	if code != exitFound {
		t.Fatalf("exit %d\n%s", code, &out)
	}
	data, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	var r finding.Result
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Races) != 1 || r.Races[0].Object.Name != "main.inside" || len(r.Coverage.Windows) != 2 {
		t.Errorf("races: %+v\ncoverage: %+v", r.Races, r.Coverage)
	}
	for _, name := range []string{kept, kept + older} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// TestWindows records parts of runs.
func TestWindows(t *testing.T) {
	bin := instrumented(t, "windows")
	// do runs a case and returns what it printed.
	do := func(t *testing.T, dir, name string, env ...string) string {
		t.Helper()
		cmd := exec.Command(bin, name, dir)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%.2000s", err, out)
		}
		return string(out)
	}
	// read analyzes what a window has left.
	read := func(t *testing.T, trace string, want int) finding.Result {
		t.Helper()
		var out, notes bytes.Buffer
		if code := run([]string{"analyze", "--format=json", trace}, nil, &out, &notes); code != want {
			t.Fatalf("%s: exit %d, want %d\n%s%s", trace, code, want, &out, &notes)
		}
		var r finding.Result
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Coverage.Windows) != 1 || r.Coverage.Windows[0].From > r.Coverage.Windows[0].To {
			t.Errorf("%s: windows %v", trace, r.Coverage.Windows)
		}
		return r
	}
	inside := func(t *testing.T, r finding.Result) {
		t.Helper()
		if len(r.Races) != 1 || r.Races[0].Object.Name != "main.inside" {
			t.Fatalf("races: %+v", r.Races)
		}
	}

	t.Run("sound", func(t *testing.T) {
		dir := t.TempDir()
		do(t, dir, "sound")
		for _, name := range []string{"0", "1", "2", "3", "4"} {
			if r := read(t, filepath.Join(dir, name+".trace"), exitClean); !r.Coverage.Complete || r.Verdict != finding.None {
				t.Errorf("window %s: %s, %+v", name, r.Verdict, r.Coverage)
			}
		}
	})
	t.Run("race", func(t *testing.T) {
		dir := t.TempDir()
		do(t, dir, "race")
		r := read(t, filepath.Join(dir, "0.trace"), exitFound)
		inside(t, r)
		// The calls that the goroutines were in when the window opened.
		for _, a := range r.Races[0].Accesses {
			var funcs []string
			for _, f := range a.Stack {
				funcs = append(funcs, f.Func)
			}
			if len(funcs) != 3 || !slices.Equal(funcs[:2], []string{"main.inner", "main.outer"}) {
				t.Errorf("stack: %v", funcs)
			}
		}
	})
	t.Run("exit", func(t *testing.T) {
		dir := t.TempDir()
		do(t, dir, "exit")
		if r := read(t, filepath.Join(dir, "0.trace"), exitFound); !r.Coverage.Complete {
			t.Errorf("%+v", r.Coverage)
		}
	})
	t.Run("killed", func(t *testing.T) {
		dir := t.TempDir()
		trace := filepath.Join(dir, "0.trace")
		cmd := exec.Command(bin, "killed", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for i := 0; run([]string{"analyze", trace}, nil, io.Discard, io.Discard) != exitFound; i++ {
			if i == 1000 {
				t.Error("what was recorded is not in the file")
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		cmd.Process.Kill()
		cmd.Wait()
		inside(t, read(t, trace, exitFound))
	})
	// The newest two windows stay: what happened before them is out of scope.
	t.Run("newest", func(t *testing.T) {
		dir := t.TempDir()
		trace := filepath.Join(dir, "x")
		do(t, dir, "long", "HINDSIGHT="+trace, "HINDSIGHT_LIMIT=4000000")
		left, _ := filepath.Glob(filepath.Join(dir, "*"))
		if !slices.Equal(left, []string{trace, trace + older}) {
			t.Fatalf("left: %v", left)
		}
		inside(t, read(t, trace, exitFound))
		if r := read(t, trace+older, exitClean); !r.Coverage.Complete {
			t.Errorf("%+v", r.Coverage)
		}
	})
	t.Run("limit", func(t *testing.T) {
		dir := t.TempDir()
		do(t, dir, "limit")
		trace := filepath.Join(dir, "0.trace")
		if r := read(t, trace, exitClean); !r.Coverage.Complete {
			t.Errorf("%+v", r.Coverage)
		}
	})
	t.Run("pause", func(t *testing.T) {
		t.Log(do(t, t.TempDir(), "pause"))
	})
	t.Run("errors", func(t *testing.T) {
		const want = `stop first: no recording has been started
start, no such descriptor: cannot duplicate the descriptor; windows are recorded on linux
start, negative limit: the limit is negative
start, traced: the program is being traced; that has to end first
start again: a recording is going on already
`
		if got := do(t, t.TempDir(), "errors"); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
	t.Run("whole", func(t *testing.T) {
		got := do(t, t.TempDir(), "whole", "HINDSIGHT="+filepath.Join(t.TempDir(), "x"))
		if strings.Count(got, "HINDSIGHT is set") != 2 {
			t.Error(got)
		}
	})
}
