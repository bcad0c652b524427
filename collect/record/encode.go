package record

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// An Encoder writes records as chunks. It is the twin of the recorder's
// encoder (collect/overlay/_runtime/race_buffer.go), which cannot import this
// package: the records that the recorder has written, decoded and encoded again,
// are the same bytes. It does not compress. Annotations are written with it, tests make recordings with it that no
// program makes, and it is the place to try a change of the format first.
type Encoder struct {
	stream, seq uint32
	emit        func(chunk []byte)

	b       []byte // the chunk or pack, with room for a header
	slice   Slice  // whose records are being written; G is 0 if there is none
	inslice bool   // the chunk has a slice record
	deltas  deltas
	records int // in the pack
	size    int // of the chunk, at most
	// expected is where in b the last TagExpected is, 0 if something came since.
	expected int
}

// recordMax bounds the bytes of a record other than a definition or a stack.
const recordMax = 64

// NewEncoder returns an encoder of a stream. It calls emit for each chunk,
// which is valid until emit returns.
func NewEncoder(stream uint32, emit func(chunk []byte)) *Encoder {
	e := &Encoder{stream: stream, emit: emit, b: make([]byte, HeaderSize, MaxChunk), size: MaxChunk}
	e.deltas.reset(chunkRoom)
	return e
}

// NewPackEncoder returns an encoder that writes packs, as the recorder does, but
// without compressing them.
func NewPackEncoder(stream uint32, emit func(chunk []byte)) *Encoder {
	e := &Encoder{stream: stream, emit: emit, b: make([]byte, HeaderSize), size: HeaderSize + MaxPack}
	e.deltas.reset(packRoom)
	return e
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
		if !e.inslice && e.slice.G != 0 && r.Tag != TagCycle {
			n += recordMax
		}
		e.room(n)
		if !e.inslice && e.slice.G != 0 && r.Tag != TagCycle {
			e.slice.Part++
			e.slice.Goid = 0
			e.begin()
		}
	}
	e.append(r)
	e.records++
}

// Flush hands over the last chunk, if there is one that is not finished or
// flags are to be told. With FlagEnded the next record begins a slice, or
// belongs to none.
func (e *Encoder) Flush(flags byte) {
	if len(e.b) == HeaderSize && flags == 0 {
		return
	}
	if flags&FlagEnded != 0 {
		e.slice.G = 0
	}
	if e.deltas.room == packRoom {
		e.pieces(flags | FlagPacked)
	} else {
		e.chunk(e.b, flags)
	}
	e.b = e.b[:HeaderSize]
	e.inslice, e.expected = false, 0
	e.deltas.reset(e.deltas.room)
}

// chunk hands over b, which has room for its header.
func (e *Encoder) chunk(b []byte, flags byte) {
	copy(b, []byte{'H', 'S', Version, flags})
	binary.LittleEndian.PutUint32(b[4:], e.stream)
	binary.LittleEndian.PutUint32(b[8:], e.seq)
	binary.LittleEndian.PutUint32(b[12:], 0)
	binary.LittleEndian.PutUint32(b[12:], Sum(b))
	e.emit(b)
	e.seq++
}

// pieces hands over a pack.
func (e *Encoder) pieces(flags byte) {
	packed := literal(e.b[HeaderSize:], e.records)
	e.records = 0
	last := (len(packed) - 1) / MaxPiece
	for i := range last + 1 {
		b := binary.LittleEndian.AppendUint32(make([]byte, HeaderSize, MaxChunk), uint32(last)<<16|uint32(i))
		e.chunk(append(b, packed[i*MaxPiece:min((i+1)*MaxPiece, len(packed))]...), flags)
	}
}

// literal is a pack of count records that are not compressed: one sequence of literals.
func literal(records []byte, count int) []byte {
	n := len(records)
	b := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(n)), uint64(count))
	b = append(b, byte(min(n, 15))<<4)
	if n >= 15 {
		for n -= 15; n >= 255; n -= 255 {
			b = append(b, 255)
		}
		b = append(b, byte(n))
	}
	return append(b, records...)
}

// room makes sure that the chunk takes n more bytes.
func (e *Encoder) room(n int) {
	if len(e.b)+n > e.size {
		e.Flush(0)
	}
}

