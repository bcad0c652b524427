package record

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

// samples has every kind of record, at the limits.
var samples = []Record{
	{Tag: TagFact, Name: []byte("go"), Value: []byte("go1.26.8")},
	{Tag: TagFact, Name: []byte{}, Value: []byte{}},
	{Tag: TagCycle, Slice: Slice{Cycle: 2}},
	{Tag: TagSlice, Slice: Slice{G: 1, Number: 1, Cycle: 2, Goid: 1}},
	{Tag: TagSymbol, PC: NoPC, Frames: []Frame{{1, 2, 3}, {1 << 40, 0, 1<<31 - 1}}},
	{Tag: TagString, Table: 1, ID: 77, Name: []byte("/a/b.go")},
	{Tag: TagStack, Low: 3, PCs: []uint32{1, NoPC, 0, 5}},
	{Tag: TagStack, Low: 1<<32 - 1, PCs: []uint32{}},
	{Tag: TagRead, Addr: 0xc000010000, Size: 1, Count: 1, PC: 100},
	{Tag: TagWrite, Addr: 0xc000010008, Size: 1 << 32, Count: 1, PC: 50, Via: 7},
	{Tag: TagWrite, Addr: 8, Size: 1, Count: 1, PC: 1, Via: 1},
	{Tag: TagRead, Addr: 1 << 55, Size: 1, Stride: 8, Count: 1 << 16, PC: 3},
	{Tag: TagAtomic, Atomic: AtomicCASFail, Addr: 1<<64 - 8, Size: 4, PC: 9, Num: 1<<64 - 1},
	{Tag: TagAtomic, Atomic: AtomicLoad, Addr: 16, Size: 8, PC: 9, Num: 0},
	{Tag: TagSync, Sync: MisuseWrite, Space: 255, Addr: 1 << 63, Slot: 1<<32 - 1, N: 1<<32 - 1, PC: NoPC, Num: 1 << 63},
	{Tag: TagGo, Child: 1 << 50, PC: 4},
	{Tag: TagType, Type: 9, Size: 48, Name: []byte("struct { a int }")},
	{Tag: TagField, Type: 9, Addr: 40, Size: 8, Name: []byte("a.b[]")},
	{Tag: TagVar, Addr: 0x500000, Size: 8, Name: []byte("main.x")},
	{Tag: TagAlloc, Addr: 0xc000010000, Size: 48, PC: 12, Type: 9},
	{Tag: TagSync, Sync: TryLockFail, Addr: 1, PC: 1},
	{Tag: TagFree, Addr: 0xc000010000, Size: 48, PC: 13},
	{Tag: TagEnd},
	{Tag: TagStatus, Status: Status{Streams: 1, Records: 2, Lost: 3, LostSync: 4, Foreign: 5, Nanotime: 6}},
	{Tag: TagLast, Status: Status{Reason: 1, Nanotime: 1<<64 - 1}},
}

// relevant clears what a record's tag does not use.
func relevant(r *Record) Record {
	out := Record{Tag: r.Tag}
	switch r.Tag {
	case TagRead, TagWrite:
		out.Addr, out.Size, out.PC, out.Via, out.Count = r.Addr, r.Size, r.PC, r.Via, r.Count
		if r.Count > 1 {
			out.Stride = r.Stride
		}
	case TagAtomic:
		out.Addr, out.Size, out.PC, out.Num, out.Atomic = r.Addr, r.Size, r.PC, r.Num, r.Atomic
	case TagSync:
		out.Sync, out.Space, out.Addr, out.Slot, out.N, out.PC, out.Num = r.Sync, r.Space, r.Addr, r.Slot, r.N, r.PC, r.Num
	case TagSlice:
		out.Slice = r.Slice
	case TagCycle:
		out.Slice.Cycle = r.Slice.Cycle
	case TagStack:
		out.Low, out.PCs = r.Low, slices.Clone(r.PCs)
	case TagGo:
		out.Child, out.PC = r.Child, r.PC
	case TagAlloc:
		out.Addr, out.Size, out.PC, out.Type = r.Addr, r.Size, r.PC, r.Type
	case TagFree:
		out.Addr, out.Size, out.PC = r.Addr, r.Size, r.PC
	case TagSymbol:
		out.PC, out.Frames = r.PC, slices.Clone(r.Frames)
	case TagString:
		out.Table, out.ID, out.Name = r.Table, r.ID, bytes.Clone(r.Name)
	case TagType:
		out.Type, out.Size, out.Name = r.Type, r.Size, bytes.Clone(r.Name)
	case TagField:
		out.Type, out.Addr, out.Size, out.Name = r.Type, r.Addr, r.Size, bytes.Clone(r.Name)
	case TagVar:
		out.Addr, out.Size, out.Name = r.Addr, r.Size, bytes.Clone(r.Name)
	case TagFact:
		out.Name, out.Value = bytes.Clone(r.Name), bytes.Clone(r.Value)
	case TagStatus, TagLast:
		out.Status = r.Status
	}
	if len(out.PCs) == 0 {
		out.PCs = nil
	}
	return out
}

