// Package record is the encoding of recordings: what the recorder writes and
// the analyzer reads. docs/record-format.md describes it byte by byte.
//
// A recording is a set of streams, one per P. A stream is a sequence of chunks;
// a chunk is the message of one user log event of category [Category] in an
// execution trace, at most [MaxChunk] bytes. It decodes alone, or it is a piece of
// a pack, which does. The recorder
// is part of package runtime and cannot import this package: its encoder is a
// twin of this decoder, and tests hold them together.
package record

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Category is the category of the log events that carry chunks.
const Category = "hindsight"

// Version is the version of the encoding.
const Version = 4

// Sizes of chunks in bytes: the whole, at most, and its header.
const (
	MaxChunk   = 1024
	HeaderSize = 16
)

// Flags of a chunk.
const (
	FlagLast  = 1 // the recorder's last chunk: nothing was cut off
	FlagEnded = 2 // no slice goes on in the stream's next chunk
	// FlagAnnotation: the records are what the goroutine did that the trace names
	// for the chunk's log event, at the event's stack. There are no slices, the
	// stream is 0, and so is what pc there is.
	FlagAnnotation = 4
	FlagPacked     = 8 // it is a piece of a pack
)

// Tags of records. Accesses combine: TagWrite|TagSized.
const (
	TagSlice  = 0x01
	TagCycle  = 0x02
	TagStack  = 0x03
	TagGo     = 0x04
	TagEnd    = 0x05
	TagAlloc  = 0x06
	TagSync   = 0x07
	TagFree   = 0x08
	TagRead   = 0x10
	TagWrite  = 0x11
	TagSized  = 0x02 // with TagRead, TagWrite: a size follows, else it is 1
	TagVia    = 0x04 // with TagRead, TagWrite: the pc of the runtime's function that made the access
	TagRun    = 0x08 // with TagRead, TagWrite, alone: a run of one-byte accesses, stride and count follow
	TagAtomic = 0x20 // | kind<<1 | 1 if 8 bytes wide, else 4

	// The most frequent records have shorter forms, which a Record does not show.
	TagPlain    = 0x30 // | operation: a TagSync whose space, slot and n are 0
	TagExpected = 0x50 // | n - 1: n records, each of which follows the one before it as another did before
	TagReturn   = 0x60 // | n - 1: a TagStack that ends n calls
	TagCall     = 0x70 // | calls ended<<2 | width of the pc: a TagStack that adds one
	TagShort    = 0x80 // | 1<<6 for a write | base<<5 | bytes of the address - 1<<2 | width of the pc: an access of one byte

	// These stand before a short record and make another of it.
	TagLike      = 0x09 // an access whose size and via are those of the last one of the pc
	TagLikeSize  = 0x0a // the same, but a size follows
	TagLikeVia   = 0x0b // the same, but size and via follow
	TagAllocLike = 0x0c // an allocation whose type and size are those of the last one of the pc
	TagAllocOf   = 0x0d // the same, but type and size follow

	TagSymbol = 0x40
	TagString = 0x41
	TagType   = 0x42
	TagField  = 0x43
	TagVar    = 0x44
	TagFact   = 0x46
	TagStatus = 0x47
	TagLast   = 0x48
)

// Sync says what a synchronization record did.
type Sync uint8

// The synchronization operations.
const (
	Acquire Sync = 1 + iota
	Release
	ReleaseMerge
	ReleaseAcquire
	Send // Slot, N = capacity
	Recv
	Close
	RecvClosed
	CondSignal // tickets Slot up to but not including Slot+N
	CondWake   // ticket Slot
	LifeCut    // N bytes
	IORead
	IOWrite
	SendClosed
	CloseClosed
	DefaultSend
	DefaultRecv
	MisuseRead // N = rule
	MisuseWrite
	Add // of a WaitGroup; N = delta, an int32
	CloseNil

	// What a goroutine waits for when the recording ends, its last records. They
	// have no order number. Of what waits at a semaphore, Addr is the semaphore's.
	WaitSend // several sends and receives are one select's
	WaitRecv
	WaitMutex
	WaitReaders // RWMutex.Lock
	WaitWriter  // RWMutex.RLock
	WaitGroup
	WaitCond
	WaitForever // on a nil channel, or in a select without cases
	GoesOn      // for nothing that another goroutine would do
	numSync
)

