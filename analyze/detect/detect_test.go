package detect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/script"
)

// execution is an event source of a list.
type execution struct {
	events    []event.Event
	collected bool
}

func (x *execution) Replay(f func(*event.Event) bool) error {
	index := map[event.G]uint64{}
	for _, e := range x.events {
		e.Index = index[e.G]
		index[e.G]++
		if !f(&e) {
			break
		}
	}
	return nil
}

func (x *execution) Collected() bool { return x.collected }
func (x *execution) Goroutine(g event.G) event.Goroutine {
	return event.Goroutine{Name: fmt.Sprintf("g%d", g), Parent: -1}
}
func (x *execution) NumGoroutines() int { return 8 }
func (x *execution) Frames(s event.Stack) []event.Frame {
	return []event.Frame{{Func: "main.f", File: "f.go", Line: int(s)}}
}
func (x *execution) Object(addr uint64, _ uint32) event.Object {
	return event.Object{Name: fmt.Sprintf("v%x", addr&^7), Kind: "heap", Base: addr &^ 7, Size: 8, AllocG: -1}
}
func (x *execution) SyncName(o event.Obj) string { return fmt.Sprintf("s%x", o.Addr) }

func w(g event.G, addr uint64, cycle uint32) event.Event {
	return event.Event{Op: event.Write, G: g, Addr: addr, Size: 8, Cycle: cycle, Stack: event.Stack(g + 1)}
}

func alloc(g event.G, addr uint64, cycle uint32) event.Event {
	return event.Event{Op: event.Alloc, G: g, Addr: addr, Size: 8, Cycle: cycle}
}

func cutLife(g event.G, addr uint64, cycle uint32) event.Event {
	e := alloc(g, addr, cycle)
	e.Op = event.LifeCut
	return e
}

func misuse(g event.G, op event.Op, addr uint64, cycle uint32) event.Event {
	return event.Event{Op: op, G: g, Obj: event.Obj{Space: event.SpaceChan, Addr: addr}, N: 10, Cycle: cycle}
}

func TestLives(t *testing.T) {
	const a = 0x1000
	tests := []struct {
		name            string
		events          []event.Event
		races, findings int
	}{
		{"one life", []event.Event{w(0, a, 1), w(1, a, 2)}, 1, 0},
		{"alloc between", []event.Event{w(0, a, 1), alloc(1, a, 2), w(1, a, 2)}, 0, 0},
		{"alloc delivered after the access", []event.Event{w(0, a, 1), w(1, a, 2), alloc(2, a, 2)}, 0, 0},
		{"alloc of the first life delivered late", []event.Event{w(0, a, 1), alloc(2, a, 1), w(1, a, 2)}, 1, 0},
		{"one cycle is one life", []event.Event{w(0, a, 2), alloc(2, a, 2), w(1, a, 2)}, 1, 0},
		{"alloc of another address", []event.Event{w(0, a, 1), alloc(2, a+8, 2), w(1, a, 2)}, 1, 0},
		{"alloc later", []event.Event{w(0, a, 1), w(1, a, 2), alloc(2, a, 3)}, 1, 0},
		{"finalizer", []event.Event{w(0, a, 1), cutLife(1, a, 2), w(1, a, 2)}, 0, 0},
		{"races of both lives", []event.Event{w(0, a, 1), w(1, a, 1), alloc(2, a, 3), w(2, a, 3), w(3, a, 3)}, 2, 0},
		{"channel", []event.Event{misuse(0, event.MisuseRead, a, 1), misuse(1, event.MisuseWrite, a, 2)}, 0, 1},
		{"channel's address reused", []event.Event{misuse(0, event.MisuseRead, a, 1), alloc(1, a-4, 2), misuse(1, event.MisuseWrite, a, 2)}, 0, 0},
	}
	for _, test := range tests {
		r, err := Run(&execution{test.events, true}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Races) != test.races || len(r.Findings) != test.findings {
			t.Errorf("%s: %d races and %d findings, want %d and %d", test.name, len(r.Races), len(r.Findings), test.races, test.findings)
		}
	}
}

// Where frees are explicit, addresses may be used again at once.
func TestExplicitLives(t *testing.T) {
	const a = 0x1000
	free := alloc(0, a, 0)
	free.Op = event.Free
	r, err := Run(&execution{[]event.Event{alloc(0, a, 0), w(0, a, 0), free, alloc(1, a, 0), w(1, a, 0)}, false}, Options{})
	if err != nil || len(r.Races)+len(r.Findings) != 0 {
		t.Errorf("%v, %+v", err, r)
	}
	r, err = Run(&execution{[]event.Event{alloc(0, a, 0), free, w(0, a, 0), w(1, a, 0)}, false}, Options{})
	if err != nil || len(r.Races) == 0 || len(r.Findings) != 1 || r.Findings[0].Rule != "HB040" {
		t.Errorf("%v, %+v", err, r)
	}
}

