package hb

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// Goroutines that come and go share slots, and what is ordered is what is
// ordered where each keeps its own: where no end is told of.
func TestReuse(t *testing.T) {
	var goroutines, slots int
	for seed := range uint64(600) {
		mode := Mode(seed % 3)
		r := lives{Rand: rand.New(rand.NewPCG(seed, 7)), got: New(mode, false), want: New(mode, false), alive: []event.G{0}, begun: 1}
		for range 300 {
			r.step(t)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		goroutines += r.begun
		slots += int(r.got.slots)
		if int(r.want.slots) != r.begun {
			t.Fatalf("seed %d: %d slots for %d goroutines that never end", seed, r.want.slots, r.begun)
		}
	}
	if slots*3 > goroutines*2 {
		t.Errorf("%d slots for %d goroutines", slots, goroutines)
	}
}

// lives makes random executions of many short-lived goroutines.
type lives struct {
	*rand.Rand
	got, want *State
	alive     []event.G
	begun     int
	noted     []noted
	sends     [2]uint32 // on channels of capacity 2
	recvs     [2]uint32
}

// noted is something that a goroutine did.
type noted struct{ got, want Epoch }

func (l *lives) do(e event.Event) {
	l.got.Apply(&e)
	if e.Op != event.End {
		l.want.Apply(&e)
	}
}

func (l *lives) step(t *testing.T) {
	g := l.alive[l.IntN(len(l.alive))]
	object := event.Obj{Addr: 8 + 8*l.Uint64N(3)}
	do := func(op event.Op) { l.do(event.Event{Op: op, G: g, Obj: object, Addr: object.Addr, N: -1}) }
	switch k := l.IntN(20); {
	case k < 4: // start
		if len(l.alive) < 6 {
			child := event.G(l.begun)
			l.begun++
			l.alive = append(l.alive, child)
			l.do(event.Event{Op: event.Go, G: g, Child: child})
		}
	case k < 7: // end, often right after a release that somebody learns of
		if g == 0 {
			return
		}
		if l.IntN(3) > 0 {
			l.do(event.Event{Op: event.Add, N: -1, G: g, Obj: object})
		}
		if l.IntN(5) == 0 {
			l.note(t, g)
		}
		l.do(event.Event{Op: event.End, G: g})
		l.alive = slices.DeleteFunc(l.alive, func(other event.G) bool { return other == g })
	case k < 9:
		do(event.Wait)
	case k < 13:
		l.note(t, g)
	case k < 15: // a buffered channel
		i := l.IntN(2)
		e := event.Event{G: g, Obj: event.Obj{Space: event.SpaceChan, Addr: uint64(i + 1)}, Cap: 2}
		if l.sends[i]-l.recvs[i] < 2 && (l.sends[i] == l.recvs[i] || l.IntN(2) == 0) {
			e.Op, e.Slot = event.Send, l.sends[i]%2
			l.sends[i]++
		} else {
			e.Op, e.Slot = event.Recv, l.recvs[i]%2
			l.recvs[i]++
		}
		l.do(e)
	case k < 16: // an unbuffered one
		if to := l.alive[l.IntN(len(l.alive))]; to != g {
			l.do(event.Event{Op: event.Send, G: g, Obj: event.Obj{Addr: 80}})
			l.do(event.Event{Op: event.Recv, G: to, Obj: event.Obj{Addr: 80}})
		}
	default:
		ops := []event.Op{
			event.Lock, event.Unlock, event.RLock, event.RUnlock, event.Release, event.Acquire, event.ReleaseMerge,
			event.ReleaseAcquire, event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.IORead, event.IOWrite,
		}
		do(ops[l.IntN(len(ops))])
	}
}

// note has g do something, before which others have done what they have, and
// remembers it.
func (l *lives) note(t *testing.T, g event.G) {
	now := noted{l.got.Epoch(g), l.want.Epoch(g)}
	for _, n := range l.noted {
		got, want := l.got.Clock(g).Knows(n.got), l.want.Clock(g).Knows(n.want)
		if got != want {
			t.Errorf("goroutine %d knows %v: %t; with a slot for each goroutine, %v: %t", g, n.got, got, n.want, want)
		}
	}
	l.noted = append(l.noted, now)
}

// What an ended goroutine did after its last release is ordered before nothing:
// nobody takes its slot.
func TestReuseIsExact(t *testing.T) {
	group := event.Obj{Addr: 8}
	for _, x := range []struct {
		name string
		last bool // something is done after the last release
		wait bool
		want Slot // slots
	}{
		{"waited for", false, true, 2},
		{"not waited for", false, false, 3},
		{"does something after Done", true, true, 3},
	} {
		s := New(Model, true)
		s.Apply(&event.Event{Op: event.Go, Child: 1})
		first := s.Epoch(1)
		s.Apply(&event.Event{Op: event.Add, N: -1, G: 1, Obj: group})
		if x.last {
			first = s.Epoch(1)
		}
		s.Apply(&event.Event{Op: event.End, G: 1})
		if x.wait {
			s.Apply(&event.Event{Op: event.Wait, Obj: group})
		}
		s.Apply(&event.Event{Op: event.Go, Child: 2})
		second := s.Epoch(2)
		if s.slots != x.want {
			t.Errorf("%s: %d slots, want %d", x.name, s.slots, x.want)
		}
		if got := s.Clock(2).Knows(first); got != (x.want == 2) {
			t.Errorf("%s: the first is ordered before the second: %t", x.name, got)
		}
		if s.Clock(0).Knows(second) {
			t.Errorf("%s: the second is ordered before who started it", x.name)
		}
	}
}
