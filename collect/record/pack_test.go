package record

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

// packOf returns the chunks of one pack of writes.
func packOf(t *testing.T, stream uint32, writes int) (chunks []Chunk) {
	t.Helper()
	e := NewPackEncoder(stream, func(b []byte) {
		c, err := Parse(bytes.Clone(b))
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, c)
	})
	e.Write(&Record{Tag: TagSlice, Slice: Slice{G: 1, Number: 1}})
	for i := range uint64(writes) {
		e.Write(&Record{Tag: TagWrite, Addr: i * i * 7919, PC: uint32(i * i % 5003), Size: 1, Count: 1})
	}
	e.Flush(FlagEnded)
	return chunks
}

// A pack comes back whatever the order of its pieces, once.
func TestPieces(t *testing.T) {
	chunks := packOf(t, 3, 2000)
	if len(chunks) < 5 || len(chunks) > maxPieces {
		t.Fatalf("%d pieces", len(chunks))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		random.Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })
		var pieces Pieces
		for i, c := range chunks {
			whole, ok := pieces.Add(c)
			if ok != (i == len(chunks)-1) {
				t.Fatalf("whole after %d of %d: %t", i+1, len(chunks), ok)
			}
			if !ok {
				continue
			}
			if whole.Stream != 3 || whole.Seq != 0 || whole.Pieces != len(chunks) || whole.Flags != FlagEnded|FlagPacked {
				t.Errorf("%+v", whole)
			}
			var d Decoder
			var r Record
			n := 0
			for d.Open(whole); d.Next(&r); n++ {
			}
			if d.Err() != nil || n != 2001 {
				t.Errorf("%d records, %v", n, d.Err())
			}
		}
		if n := pieces.Lost(); n != 0 {
			t.Errorf("%d lost", n)
		}
	}
}

// Pieces that do not make a pack are counted, and do not stay for ever.
func TestPiecesLost(t *testing.T) {
	var pieces Pieces
	chunks := packOf(t, 1, 2000)
	for i, c := range chunks {
		if i == 2 {
			continue
		}
		if _, ok := pieces.Add(c); ok {
			t.Fatal("whole without a piece")
		}
	}
	lost := uint64(len(chunks) - 1)
	if n := pieces.Lost(); n != lost {
		t.Errorf("%d lost, want %d", n, lost)
	}
	c := chunks[0]
	c.Pieces-- // of the same place, another number
	if _, ok := pieces.Add(c); ok || pieces.Lost() != lost+1 {
		t.Errorf("%t, %d lost", ok, pieces.Lost())
	}
	const more = 10 * maxHeld / MaxChunk / 8
	for i := range uint32(more) {
		c := chunks[0]
		c.Stream, c.Seq = 2, i*100
		pieces.Add(c)
		other := chunks[len(chunks)-1]
		other.Stream, other.Seq, other.Piece, other.Pieces = 3, i, 0, 1
		if _, ok := pieces.Add(other); !ok {
			t.Fatal("a pack of one piece is not whole")
		}
		if pieces.held > maxHeld || len(pieces.order) > 2*len(pieces.parts)+1000 {
			t.Fatalf("%d bytes in %d parts, %d in order", pieces.held, len(pieces.parts), len(pieces.order))
		}
	}
	if n := pieces.Lost(); n != lost+1+more {
		t.Errorf("%d lost, want %d", n, lost+1+more)
	}
}

