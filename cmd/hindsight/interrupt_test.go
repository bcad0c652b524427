//go:build unix

package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/collect/record/recorded"
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
			for _, way := range []struct{ from, pass, told string }{
				{name, "accesses", "the analysis was interrupted: only the first "},
				{"-", "accesses", "the analysis was interrupted: only the first "},
				{name, "reading", "The recording breaks off before its end mark"},
			} {
				cmd := exec.Command(self, "analyze", way.from)
				cmd.Env = append(os.Environ(), asHeld+"="+way.pass, "TMPDIR="+dir)
				var out strings.Builder
				cmd.Stdout = &out
				if way.from == "-" {
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
				if status != test.want || !strings.Contains(out.String(), way.told) ||
					!strings.Contains(string(notes), "what was found so far follows") {
					t.Errorf("%v: status %d, want %d\n%s%s", way, status, test.want, &out, notes)
				}
				if left, _ := filepath.Glob(filepath.Join(dir, "hindsight-*")); len(left) > 0 {
					t.Errorf("%v: left behind: %q", way, left)
				}
			}
		})
	}
}

// An interrupt ends a recording of a service: what has arrived is kept and analyzed.
func TestInterruptedRecord(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	trace := recorded.Lostupdate()
	sent := make(chan bool)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debug/hindsight/mute/trace" {
			w.Write(trace[:len(trace)*9/10])
			http.NewResponseController(w).Flush()
		}
		sent <- true
		<-r.Context().Done()
	}))
	defer service.Close()
	for _, at := range []string{"/debug/hindsight/trace", "/debug/hindsight/mute/trace"} {
		dir := t.TempDir()
		kept := filepath.Join(dir, "kept")
		cmd := exec.Command(self, "record", "--seconds=3600", "--trace="+kept, service.URL+at)
		cmd.Env = append(os.Environ(), asHindsight+"=1", "TMPDIR="+dir)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-sent
		mute := strings.Contains(at, "mute")
		for !mute { // until all has been written that was sent
			if info, err := os.Stat(kept); err == nil && info.Size() == int64(len(trace)*9/10) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		status := cmd.ProcessState.ExitCode()
		if mute {
			if _, err := os.Stat(kept); status != exitFailed || err == nil || !strings.Contains(errs.String(), "interrupted") {
				t.Errorf("nothing sent: status %d, %v\n%s", status, err, &errs)
			}
			continue
		}
		want, text, _ := call("", "analyze", kept)
		if status != want || out.String() != text || !strings.Contains(errs.String(), "interrupted\nWhat has arrived is kept as ") {
			t.Errorf("status %d, want %d\n%s%s", status, want, &out, &errs)
		}
	}
}

// An interrupt while standard input is still being read ends the input there. Some result
// follows, whatever has come.
func TestInterruptWhileReading(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const racy = "g1 go g2\ng1 write x\ng2 write x\n"
	trace := string(madeTurns(5000, func(turn uint64) bool { return turn < 2 }))
	for _, test := range []struct {
		name, input string
		want        int
	}{
		{"nothing", "", exitInconclusive},
		{"a few bytes", "go", exitInconclusive},
		{"script without a race", "g1 go g2\ng1 write x\n", exitInconclusive},
		{"script with a race", racy, exitFound},
		{"within a line", racy + "g2 sen", exitFound},
		{"between send and receive", racy + "g1 send c\n", exitFound},
		{"while a goroutine waits", "g1 lock m\ng1 end\ng2 block-lock m\n", exitInconclusive},
		{"recording with a race", trace[:len(trace)/2], exitFound},
		{"all of a recording", trace, exitFound},
		{"packed", packed(racy)[:20], exitInconclusive},
		{"saved result", `{"schema":"hindsight/1","verdict":`, exitInconclusive},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(self, "analyze", "-")
			cmd.Env = append(os.Environ(), asReader+"=1", "TMPDIR="+dir)
			var out strings.Builder
			cmd.Stdout = &out
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			errs, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(in, test.input); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(errs)
			for line := ""; line != strconv.Itoa(len(test.input))+"\n"; {
				if line, err = lines.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			notes, _ := io.ReadAll(lines)
			cmd.Wait()
			in.Close()
			status := cmd.ProcessState.ExitCode()
			if status != test.want || !strings.Contains(out.String(), "reading was interrupted") ||
				!strings.Contains(string(notes), "interrupted: the input ends here") {
				t.Errorf("status %d, want %d\n%s%s", status, test.want, &out, notes)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "hindsight-*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
