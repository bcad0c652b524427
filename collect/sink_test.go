package collect

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// A gate is a writer that tells when it is asked, and waits until it may.
type gate struct {
	bytes.Buffer
	asked, may chan bool
}

func (g *gate) Write(b []byte) (int, error) {
	g.asked <- true
	<-g.may
	return g.Buffer.Write(b)
}

// A writer that is too slow ends the window, and what waits for it is bounded.
func TestSinkSlow(t *testing.T) {
	g := &gate{asked: make(chan bool), may: make(chan bool)}
	full := 0
	s := newSink(g, 0, func() { full++ })
	s.most = 10
	write := func(text string) {
		t.Helper()
		if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatal("the tracer is told of an error:", n, err)
		}
	}
	write("first")
	<-g.asked // and now it hangs
	write("0123456789")
	if full != 0 {
		t.Error("the window has ended although no more waits than may")
	}
	write("x")
	if full != 1 {
		t.Errorf("the end was asked for %d times", full)
	}
	write("lost")
	close(g.may)
	if err := s.close(); !errors.Is(err, ErrSlow) {
		t.Error(err)
	}
	if g.String() != "first" {
		t.Errorf("written: %q", g.String())
	}
}

// All of it is passed on, in order, before close returns.
func TestSinkOrder(t *testing.T) {
	var b, want bytes.Buffer
	full := false
	s := newSink(&b, 1000, func() { full = true })
	for i := range 1000 {
		text := []byte{byte(i), byte(i >> 8)}
		want.Write(text)
		s.Write(text)
		if full != (2*(i+1) >= 1000) {
			t.Fatalf("after %d bytes full is %v", 2*(i+1), full)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want.Bytes()) {
		t.Error("not what was written")
	}
}

type short struct{}

func (short) Write(b []byte) (int, error) { return len(b) - 1, nil }

func TestSinkShort(t *testing.T) {
	full := make(chan bool, 1)
	s := newSink(short{}, 0, func() { full <- true })
	s.Write([]byte("xy"))
	<-full
	if err := s.close(); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
}
