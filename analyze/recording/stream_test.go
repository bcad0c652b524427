package recording

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
)

// busy makes a recording of two streams in which four goroutines take turns on a
// lock, n times, and move from stream to stream. The first goroutine only starts
// the others and ends last.
func busy(n int) *writer { return busyOf(n, newWriter()) }

func busyOf(n int, w *writer) *writer {
	streams := [2]*record.Encoder{w.e, w.encoder(2, w.add)}
	w.in(1, goOp(2), goOp(3), goOp(4), goOp(5))
	r := rand.New(rand.NewPCG(1, 1))
	stack := record.Record{Tag: record.TagStack, PCs: []uint32{7, 8}}
	for i := range uint64(n) {
		w.e = streams[r.IntN(2)]
		acquire, release := syncOp(record.Acquire, 2*i), syncOp(record.ReleaseMerge, 2*i+1)
		records := []record.Record{stack, acquire, write(1 << 20), release}
		for k := range uint64(20) {
			records = append(records, write(1<<21+k*8))
		}
		w.in(2+i%4, records...)
	}
	streams[1].Flush(0)
	w.e = streams[0]
	w.in(1, write(8), record.Record{Tag: record.TagEnd})
	return w
}

// sequences returns what each goroutine did, and where the operations of the
// lock are among each other.
func sequences(t *testing.T, b []byte, jobs int) (byG map[string]string, order []string) {
	t.Helper()
	rec, err := Read(bytes.NewReader(b), Options{Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	byG = make(map[string]string)
	err = rec.Replay(func(e *event.Event) bool {
		name := rec.Goroutine(e.G).Name
		what := fmt.Sprintf("%d %s %x %v", e.Index, e.Verb(), e.Addr, rec.Frames(e.Stack))
		byG[name] = fmt.Sprintf("%d %08x", e.Index, crc32.ChecksumIEEE([]byte(byG[name]+what)))
		if e.Obj.Addr == obj {
			order = append(order, name+" "+e.Verb())
		}
		return true
	})
	if err != nil || !rec.Coverage().Complete {
		t.Fatalf("%v, %+v", err, rec.Coverage())
	}
	return byG, order
}

// The chunks of a recording may stand in its file in any order, and twice.
func TestLateChunks(t *testing.T) {
	w := busy(3000)
	b := w.end(0)
	byG, order := sequences(t, b, 1)
	if len(byG) != 5 || len(order) != 6000 {
		t.Fatalf("%d goroutines, %d operations", len(byG), len(order))
	}
	r := rand.New(rand.NewPCG(2, 2))
	for _, jobs := range []int{1, 2, 5} {
		r.Shuffle(len(w.chunks), func(i, j int) { w.chunks[i], w.chunks[j] = w.chunks[j], w.chunks[i] })
		w.chunks = append(w.chunks, w.chunks[r.IntN(len(w.chunks))])
		gotG, got := sequences(t, record.AppendTrace(nil, w.chunks...), jobs)
		if fmt.Sprint(gotG) != fmt.Sprint(byG) || !slices.Equal(got, order) {
			t.Errorf("%d jobs: %v, want %v; orders agree: %t", jobs, gotG, byG, slices.Equal(got, order))
		}
	}
}

// Runs and chosen events are the events of Replay, in its order.
func TestBatched(t *testing.T) {
	w := busy(500)
	w.in(1,
		accesses(record.TagRead, 1<<22, 24, 3),
		accesses(record.TagWrite, 1<<22, 8, 5000),
		accesses(record.TagRead, event.MaxAddr-8, 8, 2), // too far up for a list
		write(8))
	rec, err := Read(bytes.NewReader(w.end(0)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	type what struct {
		g    event.G
		op   event.Op
		addr uint64
	}
	var all, runs []what
	rec.Replay(func(e *event.Event) bool { all = append(all, what{e.G, e.Op, e.Addr}); return true })
	rec.ReplayRuns(1, func(g event.G, _ uint32, n uint64, parts [][]event.Access) bool {
		if n != uint64(len(parts[0])) {
			t.Fatalf("%d accesses, want %d", len(parts[0]), n)
		}
		for _, a := range parts[0] {
			op := event.Read
			if a.Write() {
				op = event.Write
			}
			runs = append(runs, what{g, op, a.Addr()})
		}
		return true
	}, func(e *event.Event) bool { runs = append(runs, what{e.G, e.Op, e.Addr}); return true })
	if !slices.Equal(all, runs) {
		t.Errorf("%d events, %d in runs", len(all), len(runs))
	}
	seen := 0
	rec.ReplayWhere(func(addr, size uint64) bool { return addr == 1<<20 }, nil, func(e *event.Event, place uint64) bool {
		if seen++; all[place] != (what{e.G, e.Op, e.Addr}) {
			t.Fatalf("%+v at %d, want %+v", *e, place, all[place])
		}
		return true
	})
	if seen != 4+500*3+1+3+5000+2 {
		t.Errorf("%d events chosen", seen)
	}
}

// accesses is a run, of one byte each.
func accesses(tag byte, addr, stride, count uint64) record.Record {
	return record.Record{Tag: tag, Addr: addr, Size: 1, Stride: stride, Count: count, PC: 1}
}

// The accesses of a run are divided by shards, and are as many events.
func TestSpread(t *testing.T) {
	const at, stride, count, shards = 1<<22 - 4, event.Page / 2, 20, 3
	w := newWriter()
	w.in(1, accesses(record.TagWrite, at, stride, count), goOp(2))
	w.in(2, write(8))
	rec, err := Read(bytes.NewReader(w.end(0)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var want, got [shards][]event.Access
	for i := range uint64(count) {
		a, _ := event.PackAccess(at+i*stride, 1, true)
		shard := event.Shard(a.Addr(), shards)
		want[shard] = append(want[shard], a)
	}
	var n, index uint64
	rec.ReplayRuns(shards, func(g event.G, _ uint32, in uint64, parts [][]event.Access) bool {
		if g == 0 {
			n += in
			for i, part := range parts {
				got[i] = append(got[i], part...)
			}
		}
		return true
	}, func(e *event.Event) bool {
		if e.Op == event.Go {
			index = e.Index
		}
		return true
	})
	if n != count || index != count || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d accesses, then event %d, in lists %v, want %v", n, index, got, want)
	}
}

// However long a recording is, and however long a goroutine sleeps, only what
// cannot be replayed yet is in memory.
func TestMemory(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 40_000
	}
	b := busy(n).end(0)
	rec, err := Read(bytes.NewReader(b), Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, most, events := heap(), int64(0), 0
	rec.ReplayRuns(1, func(event.G, uint32, uint64, [][]event.Access) bool { return true }, func(*event.Event) bool {
		if events++; events%(n/3) == 0 {
			most = max(most, heap()-before)
		}
		return true
	})
	// A few blocks of a megabyte, decoded.
	if most > 20<<20 || events < 2*n {
		t.Errorf("%d MB for a recording of %d MB, %d events", most>>20, len(b)>>20, events)
	}
}