// TestRoundTrip decodes what was encoded, over so many chunks that each kind of
// record comes to stand at the end of one.
func TestRoundTrip(t *testing.T) {
	var chunks [][]byte
	e := NewEncoder(7, func(b []byte) { chunks = append(chunks, bytes.Clone(b)) })
	const rounds = 97
	for i := range rounds {
		for j := range samples {
			r := samples[j]
			if r.Tag == TagSlice {
				r.Slice.Number = uint32(i + 1)
			}
			e.Write(&r)
		}
	}
	e.Flush(FlagLast)
	var got []Record
	var part uint32
	for i, b := range chunks {
		c, err := Parse(b)
		if err != nil || c.Stream != 7 || c.Seq != uint32(i) || c.Flags&FlagLast != 0 != (i == len(chunks)-1) {
			t.Fatalf("chunk %d: %+v, %v", i, c, err)
		}
		var d Decoder
		var r Record
		for d.Reset(c.Payload); d.Next(&r); {
			if r.Tag == TagSlice {
				if r.Slice.Part > 0 {
					part++
					if r.Slice.Part != part || r.Slice.Cycle != 2 || r.Slice.Goid != 0 {
						t.Errorf("part %d after %d: %+v", r.Slice.Part, part-1, r.Slice)
					}
					continue
				}
				part = 0
			}
			got = append(got, relevant(&r))
		}
		if d.Err() != nil {
			t.Fatalf("chunk %d: %v", i, d.Err())
		}
	}
	if len(got) != rounds*len(samples) {
		t.Fatalf("%d records of %d", len(got), rounds*len(samples))
	}
	for i := range got {
		want := relevant(&samples[i%len(samples)])
		if want.Tag == TagSlice {
			want.Slice.Number = uint32(i/len(samples) + 1)
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Fatalf("record %d:\n%+v, want\n%+v", i, got[i], want)
		}
	}
}

func TestParse(t *testing.T) {
	var chunk []byte
	e := NewEncoder(1, func(b []byte) { chunk = bytes.Clone(b) })
	e.Write(&Record{Tag: TagSlice, Slice: Slice{G: 1, Number: 1}})
	e.Write(&Record{Tag: TagEnd})
	e.Flush(0)
	for n := range chunk {
		if _, err := Parse(chunk[:n]); err == nil {
			t.Errorf("the first %d bytes are a chunk", n)
		}
	}
	for bit := range len(chunk) * 8 {
		b := bytes.Clone(chunk)
		b[bit/8] ^= 1 << (bit % 8)
		_, err := Parse(b)
		switch {
		case err == nil:
			t.Errorf("bit %d may flip", bit)
		case bit/8 < 2 && !errors.Is(err, ErrNotChunk), bit/8 > 2 && !errors.Is(err, ErrDamaged):
			t.Errorf("bit %d: %v", bit, err)
		case bit/8 == 2 && (errors.Is(err, ErrNotChunk) || errors.Is(err, ErrDamaged)):
			t.Errorf("another version: %v", err)
		}
	}
	if _, err := Parse(make([]byte, MaxChunk+1)); !errors.Is(err, ErrNotChunk) {
		t.Errorf("too long: %v", err)
	}
}

