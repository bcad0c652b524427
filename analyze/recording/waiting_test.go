package recording

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
)

// However much of a recording waits for what never comes, what is in memory is
// bounded, and the loss is told.
func TestGiveUp(t *testing.T) {
	const (
		beats = 300 // times that the first goroutine does something
		n     = 100 * beats
		bound = 2 << 20
	)
	late := func(w *writer, g uint64, cycle uint32, records ...record.Record) {
		w.slices[g]++
		w.e.Write(&record.Record{Tag: record.TagSlice, Slice: record.Slice{G: g, Number: w.slices[g], Goid: g, Cycle: cycle}})
		for i := range records {
			w.e.Write(&records[i])
			w.count++
		}
	}
	work := []record.Record{write(1 << 21), write(1<<21 + 16), syncOp(record.ReleaseMerge, 0), write(1 << 21)}
	for _, x := range []struct {
		name  string
		whole bool // nothing is missing, but the order in the file is not a recorder's
		begin func(w *writer)
		cycle uint32
	}{
		{"a slice is missing", false, func(w *writer) { w.slices[2]++ }, 1},
		{"an operation is missing", false, func(w *writer) { w.in(2, syncOp(record.Acquire, 1<<40)) }, 1},
		{"nobody starts it", false, func(w *writer) {
			w.in(3, write(8), goOp(2))
			w.slices[2]++
			w.in(3, write(8))
		}, 1},
		{"of a later cycle", true, func(w *writer) {}, 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWriter()
			if x.name == "nobody starts it" {
				w.slices[3]++
				w.in(1, goOp(3))
			} else {
				w.in(1, goOp(2))
			}
			x.begin(w)
			for i := range uint64(n) {
				work[2].Num = i
				late(w, 2, x.cycle, work...)
				if i%100 == 0 {
					w.in(1, write(1<<20))
				}
			}
			w.in(1, record.Record{Tag: record.TagEnd})
			b := w.end(0)

			heap := func() int64 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc)
			}
			replay := func(most int64, jobs int) (got string, used int64, rec *Recording) {
				rec, err := Read(bytes.NewReader(b), Options{Jobs: jobs})
				if err != nil {
					t.Fatal(err)
				}
				if most != 0 {
					rec.mostWaits = most
				}
				before, counts, first := heap(), map[string]int{}, 0
				add := func(g event.G, n uint64) bool {
					if g == 0 {
						if first++; jobs == 1 && first%(beats/3) == 0 {
							used = max(used, heap()-before)
						}
					}
					counts[rec.Goroutine(g).Name] += int(n)
					return true
				}
				if err := rec.ReplayRuns(jobs, func(g event.G, _ uint32, n uint64, _ [][]event.Access) bool { return add(g, n) },
					func(e *event.Event) bool { return add(e.G, 1) }); err != nil {
					t.Fatal(err)
				}
				return fmt.Sprint(counts), used, rec
			}

			all, usedAll, rec := replay(0, 1)
			if rec.givenUp != 0 || rec.Coverage().Complete != x.whole {
				t.Fatalf("%d given up with little waiting: %+v", rec.givenUp, rec.Coverage())
			}
			got, used, rec := replay(bound, 1)
			c := rec.Coverage()
			if rec.givenUp == 0 || c.Complete || !c.Truncated || c.LostSync == 0 ||
				!strings.Contains(strings.Join(c.Notes, "\n"), "had waited for it") {
				t.Errorf("%d given up: %+v", rec.givenUp, c)
			}
			if !strings.Contains(got, fmt.Sprintf("g1:%d", beats+2)) || x.whole && got == all {
				t.Errorf("events: %s, with everything waiting %s", got, all)
			}
			if used > usedAll/2 {
				t.Errorf("%d KB in use, with everything waiting %d KB", used>>10, usedAll>>10)
			}
			for _, jobs := range []int{2, 5} {
				if again, _, _ := replay(bound, jobs); again != got {
					t.Errorf("%d jobs: %s, want %s", jobs, again, got)
				}
			}
			// Other selections give up the same.
			counts := map[string]int{}
			rec.Replay(func(e *event.Event) bool { counts[rec.Goroutine(e.G).Name]++; return true })
			if fmt.Sprint(counts) != got {
				t.Errorf("every event: %v, want %s", counts, got)
			}
			last := uint64(0)
			rec.ReplayWhere(func(addr, _ uint64) bool { return addr == 1<<20 }, nil, func(_ *event.Event, place uint64) bool {
				last = place
				return true
			})
			events := 0
			for _, n := range counts {
				events += n
			}
			if last != uint64(events)-1 {
				t.Errorf("chosen events: the last is at %d of %d", last, events)
			}
		})
	}
}