// begin writes whose the following records are.
func (e *Encoder) begin() {
	e.inslice = true
	e.deltas.slice()
	e.byte(TagSlice)
	e.uvarint(e.slice.G)
	e.from(&e.deltas.slices[e.slice.G%sliceNums], e.slice.Number)
	e.uvarint(uint64(e.slice.Part), uint64(e.slice.Cycle), e.slice.Goid)
}

func (e *Encoder) append(r *Record) {
	switch r.Tag {
	case TagRead, TagWrite:
		if r.Size == 1 && r.Count <= 1 && r.Via == 0 && r.PC <= maxPC {
			e.short(r)
			return
		}
		if r.Count <= 1 && e.like(r, linkLike+int(r.Tag-TagRead), uint64(r.Via)) {
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
		e.pc(r.PC)
		e.addr(e.deltas.last(r.PC), r.Addr)
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
		tag := TagAtomic | byte(r.Atomic)<<1 | byte(r.Size>>3)
		if e.operation(r, linkAtomic+int(tag&15)) {
			return
		}
		e.byte(tag)
		e.pc(r.PC)
		e.addr(e.deltas.last(r.PC), r.Addr)
		e.num(0, r.Addr, r.Num)
	case TagSync:
		if r.Sync <= maxPlain && r.Space == 0 && r.Slot == 0 && r.N == 0 {
			if e.operation(r, linkPlain+int(r.Sync)) {
				return
			}
			e.byte(TagPlain | byte(r.Sync))
			e.pc(r.PC)
			e.addr(e.deltas.last(r.PC), r.Addr)
			e.num(0, r.Addr, r.Num)
			return
		}
		e.byte(TagSync, byte(r.Sync), r.Space)
		e.pc(r.PC)
		e.addr(e.deltas.last(r.PC), r.Addr)
		e.from(&e.deltas.slots[r.Sync%slotOps], r.Slot)
		e.uvarint(uint64(r.N))
		if r.Sync.Numbered() {
			e.num(r.Space, r.Addr, r.Num)
		} else {
			e.uvarint(r.Num)
		}
	case TagStack:
		if e.calls(r) {
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
		if e.like(r, linkAlloc, r.Type) {
			return
		}
		e.byte(TagAlloc)
		e.pc(r.PC)
		e.uvarint(r.Type, r.Size)
		e.addr(e.deltas.alloc(r.Size), r.Addr)
	case TagFree:
		e.byte(TagFree)
		e.pc(r.PC)
		e.addr(e.deltas.last(r.PC), r.Addr)
		e.uvarint(r.Size)
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
	if len(e.b) > e.size {
		panic("record: a record larger than a chunk")
	}
}

// come notes what is to be written. If it is what was expected, it is written as
// that, and come returns true; else what was expected.
func (e *Encoder) come(l link, may bool) (expected link, written bool) {
	expected = e.deltas.come(l)
	if l != expected || l == 0 || !may {
		return expected, false
	}
	if e.expected != len(e.b)-1 || e.b[e.expected] == TagExpected+15 {
		e.expected = len(e.b)
		e.byte(TagExpected - 1)
	}
	e.b[e.expected]++
	return expected, true
}

// short writes an access in a short form.
func (e *Encoder) short(r *Record) {
	x := &e.deltas
	last, far := x.last(r.PC), int64(r.Addr-x.base)
	expected, written := e.come(makeLink(r.PC, linkRead+int(r.Tag-TagRead), far), far == int64(int32(far)))
	if !written {
		e.shortAddr(r.Tag-TagRead, r.PC, expected, r.Addr, *last)
	}
	x.pc, x.base, *last = r.PC, r.Addr, r.Addr
}

// like writes a sized access or one with a via, or an allocation, of is the via or the
// type, as a short record that a tag before it makes that, if there is such a form.
func (e *Encoder) like(r *Record, kind int, of uint64) bool {
	l, ok := makeLike(r.Size, of)
	if r.PC > maxPC || !ok {
		return false
	}
	x := &e.deltas
	p := x.like(r.PC)
	was := *p
	*p = l
	last, before := x.lastLike(kind, r.PC, l)
	far := int64(r.Addr - before)
	expected, written := e.come(makeLink(r.PC, kind, far), far == int64(int32(far)) && l == was)
	if !written {
		switch {
		case kind == linkAlloc && l == was:
			e.byte(TagAllocLike)
		case kind == linkAlloc:
			e.byte(TagAllocOf)
			e.uvarint(r.Type, r.Size)
		case l == was:
			e.byte(TagLike)
		case l.of() == was.of():
			e.byte(TagLikeSize)
			e.uvarint(r.Size)
		default:
			e.byte(TagLikeVia)
			e.uvarint(r.Size)
			e.svarint(int64(int32(r.Via - x.pc)))
		}
		e.shortAddr(byte(kind&1), r.PC, expected, r.Addr, *last) // linkLike and linkAlloc are even
	}
	x.pc, x.base, *last = r.PC, r.Addr, r.Addr
	return true
}

// shortAddr writes a short record. Its address counts from the nearer one of the last
// record's and last.
func (e *Encoder) shortAddr(write byte, pc uint32, expected link, addr, last uint64) {
	base, d := byte(1), zigzag(int64(addr-last))
	if v := zigzag(int64(addr - e.deltas.base)); v < d {
		base, d = 0, v
	}
	n := width(d)
	e.shortPC(TagShort|write<<6|base<<5|byte(n-1)<<2, pc, e.deltas.pc, expected, d, n)
}

// shortPC writes a short record: its tag without the width of the pc, a number of
// n bytes, and the pc.
func (e *Encoder) shortPC(tag byte, pc, before uint32, expected link, v uint64, n int) {
	if expected.pc() == pc {
		e.byte(tag)
		e.fixed(v, n)
		return
	}
	d := zigzag(int64(int32(pc - before)))
	size := slices.IndexFunc(pcWidths[:], func(n uint8) bool { return width(d) <= int(n) })
	e.byte(tag | byte(size))
	e.fixed(v, n)
	e.fixed(d, int(pcWidths[size]))
}

// calls writes a stack record in a short form, if there is one.
func (e *Encoder) calls(r *Record) bool {
	x := &e.deltas
	ended := x.depth - r.Low
	switch {
	case len(r.PCs) == 0 && ended-1 < 16:
		x.depth = r.Low
		if _, written := e.come(makeLink(x.pc, linkReturn, int64(ended)), true); !written {
			e.byte(TagReturn | byte(ended-1))
		}
		return true
	case len(r.PCs) == 1 && ended < 4 && r.PCs[0] <= maxPC:
		before := x.pc
		x.depth, x.pc = r.Low+1, r.PCs[0]
		if expected, written := e.come(makeLink(x.pc, linkCall, int64(ended)), true); !written {
			e.shortPC(TagCall|byte(ended)<<2, x.pc, before, expected, 0, 0)
		}
		return true
	}
	x.depth = r.Low + uint64(len(r.PCs))
	return false
}

// operation writes an operation of a kind that may be expected, if it is.
func (e *Encoder) operation(r *Record, kind int) bool {
	if r.PC > maxPC {
		return false
	}
	x := &e.deltas
	last, next := x.last(r.PC), x.num(0, r.Addr)
	far := int64(r.Addr - x.base)
	near := far == int64(int32(far)) && r.Num == *next
	_, written := e.come(makeLink(r.PC, kind, far), near)
	if written {
		x.pc, x.base, *last, *next = r.PC, r.Addr, r.Addr, r.Num+1
	}
	return written
}

// num writes the number of an operation on the object at addr.
func (e *Encoder) num(space uint8, addr, num uint64) {
	next := e.deltas.num(space, addr)
	e.svarint(int64(num - *next))
	*next = num + 1
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

// from writes a number's distance from the last one, and is the last one then.
func (e *Encoder) from(last *uint32, v uint32) {
	e.svarint(int64(int32(v - *last)))
	*last = v
}

// addr writes the address of a record: last is where that of the last such record is.
func (e *Encoder) addr(last *uint64, a uint64) {
	e.svarint(int64(a - *last))
	*last, e.deltas.base = a, a
}

func (e *Encoder) pc(pc uint32) {
	e.svarint(int64(int32(pc - e.deltas.pc)))
	e.deltas.pc = pc
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