// A hundred thousand readers of one word, and a writer that waited for them.
func TestManyReaders(t *testing.T) {
	var b strings.Builder
	const n = 20_000
	fmt.Fprintf(&b, "a add wg %d\n", n)
	for i := range n {
		fmt.Fprintf(&b, "a go b%d\nb%d read x\nb%d done wg\n", i, i, i)
	}
	b.WriteString("a wait wg\na write x\n")
	src, err := script.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(src, Options{})
	if err != nil || len(r.Races) != 0 {
		t.Errorf("%v, %d races", err, len(r.Races))
	}
}

// benchEvents has eight goroutines that write private memory and a word each
// under one lock, so that nothing races.
func benchEvents(n int) []event.Event {
	var es []event.Event
	lock := event.Obj{Addr: 8}
	for g := event.G(1); g < 8; g++ {
		es = append(es, event.Event{Op: event.Go, Child: g})
	}
	for i := 0; len(es) < n; i++ {
		g := event.G(i % 8)
		es = append(es, event.Event{Op: event.Lock, G: g, Obj: lock})
		for k := range 8 {
			es = append(es, w(g, 0x10000+uint64(k)*8, 0), w(g, 1<<20*uint64(g+1)+uint64(i*8+k)%4096*8, 0))
		}
		es = append(es, event.Event{Op: event.Unlock, G: g, Obj: lock})
	}
	return es
}

func BenchmarkDetect(b *testing.B) {
	src := &execution{benchEvents(1_000_000), true}
	for b.Loop() {
		r, err := Run(src, Options{})
		if err != nil || len(r.Races) != 0 {
			b.Fatal(err, len(r.Races))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(src.events)), "ns/event")
}

// Racy counters: every access takes part in pairs.
func BenchmarkRacy(b *testing.B) {
	var es []event.Event
	for i := range 200_000 {
		g := event.G(i % 8)
		es = append(es, w(g, 0x10000, 0))
		if i%100 < 8 {
			es = append(es, event.Event{Op: event.ReleaseMerge, G: g, Obj: event.Obj{Addr: uint64(g)}})
		}
	}
	src := &execution{es, true}
	for b.Loop() {
		r, err := Run(src, Options{})
		if err != nil || len(r.Races) == 0 {
			b.Fatal(err, len(r.Races))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(es)), "ns/event")
}

// Run can be stopped, and then reports what there is in what it has seen.
func TestStop(t *testing.T) {
	es := []event.Event{{Op: event.Go, Child: 1}, w(0, 0x1000, 0), w(1, 0x1000, 0)}
	for len(es) < 10*often {
		es = append(es, w(0, 0x2000, 0))
	}
	es = append(es, w(1, 0x2000, 0))
	for _, collected := range []bool{true, false} {
		r, err := Run(&execution{es, collected}, Options{Stop: func() bool { return true }})
		if err != nil || !r.Stopped || r.Events >= 10*often || len(r.Races) != 1 {
			t.Errorf("%v, stopped %t, %d events, %d races", err, r.Stopped, r.Events, len(r.Races))
		}
	}
}

// A word on which a multitude races is found out in bounded time, with all its
// pairs of lines.
func TestMultitude(t *testing.T) {
	const n = 2000
	var es []event.Event
	for g := event.G(1); g <= n; g++ {
		es = append(es, event.Event{Op: event.Go, Child: g})
	}
	for g := event.G(1); g <= n; g++ {
		e := w(g, 0x1000, 0)
		e.Stack = event.Stack(1 + g%3)
		es = append(es, e)
	}
	r, err := Run(&execution{es, true}, Options{MaxCompare: 10_000})
	if err != nil || !r.Capped || len(r.Races) != 6 {
		t.Errorf("%v, capped %t, %d races", err, r.Capped, len(r.Races))
	}
	for _, x := range r.Races {
		if x.First == nil || x.Last == nil || x.Last.Position+8 < uint64(len(es)) || x.First.Position > n+8 {
			t.Errorf("first %+v, last %+v", x.First, x.Last)
		}
	}
}

// With many words whose accesses only input and output orders, nothing is noted, and nothing
// is held of them; races are found as before, and the watcher sees every event once.
func TestMaxNoted(t *testing.T) {
	io := event.Obj{Space: event.SpaceIO, Addr: 8}
	x := &execution{collected: true, events: []event.Event{{Op: event.Go, Child: 1}, w(0, 64, 0)}}
	for i := range uint64(10) {
		x.events = append(x.events, w(0, 1024+8*i, 0))
	}
	x.events = append(x.events, event.Event{Op: event.IOWrite, Obj: io}, event.Event{Op: event.IORead, G: 1, Obj: io})
	for i := range uint64(10) {
		x.events = append(x.events, w(1, 1024+8*i, 0))
	}
	x.events = append(x.events, w(0, 96, 0), w(1, 96, 0))
	for most, want := range map[int]string{11: "10 pairs of accesses are ordered only by input", 10: "more accesses than can be compared"} {
		watched := 0
		r, err := Run(x, Options{MaxNoted: most, Watch: func(*event.Event) { watched++ }})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Races) != 1 || r.Events != uint64(len(x.events)) || watched != 3 || len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], want) {
			t.Errorf("%d: %d races, %d events, %d watched, notes %q", most, len(r.Races), r.Events, watched, r.Notes)
		}
	}
}