// The operations that are written for annotations only: of what is instrumented,
// the caller's function tells.
const (
	Lock Sync = 64 + iota
	Unlock
	RLock
	RUnlock
	TryLockFail
	endSync
)

// Numbered reports whether the operation has an order number.
func (s Sync) Numbered() bool { return s < WaitSend || s >= Lock }

// Atomic says what an atomic record did.
type Atomic uint8

// The atomic operations.
const (
	AtomicLoad Atomic = 1 + iota
	AtomicStore
	AtomicRMW
	AtomicCASFail
)

// NoPC is the pc of code outside the main module's text.
const NoPC = 1<<32 - 1

// CounterBits is the logarithm of the number of order counters.
const CounterBits = 12

// Counter returns the order counter of the synchronization object at addr in
// name space space. Atomic operations use space 0.
func Counter(space uint8, addr uint64) int {
	return int((addr + uint64(space)<<56) * 0x9E3779B97F4A7C15 >> (64 - CounterBits))
}

// A Chunk is a parsed chunk. Payload aliases what it was parsed from.
type Chunk struct {
	Stream, Seq uint32
	Flags       byte
	// Of how many pieces the pack is that this is one of, and which, from 0;
	// see [Pieces.Add]. Pieces is 0 if the payload is records.
	Pieces, Piece int
	Payload       []byte
}

// Errors of [Parse].
var (
	ErrNotChunk = errors.New("not a chunk")
	ErrDamaged  = errors.New("chunk is damaged: its checksum does not match")
)

// Parse checks a chunk. ErrNotChunk means that b is something else,
// ErrDamaged that bytes have changed.
func Parse(b []byte) (Chunk, error) {
	if len(b) < HeaderSize || len(b) > MaxChunk || b[0] != 'H' || b[1] != 'S' {
		return Chunk{}, ErrNotChunk
	}
	if b[2] != Version {
		return Chunk{}, fmt.Errorf("chunk of version %d: this tool reads version %d", b[2], Version)
	}
	sum := binary.LittleEndian.Uint32(b[12:])
	if Sum(b) != sum {
		return Chunk{}, ErrDamaged
	}
	c := Chunk{
		Stream:  binary.LittleEndian.Uint32(b[4:]),
		Seq:     binary.LittleEndian.Uint32(b[8:]),
		Flags:   b[3],
		Payload: b[HeaderSize:],
	}
	if c.Flags&FlagPacked != 0 {
		if len(c.Payload) <= pieceHeader {
			return Chunk{}, ErrDamaged
		}
		c.Piece, c.Pieces = int(binary.LittleEndian.Uint16(c.Payload)), int(binary.LittleEndian.Uint16(c.Payload[2:]))+1
		c.Payload = c.Payload[pieceHeader:]
		if last := c.Piece == c.Pieces-1; c.Piece >= c.Pieces || c.Pieces > maxPieces || !last && len(c.Payload) != MaxPiece {
			return Chunk{}, ErrDamaged
		}
	}
	return c, nil
}

// Sum returns the checksum of chunk b, at least HeaderSize bytes, taking the
// checksum's own field for zero.
func Sum(b []byte) uint32 {
	const k = 0xD6E8FEB86659FD93
	step := func(h, w uint64) uint64 {
		h = (h ^ w) * k
		return h ^ h>>32
	}
	h := uint64(len(b)) * 0x9E3779B97F4A7C15
	g := step(^h, uint64(binary.LittleEndian.Uint32(b[8:])))
	h = step(h, binary.LittleEndian.Uint64(b))
	for b = b[HeaderSize:]; len(b) >= 16; b = b[16:] {
		h = step(h, binary.LittleEndian.Uint64(b))
		g = step(g, binary.LittleEndian.Uint64(b[8:]))
	}
	for _, c := range b {
		h = step(h, uint64(c))
	}
	h = step(h, g)
	return uint32(h ^ h>>29)
}

