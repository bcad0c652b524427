package hb

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// Trees are arrays, and do not change.
func TestTree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 5000 // needs three levels
	trees := make([]tree, 6)
	flats := make([][]Time, len(trees))
	for i := range flats {
		flats[i] = make([]Time, n)
	}
	for range 3000 {
		i, j, k := r.IntN(len(trees)), r.IntN(len(trees)), r.IntN(len(trees))
		switch r.IntN(8) {
		case 0:
			trees[i] = union(trees[j], trees[k])
			joined := make([]Time, n)
			for x := range joined {
				joined[x] = max(flats[j][x], flats[k][x])
			}
			flats[i] = joined
		case 1:
			trees[i], flats[i] = tree{}, make([]Time, n)
		default:
			at, v := uint32(1)<<r.IntN(12)+uint32(r.IntN(40)), Time(r.IntN(5))
			trees[i] = trees[i].with(at, v)
			flats[i] = append([]Time(nil), flats[i]...)
			flats[i][at] = v
		}
		for x := range uint32(n) {
			if trees[i].at(x) != flats[i][x] {
				t.Fatalf("element %d is %d, want %d", x, trees[i].at(x), flats[i][x])
			}
		}
	}
}

func TestUnionShares(t *testing.T) {
	var a tree
	for i := range uint32(100) {
		a = a.with(i*40, 7)
	}
	b := a.with(3, 9)
	if got := union(a, b); got != b {
		t.Error("the larger tree is not shared")
	}
	if got := union(b, a); got != b {
		t.Error("the larger tree is not shared")
	}
	if got := union(tree{}, b); got != b {
		t.Error("empty tree")
	}
}

// A hundred thousand goroutines that live one after the other and are waited
// for take memory for what they share, not the square of their number.
func TestManyGoroutines(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	s := New(Model, true)
	wg := event.Obj{Addr: 8}
	begun := make([]Epoch, n+1)
	for i := 1; i <= n; i++ {
		g := event.G(i)
		s.Apply(&event.Event{Op: event.Go, Child: g})
		begun[i] = s.Epoch(g)
		s.Apply(&event.Event{Op: event.Add, N: -1, G: g, Obj: wg})
	}
	for i := 1; i <= n; i++ {
		s.Apply(&event.Event{Op: event.End, G: event.G(i)})
	}
	s.Apply(&event.Event{Op: event.Wait, Obj: wg})
	for i := 1; i <= n; i++ {
		if !s.Clock(0).Knows(begun[i]) {
			t.Fatalf("goroutine %d is not known", i)
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 100<<20 {
		t.Errorf("%d MB", m.HeapAlloc>>20)
	}
	runtime.KeepAlive(s)
}

func BenchmarkLock(b *testing.B) {
	s := New(Model, true)
	m := event.Obj{Addr: 8}
	for i := range 1000 {
		s.Apply(&event.Event{Op: event.Go, Child: event.G(i + 1)})
	}
	i := 0
	for b.Loop() {
		g := event.G(i % 1000)
		i++
		s.Apply(&event.Event{Op: event.Lock, G: g, Obj: m})
		s.Apply(&event.Event{Op: event.Unlock, G: g, Obj: m})
	}
}
