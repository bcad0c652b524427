package predict

import (
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/script"
)

// What is known of held locks depends on how many are held, not on how many
// there were.
func TestLocksetsBounded(t *testing.T) {
	nowhere, err := script.Parse(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	const locks = 3 * fewLists
	s := NewSharing(true, Options{Level: Fast})
	s.finish()
	c := newCollector(nowhere, hb.Model, s)
	pos := uint64(0)
	do := func(op event.Op, n int) {
		c.add(&event.Event{Op: op, Obj: event.Obj{Addr: uint64(8 * n)}, Child: -1, Index: pos}, pos)
		pos++
	}
	kept := event.Obj{}
	for n := range locks {
		if n%(locks/4) == 0 {
			do(event.Lock, n) // held from now on
			kept = event.Obj{Addr: uint64(8 * n)}
		} else {
			do(event.Lock, n)
			do(event.Unlock, n)
		}
	}
	held := c.holds(0)
	if len(held) != 4 || held[3].obj != kept {
		t.Errorf("held: %v", held)
	}
	if n := len(c.locks.lists); n > fewLists+1 {
		t.Errorf("%d lists of locks are kept", n)
	}
	for n := range 10 * maxHeld {
		do(event.Lock, locks+n)
	}
	if n := len(c.holds(0)); n != maxHeld {
		t.Errorf("%d locks are listed", n)
	}
	for n := range 10 * maxHeld {
		do(event.Unlock, locks+n)
	}
	if n := len(c.holds(0)); n != 4 {
		t.Errorf("%d locks are listed in the end", n)
	}
}

// Beyond the entries that are kept, locks are still followed.
func TestLocksBeyondHorizon(t *testing.T) {
	nowhere, err := script.Parse(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	s := NewSharing(true, Options{Level: Fast})
	s.finish()
	c := newCollector(nowhere, hb.Model, s)
	c.most = 0
	for i := range uint64(10) {
		c.add(&event.Event{Op: event.Lock, Obj: event.Obj{Addr: 8 * i}, Child: -1, Index: 2 * i}, 2*i)
		c.add(&event.Event{Op: event.Unlock, Obj: event.Obj{Addr: 8 * i}, Child: -1, Index: 2*i + 1}, 2*i+1)
	}
	if held := c.holds(0); len(held) != 0 {
		t.Errorf("held in the end: %v", held)
	}
}
