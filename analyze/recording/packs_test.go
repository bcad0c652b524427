package recording

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hindsight-go/hindsight/collect/record"
)

// A recording of packs says what one of chunks does, whatever the order of the pieces.
func TestPacks(t *testing.T) {
	wantG, want := sequences(t, busy(25000).end(0), 1)
	w := busyOf(25000, newWriterOf(record.NewPackEncoder))
	w.end(0)
	packs := make(map[byte]int)
	for _, c := range w.chunks {
		packs[c[record.HeaderSize]]++
	}
	if packs[0] < 4 || packs[20] < 2 {
		t.Fatalf("%d packs", packs[0])
	}
	r := rand.New(rand.NewPCG(2, 2))
	for _, jobs := range []int{1, 2, 5} {
		gotG, got := sequences(t, record.AppendTrace(nil, w.chunks...), jobs)
		if fmt.Sprint(gotG) != fmt.Sprint(wantG) || !slices.Equal(got, want) {
			t.Errorf("%d jobs: %v, want %v; orders agree: %t", jobs, gotG, wantG, slices.Equal(got, want))
		}
		r.Shuffle(len(w.chunks), func(i, j int) { w.chunks[i], w.chunks[j] = w.chunks[j], w.chunks[i] })
		w.chunks = append(w.chunks, w.chunks[r.IntN(len(w.chunks))])
	}
}

// A pack without one of its pieces is lost as a whole, and all its pieces count.
func TestLostPiece(t *testing.T) {
	w := newWriterOf(record.NewPackEncoder)
	w.in(1, goOp(2))
	w.in(2, write(8))
	w.e.Flush(record.FlagEnded)
	first := len(w.chunks)
	for i := range uint64(600) {
		w.in(1, write(i*i*7919))
	}
	w.e.Flush(record.FlagEnded)
	second := len(w.chunks)
	w.in(2, write(16))
	w.end(0)
	if second-first < 3 {
		t.Fatalf("%d pieces", second-first)
	}
	_, rec := play(t, record.AppendTrace(nil, w.chunks...))
	if !rec.Coverage().Complete {
		t.Errorf("%+v", rec.Coverage())
	}
	for i := first; i < second; i++ {
		rest := slices.Delete(slices.Clone(w.chunks), i, i+1)
		events, rec := play(t, record.AppendTrace(nil, rest...))
		if lost, _, _ := rec.Lost(); events != "g1.go g2.write g2.write" || lost != uint64(second-first) {
			t.Errorf("without piece %d: %s; %d lost", i-first, events, lost)
		}
	}
}

// However much a file expands to, a block has no more than it should, by what its
// packs say of themselves.
func TestBlocksAreBounded(t *testing.T) {
	blocksAreBounded(t, 1)
	blocksAreBounded(t, 1<<18)
}

// blocksAreBounded reads packs that say that they have so many records.
func blocksAreBounded(t *testing.T, records uint64) {
	t.Helper()
	const packs, size = 300, record.MaxPack / 2
	// One literal, an end record, that repeats itself.
	packed := binary.AppendUvarint(binary.AppendUvarint(nil, size), records)
	packed = append(packed, 0x1f, record.TagEnd, 1, 0)
	for n := size - 1 - 4 - 15; ; n -= 255 {
		packed = append(packed, byte(min(n, 255)))
		if n < 255 {
			break
		}
	}
	packed = append(packed, 0)
	var chunks [][]byte
	for i := range uint32(packs) {
		c := append([]byte{'H', 'S', record.Version, record.FlagPacked}, make([]byte, record.HeaderSize-4)...)
		binary.LittleEndian.PutUint32(c[4:], 1)
		binary.LittleEndian.PutUint32(c[8:], i)
		c = append(append(c, 0, 0, 0, 0), packed...)
		binary.LittleEndian.PutUint32(c[12:], record.Sum(c))
		chunks = append(chunks, c)
	}
	b := record.AppendTrace(nil, chunks...)
	if len(b) > blockSize {
		t.Fatalf("%d bytes", len(b))
	}
	s := newScanner(bytes.NewReader(b))
	found, blocks := 0, 0
	var end int64
	for b := s.next(); b != nil; b = s.next() {
		if b.size >= blockSize+size || b.packed >= blockRecords+int(records) || b.end < end {
			t.Fatalf("a block of %d bytes and %d records, from %d to %d", b.size, b.packed, end, b.end)
		}
		found, end = found+len(b.chunks), b.end
		blocks++
		s.done(b)
	}
	if found != packs || end != int64(len(b)) || s.missing(false) != 0 || blocks < packs/10 {
		t.Errorf("%d packs in %d blocks, to %d of %d; %d missing", found, blocks, end, len(b), s.missing(false))
	}
	rec, err := Read(bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if lost, _, _ := rec.Lost(); rec.Records() != packs*size || lost != packs {
		t.Errorf("%d records, %d lost", rec.Records(), lost)
	}
}
