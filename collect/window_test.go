package collect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	exptrace "golang.org/x/exp/trace"
)

// check reads an execution trace to its end.
func check(t *testing.T, b []byte) {
	t.Helper()
	r, err := exptrace.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		_, err := r.ReadEvent()
		if err == io.EOF && n > 0 {
			return
		}
		if err != nil {
			t.Fatalf("after %d events: %v", n, err)
		}
	}
}

func TestWindow(t *testing.T) {
	if err := Stop(); !errors.Is(err, ErrNotRecording) {
		t.Fatalf("Stop without a window: %v", err)
	}
	<-Done()
	var b bytes.Buffer
	if err := Start(&b); err != nil {
		t.Fatal(err)
	}
	if !Now().Recording {
		t.Error("the window is not open")
	}
	file := filepath.Join(t.TempDir(), "second.trace")
	for what, err := range map[string]error{"Start": Start(io.Discard), "StartFile": Window{}.StartFile(file)} {
		if !errors.Is(err, ErrRecording) {
			t.Errorf("%s with an open window: %v", what, err)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a window that could not be opened left a file")
	}
	done := Done()
	if err := Stop(); err != nil {
		t.Fatal(err)
	}
	<-done
	if s := Now(); s.Recording {
		t.Errorf("after Stop: %+v", s)
	}
	check(t, b.Bytes())
}

func TestWindowFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "window.trace")
	if err := os.WriteFile(name, []byte("from before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Window{MaxTime: time.Nanosecond}).StartFile(name); err != nil {
		t.Fatal(err)
	}
	<-Done() // by its bound
	if err := Stop(); err != nil {
		t.Fatal(err)
	}
	if err := Stop(); !errors.Is(err, ErrNotRecording) {
		t.Errorf("second Stop: %v", err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	check(t, b)
	if err := (Window{}).StartFile(filepath.Join(name, "no folder")); err == nil {
		t.Error("a file that cannot be made is no error")
	}
	if Now().Recording {
		t.Error("a window is open although its file could not be made")
	}
}

// A bound of bytes ends the window; what has been recorded is written still, so
// that the trace is whole.
func TestWindowMaxBytes(t *testing.T) {
	var b bytes.Buffer
	if err := (Window{MaxBytes: 1}).Start(&b); err != nil {
		t.Fatal(err)
	}
	<-Done()
	if err := Start(io.Discard); err != nil {
		t.Errorf("after a window that has ended by itself: %v", err)
	}
	if err := Stop(); err != nil {
		t.Fatal(err)
	}
	check(t, b.Bytes())
}

type failing struct{ n int }

func (f *failing) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, io.ErrNoProgress
	}
	return len(b), nil
}

func TestWindowWriteError(t *testing.T) {
	if err := Start(&failing{10}); err != nil {
		t.Fatal(err)
	}
	<-Done()
	if err := Stop(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Stop: %v", err)
	}
}

func TestRecord(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b bytes.Buffer
	if err := (Window{}).Record(ctx, &b); err != nil {
		t.Fatal(err)
	}
	check(t, b.Bytes())
	if Now().Recording {
		t.Error("Record left the window open")
	}
	if err := (Window{MaxTime: time.Nanosecond}).Record(t.Context(), io.Discard); err != nil {
		t.Errorf("ended by its bound: %v", err)
	}
}
