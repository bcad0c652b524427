package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
		c, abort := tests[1], tests[1]
		c.name, c.command, c.want = "C", bin, exitClean
		abort.name, abort.command, abort.status, abort.want = "abort in C", "exec "+bin+" abort", -1, exitClean
		tests = append(tests, c, abort)
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

// TestDeathAnywhere ends programs that record as fast as they can, wherever they are,
// again and again: nothing that was recorded may be lost. There are more of them and of
// their threads than processors, so that some are always held up at a bad moment.
func TestDeathAnywhere(t *testing.T) {
	const atOnce = 4
	bin := instrumented(t, "death")
	dir := t.TempDir()
	for i, signals := range [][]syscall.Signal{
		{syscall.SIGTERM}, {syscall.SIGSEGV}, {syscall.SIGTERM, syscall.SIGINT}, {syscall.SIGTERM, syscall.SIGSEGV},
		{syscall.SIGINT}, {syscall.SIGTERM, syscall.SIGTERM},
	} {
		var traces [atOnce]string
		var wg sync.WaitGroup
		for k := range traces {
			traces[k] = filepath.Join(dir, fmt.Sprintf("%d.%d.trace", i, k))
			wg.Go(func() { die(t, bin, traces[k], int64(1+i*atOnce+k)<<17, signals) })
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for _, trace := range traces {
			var out bytes.Buffer
			if code := run([]string{"analyze", "--predict=off", trace}, nil, &out, &out); code != exitClean {
				t.Fatalf("%v: exit %d\n%s", signals, code, &out)
			}
			if err := os.Remove(trace); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// die has a program record into a trace until that has some bytes, and ends it by signals.
func die(t *testing.T, bin, trace string, bytes int64, signals []syscall.Signal) {
	cmd := exec.Command(bin, "busy")
	cmd.Env = append(os.Environ(), "HINDSIGHT="+trace, "GOMAXPROCS=16")
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	for size := int64(0); size < bytes; time.Sleep(time.Millisecond) {
		if info, err := os.Stat(trace); err == nil {
			size = info.Size()
		}
	}
	for _, s := range signals {
		cmd.Process.Signal(s)
	}
	if err := cmd.Wait(); err == nil {
		t.Errorf("%v: it goes on", signals)
	}
}

// TestDeathAtExit ends programs by a signal while they end by themselves, and their
// recordings are completed: whichever it is that ends them, nothing may be lost.
func TestDeathAtExit(t *testing.T) {
	bin := instrumented(t, "death")
	trace := filepath.Join(t.TempDir(), "x.trace")
	for i := range 12 {
		cmd := exec.Command(bin, "leaving")
		cmd.Env = append(os.Environ(), "HINDSIGHT="+trace, "GOMAXPROCS=8")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		bufio.NewReader(stdout).ReadString('\n')
		time.Sleep(time.Duration(i) * time.Millisecond)
		cmd.Process.Signal(syscall.SIGTERM)
		how := cmd.Wait()
		var out bytes.Buffer
		if code := run([]string{"analyze", "--predict=off", trace}, nil, &out, &out); code != exitClean {
			t.Fatalf("%d: %v, exit %d\n%s", i, how, code, &out)
		}
	}
}
