package recording

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

// A writer makes recordings by hand: one stream, or one for each goroutine, so
// that a chunk of one can be taken away.
type writer struct {
	chunks  [][]byte
	e       *record.Encoder
	encoder func(uint32, func([]byte)) *record.Encoder
	stream  uint32
	slices  map[uint64]uint32
	count   uint64
}

func newWriter() *writer { return newWriterOf(record.NewEncoder) }

// newWriterOf returns a writer with an encoder of chunks or of packs.
func newWriterOf(encoder func(uint32, func([]byte)) *record.Encoder) *writer {
	w := &writer{slices: make(map[uint64]uint32), encoder: encoder}
	w.next()
	return w
}

// next begins another stream.
func (w *writer) next() {
	if w.e != nil {
		w.e.Flush(0)
	}
	w.stream++
	w.e = w.encoder(w.stream, w.add)
}

func (w *writer) add(chunk []byte) { w.chunks = append(w.chunks, bytes.Clone(chunk)) }

func (w *writer) in(g uint64, records ...record.Record) {
	w.slices[g]++
	w.e.Write(&record.Record{Tag: record.TagSlice, Slice: record.Slice{G: g, Number: w.slices[g], Goid: g, Cycle: 1}})
	for i := range records {
		w.e.Write(&records[i])
		if tag := records[i].Tag; tag != record.TagStack && tag != record.TagCycle {
			w.count++
		}
	}
}

// end completes the recording.
func (w *writer) end(reason uint64) []byte {
	w.e.Write(&record.Record{Tag: record.TagLast, Status: record.Status{Reason: reason, Records: w.count, Nanotime: 1}})
	w.e.Flush(record.FlagLast)
	return record.AppendTrace(nil, w.chunks...)
}

const obj = 0xc000010000

func syncOp(op record.Sync, num uint64) record.Record {
	return record.Record{Tag: record.TagSync, Sync: op, Space: uint8(event.SpaceChan), Addr: obj, Num: num, PC: 1}
}

func goOp(child uint64) record.Record {
	return record.Record{Tag: record.TagGo, Child: child, PC: 1}
}

func write(addr uint64) record.Record {
	return record.Record{Tag: record.TagWrite, Addr: addr, Size: 1, Count: 1, PC: 1}
}