// A Record is one decoded record; which fields mean something depends on Tag.
type Record struct {
	Tag  byte // of accesses without TagSized, TagVia; of atomics TagAtomic
	Addr uint64
	Size uint64 // accesses, TagAlloc, TagFree, TagType, TagVar
	PC   uint32
	Via  uint32 // accesses: 0 for none
	// Accesses: how many, and how far apart.
	Count, Stride uint64
	Num           uint64 // order number of TagSync and TagAtomic

	Atomic Atomic // TagAtomic
	Sync   Sync   // TagSync
	Space  uint8
	Slot   uint32
	N      uint32

	Slice Slice    // TagSlice; TagCycle: Slice.Cycle
	Child uint64   // TagGo: the new goroutine
	Low   uint64   // TagStack: frames kept
	PCs   []uint32 // TagStack: frames added, outermost first; valid until the next record

	Type   uint64 // TagAlloc, TagType, TagField: a type's number
	Name   []byte // TagString, TagType, TagField (path), TagVar, TagFact (key); aliases the chunk
	Value  []byte // TagFact
	Table  byte   // TagString: 0 functions, 1 files
	ID     uint64 // TagString
	Frames []Frame
	Status Status // TagStatus, TagLast
}

// Slice is a stretch of one goroutine's records in one chunk. A goroutine's
// slices follow each other by Number, then Part.
type Slice struct {
	G      uint64 // the goroutine, never reused
	Number uint32 // from 1
	Part   uint32 // from 0
	Cycle  uint32 // of the garbage collector
	Goid   uint64 // as in tracebacks, 0 if not told here
}

// Frame is a frame of a symbol: numbers of strings, and the line.
type Frame struct {
	Func, File uint64
	Line       int
}

// Status are the recorder's counters at some moment.
type Status struct {
	Reason   uint64 // TagLast: 0 exit, 1 panic or fatal error, 3 direct exit, 2n signal n
	Streams  uint64
	Records  uint64
	Lost     uint64 // accesses
	LostSync uint64
	Foreign  uint64 // accesses outside Go's memory, not recorded
	Nanotime uint64 // monotonic clock, ns
}

// A Decoder reads the records of a chunk or pack.
type Decoder struct {
	b         []byte
	unpacked  []byte
	pos       int
	expected  int // records that are still to come of a TagExpected
	left      int // records that may still come, by what the pack says
	deltas    deltas
	err       error
	malformed error // the pack is not whole
	pcs       []uint32
	frames    []Frame
}

// deltas is what the records of a chunk or pack are told in terms of.
type deltas struct {
	pc    uint32
	depth uint64 // number of calls; of the slice
	base  uint64 // address of the last record that has one
	after uint16 // where in follow what comes after the last record is
	room  room
	// follow is what came, when it came last, after a record of the same pc and
	// kind, by the first bits of their hash.
	follow [1 << followBits]link
	lasts  [1 << lastBits]uint64    // address of the last record of a pc, by the first bits of its hash
	likes  [1 << lastBits]like      // of the last such record that is more than an access of one byte
	nums   [1 << CounterBits]uint64 // of each counter, by its last bits, the number after the last
	allocs [allocSizes]uint64       // address of the last allocation, by size
	slices [sliceNums]uint32        // number of the last slice, by goroutine
	slots  [slotOps]uint32          // the last slot of an operation
}

// room is how much of its tables a chunk or pack uses, as logarithms.
type room struct{ follow, last, num uint8 }

const (
	followBits = 14
	lastBits   = 13
	allocSizes = 64
	sliceNums  = 256
	slotOps    = 32
)

var (
	chunkRoom = room{8, 6, 4}
	packRoom  = room{followBits, lastBits, CounterBits}
)

// reset begins a chunk or pack.
func (d *deltas) reset(r room) {
	d.pc, d.depth, d.base, d.after, d.room = 0, 0, 0, 0, r
	clear(d.follow[:1<<r.follow])
	clear(d.lasts[:1<<r.last])
	clear(d.likes[:1<<r.last])
	clear(d.nums[:1<<r.num])
	clear(d.allocs[:])
	clear(d.slices[:])
	clear(d.slots[:])
}

// expected is what is expected after the last record.
func (d *deltas) expected() link { return d.follow[d.after%(1<<followBits)] }

// last is where the address of the last record of a pc is.
func (d *deltas) last(pc uint32) *uint64 { return &d.lasts[d.place(pc)] }

// lastLike is last for a record of kind linkLike, + 1 for a write, or linkAlloc. The value
// of its link counts from before. What a via reads and what it writes lie apart.
func (d *deltas) lastLike(kind int, pc uint32, l like) (last *uint64, before uint64) {
	if kind == linkAlloc {
		last = d.alloc(l.size())
		return last, *last
	}
	if l.of() != 0 {
		pc += uint32(kind - linkLike)
	}
	return d.last(pc), d.base
}

func (d *deltas) like(pc uint32) *like { return &d.likes[d.place(pc)] }