// What says that it is a piece and cannot be one is damaged.
func TestParsePiece(t *testing.T) {
	chunk := func(payload ...byte) []byte {
		b := append([]byte{'H', 'S', Version, FlagPacked, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, payload...)
		binary.LittleEndian.PutUint32(b[12:], Sum(b))
		return b
	}
	// piece is a payload: piece i, the last of which is last, of n bytes.
	piece := func(i, last uint16, n int) []byte {
		b := binary.LittleEndian.AppendUint16(nil, i)
		return append(binary.LittleEndian.AppendUint16(b, last), make([]byte, n)...)
	}
	for name, b := range map[string][]byte{
		"empty":               chunk(),
		"without a number":    chunk(0, 0, 0),
		"without bytes":       chunk(piece(0, 0, 0)...),
		"beyond the last":     chunk(piece(2, 1, 1)...),
		"too many":            chunk(piece(0, maxPieces, MaxPiece)...),
		"not full":            chunk(piece(0, 1, MaxPiece-1)...),
		"not full, in middle": chunk(piece(1, 2, MaxPiece-1)...),
	} {
		if c, err := Parse(b); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for _, b := range [][]byte{chunk(piece(0, 0, 1)...), chunk(piece(0, maxPieces-1, MaxPiece)...), chunk(piece(1, 1, MaxPiece)...)} {
		if _, err := Parse(b); err != nil {
			t.Error(err)
		}
	}
}

func TestUnpack(t *testing.T) {
	letters := strings.Repeat("abcdefgh", 5000)
	far := string(literal([]byte(letters), 1))
	for _, test := range []struct {
		name, packed, want string
	}{
		// 40,000 and 40,004 are c0 b8 02 and c4 b8 02 as numbers; 32,772 is 04 80 01 as a distance.
		{"very far", "\xc4\xb8\x02" + far[3:] + "\x04\x80\x01", letters + letters[40000-32772:][:4]},
		{"nothing", "\x00\x00", ""},
		{"nothing, with a token", "\x00\x00\x00", ""},
		{"literals", "\x03\x01\x30abc", "abc"},
		{"a match", "\x09\x01\x31abc\x03\x00\x10d", "abcabcabd"},
		{"far", "\x0b\x01\x61abcdef\x06\x00\x00", "abcdefabcde"},
		{"overlapping", "\x15\x01\x1fa\x01\x00\x01\x00", "aaaaaaaaaaaaaaaaaaaaa"},
	} {
		got, _, err := unpack(nil, []byte(test.packed))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
	for _, test := range []struct{ name, packed string }{
		{"no size", ""},
		{"too large", "\x81\x80\x10\x01"},
		{"size cut", "\x80"},
		{"count cut", "\x04\x80"},
		{"too many records", "\x04\x81\x80\x80\x02\x40abcd"},
		{"too few", "\x04\x01\x30abc"},
		{"too many", "\x02\x01\x30abc"},
		{"literals cut", "\x04\x01\x40abc"},
		{"length cut", "\x40\x01\xf0"},
		{"distance cut", "\x09\x01\x31abc\x03"},
		{"long distance cut", "\x09\x01\x31abc\x03\x80"},
		{"distance 0", "\x09\x01\x31abc\x00\x00\x10d"},
		{"before the beginning", "\x09\x01\x31abc\x04\x00\x10d"},
		{"match too long", "\x07\x01\x31abc\x03\x00"},
		{"match's length cut", "\x40\x01\x1fa\x01\x00"},
	} {
		if got, _, err := unpack(nil, []byte(test.packed)); err == nil {
			t.Errorf("%s: %q", test.name, got)
		}
	}
}

// FuzzUnpack expands anything, to no more than it says, and what it says is bounded.
func FuzzUnpack(f *testing.F) {
	for _, c := range chunksOf(f, recorded.Lostupdate()) {
		f.Add(c.Payload)
	}
	f.Add([]byte("\x15\x15\x1fa\x01\x00\x01\x00"))
	f.Add(literal(nil, 0))
	buf := make([]byte, MaxPack)
	f.Fuzz(func(t *testing.T, packed []byte) {
		got, _, err := unpack(buf, packed)
		size, _, _ := PackSize(packed)
		if len(got) > MaxPack || err == nil && len(got) != size {
			t.Fatalf("%d bytes of %d, %v", len(got), size, err)
		}
		if again, _, _ := unpack(nil, literal(got, 0)); !slices.Equal(again, got) {
			t.Fatalf("%d bytes come back as %d", len(got), len(again))
		}
		var d Decoder
		var r Record
		n := 0
		for d.Open(Chunk{Pieces: 1, Payload: packed}); d.Next(&r); n++ {
		}
		if n > 16*MaxPack {
			t.Fatalf("%d records", n)
		}
	})
}

// TestMoreRecords reads a pack that says it has fewer records than it has: who reads
// has made room for so many.
func TestMoreRecords(t *testing.T) {
	var b []byte
	e := NewPackEncoder(1, func(chunk []byte) { b = bytes.Clone(chunk) })
	e.Write(&Record{Tag: TagSlice, Slice: Slice{G: 1, Number: 1}})
	for i := range uint64(40) { // most of them as expected
		e.Write(&Record{Tag: TagRead, Addr: 0xc000000000 + 8*i, PC: 1, Size: 1, Count: 1})
	}
	e.Flush(FlagEnded)
	c, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	var pieces Pieces
	c, _ = pieces.Add(c)
	size, count, at := PackSize(c.Payload)
	if count != 40 {
		t.Fatalf("%d records", count)
	}
	packed := c.Payload[at:]
	for _, says := range []int{40, 39, 20, 0} {
		c.Payload = slices.Concat(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(says)), packed)
		var d Decoder
		var r Record
		n := 0
		for d.Open(c); d.Next(&r); {
			if r.Tag == TagRead {
				n++
			}
		}
		if n != says || (d.Err() == nil) != (says == 40) {
			t.Errorf("of a pack that says it has %d records there are %d, %v", says, n, d.Err())
		}
	}
}
