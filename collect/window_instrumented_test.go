//go:build hindsight

package collect

import (
	"errors"
	"io"
	"testing"
)

// What a program built with hindsight does not have says so, and annotations
// do no harm.
func TestInstrumented(t *testing.T) {
	if !Instrumented {
		t.Error("not instrumented")
	}
	f := new(Flight)
	if err := f.Start(); !errors.Is(err, ErrInstrumented) {
		t.Errorf("flight recorder: %v", err)
	}
	if _, err := f.WriteTo(io.Discard); !errors.Is(err, ErrNotFlying) {
		t.Errorf("WriteTo: %v", err)
	}
	f.Stop()
	if Running() != nil {
		t.Error("a flight recorder runs")
	}
	if err := Start(io.Discard); err != nil {
		t.Fatal(err)
	}
	x := NewVar("x", 1)
	e := new([2]int)
	Release(e)
	Acquire(e)
	ReleaseMerge(e)
	Write(e)
	Free(e)
	var n Int64
	c := NewChan[int](1)
	c.Send(int(n.Add(2)))
	v, ok := c.Recv()
	if x.Set(v); x.Get() != 2 || !ok {
		t.Errorf("got %d, %v", x.Get(), ok)
	}
	if err := Stop(); err != nil {
		t.Error(err)
	}
}