func (d *deltas) place(pc uint32) uint32 {
	return pc * 0x9E3779B1 >> (32 - d.room.last&31) % (1 << lastBits)
}

// A like is what the records of a pc mostly have in common: size<<32, and the via pc of
// accesses, the type of allocations.
type like uint64

func (l like) size() uint64 { return uint64(l >> 32) }
func (l like) of() uint32   { return uint32(l) }

// makeLike reports whether there is one of the two.
func makeLike(size, of uint64) (like, bool) {
	return like(size<<32 | of&(1<<32-1)), size < 1<<32 && of < 1<<32
}

// alloc is where the address of the last allocation of a size is.
func (d *deltas) alloc(size uint64) *uint64 { return &d.allocs[size/8%allocSizes] }

// num is where the next number is of the counter of the object at addr.
func (d *deltas) num(space uint8, addr uint64) *uint64 {
	return &d.nums[Counter(space, addr)&(1<<d.room.num-1)]
}

// A link is a record of a kind that may be expected: pc<<37 | kind<<32 | value.
// The value's 32 bits are, signed, the distance of its address from that of the record
// before it, of an allocation from that of the last one of its size, or how many calls have ended. The kind is
// one of linkRead to linkReturn, linkAtomic + twice the
// atomic's + 1 if it is wide, linkPlain + the operation, linkLike + 1 for a write, or linkAlloc.
type link uint64

const (
	linkRead = iota
	linkWrite
	linkCall
	linkReturn
	linkAtomic = linkReturn + 1 - 2*int(AtomicLoad)
	linkPlain  = 12
	linkLike   = 28
	linkAlloc  = 30

	maxPlain = 15
	maxPC    = 1<<27 - 1 // of a link, or a short record
)

func makeLink(pc uint32, kind int, value int64) link {
	return link(pc)<<37 | link(kind)<<32 | link(uint32(value))
}

func (l link) pc() uint32   { return uint32(l >> 37) }
func (l link) kind() int    { return int(l >> 32 & 31) }
func (l link) value() int64 { return int64(int32(l)) }

// come says that l is what came. It returns what was expected.
func (d *deltas) come(l link) (expected link) {
	x := &d.follow[d.after%(1<<followBits)]
	expected, *x = *x, l
	d.after = uint16(uint32(l>>32) * 0x9E3779B1 >> (32 - d.room.follow&31))
	return expected
}

// slice begins a slice.
func (d *deltas) slice() { d.depth, d.after = 0, 0 }

// Reset makes d read the records of a chunk.
func (d *Decoder) Reset(payload []byte) { d.reset(payload, math.MaxInt, chunkRoom) }

func (d *Decoder) reset(records []byte, count int, r room) {
	d.b, d.pos, d.expected, d.left, d.err, d.malformed = records, 0, 0, count, nil, nil
	d.deltas.reset(r)
}

// Open makes d read a whole chunk, as [Pieces.Add] returns it. Of a pack that
// is malformed it reads what can be expanded, and no more records than the pack says that it
// has. What records refer to is valid until the next call.
func (d *Decoder) Open(c Chunk) {
	if c.Pieces == 0 {
		d.Reset(c.Payload)
		return
	}
	records, count, err := unpack(d.unpacked, c.Payload)
	if cap(records) > cap(d.unpacked) {
		d.unpacked = records
	}
	d.reset(records, count, packRoom)
	d.malformed = err
}

// Pos is the offset of the next record.
func (d *Decoder) Pos() int { return d.pos }

// Err says, when Next has returned false, why that was before the end, if it was.
func (d *Decoder) Err() error { return cmp.Or(d.err, d.malformed) }

var errRecord = errors.New("chunk with a malformed record")

func (d *Decoder) fail() { d.err = errRecord; d.pos = len(d.b) }

func (d *Decoder) byte() byte {
	if d.pos >= len(d.b) {
		d.fail()
		return 0
	}
	c := d.b[d.pos]
	d.pos++
	return c
}

func (d *Decoder) uvarint() uint64 {
	if d.pos+8 > len(d.b) {
		return d.uvarintSlow()
	}
	x := binary.LittleEndian.Uint64(d.b[d.pos:])
	if x&0x80 == 0 {
		d.pos++
		return x & 0x7f
	}
	last := ^x & 0x8080808080808080 // bit 7 is clear in the last byte only
	if last == 0 {
		return d.uvarintSlow()
	}
	n := bits.TrailingZeros64(last) // at most 63
	d.pos += n>>3 + 1
	return compact(x & (1<<n<<1 - 1))
}

