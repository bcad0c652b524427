package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// TestDeath analyzes what is left of programs that die, or do what recorders
// are bad at. TestUnnoticed, TestWindows and TestSlow have further cases.
func TestDeath(t *testing.T) {
	bin := instrumented(t, "death")
	tests := []struct {
		name, command string
		status        int
		stderr        string
		want          int // exit status of analyze
	}{
		{"memory", "ulimit -v 4000000; exec " + bin + " memory", 2, "out of memory", exitFound},
		{"threads", bin + " threads", 0, "", exitFound},
		{"annotated", bin + " annotated", 0, "", exitFound},
	}
	if _, err := exec.LookPath("gcc"); err == nil {
		bin := instrumented(t, "threads")
		tests = append(tests, tests[1])
		last := &tests[len(tests)-1]
		last.name, last.command, last.want = "C", bin, exitClean
	} else if os.Getenv("CI") != "" {
		t.Error(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			trace := filepath.Join(t.TempDir(), "x.trace")
			cmd := exec.Command("/bin/sh", "-c", test.command)
			cmd.Env = append(os.Environ(), "HINDSIGHT="+trace)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if status := cmd.ProcessState.ExitCode(); status != test.status || !strings.Contains(string(out), test.stderr) {
				t.Errorf("exit %d\n%.3000s", status, out)
			}
			var result, notes bytes.Buffer
			if code := run([]string{"analyze", "--predict=off", "--format=json", trace}, nil, &result, &notes); code != test.want {
				t.Fatalf("exit %d\n%s%s", code, &result, &notes)
			}
			var r finding.Result
			if err := json.Unmarshal(result.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			for _, race := range r.Races {
				if race.Object.Name != "main.x" {
					t.Errorf("a race on %s", race.Object.Name)
				}
			}
			if !r.Coverage.Complete && test.status == 0 {
				t.Errorf("coverage: %+v", r.Coverage)
			}
		})
	}
}

// TestDeathAnywhere ends a program that records as fast as it can, wherever it is, again
// and again: nothing that was recorded may be lost.
func TestDeathAnywhere(t *testing.T) {
	bin := instrumented(t, "death")
	trace := filepath.Join(t.TempDir(), "x.trace")
	for i := range 16 {
		sig := []syscall.Signal{syscall.SIGTERM, syscall.SIGSEGV}[i%2]
		cmd := exec.Command(bin, "busy")
		cmd.Env = append(os.Environ(), "HINDSIGHT="+trace, "GOMAXPROCS=16")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for size := int64(0); size < int64(1+i)<<18; time.Sleep(time.Millisecond) {
			if info, err := os.Stat(trace); err == nil {
				size = info.Size()
			}
		}
		cmd.Process.Signal(sig)
		if err := cmd.Wait(); err == nil {
			t.Fatalf("%v: it goes on", sig)
		}
		var out bytes.Buffer
		if code := run([]string{"analyze", "--predict=off", trace}, nil, &out, &out); code != exitClean {
			t.Fatalf("%v: exit %d\n%s", sig, code, &out)
		}
		if err := os.Remove(trace); err != nil {
			t.Fatal(err)
		}
	}
}
