package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUnnoticed runs a program plainly and recorded: exit status and output must
// be the same, however it ends, and whatever it leaves must be a recording in
// which its race is found.
func TestUnnoticed(t *testing.T) {
	recorded := instrumented(t, "unnoticed")
	plain := filepath.Join(t.TempDir(), "plain")
	if out, err := exec.Command("go", "build", "-o", plain, "./testdata/unnoticed").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{
		"return", "exit", "direct", "panic", "fault", "goexit", "recover", "deadlock", "asleep", "mapwrites",
		"overflow", "terminated", "killed", "caught", "goroutines", "child", "descriptors", "allocations", "traced", "input", "setuid",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantCode, want := unnoticed(t, plain, name, "")
			trace := filepath.Join(t.TempDir(), "x.trace")
			code, got := unnoticed(t, recorded, name, trace)
			if code != wantCode || got != want {
				t.Errorf("recorded: %s\n%s\nplain: %s\n%s", code, got, wantCode, want)
			}
			code, got = unnoticed(t, recorded, name, "")
			if code != wantCode || got != want {
				t.Errorf("instrumented, not recorded: %s\n%s\nplain: %s\n%s", code, got, wantCode, want)
			}
			var out, notes bytes.Buffer
			if code := run([]string{"analyze", trace}, nil, &out, &notes); code != exitFound || !strings.Contains(out.String(), "main.x") {
				t.Errorf("analyze: exit %d\n%s%s", code, &out, &notes)
			}
			switch name {
			case "return", "exit", "recover", "caught", "goroutines", "child", "descriptors", "allocations", "traced", "input", "setuid":
				if !strings.Contains(notes.String()+out.String(), "1 distinct data race") {
					t.Errorf("not one race:\n%s%s", &out, &notes)
				}
				for _, loss := range []string{"Lost:", "breaks off", "left out"} {
					if strings.Contains(out.String(), loss) {
						t.Errorf("not complete:\n%s", &out)
					}
				}
			}
			if name == "child" {
				children, _ := filepath.Glob(trace + ".*")
				if len(children) != 1 {
					t.Errorf("the child's recordings: %v", children)
				}
			}
		})
	}
}

// unnoticed runs one case and returns how it ended and what it printed, without
// what differs from run to run.
func unnoticed(t *testing.T, bin, name, trace string) (status, output string) {
	cmd := exec.Command(bin, name)
	cmd.Env = os.Environ()
	if trace != "" {
		cmd.Env = append(cmd.Env, "HINDSIGHT="+trace)
	}
	cmd.Stdin = strings.NewReader(strings.Repeat("x", 100_000))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if name == "killed" {
		// What was recorded is in the file a while after.
		for i := 0; trace != "" && run([]string{"analyze", trace}, nil, io.Discard, io.Discard) != exitFound; i++ {
			if i == 1000 {
				t.Error("what was recorded is not in the file")
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		cmd.Process.Kill()
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	status = cmd.ProcessState.String()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		status = "signal " + ws.Signal().String()
	}
	// Stacks differ in addresses and in the runtime's own frames.
	text := out.String()
	for _, cut := range []string{"\ngoroutine ", "\nruntime: goroutine stack", "\nruntime stack"} {
		if i := strings.Index(text, cut); i >= 0 {
			text = text[:i]
		}
	}
	return status, regexp.MustCompile(`0x[0-9a-f]+`).ReplaceAllString(text, "0x")
}