// compact is the number of which x holds the varint's bytes, at most 8, and
// zeros: groups of seven bits move together in three steps.
func compact(x uint64) uint64 {
	x = x&0x007f007f007f007f | x&0x7f007f007f007f00>>1
	x = x&0x00003fff00003fff | x&0x3fff00003fff0000>>2
	return x&0x000000000fffffff | x&0x0fffffff00000000>>4
}

// uvarintSlow reads a number at the payload's end, or one of more than 8 bytes.
func (d *Decoder) uvarintSlow() uint64 {
	v, n := binary.Uvarint(d.b[min(d.pos, len(d.b)):])
	if n <= 0 {
		d.fail()
		return 0
	}
	d.pos += n
	return v
}

func (d *Decoder) svarint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// from reads a number that is told from the last one, and is the last one then.
func (d *Decoder) from(last *uint32) uint32 {
	*last += uint32(d.svarint())
	return *last
}

// addr reads the address of a record of a pc: last is that of the last one.
func (d *Decoder) addr(last *uint64) uint64 {
	*last += uint64(d.svarint())
	d.deltas.base = *last
	return *last
}

func (d *Decoder) pc() uint32 {
	d.deltas.pc += uint32(d.svarint())
	return d.deltas.pc
}

// num reads the number of an operation on the object at addr.
func (d *Decoder) num(space uint8, addr uint64) uint64 {
	next := d.deltas.num(space, addr)
	num := *next + uint64(d.svarint())
	*next = num + 1
	return num
}

func (d *Decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)-d.pos) {
		d.fail()
		return nil
	}
	b := d.b[d.pos : d.pos+int(n)]
	d.pos += int(n)
	return b
}

// skip passes over n numbers.
func (d *Decoder) skip(n int) {
	for ; n > 0 && d.pos+8 <= len(d.b); n-- {
		last := ^binary.LittleEndian.Uint64(d.b[d.pos:]) & 0x8080808080808080
		for ; n > 1 && last&(last-1) != 0; n-- {
			last &= last - 1
		}
		if last == 0 {
			break // a number of more than 8 bytes
		}
		d.pos += bits.TrailingZeros64(last)/8 + 1
	}
	for ; n > 0; n-- {
		d.uvarintSlow()
	}
}

// Skim is Next for those who do not care for what goroutines did: of the records
// that belong to a slice it returns only slices, cycles and go records, of these
// only the child, and tells how many others stand before the one that it returns,
// or the end. It checks less than Next does.
func (d *Decoder) Skim(r *Record) (others uint64, ok bool) {
	for d.pos < len(d.b) {
		tag := d.b[d.pos]
		switch {
		case tag >= TagShort:
			d.pos += 2 + int(tag>>2&7) + int(pcWidths[tag&3])
		case tag >= TagCall:
			d.pos += 1 + int(pcWidths[tag&3])
		case tag >= TagReturn:
			d.pos++
		case tag >= TagExpected:
			d.pos++
			others += uint64(tag & 15)
		case tag == TagStack:
			d.pos++
			d.uvarint()
			n := d.uvarint()
			if n > MaxChunk {
				d.fail()
				return others, false
			}
			d.skip(int(n))
		case tag >= TagRead && tag < TagRead+8:
			d.pos++
			d.skip(2 + int(tag&TagSized)/TagSized + int(tag&TagVia)/TagVia)
		case tag == TagRead|TagRun || tag == TagWrite|TagRun:
			d.pos++
			d.skip(4)
		case tag > TagAtomic && tag < TagAtomic+16:
			d.pos++
			d.skip(3)
		case tag == TagSync:
			d.pos += 3
			d.skip(5)
		case tag > TagPlain && tag <= TagPlain+maxPlain:
			d.pos++
			d.skip(3)
		case tag >= TagLike && tag <= TagAllocOf:
			d.pos++
			d.skip(likeNumbers[tag-TagLike])
			t := d.byte()
			d.pos += 1 + int(t>>2&7) + int(pcWidths[t&3])
		case tag == TagAlloc:
			d.pos++
			d.skip(4)
		case tag == TagFree:
			d.pos++
			d.skip(3)
		case tag == TagEnd:
			d.pos++
		default:
			return others, d.Next(r)
		}
		if d.pos > len(d.b) {
			d.fail()
		}
		if d.err != nil {
			return others, false
		}
		others++
	}
	return others, false
}

