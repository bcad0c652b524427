package predict

import (
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/script"
)

// Of one word in four GC cycles, the lives in which it is shared.
func TestSharedLives(t *testing.T) {
	const word = 8
	on := func(op event.Op, g event.G, cycle uint32) event.Event {
		return event.Event{Op: op, G: g, Cycle: cycle, Addr: word * 8, Size: 8, Child: -1, Cap: 1}
	}
	started := func(g event.G) event.Event { return event.Event{Op: event.Go, Child: g} }
	object := func(op event.Op, g event.G, cycle uint32, space event.Space) event.Event {
		e := on(op, g, cycle)
		e.Obj = event.Obj{Space: space, Addr: 4096}
		return e
	}
	fresh := object(event.Alloc, 1, 2, 0)
	fresh.Addr = 4096
	nowhere, err := script.Parse(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name   string
		events []event.Event
		want   [4]bool
	}{
		{"two write", []event.Event{on(event.Write, 1, 0), on(event.Write, 2, 0)}, [4]bool{true, true, true, true}},
		{"two read", []event.Event{on(event.Read, 1, 0), on(event.Read, 2, 0)}, [4]bool{}},
		{"read, then written by another", []event.Event{on(event.Read, 1, 0), on(event.Write, 2, 0)}, [4]bool{true, true, true, true}},
		{"read by several, then written", []event.Event{
			on(event.Read, 1, 0), on(event.Read, 2, 0), on(event.Write, 2, 0),
		}, [4]bool{true, true, true, true}},
		{"written before the others begin", []event.Event{
			on(event.Write, 0, 0), started(1), started(2), on(event.Read, 1, 0), on(event.Read, 2, 1),
		}, [4]bool{}},
		{"each in a life of its own", []event.Event{
			on(event.Write, 1, 0), on(event.Alloc, 2, 1), on(event.Write, 2, 1), on(event.Alloc, 3, 2), on(event.Write, 3, 2),
		}, [4]bool{}},
		{"shared in the second life", []event.Event{
			on(event.Write, 1, 0), on(event.Alloc, 2, 1), on(event.Write, 2, 1), on(event.Write, 1, 2), on(event.Alloc, 2, 3),
		}, [4]bool{false, true, true, false}},
		{"shared in the first and third", []event.Event{
			on(event.Write, 1, 0), on(event.Write, 2, 0), on(event.Alloc, 2, 1), on(event.Write, 2, 1),
			on(event.Alloc, 2, 2), on(event.Write, 2, 2), on(event.Read, 1, 2),
		}, [4]bool{true, false, true, true}},
		{"accessed in the cycle of its Alloc, before it", []event.Event{
			on(event.Write, 1, 0), on(event.Write, 2, 1), on(event.Alloc, 1, 1),
		}, [4]bool{true, false, false, false}},
		{"by way of a buffer", []event.Event{
			on(event.Write, 1, 0), object(event.Send, 1, 0, event.SpaceChan), object(event.Recv, 2, 0, event.SpaceChan), on(event.Write, 2, 0),
		}, [4]bool{}},
		{"by way of a close", []event.Event{
			on(event.Write, 1, 0), object(event.Close, 1, 0, event.SpaceChan), object(event.RecvClosed, 2, 0, event.SpaceChan), on(event.Write, 2, 0),
		}, [4]bool{}},
		{"a lock may be taken first by the other", []event.Event{
			object(event.Lock, 1, 0, 0), on(event.Write, 1, 0), object(event.Unlock, 1, 0, 0),
			object(event.Lock, 2, 0, 0), on(event.Write, 2, 0), object(event.Unlock, 2, 0, 0),
		}, [4]bool{true, true, true, true}},
		{"by way of a pool", []event.Event{
			on(event.Write, 1, 0), object(event.Release, 1, 1, event.SpacePool), object(event.Acquire, 2, 2, event.SpacePool), on(event.Write, 2, 2),
		}, [4]bool{}},
		{"what was released in another life", []event.Event{
			on(event.Write, 1, 0), object(event.Release, 1, 1, event.SpacePool), fresh, object(event.Acquire, 2, 2, event.SpacePool), on(event.Write, 2, 2),
		}, [4]bool{true, true, true, true}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := NewSharing(true, Options{Level: Fast})
			s.most = 2 // segments are swept all the time
			for i := range x.events {
				s.Add(&x.events[i])
			}
			s.finish()
			c := newCollector(nowhere, hb.Model, s)
			for cycle, want := range x.want {
				if got := c.word(word, uint32(cycle)) != nil; got != want {
					t.Errorf("in cycle %d shared: %v, want %v", cycle, got, want)
				}
			}
			if want := x.want != [4]bool{}; s.has(word*8+4, 1) != want {
				t.Errorf("shared in some life: %v, want %v", !want, want)
			}
		})
	}
}

// An object that covers a word in part ends the lives of its own bytes in it,
// and of no others.
func TestLivesOfBytes(t *testing.T) {
	const at = 64
	nowhere, err := script.Parse(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	write := func(g event.G, cycle uint32, addr, size uint64) event.Event {
		return event.Event{Op: event.Write, G: g, Cycle: cycle, Addr: addr, Size: size, Stack: event.Stack(g), Child: -1}
	}
	fresh := event.Event{Op: event.Alloc, G: 2, Cycle: 1, Addr: at, Size: 7, Child: -1}
	for _, x := range []struct {
		name   string
		events []event.Event
		want   []uint64 // where goroutines may meet
	}{
		{"in one life", []event.Event{write(1, 0, at, 8), write(2, 1, at, 7)}, []uint64{at}},
		{"in another", []event.Event{write(1, 0, at, 8), fresh, write(2, 1, at, 7)}, nil},
		{"the byte behind it", []event.Event{write(1, 0, at, 8), fresh, write(2, 1, at, 7), write(3, 1, at+7, 1)}, []uint64{at + 7}},
		{"in the same cycle, before it", []event.Event{write(1, 1, at, 8), fresh, write(2, 1, at, 7)}, []uint64{at}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := NewSharing(true, Options{Level: Fast})
			for i := range x.events {
				s.Add(&x.events[i])
			}
			s.finish()
			c := newCollector(nowhere, hb.Model, s)
			c.collected, c.hb = true, hb.New(hb.Model, true)
			for i := range x.events {
				c.add(&x.events[i], uint64(i))
			}
			var got []uint64
			for _, s := range c.order {
				got = append(got, s.at)
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("goroutines meet at %d, want %d", got, x.want)
			}
			racy := false
			for _, words := range c.words {
				for _, w := range words {
					racy = racy || w.racy != 0
				}
			}
			if racy != (x.want != nil) {
				t.Errorf("racy: %t", racy)
			}
		})
	}
}
