package record

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// An Encoder writes records as chunks. It is the twin of the recorder's
// encoder (collect/overlay/_runtime/race_buffer.go), which cannot import this
// package: what the recorder has written, decoded and encoded again, is the same
// bytes. Annotations are written with it, tests make recordings with it that no
// program makes, and it is the place to try a change of the format first.
type Encoder struct {
	stream, seq uint32
	emit        func(chunk []byte)

	b        []byte // the chunk, with room for its header
	slice    Slice  // whose records are being written; G is 0 if there is none
	inslice  bool   // the chunk has a slice record
	lastaddr uint64
	lastpc   uint32
	last     uint64
	lastlow  uint64
}

// recordMax bounds the bytes of a record other than a definition or a stack.
const recordMax = 64

// NewEncoder returns an encoder of a stream. It calls emit for each chunk,
// which is valid until emit returns.
func NewEncoder(stream uint32, emit func(chunk []byte)) *Encoder {
	return &Encoder{stream: stream, emit: emit, b: make([]byte, HeaderSize, MaxChunk)}
}

// Write writes a record. A TagSlice record begins a slice of its goroutine; the
// encoder itself says in every further chunk whose records follow, as the
// slice's next part. Bytes that do not fit a chunk even alone panic.
func (e *Encoder) Write(r *Record) {
	switch r.Tag {
	case TagSlice:
		e.room(recordMax)
		e.slice = r.Slice
		e.begin()
		return
	case TagSymbol:
		e.room(16 + 20*len(r.Frames))
	case TagString:
		e.room(16 + len(r.Name))
	case TagType:
		e.room(32 + len(r.Name))
	case TagField, TagVar:
		e.room(40 + len(r.Name))
	case TagFact:
		e.room(16 + len(r.Name) + len(r.Value))
	case TagStatus, TagLast:
		e.room(recordMax)
	default:
		if r.Tag == TagCycle {
			e.slice.Cycle = r.Slice.Cycle
		}
		n := recordMax
		if r.Tag == TagStack && len(r.PCs) > 1 {
			n += 5 * len(r.PCs)
		}
		e.room(n)
		if !e.inslice && e.slice.G != 0 && r.Tag != TagCycle {
			e.slice.Part++
			e.slice.Goid = 0
			e.begin()
		}
	}
	e.append(r)
}

// Flush hands over the last chunk, if there is one that is not finished or
// flags are to be told. With FlagEnded the next record begins a slice, or
// belongs to none.
func (e *Encoder) Flush(flags byte) {
	if len(e.b) == HeaderSize && flags == 0 {
		return
	}
	copy(e.b, []byte{'H', 'S', Version, flags})
	if flags&FlagEnded != 0 {
		e.slice.G = 0
	}
	binary.LittleEndian.PutUint32(e.b[4:], e.stream)
	binary.LittleEndian.PutUint32(e.b[8:], e.seq)
	binary.LittleEndian.PutUint32(e.b[12:], Sum(e.b))
	e.emit(e.b)
	e.seq++
	e.b = e.b[:HeaderSize]
	e.inslice = false
	e.lastaddr, e.lastpc, e.last, e.lastlow = 0, 0, 0, 0
}

// room makes sure that the chunk takes n more bytes.
func (e *Encoder) room(n int) {
	if len(e.b)+n > MaxChunk {
		e.Flush(0)
	}
}

// begin writes whose the following records are.
func (e *Encoder) begin() {
	e.inslice = true
	e.lastaddr, e.lastpc, e.last, e.lastlow = 0, 0, 0, 0
	e.byte(TagSlice)
	e.uvarint(e.slice.G, uint64(e.slice.Number), uint64(e.slice.Part), uint64(e.slice.Cycle), e.slice.Goid)
}