// fixed reads a signed number of n bytes.
func (d *Decoder) fixed(n int) int64 {
	v := uint64(0)
	if d.pos+8 <= len(d.b) {
		v = binary.LittleEndian.Uint64(d.b[d.pos:]) << (64 - 8*n) >> (64 - 8*n)
	} else if d.pos+n <= len(d.b) {
		for i := range n {
			v |= uint64(d.b[d.pos+i]) << (8 * i)
		}
	} else {
		d.fail()
		return 0
	}
	d.pos += n
	return int64(v>>1) ^ -int64(v&1)
}

// pcWidths is how many bytes the width of a pc stands for: without any it is that
// of the expected record.
var pcWidths = [4]uint8{0, 1, 2, 4}

// shortPC reads the pc of a short record.
func (d *Decoder) shortPC(tag byte) uint32 {
	x := &d.deltas
	if tag&3 == 0 {
		return x.expected().pc()
	}
	return x.pc + uint32(d.fixed(int(pcWidths[tag&3])))
}

// short decodes a short access.
func (d *Decoder) short(r *Record, tag byte) {
	x := &d.deltas
	far := uint64(d.fixed(int(tag>>2&7) + 1))
	pc := d.shortPC(tag)
	last := x.last(pc)
	a := x.base + far
	if tag>>5&1 != 0 {
		a = *last + far
	}
	d.access(r, a, pc, tag>>6&1)
	x.come(makeLink(pc, linkRead+int(tag>>6&1), int64(a-x.base)))
	x.pc, x.base, *last = pc, a, a
}

// likeNumbers is how many numbers stand between TagLike, or one of the tags
// after it, and the short record.
var likeNumbers = [...]int{0, 1, 2, 0, 2}

// like decodes a short record that tag makes another of.
func (d *Decoder) like(r *Record, tag byte) {
	x := &d.deltas
	var size, of uint64
	switch tag {
	case TagLikeSize:
		size = d.uvarint()
	case TagLikeVia:
		size = d.uvarint()
		of = uint64(x.pc + uint32(d.svarint()))
	case TagAllocOf:
		of = d.uvarint()
		size = d.uvarint()
	}
	short := d.byte()
	if short < TagShort {
		d.fail()
		return
	}
	far := uint64(d.fixed(int(short>>2&7) + 1))
	pc := d.shortPC(short)
	p := x.like(pc)
	l, ok := *p, true
	switch tag {
	case TagLikeSize:
		l, ok = makeLike(size, uint64(l.of()))
	case TagLikeVia, TagAllocOf:
		l, ok = makeLike(size, of)
	}
	kind := linkLike + int(short>>6&1)
	if tag >= TagAllocLike {
		kind = linkAlloc
	}
	last, before := x.lastLike(kind, pc, l)
	if short>>5&1 != 0 {
		far += *last
	} else {
		far += x.base
	}
	if *p = l; !ok {
		d.fail()
	}
	x.come(makeLink(pc, kind, int64(far-before)))
	d.sized(r, kind, far, pc, l)
	x.pc, x.base, *last = pc, far, far
}

// sized is an access or allocation that is more than an access of one byte.
func (d *Decoder) sized(r *Record, kind int, addr uint64, pc uint32, l like) {
	r.Addr, r.PC, r.Size = addr, pc, l.size()
	if kind == linkAlloc {
		r.Tag, r.Type = TagAlloc, uint64(l.of())
	} else {
		r.Tag, r.Via, r.Count = TagRead+byte(kind-linkLike), l.of(), 1
		if r.Size == 0 {
			d.fail()
		}
	}
	if r.Addr+r.Size < r.Addr || pc > maxPC {
		d.fail()
	}
}

func (d *Decoder) access(r *Record, addr uint64, pc uint32, write byte) {
	r.Tag = TagRead + write
	r.Addr, r.PC, r.Size, r.Via, r.Count = addr, pc, 1, 0, 1
	if addr+1 == 0 || pc > maxPC {
		d.fail()
	}
}