// TestMalformed makes sure that what no recorder writes is refused.
func TestMalformed(t *testing.T) {
	for name, r := range map[string]Record{
		"unknown tag":          {Tag: 0x7f},
		"no tag":               {Tag: 0},
		"access of nothing":    {Tag: TagRead, Addr: 8, Size: 0, Count: 1},
		"too large":            {Tag: TagRead, Addr: 8, Size: 1<<32 + 1, Count: 1},
		"around the end":       {Tag: TagWrite, Addr: 1<<64 - 4, Size: 8, Count: 1},
		"run around the end":   {Tag: TagWrite, Addr: 1<<64 - 4, Size: 1, Count: 3, Stride: 8},
		"run without a stride": {Tag: TagWrite, Addr: 8, Size: 1, Count: 3},
		"run too long":         {Tag: TagWrite, Addr: 8, Size: 1, Count: 1<<16 + 1, Stride: 8},
		"run too wide":         {Tag: TagWrite, Addr: 8, Size: 1, Count: 3, Stride: 1<<16 + 1},
		"atomic of no kind":    {Tag: TagAtomic, Size: 8},
		"atomic of kind 7":     {Tag: TagAtomic, Atomic: 7, Size: 8},
		"no operation":         {Tag: TagSync},
		"unknown operation":    {Tag: TagSync, Sync: numSync},
		"no goroutine":         {Tag: TagSlice},
		"allocation too large": {Tag: TagAlloc, Addr: 16, Size: 1<<64 - 8},
		"stack too deep":       {Tag: TagStack, Low: 1 << 32},
	} {
		var payload []byte
		e := NewEncoder(1, func(b []byte) { payload = bytes.Clone(b[HeaderSize:]) })
		e.Write(&r)
		e.Flush(0)
		var d Decoder
		d.Reset(payload)
		if d.Next(&r) || d.Err() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// FuzzDecoder decodes anything: no panic, an end, and no more than there is.
func FuzzDecoder(f *testing.F) {
	for _, c := range chunksOf(f, recorded.Lostupdate()) {
		f.Add(recordsOf(f, c))
	}
	for i := range samples {
		e := NewEncoder(1, func(b []byte) { f.Add(bytes.Clone(b[HeaderSize:])) })
		e.Write(&samples[i])
		e.Flush(0)
	}
	f.Add([]byte{TagSymbol, 1, 64})
	f.Add([]byte{0, 0xff, 7})
	f.Add([]byte{TagExpected + 15, TagReturn})
	f.Add([]byte{TagStack, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f}) // more calls than there can be
	f.Fuzz(func(t *testing.T, payload []byte) {
		Parse(payload)
		var d Decoder
		var r Record
		d.reset(payload, math.MaxInt, packRoom)
		for d.Next(&r) {
		}
		d.reset(payload, math.MaxInt, packRoom)
		for last := -1; ; last = d.Pos() {
			if _, ok := d.Skim(&r); !ok {
				break
			}
			if d.Pos() <= last {
				t.Fatalf("skims from %d to %d", last, d.Pos())
			}
		}
		last, more := 0, 0
		for d.Reset(payload); d.Next(&r); last = d.Pos() {
			if more++; d.Pos() > last {
				more = 0
			}
			if d.Pos() < last || more > 15 || d.Pos() > len(payload) {
				t.Fatalf("from %d to %d of %d, %d times", last, d.Pos(), len(payload), more)
			}
			n := len(r.Name) + len(r.Value)
			if r.Tag == TagStack {
				n = len(r.PCs)
			}
			if r.Tag == TagSymbol {
				n = len(r.Frames)
			}
			if r.Tag != TagSlice && n > len(payload)*2 {
				t.Fatalf("record %#x has %d parts in %d bytes", r.Tag, n, len(payload))
			}
		}
		if d.Err() == nil && last < len(payload) {
			t.Fatalf("ends at %d of %d without an error", last, len(payload))
		}
	})
}

// A cycle belongs to the P. In a new chunk it begins no further part of the last
// slice: that goroutine may have gone on elsewhere, in the cycle before.
func TestCycleBeginsNoPart(t *testing.T) {
	var chunks [][]byte
	e := NewEncoder(1, func(b []byte) { chunks = append(chunks, bytes.Clone(b)) })
	e.Write(&Record{Tag: TagSlice, Slice: Slice{G: 7, Number: 1, Cycle: 1}})
	e.Flush(0)
	e.Write(&Record{Tag: TagCycle, Slice: Slice{Cycle: 2}})
	e.Write(&Record{Tag: TagSlice, Slice: Slice{G: 8, Number: 1, Cycle: 2}})
	e.Flush(FlagLast)
	c, err := Parse(chunks[1])
	if err != nil {
		t.Fatal(err)
	}
	var d Decoder
	var r Record
	d.Reset(c.Payload)
	if !d.Next(&r) || r.Tag != TagCycle || r.Slice.Cycle != 2 {
		t.Errorf("first %+v", r)
	}
	if !d.Next(&r) || r.Tag != TagSlice || r.Slice.G != 8 {
		t.Errorf("then %+v", r)
	}
}

// TestExpected goes round a loop, now and then another way, and every sixteenth time
// to another object: records come back as they were, and most of them take no byte of their own.
func TestExpected(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var in []Record
	write := func(r Record) { in = append(in, r) }
	var nums [1 << CounterBits]uint64
	op := func(r Record) {
		r.Num = nums[Counter(0, r.Addr)]
		nums[Counter(0, r.Addr)]++
		write(r)
	}
	write(Record{Tag: TagSlice, Slice: Slice{G: 1, Number: 1, Goid: 1}})
	write(Record{Tag: TagStack, PCs: []uint32{10}})
	const lock = 0xc000000100
	for i := range uint64(4000) {
		object := 0xc000100000 + i/16*64
		write(Record{Tag: TagStack, Low: 1, PCs: []uint32{100}})
		op(Record{Tag: TagAtomic, Atomic: AtomicRMW, Size: 4, Addr: lock, PC: 110})
		op(Record{Tag: TagSync, Sync: Acquire, Addr: lock, PC: 120})
		write(Record{Tag: TagStack, Low: 1})
		write(Record{Tag: TagRead, Addr: object, PC: 130, Size: 1, Count: 1})
		write(Record{Tag: TagWrite, Addr: object + 8, PC: 140, Size: 1, Count: 1})
		if rng.IntN(50) == 0 { // what is far, without a short form, of another counter
			write(Record{Tag: TagRead, Addr: rng.Uint64() >> 17, PC: rng.Uint32() >> 5, Size: 1, Count: 1})
			write(Record{Tag: TagRead, Addr: object, PC: 150, Size: 8, Count: 1})
			write(Record{Tag: TagStack, Low: 1, PCs: []uint32{rng.Uint32(), 160, 170}})
			write(Record{Tag: TagAlloc, Addr: rng.Uint64() >> 17, PC: 210, Type: rng.Uint64() >> (rng.Uint64() % 64), Size: rng.Uint64() >> (20 + rng.Uint64()%44)})
			write(Record{Tag: TagRead, Addr: object, PC: 220, Size: 1 + rng.Uint64N(3), Via: rng.Uint32() >> (rng.Uint32() % 32), Count: 1})
			write(Record{Tag: TagStack, Low: 1})
			nums[Counter(0, lock)] += rng.Uint64N(3)
			op(Record{Tag: TagAtomic, Atomic: AtomicLoad, Size: 8, Addr: object, PC: 180})
			write(Record{Tag: TagSync, Sync: Send, Space: 1, Addr: object, Slot: 1, N: 2, PC: 190, Num: rng.Uint64N(1 << 40)})
		}
		op(Record{Tag: TagSync, Sync: Release, Addr: lock, PC: 200})
		write(Record{Tag: TagAlloc, Addr: object, PC: 210, Type: 300, Size: 48})
		write(Record{Tag: TagRead, Addr: object, PC: 220, Size: 16, Via: 230, Count: 1})
		write(Record{Tag: TagWrite, Addr: object + 16, PC: 220, Size: 16, Via: 230, Count: 1})
	}
	var out []Record
	size := 0
	e := NewEncoder(1, func(b []byte) {
		size += len(b)
		c, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		var d Decoder
		var r Record
		for d.Reset(c.Payload); d.Next(&r); {
			if r.Tag != TagSlice || r.Slice.Part == 0 {
				out = append(out, relevant(&r))
			}
		}
		if d.Err() != nil {
			t.Fatal(d.Err())
		}
	})
	for i := range in {
		e.Write(&in[i])
	}
	e.Flush(FlagLast)
	if len(out) != len(in) {
		t.Fatalf("%d records of %d", len(out), len(in))
	}
	for i := range in {
		if want := relevant(&in[i]); !reflect.DeepEqual(out[i], want) {
			t.Fatalf("record %d:\n%+v, want\n%+v", i, out[i], want)
		}
	}
	if size > len(in) {
		t.Errorf("%d records take %d bytes", len(in), size)
	}
}