func (e *Encoder) append(r *Record) {
	switch r.Tag {
	case TagRead, TagWrite:
		if r.Size == 1 && r.Count <= 1 && r.Via == 0 && r.PC <= shortPCMax {
			e.short(r.Tag-TagRead, &e.last, r.Addr, r.PC)
			return
		}
		tag := r.Tag
		switch {
		case r.Count > 1:
			tag |= TagRun
		case r.Size != 1:
			tag |= TagSized
		}
		if r.Via != 0 && r.Count <= 1 {
			tag |= TagVia
		}
		e.byte(tag)
		e.addr(r.Addr)
		e.pc(r.PC)
		if tag&TagRun != 0 {
			e.uvarint(r.Stride, r.Count)
		}
		if tag&TagSized != 0 {
			e.uvarint(r.Size)
		}
		if tag&TagVia != 0 {
			e.pc(r.Via)
		}
	case TagAtomic:
		e.byte(TagAtomic | byte(r.Atomic)<<1 | byte(r.Size>>3))
		e.addr(r.Addr)
		e.pc(r.PC)
		e.uvarint(r.Num)
	case TagSync:
		e.byte(TagSync, byte(r.Sync), r.Space)
		e.addr(r.Addr)
		e.uvarint(uint64(r.Slot), uint64(r.N))
		e.pc(r.PC)
		e.uvarint(r.Num)
	case TagStack:
		switch {
		case len(r.PCs) == 0:
			e.short(3, &e.lastlow, r.Low, e.lastpc)
			return
		case len(r.PCs) == 1 && r.PCs[0] <= shortPCMax:
			e.short(2, &e.lastlow, r.Low, r.PCs[0])
			return
		}
		e.byte(TagStack)
		e.uvarint(r.Low, uint64(len(r.PCs)))
		for _, pc := range r.PCs {
			e.pc(pc)
		}
	case TagCycle:
		e.byte(TagCycle)
		e.uvarint(uint64(r.Slice.Cycle))
	case TagGo:
		e.byte(TagGo)
		e.uvarint(r.Child)
		e.pc(r.PC)
	case TagEnd:
		e.byte(TagEnd)
	case TagAlloc:
		e.byte(TagAlloc)
		e.addr(r.Addr)
		e.uvarint(r.Size)
		e.pc(r.PC)
		e.uvarint(r.Type)
	case TagFree:
		e.byte(TagFree)
		e.addr(r.Addr)
		e.uvarint(r.Size)
		e.pc(r.PC)
	case TagSymbol:
		e.byte(TagSymbol)
		e.uvarint(uint64(r.PC), uint64(len(r.Frames)))
		for _, f := range r.Frames {
			e.uvarint(f.Func, f.File, uint64(f.Line))
		}
	case TagString:
		e.byte(TagString, r.Table)
		e.uvarint(r.ID)
		e.bytes(r.Name)
	case TagType:
		e.byte(TagType)
		e.uvarint(r.Type, r.Size)
		e.bytes(r.Name)
	case TagField:
		e.byte(TagField)
		e.uvarint(r.Type, r.Addr, r.Size)
		e.bytes(r.Name)
	case TagVar:
		e.byte(TagVar)
		e.uvarint(r.Addr, r.Size)
		e.bytes(r.Name)
	case TagFact:
		e.byte(TagFact)
		e.bytes(r.Name)
		e.bytes(r.Value)
	case TagStatus, TagLast:
		s := &r.Status
		e.byte(r.Tag)
		e.uvarint(s.Reason, s.Streams, s.Records, s.Lost, s.LostSync, s.Foreign, s.Nanotime)
	default:
		e.byte(r.Tag)
	}
	if len(e.b) > MaxChunk {
		panic("record: a record larger than a chunk")
	}
}

// shortPCMax is the largest pc of a short record.
const shortPCMax = 1<<27 - 1

func (e *Encoder) short(what byte, last *uint64, a uint64, pc uint32) {
	d, p := zigzag(int64(a-*last)), zigzag(int64(int32(pc-e.lastpc)))
	*last, e.lastpc = a, pc
	x, y := width(d), width(p)
	e.byte(TagShort | what<<5 | byte(x-1)<<2 | byte(y-1))
	e.fixed(d, x)
	if what != 3 {
		e.fixed(p, y)
	}
}

// width is the number of bytes of a number in a short record.
func width(v uint64) int { return max(1, (bits.Len64(v)+7)/8) }

func (e *Encoder) fixed(v uint64, n int) {
	for i := range n {
		e.byte(byte(v >> (8 * i)))
	}
}

func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func (e *Encoder) byte(b ...byte) { e.b = append(e.b, b...) }

func (e *Encoder) uvarint(list ...uint64) {
	for _, v := range list {
		e.b = binary.AppendUvarint(e.b, v)
	}
}

func (e *Encoder) svarint(v int64) { e.uvarint(zigzag(v)) }

func (e *Encoder) addr(a uint64) {
	e.svarint(int64(a - e.lastaddr))
	e.lastaddr = a
}

func (e *Encoder) pc(pc uint32) {
	e.svarint(int64(int32(pc - e.lastpc)))
	e.lastpc = pc
}

func (e *Encoder) bytes(b []byte) {
	e.uvarint(uint64(len(b)))
	e.b = append(e.b, b...)
}

// AppendTrace appends an execution trace to b that holds nothing but chunks: a
// header, and each chunk as the only string of a batch of strings, as the
// recorder writes them when its process dies.
func AppendTrace(b []byte, chunks ...[]byte) []byte {
	b = append(b, "go 1.26 trace\x00\x00\x00"...)
	for i, c := range chunks {
		b = AppendBatch(b, uint64(i)+1, c)
	}
	return slices.Clip(b)
}

// AppendBatch appends a batch of strings to b that holds one chunk, as string id.
func AppendBatch(b []byte, id uint64, chunk []byte) []byte {
	const evEventBatch, evStrings, evString = 1, 4, 5
	s := []byte{evStrings, evString}
	s = binary.AppendUvarint(s, id)
	s = binary.AppendUvarint(s, uint64(len(chunk)))
	s = append(s, chunk...)
	b = append(b, evEventBatch, 1, 0, 0)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