// call decodes a short stack record.
func (d *Decoder) call(r *Record, tag byte) {
	x := &d.deltas
	kind, ended := linkReturn, uint64(tag&15)+1
	if tag >= TagCall {
		kind, ended = linkCall, uint64(tag>>2&3)
		x.pc = d.shortPC(tag)
	}
	x.come(makeLink(x.pc, kind, int64(ended)))
	d.calls(r, kind, ended)
}

// calls is a stack record that ends calls and, of kind linkCall, adds one.
func (d *Decoder) calls(r *Record, kind int, ended uint64) {
	x := &d.deltas
	if ended > x.depth || x.pc > maxPC {
		d.fail()
	}
	d.pcs = d.pcs[:0]
	if kind == linkCall {
		d.pcs = append(d.pcs, x.pc)
	}
	r.Tag, r.Low, r.PCs = TagStack, x.depth-ended, d.pcs
	x.depth = r.Low + uint64(len(d.pcs))
}

// next decodes a record that is as expected.
func (d *Decoder) next(r *Record) {
	x := &d.deltas
	l := x.expected()
	if l == 0 {
		d.fail()
		return
	}
	x.come(l)
	x.pc = l.pc()
	kind := l.kind()
	if kind == linkCall || kind == linkReturn {
		d.calls(r, kind, uint64(l.value()))
		return
	}
	a, last := x.base+uint64(l.value()), x.last(x.pc)
	switch {
	case kind <= linkWrite:
		d.access(r, a, x.pc, byte(kind-linkRead))
	case kind >= linkLike:
		p := x.like(x.pc)
		last, a = x.lastLike(kind, x.pc, *p)
		a += uint64(l.value())
		d.sized(r, kind, a, x.pc, *p)
	default:
		next := x.num(0, a)
		r.Addr, r.PC, r.Num = a, x.pc, *next
		*next++
		if kind > linkPlain {
			r.Tag, r.Sync, r.Space, r.Slot, r.N = TagSync, Sync(kind-linkPlain), 0, 0, 0
			break
		}
		r.Tag, r.Atomic, r.Size = TagAtomic, Atomic((kind-linkAtomic)>>1), 4+uint64((kind-linkAtomic)&1)*4
		if r.Addr+r.Size < r.Addr {
			d.fail()
		}
	}
	x.base, *last = a, a
}

// operation decodes an operation of a kind that may be expected.
func (d *Decoder) operation(r *Record, kind int) {
	r.PC = d.pc()
	before := d.deltas.base
	r.Addr = d.addr(d.deltas.last(r.PC))
	r.Num = d.num(0, r.Addr)
	if r.PC <= maxPC {
		d.deltas.come(makeLink(r.PC, kind, int64(r.Addr-before)))
	}
}

