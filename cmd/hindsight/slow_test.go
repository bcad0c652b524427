package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// TestSlow has programs record into what takes the recording slowly, or not at
// all: they run on, in bounded memory, and end.
func TestSlow(t *testing.T) {
	bin := instrumented(t, "windows")
	fifo := func(t *testing.T) string {
		name := filepath.Join(t.TempDir(), "fifo")
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	begin := func(t *testing.T, name string, env ...string) (*exec.Cmd, *bufio.Reader, *bytes.Buffer) {
		cmd := exec.Command(bin, name, t.TempDir())
		cmd.Env = append(os.Environ(), env...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		return cmd, bufio.NewReader(out), &stderr
	}
	analyze := func(t *testing.T, trace string, want int) finding.Result {
		t.Helper()
		var out, notes bytes.Buffer
		if code := run([]string{"analyze", "--predict=off", "--format=json", trace}, nil, &out, &notes); code != want {
			t.Fatalf("exit %d, want %d\n%s%s", code, want, &out, &notes)
		}
		var r finding.Result
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	// copyOf reads a pipe to its end.
	copyOf := func(t *testing.T, r io.Reader) string {
		t.Helper()
		f, err := os.Create(filepath.Join(t.TempDir(), "copy"))
		if err == nil {
			_, err = io.Copy(f, r)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}

	t.Run("nobody reads", func(t *testing.T) {
		t.Parallel()
		cmd, _, stderr := begin(t, "some", "HINDSIGHT="+fifo(t))
		if err := cmd.Wait(); err != nil || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "hindsight: the recording cannot be written") {
			t.Errorf("%v\n%s", err, stderr)
		}
	})
	t.Run("terminated", func(t *testing.T) {
		t.Parallel()
		cmd, _, stderr := begin(t, "much", "HINDSIGHT="+fifo(t))
		time.Sleep(time.Second) // by then it waits, as a rule
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err == nil || err.Error() != "signal: terminated" {
			t.Errorf("%v\n%s", err, stderr)
		}
	})
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		name := fifo(t)
		cmd, _, stderr := begin(t, "much", "HINDSIGHT="+name)
		time.Sleep(3 * time.Second)
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		watched := &watchedReader{Reader: f, pid: cmd.Process.Pid}
		trace := copyOf(t, watched)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		size := int64(0)
		if info, err := os.Stat(trace); err == nil {
			size = info.Size()
		}
		t.Logf("trace of %d MB, peak memory %d MB", size>>20, watched.peak>>10)
		if size < 120<<20 || watched.peak == 0 || watched.peak > 110<<10 {
			t.Error("want a trace of more than 120 MB and a peak below 110 MB: 64 MB may wait")
		}
		if r := analyze(t, trace, exitFound); !r.Coverage.Complete {
			t.Errorf("%+v", r.Coverage)
		}
	})
	t.Run("drop", func(t *testing.T) {
		t.Parallel()
		name := fifo(t)
		cmd, out, stderr := begin(t, "accesses", "HINDSIGHT="+name, "HINDSIGHT_WHENSLOW=drop")
		if line, err := out.ReadString('\n'); line != "done\n" {
			t.Fatalf("%q, %v\n%s", line, err, stderr)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		trace := copyOf(t, f)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		r := analyze(t, trace, exitInconclusive)
		if c := r.Coverage; c.Complete || c.Truncated || c.LostRecords == 0 || c.LostSync != 0 || c.LostChunks != 0 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("closed pipe", func(t *testing.T) {
		t.Parallel()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(bin, "pipe")
		cmd.ExtraFiles = []*os.File{w} // 3
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		part := copyOf(t, io.LimitReader(r, 1<<20))
		r.Close()
		if err := cmd.Wait(); err != nil || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "hindsight: cannot write the recording") {
			t.Errorf("%v\n%s", err, &stderr)
		}
		if r := analyze(t, part, exitFound); !r.Coverage.Truncated {
			t.Errorf("%+v", r.Coverage)
		}
	})
	t.Run("own pipe", func(t *testing.T) {
		t.Parallel()
		cmd := exec.Command(bin, "own")
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "\"\" true\n" {
			t.Errorf("%v\n%s", err, out)
		}
	})
	// The disk is full after a megabyte.
	t.Run("full", func(t *testing.T) {
		t.Parallel()
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command("/bin/sh", "-c", "ulimit -f 2000; exec "+bin+" races")
		cmd.Env = append(os.Environ(), "HINDSIGHT="+trace)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "hindsight: cannot write the recording") {
			t.Errorf("%v\n%s", err, out)
		}
		if r := analyze(t, trace, exitFound); !r.Coverage.Truncated {
			t.Errorf("%+v", r.Coverage)
		}
	})
}

// watchedReader reads what a process writes, and how much memory it has had
// resident by then, in KB. What wait(2) tells of that begins with the memory of
// the process that started it.
type watchedReader struct {
	io.Reader
	pid, peak int
}

func (r *watchedReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.pid))
	if _, peak, ok := strings.Cut(string(status), "\nVmHWM:"); ok {
		fmt.Sscan(peak, &r.peak)
	}
	return n, err
}
