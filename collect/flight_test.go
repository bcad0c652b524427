//go:build !hindsight

package collect

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

func TestFlight(t *testing.T) {
	f, g := &Flight{MinAge: time.Second}, new(Flight)
	var b bytes.Buffer
	if _, err := f.WriteTo(&b); !errors.Is(err, ErrNotFlying) || b.Len() > 0 {
		t.Errorf("WriteTo before Start: %v", err)
	}
	f.Stop() // no harm
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); !errors.Is(err, ErrFlying) {
		t.Errorf("second: %v", err)
	}
	g.Stop()
	if Running() != f || !Now().Flight {
		t.Error("the flight recorder does not run")
	}
	for range 2 { // it goes on
		b.Reset()
		if n, err := f.WriteTo(&b); err != nil || n != int64(b.Len()) {
			t.Fatal(n, err)
		}
		check(t, b.Bytes())
	}
	// A window besides.
	b.Reset()
	if err := Start(&b); err != nil {
		t.Fatal(err)
	}
	if err := Stop(); err != nil {
		t.Fatal(err)
	}
	check(t, b.Bytes())

	name := filepath.Join(t.TempDir(), "flight.trace")
	if err := f.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(name + ".*"); err != nil || left != nil {
		t.Error("left behind:", left, err)
	}
	f.Stop()
	if err := f.WriteFile(name); !errors.Is(err, ErrNotFlying) {
		t.Errorf("WriteFile after Stop: %v", err)
	}
	if left, err := filepath.Glob(name + ".*"); err != nil || left != nil {
		t.Error("left behind:", left, err)
	}
	if b, err := os.ReadFile(name); err != nil {
		t.Error("a dump that failed took the last one away:", err)
	} else {
		check(t, b)
	}
	if Running() != nil {
		t.Error("the flight recorder runs still")
	}
}

func TestFlightWhen(t *testing.T) {
	f := new(Flight)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	name := filepath.Join(t.TempDir(), "when.trace")
	// The predicate is false, true, true, false, true: two dumps, and each is
	// there when the predicate is next asked.
	answers := []bool{false, true, true, false, true, true}
	exists := func() bool { _, err := os.Stat(name); return err == nil }
	var asked atomic.Int32
	all := make(chan bool)
	stop := f.When(func() bool {
		i := int(asked.Add(1)) - 1
		if i == len(answers)-1 {
			close(all)
		}
		if i >= len(answers) {
			return true
		}
		want := i == 2 || i == 5
		if exists() != want {
			t.Errorf("before question %d there is a file: %v", i, !want)
		}
		os.Remove(name)
		return answers[i]
	}, time.Millisecond, name)
	<-all
	stop()
	stop()
	n := asked.Load()
	if stop(); asked.Load() != n {
		t.Error("asked after the end")
	}
}