// Next decodes the next record into r and reports whether there was one.
func (d *Decoder) Next(r *Record) bool {
	if d.expected > 0 {
		d.expected--
		d.next(r)
		return d.counted()
	}
	if d.pos >= len(d.b) {
		return false
	}
	tag := d.b[d.pos]
	d.pos++
	r.Tag = tag
	switch {
	case tag >= TagShort: // most records
		d.short(r, tag)
	case tag >= TagReturn:
		d.call(r, tag)
	case tag >= TagExpected:
		d.expected = int(tag & 15)
		d.next(r)
	case tag >= TagLike && tag <= TagAllocOf:
		d.like(r, tag)
	case tag == TagStack:
		r.Low = d.uvarint()
		n := d.uvarint()
		if n > MaxChunk || r.Low >= 1<<32 {
			d.fail()
			return false
		}
		d.pcs = d.pcs[:0]
		for range n {
			d.pcs = append(d.pcs, d.pc())
		}
		r.PCs = d.pcs
		d.deltas.depth = r.Low + n
	case tag >= TagRead && tag < TagRead+8:
		r.Tag = tag &^ (TagSized | TagVia)
		r.PC = d.pc()
		r.Addr = d.addr(d.deltas.last(r.PC))
		r.Size, r.Via, r.Count = 1, 0, 1
		if tag&TagSized != 0 {
			r.Size = d.uvarint()
		}
		if tag&TagVia != 0 {
			r.Via = d.pc()
		}
		if r.Size == 0 || r.Size > 1<<32 || r.Addr+r.Size < r.Addr {
			d.fail()
		}
	case tag == TagRead|TagRun || tag == TagWrite|TagRun:
		r.Tag = tag &^ TagRun
		r.PC = d.pc()
		r.Addr = d.addr(d.deltas.last(r.PC))
		r.Size, r.Via = 1, 0
		r.Stride, r.Count = d.uvarint(), d.uvarint()
		if r.Stride == 0 || r.Stride > 1<<16 || r.Count == 0 || r.Count > 1<<16 || r.Addr+r.Stride*r.Count < r.Addr {
			d.fail()
		}
		if r.Stride == 1 {
			r.Size, r.Count = r.Count, 1
		}
	case tag > TagAtomic && tag < TagAtomic+16:
		r.Tag = TagAtomic
		r.Atomic = Atomic(tag >> 1 & 7)
		r.Size = 4 + uint64(tag&1)*4
		d.operation(r, linkAtomic+int(tag&15))
		if r.Atomic < AtomicLoad || r.Atomic > AtomicCASFail || r.Addr+r.Size < r.Addr {
			d.fail()
		}
	case tag == TagSync:
		r.Sync = Sync(d.byte())
		r.Space = d.byte()
		r.PC = d.pc()
		r.Addr = d.addr(d.deltas.last(r.PC))
		r.Slot = d.from(&d.deltas.slots[r.Sync%slotOps])
		r.N = uint32(d.uvarint())
		if r.Sync.Numbered() {
			r.Num = d.num(r.Space, r.Addr)
		} else {
			r.Num = d.uvarint()
		}
		if r.Sync == 0 || r.Sync >= numSync && r.Sync < Lock || r.Sync >= endSync {
			d.fail()
		}
	case tag > TagPlain && tag <= TagPlain+maxPlain:
		r.Tag, r.Sync = TagSync, Sync(tag-TagPlain)
		r.Space, r.Slot, r.N = 0, 0, 0
		d.operation(r, linkPlain+int(r.Sync))
	case tag == TagSlice:
		g := d.uvarint()
		r.Slice = Slice{G: g, Number: d.from(&d.deltas.slices[g%sliceNums]), Part: uint32(d.uvarint()),
			Cycle: uint32(d.uvarint()), Goid: d.uvarint()}
		d.deltas.slice()
		if r.Slice.G == 0 {
			d.fail()
		}
	case tag == TagCycle:
		r.Slice.Cycle = uint32(d.uvarint())
	case tag == TagGo:
		r.Child = d.uvarint()
		r.PC = d.pc()
	case tag == TagEnd:
	case tag == TagAlloc:
		r.PC = d.pc()
		r.Type = d.uvarint()
		r.Size = d.uvarint()
		r.Addr = d.addr(d.deltas.alloc(r.Size))
		if r.Addr+r.Size < r.Addr {
			d.fail()
		}
	case tag == TagFree:
		r.PC = d.pc()
		r.Addr = d.addr(d.deltas.last(r.PC))
		r.Size = d.uvarint()
		if r.Addr+r.Size < r.Addr {
			d.fail()
		}
	case tag == TagSymbol:
		r.PC = uint32(d.uvarint())
		n := d.uvarint()
		if n > 64 {
			d.fail()
			return false
		}
		d.frames = d.frames[:0]
		for range n {
			d.frames = append(d.frames, Frame{d.uvarint(), d.uvarint(), int(uint32(d.uvarint()))})
		}
		r.Frames = d.frames
	case tag == TagString:
		r.Table = d.byte()
		r.ID = d.uvarint()
		r.Name = d.bytes(d.uvarint())
	case tag == TagType:
		r.Type = d.uvarint()
		r.Size = d.uvarint()
		r.Name = d.bytes(d.uvarint())
	case tag == TagField:
		r.Type = d.uvarint()
		r.Addr = d.uvarint()
		r.Size = d.uvarint()
		r.Name = d.bytes(d.uvarint())
	case tag == TagVar:
		r.Addr = d.uvarint()
		r.Size = d.uvarint()
		r.Name = d.bytes(d.uvarint())
	case tag == TagFact:
		r.Name = d.bytes(d.uvarint())
		r.Value = d.bytes(d.uvarint())
	case tag == TagStatus, tag == TagLast:
		r.Status = Status{d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint()}
	default:
		d.fail()
	}
	if r.Tag < TagSymbol && r.Tag != TagSlice && r.Tag != TagCycle {
		return d.counted()
	}
	return d.err == nil
}

// counted counts a record of what a goroutine did, and reports whether it is one.
func (d *Decoder) counted() bool {
	if d.left--; d.left < 0 {
		d.fail()
	}
	return d.err == nil
}