// play reads and replays a recording twice and returns its events, one word each.
func play(t testing.TB, b []byte) (string, *Recording) {
	t.Helper()
	rec, err := Read(bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var runs [2]string
	for i := range runs {
		var s strings.Builder
		if err := rec.Replay(func(e *event.Event) bool {
			fmt.Fprintf(&s, "%s.%s ", rec.Goroutine(e.G).Name, e.Verb())
			return s.Len() < 1<<16
		}); err != nil {
			t.Fatal(err)
		}
		runs[i] = s.String()
	}
	if runs[0] != runs[1] {
		t.Errorf("one replay is\n%s\nanother\n%s", runs[0], runs[1])
	}
	return strings.TrimSpace(runs[0]), rec
}

// TestWaits compares what goroutines wait for with the lock or WaitGroup that the
// semaphore is part of.
func TestWaits(t *testing.T) {
	waits := []struct {
		what   record.Sync
		offset uint64
		want   event.Op
	}{
		{record.WaitMutex, 4, event.BlockLock}, {record.WaitReaders, 8, event.BlockLock}, {record.WaitWriter, 12, event.BlockRLock},
		{record.WaitGroup, 8, event.BlockWait}, {record.WaitCond, 0, event.CondWait}, {record.WaitForever, 0, event.BlockForever},
	}
	w := newWriter()
	var list []record.Record
	for _, x := range waits {
		list = append(list, record.Record{Tag: record.TagSync, Sync: x.what, Addr: obj + x.offset, PC: 1})
	}
	w.in(1, list...)
	rec, err := Read(bytes.NewReader(w.end(2*15)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	if err := rec.Replay(func(e *event.Event) bool {
		if e.Op != waits[i].want || e.Obj.Addr != obj {
			t.Errorf("%v of %#x, want %v", e.Op, e.Obj.Addr, waits[i].want)
		}
		i++
		return true
	}); err != nil || i != len(waits) {
		t.Errorf("%d events, want %d (%v)", i, len(waits), err)
	}
	if _, _, sync := rec.Lost(); sync != 0 || !rec.Killed() {
		t.Errorf("%d operations lost, killed: %t", sync, rec.Killed())
	}
}

// TestReplay replays what no program does, and what remains of what one did.
func TestReplay(t *testing.T) {
	tests := []struct {
		name string
		make func(w *writer) []byte
		want string
		lost bool // synchronization is
	}{
		{"by number", func(w *writer) []byte {
			w.in(1, goOp(2), goOp(3), syncOp(record.Close, 2))
			w.in(2, syncOp(record.SendClosed, 1))
			w.in(3, syncOp(record.CloseClosed, 0))
			return w.end(0)
		}, "g1.go g1.go g3.close-closed g2.send-closed g1.close", false},
		{"send and receive together", func(w *writer) []byte {
			w.in(1, goOp(2), syncOp(record.Send, 0), write(8))
			w.in(2, write(16), syncOp(record.Recv, 1))
			return w.end(0)
		}, "g1.go g2.write g1.send g2.recv g1.write", false},
		{"send without a receive", func(w *writer) []byte {
			w.in(1, goOp(2), syncOp(record.Send, 0), write(8))
			w.in(2, write(16))
			return w.end(0)
		}, "g1.go g2.write", true},
		{"receive without a send", func(w *writer) []byte {
			w.in(1, syncOp(record.Recv, 1), write(8))
			return w.end(0)
		}, "", true},
		{"two sends, one after the other", func(w *writer) []byte {
			w.in(1, goOp(2), syncOp(record.Send, 0))
			w.in(2, syncOp(record.Send, 1))
			return w.end(0)
		}, "g1.go", true},
		{"waiting has no number", func(w *writer) []byte {
			w.in(1, goOp(2), goOp(3), syncOp(record.Close, 0))
			w.in(2, syncOp(record.WaitSend, 0), syncOp(record.WaitRecv, 0))
			w.in(3, syncOp(record.GoesOn, 0))
			return w.end(0)
		}, "g1.go g1.go g1.close g2.block-send g2.block-recv", false},
		{"two wait for each other", func(w *writer) []byte {
			other := syncOp(record.Close, 0)
			other.Addr = obj + 1<<20
			first, second := other, syncOp(record.Close, 0)
			first.Num = 1
			w.in(1, write(8), goOp(2), syncOp(record.Close, 1), other)
			w.in(2, write(16), first, second)
			return w.end(0)
		}, "g1.write g1.go g2.write", true},
		{"a number twice", func(w *writer) []byte {
			w.in(1, goOp(2), syncOp(record.Close, 0), write(8))
			w.in(2, syncOp(record.Close, 0), write(16))
			return w.end(0)
		}, "g1.go g1.close g1.write", true},
		{"a number twice, both early", func(w *writer) []byte {
			w.in(1, goOp(2), goOp(3), syncOp(record.Close, 0))
			w.in(2, syncOp(record.SendClosed, 1))
			w.in(3, syncOp(record.SendClosed, 1))
			return w.end(0)
		}, "g1.go g1.go g1.close g2.send-closed", true},
		{"a number missing", func(w *writer) []byte {
			w.in(1, goOp(2), syncOp(record.Close, 0), write(8))
			w.in(2, write(16), syncOp(record.Close, 2), write(24))
			return w.end(0)
		}, "g1.go g1.close g1.write g2.write", true},
		{"the number 2^63", func(w *writer) []byte {
			w.in(1, write(8), syncOp(record.Close, 1<<63), write(16))
			w.in(2, syncOp(record.Close, 1<<64-1))
			return w.end(0)
		}, "g1.write", true},
		{"a child named twice", func(w *writer) []byte {
			w.in(1, goOp(2), goOp(2))
			w.in(2, write(8))
			return w.end(0)
		}, "g1.go g2.write", true},
		{"its own child", func(w *writer) []byte {
			w.in(1, write(8))
			w.in(2, goOp(2), write(16))
			return w.end(0)
		}, "g1.write", true},
		{"each other's child", func(w *writer) []byte {
			w.in(2, goOp(3))
			w.in(3, goOp(2))
			return w.end(0)
		}, "", true},
		{"a child that does nothing", func(w *writer) []byte {
			w.in(1, goOp(2), goOp(0), write(8))
			return w.end(0)
		}, "g1.write", false},
		{"a slice missing", func(w *writer) []byte {
			w.in(1, write(8))
			w.slices[1]++
			w.in(1, write(16))
			return w.end(0)
		}, "g1.write", true},
		{"a slice twice", func(w *writer) []byte {
			w.in(1, write(8))
			w.slices[1]--
			w.in(1, write(16))
			return w.end(0)
		}, "g1.write", true},
		{"a malformed record", func(w *writer) []byte {
			w.in(1, write(8), record.Record{Tag: 0x7f}, write(16))
			return w.end(0)
		}, "g1.write", true},
		{"cycles in order", func(w *writer) []byte {
			later := record.Record{Tag: record.TagCycle, Slice: record.Slice{Cycle: 5}}
			latest := record.Record{Tag: record.TagCycle, Slice: record.Slice{Cycle: 6}}
			w.in(1, goOp(2), goOp(3), latest, write(8))
			w.in(2, later, write(8))
			w.in(3, write(8))
			return w.end(0)
		}, "g1.go g1.go g3.write g2.write g1.write", false},
		{"a cycle that begins after a goroutine's last record on a P", func(w *writer) []byte {
			later := record.Record{Tag: record.TagCycle, Slice: record.Slice{Cycle: 5}}
			w.in(1, goOp(2), write(8), later)
			w.slices[1]++
			w.e.Write(&record.Record{Tag: record.TagSlice, Slice: record.Slice{G: 1, Number: 2, Cycle: 6}})
			w.e.Write(&record.Record{Tag: record.TagStack, PCs: []uint32{1}})
			w.in(1, syncOp(record.Close, 0), later, write(8))
			w.in(2, syncOp(record.SendClosed, 1))
			return w.end(0)
		}, "g1.go g1.write g1.close g2.send-closed g1.write", false},
		{"killed: the go statement was not written", func(w *writer) []byte {
			w.in(1, write(8))
			w.in(7, write(8)) // whose child this is, who knows
			w.next()
			return record.AppendTrace(nil, w.chunks...)
		}, "g1.write", false},
		{"killed: a P's last records were not written", func(w *writer) []byte {
			w.in(1, goOp(2), syncOp(record.Close, 0), write(8))
			w.in(2, write(16), syncOp(record.Close, 2), write(24))
			w.next()
			return record.AppendTrace(nil, w.chunks...)
		}, "g1.go g1.close g1.write g2.write", false},
		{"killed: a stretch in between was not written", func(w *writer) []byte {
			w.in(1, goOp(2), write(8))
			w.in(2, write(16))
			w.slices[2]++
			w.in(2, write(8))
			w.next()
			return record.AppendTrace(nil, w.chunks...)
		}, "g1.go g1.write g2.write", false},
		{"killed: a slice that may go on where nothing was written", func(w *writer) []byte {
			w.in(1, write(8))
			w.next()
			w.in(1, write(16))
			w.next()
			return record.AppendTrace(nil, w.chunks...)
		}, "g1.write", false},
		{"killed after a collection: slices have ended", func(w *writer) []byte {
			w.in(1, goOp(2), write(8))
			w.e.Flush(record.FlagEnded)
			w.in(2, write(24)) // which may go on, but does not elsewhere
			w.next()
			w.in(1, write(16))
			w.e.Flush(0)
			w.e.Flush(record.FlagEnded) // the chunk was full
			w.next()
			w.in(1, write(32))
			w.next()
			return record.AppendTrace(nil, w.chunks...)
		}, "g1.go g1.write g1.write g1.write g2.write", false},
		{"a lost chunk", func(w *writer) []byte {
			w.in(1, goOp(2))
			for i := range 300 {
				w.in(1, write(8*uint64(i)))
			}
			w.in(2, write(8))
			b := w.end(0)
			w.chunks = slices.Delete(w.chunks, 1, 2)
			return record.AppendTrace(b[:0], w.chunks...)
		}, "g1.go g1.write", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, rec := play(t, test.make(newWriter()))
			ok := got == test.want
			if test.name == "a lost chunk" {
				ok = strings.HasPrefix(got, test.want) && strings.HasSuffix(got, "g2.write") && strings.Count(got, "g1.write") < 150
			}
			if !ok {
				t.Errorf("replayed\n%s\nwant\n%s", got, test.want)
			}
			_, _, sync := rec.Lost()
			c := rec.Coverage()
			if (sync > 0) != test.lost || sync > 1<<53 {
				t.Errorf("%d synchronization operations lost", sync)
			}
			if whole := !test.lost && !strings.HasPrefix(test.name, "killed"); c.Complete != whole {
				t.Errorf("complete: %t; %+v", c.Complete, c)
			}
		})
	}
}

// TestStreamsEnd makes sure that chunks missing from a stream's end are missed.
func TestStreamsEnd(t *testing.T) {
	w := newWriter()
	stack := record.Record{Tag: record.TagStack, PCs: []uint32{1}}
	for i := range 100 {
		w.in(1, stack, write(8*uint64(i)))
	}
	w.next()
	w.in(1, write(8))
	w.end(0)
	n := slices.IndexFunc(w.chunks, func(b []byte) bool { return b[4] == 2 })
	cut := slices.Delete(slices.Clone(w.chunks), n-1, n)
	rec, err := Read(bytes.NewReader(record.AppendTrace(nil, cut...)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c := rec.Coverage(); c.LostRecords == 0 || c.Complete {
		t.Errorf("%+v", c)
	}
}

// TestBounds replays small recordings that say large things.
func TestBounds(t *testing.T) {
	many := func(f func(w *writer, i uint64)) []byte {
		w := newWriter()
		for i := range uint64(20_000) {
			f(w, i)
		}
		return w.end(0)
	}
	for name, b := range map[string][]byte{
		"deep stacks": many(func(w *writer, i uint64) {
			w.in(i+1, record.Record{Tag: record.TagStack, Low: 1<<32 - 1 - i%7, PCs: []uint32{1}}, write(8))
		}),
		"goroutines": many(func(w *writer, i uint64) { w.in(i+1, write(8)) }),
		"numbers far apart": many(func(w *writer, i uint64) {
			w.in(i+1, syncOp(record.Close, i*1_000_003+1))
		}),
		"one number": many(func(w *writer, i uint64) {
			w.in(i+1, syncOp(record.Close, 5))
		}),
		"cycles far apart": many(func(w *writer, i uint64) {
			w.in(i+1, record.Record{Tag: record.TagCycle, Slice: record.Slice{Cycle: uint32(i * 200_000)}}, write(8))
		}),
		"large objects": many(func(w *writer, i uint64) {
			w.in(1, record.Record{Tag: record.TagAlloc, Addr: 1 << 40, Size: 1 << 60, PC: uint32(i), Type: 1 << 60})
		}),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rec, err := Read(bytes.NewReader(b), Options{})
		if err != nil {
			t.Fatal(err)
		}
		events := 0
		rec.Replay(func(e *event.Event) bool { events++; rec.Frames(e.Stack); return true })
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 150 {
			t.Errorf("%s: %d MB for a recording of %d KB", name, n, len(b)>>10)
		}
	}
}

// TestExtent makes sure that large accesses are bounded, the same in each
// replay, and that what is left out is told.
func TestExtent(t *testing.T) {
	w := newWriter()
	for i := range uint64(100) {
		w.in(1, record.Record{Tag: record.TagWrite, Addr: 1<<40 + i<<32, Size: 1, Count: 1 << 16, Stride: 1 << 16, PC: 1},
			record.Record{Tag: record.TagWrite, Addr: 1<<50 + i<<32, Size: 1 << 32, Count: 1, PC: 1}, write(i<<20))
	}
	rec, err := Read(bytes.NewReader(w.end(0)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var large, small int
		var size uint64
		rec.Replay(func(e *event.Event) bool {
			if size += e.Size; e.Addr >= 1<<40 {
				large++
			} else {
				small++
			}
			return true
		})
		if small != 100 || large == 0 || large > 2<<16 || size > maxExtent*extentPage {
			t.Errorf("%d small accesses, %d large ones of together %d bytes", small, large, size)
		}
		if _, n, _ := rec.Lost(); n < 190 || n >= 200 || rec.Coverage().Complete {
			t.Errorf("%d lost", n)
		}
	}
}

// TestRecording reads a program's recording, whole and cut.
func TestRecording(t *testing.T) {
	b := recorded.Lostupdate()
	whole, rec := play(t, b)
	if c := rec.Coverage(); !c.Complete {
		t.Errorf("%+v", c)
	}
	for n := 16; n < len(b); n += 211 {
		rec, err := Read(bytes.NewReader(b[:n]), Options{})
		if err != nil {
			continue // nothing of it is left
		}
		events := 0
		rec.Replay(func(*event.Event) bool { events++; return true })
		// What follows the end marker is the runtime's.
		if c := rec.Coverage(); c.Complete && events != strings.Count(whole, " ")+1 {
			t.Errorf("%d of %d bytes: complete, with %d events", n, len(b), events)
		}
	}
}

// FuzzRead reads and replays damaged and made-up recordings. Chunks of a mutated
// one get their checksums anew, so that what is in them is reached.
func FuzzRead(f *testing.F) {
	whole := recorded.Lostupdate()
	f.Add(whole, true)
	f.Add(whole, false)
	f.Add(whole[:len(whole)/2], false)
	for _, v := range []string{"1.11", "1.19", "1.21", "1.22", "1.25", "1.99"} {
		f.Add([]byte("go "+v+" trace\x00\x00\x00"), false)
	}
	w := newWriter()
	w.in(1, goOp(2), syncOp(record.Send, 0), syncOp(record.Close, 2), write(8))
	w.in(2, syncOp(record.Recv, 1), record.Record{Tag: record.TagEnd})
	f.Add(w.end(0), true)
	f.Fuzz(func(t *testing.T, b []byte, repair bool) {
		if repair {
			b = repaired(b)
		}
		rec, err := Read(bytes.NewReader(b), Options{})
		if err != nil {
			return
		}
		for range 2 {
			events := 0
			rec.Replay(func(e *event.Event) bool {
				if int(e.G) >= rec.NumGoroutines() || e.G < 0 || e.Op == event.Invalid || e.Op >= event.NumOps {
					t.Fatalf("%+v", *e)
				}
				rec.Goroutine(e.G)
				rec.Frames(e.Stack)
				rec.SyncName(e.Obj)
				events++
				return events < 1<<17
			})
		}
		rec.Object(obj, 3)
		rec.Coverage()
		rec.Run()
	})
}

// repaired gives each chunk in b, a string after its length, its right checksum.
func repaired(b []byte) []byte {
	b = bytes.Clone(b)
	for i := 2; i+record.HeaderSize <= len(b); i++ {
		if b[i] != 'H' || b[i+1] != 'S' || b[i+2] != record.Version {
			continue
		}
		n, ok := lengthBefore(b[:i])
		if !ok || n < record.HeaderSize || i+n > len(b) {
			continue
		}
		c := b[i : i+n]
		sum := record.Sum(c)
		c[12], c[13], c[14], c[15] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	}
	return b
}
