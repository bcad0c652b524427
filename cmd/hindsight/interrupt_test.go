//go:build unix

package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An interrupt in the middle of a long recording ends the analysis of it: the
// result is of what has been seen so far.
func TestInterruptInTheMiddle(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const turns = 50_000
	for _, test := range []struct {
		name  string
		races func(turn uint64) bool
		want  int
	}{
		{"race before", func(turn uint64) bool { return turn < 2 }, exitFound},
		{"race after", func(turn uint64) bool { return turn >= turns-2 }, exitInconclusive},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "long.trace")
			if err := os.WriteFile(name, madeTurns(turns, test.races), 0o666); err != nil {
				t.Fatal(err)
			}
			if status, out, stderr := call("", "analyze", name); status != exitFound {
				t.Fatalf("not interrupted: status %d\n%s%s", status, out, stderr)
			}
			for _, way := range []string{name, "-"} {
				cmd := exec.Command(self, "analyze", way)
				cmd.Env = append(os.Environ(), asHeld+"=1", "TMPDIR="+dir)
				var out strings.Builder
				cmd.Stdout = &out
				if way == "-" {
					in, err := os.Open(name)
					if err != nil {
						t.Fatal(err)
					}
					defer in.Close()
					cmd.Stdin = in
				}
				errs, err := cmd.StderrPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewReader(errs)
				if line, err := lines.ReadString('\n'); line != inTheMiddle+"\n" {
					t.Fatalf("%q, %v", line, err)
				}
				if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
				notes, _ := io.ReadAll(lines)
				cmd.Wait()
				status := cmd.ProcessState.ExitCode()
				if status != test.want || !strings.Contains(out.String(), "the analysis was interrupted: only the first ") ||
					!strings.Contains(string(notes), "what was found so far follows") {
					t.Errorf("%s: status %d, want %d\n%s%s", way, status, test.want, &out, notes)
				}
				if left, _ := filepath.Glob(filepath.Join(dir, "hindsight-*")); len(left) > 0 {
					t.Errorf("%s: left behind: %q", way, left)
				}
			}
		})
	}
}
