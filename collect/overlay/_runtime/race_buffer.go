// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// From hooks to packs. A hook appends words to its P's buffer; when that is
// full they are encoded (docs/record-format.md, package collect/record) into
// the P's pack. A pack that is full goes as chunks (race_pack.go) into the execution
// trace, each as a user log event.

package runtime

import (
	"internal/runtime/atomic"
	"internal/runtime/sys"
	"internal/trace/tracev2"
	"unsafe"
)

const (
	raceFilter      = 4096  // entries of a P's filter, a power of two
	raceLines       = 32768 // the same; what a goroutine uses between two synchronizations is to find room
	raceFewLines    = 4096  // the same, where there are
	raceOften       = 64    // releases or more while a buffer fills
	raceLineShift   = 14    // of an address: what a line tells of it beside its place
	raceEpochBits   = 17
	raceLongest     = 512 // bytes of an access that is looked for in the lines
	raceKnown       = 1024
	raceRuns        = 256  // instructions whose last record may be extended
	raceFew         = 8    // accesses of a run that are written as single ones
	raceWords       = 2048 // of a P's buffer
	raceFollowBits  = 14
	raceLastBits    = 13
	raceAllocs      = 64
	raceSlices      = 256
	raceSlots       = 32
	raceSlack       = 32      // words that the buffer still takes when it is full
	racePack        = 1 << 18 // bytes of records that are compressed together
	racePackRecords = 1 << 17 // that are enough for a pack: what another P has done meanwhile waits for them in who reads it
	raceChunk       = 1024    // bytes: what the tracer does not cut
	raceHeader      = 16
	racePieceHeader = 4
	racePiece       = raceChunk - raceHeader - racePieceHeader // bytes of a compressed pack in a chunk
	raceVersion     = 4

	// Flags of a chunk, as in collect/record.
	raceLast   = 1 // the recorder's last
	raceEnded  = 2 // no slice goes on after it
	racePacked = 8 // it is a piece of a pack

	// raceRecordMax bounds the bytes of one encoded record other than a definition.
	raceRecordMax = 64
)

// A line's place and what it says tell its address only if there are enough places.
const _ = uint(raceFewLines - 1<<(raceLineShift-3))

// raceproc is a P's part of the recorder. It belongs to whoever runs on the P,
// between getting it and leaving the hook; to forEachP's function; or to anyone
// while the world is stopped.
type raceproc struct {
	_        sys.NotInHeap
	cur      uintptr   // *racestate whose records are being appended
	pp       uintptr   // *p whose state this is; 0 if it is gone
	sweepgen uint32    // mheap_.sweepgen at the last record
	ver      uint32    // changes whenever a record in buf can no longer be extended
	n        int32     // words in buf
	end      int32     // of them, those before the process died: see racecutoff
	foreign  uint64    // accesses outside Go's memory
	via      uintptr   // of the access being recorded
	reserved uint64    // counter value that the next operation has already, bit 0 set; or 0
	high     [2]uint64 // what the last rawHigh said of the heap, of data
	buf      [raceWords + raceSlack]uint64
	ext      [raceWords + raceSlack]uint32 // of a word that is a run: stride, and count in the lower half

	// filter remembers accesses of cur that need no further record. That is
	// said by their epoch: the current one for reads, which is even, or for
	// writes, which is odd.
	//
	// A read need not be recorded again until the goroutine releases (or
	// another has run, or the GC cycle is another). For let A and B be the
	// same access by one goroutine with no release in between, and X one of
	// another goroutine that races with B. X does not come before A, or it came
	// before B. A does not come before X either: what orders it is a release
	// after A, which is one after B. So X races with A. What A races with
	// is true whether B is recorded or not.
	//
	// Of a write that is no less true, but who reads what B wrote must be
	// seen to come after the acquires before B, for the sake of
	// predictions: a write is recorded again after any synchronization.
	//
	// The instruction counts as long as the P has recorded little, so that
	// all pairs of racing lines are known of a small program. Then it does
	// not: of a goroutine's accesses to a location between two
	// synchronizations the first read and the first write stay (a read after a
	// write goes as well), which is enough to find each location with a race.
	// Then lines, which are smaller and so nearer, stand for accesses of up to
	// raceLongest bytes, and filter for longer ones only.
	epochs [2]uint32
	mask   uint32  // of lines, how many are used, less 1: as few as stay in the cache where epochs are short
	since  uint32  // the epoch of reads when the buffer was empty
	sites  uintptr // which bits of an instruction's pc count: all or none
	filter [raceFilter]raceseen
	// Reads, writes: see seen. A line's place and what it says tell its address whatever the
	// mask was.
	lines [2][raceLines]uint64
	runs  [raceRuns]racerunning

	known [raceKnown]uint32 // pcs that are defined, by their last bits

	// The encoder.
	stream   uint32
	gid      uint64 // the slice: goroutine (0: it has ended), number, part within the number, GC cycle
	slice    uint32
	part     uint32
	cycle    uint32
	told     [2]uint64 // high, as far as encoded
	inslice  bool      // the pack has a slice record
	left     raceleft
	records  uint64
	begun    uint64 // of the records, how many came before the pack
	cn       int32
	busy     atomic.Uintptr  // *m on which somebody encodes or sends, or 0: see claim
	hand     uintptr         // *racepending that is being handed to the tracer, or 0
	spilling bool            // the buffer is being encoded
	word     int32           // of the buffer, where what is being encoded begins
	marks    [2]racemark     // how far
	marked   uint32          // which of them holds
	defining [2]racedefining // what is being defined, and in it
	few      [raceFew]uint64 // a short run, as the single accesses that are written
	expected int32           // where in the pack the last expected tag is, if nothing came since, or -1
	pack     [racePack]byte
	deltas   racedeltas
	pieces   racepieces

	next uintptr // *raceproc, all of them, see raceprocs
}

// racemark is what the encoder goes back to if it was interrupted for good: see rescue.
type racemark struct {
	n       int32  // words of the buffer that are encoded
	cn      int32  // bytes of the pack that they have become
	part    uint32 // as in raceproc, with the rest
	records uint64
	inslice bool
	last    byte // of the pack, if it may still be counted up, else 0
}

// racedefining is a bit that says that something is defined, which is not yet whole.
type racedefining struct {
	bits uintptr // *racebits, or 0
	i    uintptr
}

// raceleft are changes of the stack that have not been written: low calls stay,
// those of pcs are added.
type raceleft struct {
	any    bool
	low, n uint32
	pcs    [64]uint32
}

// racedeltas is what the records of a pack are told in terms of: see deltas in
// collect/record, whose twin it is.
type racedeltas struct {
	pc    uint32
	depth uint64 // number of calls; of the slice
	base  uint64 // address of the last record that has one
	after uintptr
	// follow is what came, when it came last, after a record of the same pc and
	// kind, by their hash; after is where that is for the last record.
	follow [1 << raceFollowBits]uint64  // pc<<37 | kind<<32 | value
	lasts  [1 << raceLastBits]uint64    // address of the last record of a pc, by its hash
	likes  [1 << raceLastBits]uint64    // of the last one that is more than an access of one byte: size<<32, and its via or type
	nums   [1 << raceCounterBits]uint64 // of each counter the number after the last
	allocs [raceAllocs]uint64           // address of the last allocation, by size
	slices [raceSlices]uint32           // number of the last slice, by goroutine
	slots  [raceSlots]uint32            // the last slot of an operation
}

// raceseen is an access that has been recorded, in the filter.
type raceseen struct {
	what uint64 // address, and size in the upper 16 bits
	who  uint64 // pc, and epoch in the lower raceEpochBits
}

// racerunning is an instruction's last record, while it may be extended.
type racerunning struct {
	pc     uint32
	ver    uint32
	pos    int32
	stride uint32
	last   uintptr
}

var (
	raceprocs    atomic.Uintptr // *raceproc: every P's, also of Ps that are gone
	racestreams  atomic.Uint32
	raceLost     atomic.Uint64 // accesses for want of a P
	raceLostSync atomic.Uint64
	racebytes    atomic.Uint64 // of records, before they were compressed
	racechunks   atomic.Uint64 // handed to the tracer
	raceclosed   atomic.Bool   // nothing is written any more

	raceall uint64 = 1 << 17 // records of a P before it tells instructions no longer apart
)

// raceproce returns the current P's state, or nil where there is no P.
//
//go:nosplit
func raceproce() *raceproc {
	pp := getg().m.p.ptr()
	if pp == nil {
		return nil
	}
	if pp.raceprocctx == 0 {
		return racemakeproc(pp)
	}
	return (*raceproc)(unsafe.Pointer(pp.raceprocctx))
}

//go:nosplit
func racemakeproc(pp *p) *raceproc {
	systemstack(func() {
		raceFreeL.lock()
		pb := (*raceproc)(unsafe.Pointer(racefreeprocs))
		if pb != nil {
			racefreeprocs = pb.next
		}
		raceFreeL.unlock()
		if pb != nil {
			memclrNoHeapPointers(unsafe.Pointer(pb), unsafe.Sizeof(*pb))
			pb.use()
		} else if pb = racenewproc(); pb == nil {
			throw("hindsight: out of memory")
		}
		pb.pp = uintptr(unsafe.Pointer(pp))
		pp.raceprocctx = uintptr(unsafe.Pointer(pb))
	})
	return (*raceproc)(unsafe.Pointer(pp.raceprocctx))
}

// racenewproc returns a state that is no P's yet, or nil if memory is out.
func racenewproc() *raceproc {
	pb := (*raceproc)(sysAlloc(unsafe.Sizeof(raceproc{}), &memstats.other_sys, "race P"))
	if pb != nil {
		pb.use()
	}
	return pb
}

// use makes an empty state one of raceprocs.
func (pb *raceproc) use() {
	pb.stream = racestreams.Add(1)
	pb.epochs, pb.since, pb.mask = [2]uint32{2, 3}, 2, raceLines-1
	if raceall > 0 {
		pb.sites = ^uintptr(0)
	}
	pb.expected = -1
	for {
		old := raceprocs.Load()
		pb.next = old
		if raceprocs.CompareAndSwap(old, uintptr(unsafe.Pointer(pb))) {
			break
		}
	}
}

// seen reports whether the filter knows a read (0) or write (1) of one byte in
// this epoch, by whatever instruction. A line stands for 8 bytes of memory:
// which, the epoch, and in the last 8 bits the bytes.
//
//go:nosplit
func (pb *raceproc) seen(kind, addr uintptr) bool {
	x := *pb.line(kind, addr) ^ pb.linekey(kind, addr)
	return x < 1<<8 && x>>(addr&7)&1 != 0
}

//go:nosplit
func (pb *raceproc) see(kind, addr uintptr) {
	l, key := pb.line(kind, addr), pb.linekey(kind, addr)
	if *l^key < 1<<8 {
		key = *l
	}
	*l = key | 1<<(addr&7)
}

// covered is seen and see for an access of size bytes: it is known if each byte is.
//
//go:nosplit
func (pb *raceproc) covered(kind, addr, size uintptr) bool {
	known := true
	for end := addr + size; addr < end; addr = addr&^7 + 8 {
		bytes := uint64(0xff) << (addr % 8) & 0xff
		if end-addr < 8-addr%8 {
			bytes &= 1<<(end%8) - 1
		}
		l, key := pb.line(kind, addr), pb.linekey(kind, addr)
		if x := *l ^ key; x < 1<<8 {
			if x&bytes == bytes {
				continue
			}
			key = *l
		}
		if kind == 0 {
			if x := *pb.line(1, addr) ^ pb.linekey(1, addr); x < 1<<8 && x&bytes == bytes {
				continue // written in this epoch
			}
		}
		*l = key | bytes
		known = false
	}
	return known
}

//go:nosplit
func (pb *raceproc) line(kind, addr uintptr) *uint64 {
	i := (addr>>3 ^ addr>>raceLineShift) & uintptr(pb.mask)
	return (*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(&pb.lines)) + (kind*raceLines+i)*8))
}

//go:nosplit
func (pb *raceproc) linekey(kind, addr uintptr) uint64 {
	return uint64(addr>>raceLineShift)<<(8+raceEpochBits) | uint64(pb.epochs[kind&1])<<8
}

// recorded reports whether the filter knows an access of size bytes by the
// instruction at pc, and makes it known. what is its kind and address.
//
//go:nosplit
func (pb *raceproc) recorded(what, size, pc uintptr) bool {
	kind, addr := what>>rawKindShift, what&rawAddrMask
	site := pc & pb.sites
	h := (addr>>3 ^ addr<<6 ^ site*0x9E3779B1>>7) % raceFilter
	f := (*raceseen)(unsafe.Pointer(uintptr(unsafe.Pointer(&pb.filter)) + h*unsafe.Sizeof(raceseen{})))
	bytes, who := uint64(addr)|uint64(size)<<48, uint64(site)<<raceEpochBits|uint64(pb.epochs[kind&1])
	if f.what == bytes && (f.who == who || kind == rawRead && f.who == uint64(pb.epochs[1])) {
		return true // or a write, where sites do not matter, in this epoch
	}
	f.what, f.who = bytes, who
	return false
}

// acquired and released follow a record of synchronization. What could both
// order something after the goroutine's past and before its future releases.
//
//go:nosplit
func (pb *raceproc) acquired() {
	pb.ver++
	pb.epochs[1] += 2
	if pb.epochs[1] >= 1<<raceEpochBits {
		pb.forget()
	}
}

//go:nosplit
func (pb *raceproc) released() {
	pb.epochs[0] += 2
	pb.acquired()
}

// forget empties the filter, so that epochs can begin anew.
//
//go:nosplit
func (pb *raceproc) forget() {
	memclrNoHeapPointers(unsafe.Pointer(&pb.filter), unsafe.Sizeof(pb.filter))
	memclrNoHeapPointers(unsafe.Pointer(&pb.lines), unsafe.Sizeof(pb.lines))
	pb.epochs, pb.since = [2]uint32{2, 3}, 2
}

// begin makes room for a record of n words of rs's goroutine and says, where
// that has changed, whose it is, in which GC cycle and with which call stack.
// gp is rs's goroutine or the g0 that runs on its behalf.
//
//go:nosplit
func (pb *raceproc) begin(gp *g, rs *racestate, n int32) {
	if pb.cur != uintptr(unsafe.Pointer(rs)) || rs.proc != uintptr(unsafe.Pointer(pb)) || pb.sweepgen != mheap_.sweepgen {
		pb.enter(gp, rs)
	}
	if rs.low != rs.depth || rs.mark != rs.depth {
		pb.tellstack(rs)
	}
	if pb.n+n > raceWords {
		racespill(pb)
	}
}

// enter says that rs's goroutine goes on here, or that the GC cycle is another.
// The collector completes a cycle with the world stopped, so what a goroutine
// does is in one cycle or in the other, and memory is reused only in a later
// cycle than it was used in: with the cycle of accesses and allocations told,
// the lives of an address are known without any clock.
//
//go:nosplit
func (pb *raceproc) enter(gp *g, rs *racestate) {
	if racedying() && !racesaves() && pb.reserved == 0 {
		racewaitforend() // see racesave; but numbers that are taken are used
	}
	if rs.window != racewindows {
		raceadopt(gp, rs)
	}
	if pb.n+4 > raceWords {
		racespill(pb)
	}
	pb.released() // what the filter knows is another's, or of memory that may be another object's now
	pb.tellcycle()
	if pb.cur != uintptr(unsafe.Pointer(rs)) || rs.proc != uintptr(unsafe.Pointer(pb)) {
		pb.newslice(gp, rs)
	}
}

// tellcycle records that the GC cycle is another, if it is.
//
//go:nosplit
func (pb *raceproc) tellcycle() {
	if g := mheap_.sweepgen; g != pb.sweepgen {
		pb.sweepgen = g
		pb.put1(rawCycle<<rawKindShift | uint64(g/2))
	}
}

// newslice begins a slice of rs's goroutine gp.
//
//go:nosplit
func (pb *raceproc) newslice(gp *g, rs *racestate) {
	pb.cur = uintptr(unsafe.Pointer(rs))
	rs.proc = uintptr(unsafe.Pointer(pb))
	rs.slices++
	if rs.goid == 0 {
		rs.goid = gp.goid
	}
	pb.put3(rawSwitch<<rawKindShift|rs.gid, uint64(rs.slices), rs.goid)
}

// tellstack records how rs's call stack differs from what was last told.
//
//go:nosplit
func (pb *raceproc) tellstack(rs *racestate) {
	pb.ver++
	i := rs.low
	if i == rs.depth {
		if pb.n+1 > raceWords {
			racespill(pb)
		}
		pb.put1(shortBit | shortCut<<shortKind | uint64(uint32(i)))
	}
	for ; i < rs.depth; i++ {
		if pb.n+2 > raceWords {
			racespill(pb)
		}
		if pc := rs.frame(i).pc; pc <= shortPCMax {
			pb.put1(shortBit | shortCall<<shortKind | uint64(pc)<<shortPC | uint64(uint32(i)))
		} else {
			pb.put2(rawStack<<rawKindShift|uint64(uint32(i)), uint64(pc))
		}
	}
	rs.low, rs.mark, rs.same = rs.depth, rs.depth, rs.depth
}

//go:nosplit
func (pb *raceproc) put1(a uint64) {
	*pb.at(0) = a
	pb.n++
}

//go:nosplit
func (pb *raceproc) put2(a, b uint64) {
	*pb.at(0) = a
	*pb.at(1) = b
	pb.n += 2
}

//go:nosplit
func (pb *raceproc) put3(a, b, c uint64) {
	*pb.at(0) = a
	*pb.at(1) = b
	*pb.at(2) = c
	pb.n += 3
}

//go:nosplit
func (pb *raceproc) put4(a, b, c, d uint64) {
	*pb.at(0) = a
	*pb.at(1) = b
	*pb.at(2) = c
	*pb.at(3) = d
	pb.n += 4
}

//go:nosplit
func (pb *raceproc) put5(a, b, c, d, e uint64) {
	*pb.at(0) = a
	*pb.at(1) = b
	*pb.at(2) = c
	*pb.at(3) = d
	*pb.at(4) = e
	pb.n += 5
}

// at returns the word i after the last, without a bounds check: callers made room.
//
//go:nosplit
func (pb *raceproc) at(i uintptr) *uint64 {
	return (*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(&pb.buf)) + (uintptr(pb.n)+i)*8))
}

//go:nosplit
func racespill(pb *raceproc) {
	systemstack(func() { pb.spill(false) })
}

// spill encodes the buffer and, if all, ends the slice and hands over the last,
// unfinished pack, which says that the slice has ended: if it is the last that
// a process leaves behind, what the goroutine did next, on another P, is known
// to follow. On the system stack, by the owner.
func (pb *raceproc) spill(all bool) { pb.spillto(pb.n, all) }

// spillto is spill of a buffer that has n words.
func (pb *raceproc) spillto(n int32, all bool) {
	if racefrozen.Load() {
		pb.n = 0
		pb.ver++
		return
	}
	was := pb.claim()
	if pb.records-pb.begun >= racePackRecords {
		pb.finish(0)
	}
	drop, dropped := racedrop && raceslow(), uint64(0)
	pb.spilling = true
	for i := pb.marks[pb.marked&1].n; i < n; {
		pb.word = i
		if drop {
			pb.mark(i)
		}
		w := pb.buf[i]
		if drop {
			if words, accesses := pb.leaveout(i); words > 0 {
				i += words
				dropped += accesses
				continue
			}
			pb.tellleft()
		}
		if w&shortBit != 0 {
			if j := pb.shorts(&pb.buf[0], i, n, false); j > i {
				i = j
			} else if pb.prepare(w, pb.ext[i]) {
				i++
			} else {
				i = pb.shorts(&pb.buf[0], i, n, true)
			}
			continue
		}
		a := w & rawAddrMask
		kind := w >> rawKindShift
		switch kind {
		case rawSwitch:
			pb.mark(i)
			pb.gid, pb.slice, pb.part = a, uint32(pb.buf[i+1]), 0
			pb.startslice(pb.buf[i+2])
			i += 3
			pb.mark(i)
			continue
		case rawCycle:
			// It belongs to the P: it must not make a further part of the
			// last slice, which would be of a later cycle than the slices of
			// that goroutine that may follow on other Ps.
			pb.mark(i)
			pb.cycle = uint32(a)
			pb.defroom(raceRecordMax)
			pb.byte(recCycle)
			pb.uvarint(a)
			i++
			pb.mark(i)
			continue
		case rawHigh:
			pb.mark(i)
			pb.told[a>>32] = a & (1<<32 - 1)
			i++
			pb.mark(i)
			continue
		case rawStack:
			pc := uint32(pb.buf[i+1])
			pb.symbol(pc)
			pb.room(raceRecordMax)
			pb.stack(a, 1, pc)
			i += 2
		case rawRead, rawWrite, rawRead + rawVia, rawWrite + rawVia:
			pc, size := uint32(pb.buf[i+1]>>32), pb.buf[i+1]&(1<<32-1)
			pb.symbol(pc)
			write := byte(kind&^rawVia - rawRead)
			var via uint32
			if kind&rawVia != 0 {
				via = uint32(pb.buf[i+2])
				pb.symbol(via)
				i++
			}
			pb.global(a)
			pb.room(raceRecordMax)
			pb.sized(write, a, pc, size, via)
			i += 2
		case rawAtomic:
			pc, op, size := uint32(pb.buf[i+1]>>32), byte(pb.buf[i+1]>>8), byte(pb.buf[i+1])
			pb.symbol(pc)
			pb.global(a)
			pb.room(raceRecordMax)
			pb.atomic(op, size, a, pc, pb.buf[i+2])
			i += 3
		case rawLock, rawUnlock:
			pc, num := uint32(pb.buf[i+1]>>32), pb.buf[i+2]
			pb.symbol(pc)
			pb.global(a)
			pb.room(2 * raceRecordMax)
			if kind == rawLock {
				pb.atomic(raceAtomicRMW, 4, a, pc, num)
				pb.plain(raceOpAcquire, a, pc, num+1)
			} else {
				pb.plain(raceOpRelease, a, pc, num)
				pb.atomic(raceAtomicRMW, 4, a, pc, num+1)
			}
			pb.records++
			i += 3
		case rawSync:
			pc := uint32(pb.buf[i+1] >> 32)
			pb.symbol(pc)
			pb.global(a)
			pb.room(raceRecordMax)
			op, space, slot, of := byte(pb.buf[i+1]>>8), byte(pb.buf[i+1]), pb.buf[i+2]>>32, pb.buf[i+2]&(1<<32-1)
			if op > raceMaxPlain || space != 0 || slot != 0 || of != 0 {
				pb.byte(recSync)
				pb.byte(op)
				pb.byte(space)
				pb.pc(pc)
				pb.addr(pb.deltas.last(pc), a)
				pb.from(&pb.deltas.slots[op%raceSlots], uint32(slot))
				pb.uvarint(of)
				if op >= raceOpWaitSend {
					pb.byte(0) // has no number
				} else {
					pb.num(space, a, pb.buf[i+3])
				}
			} else {
				pb.plain(op, a, pc, pb.buf[i+3])
			}
			i += 4
		case rawGo:
			pc := uint32(pb.buf[i+1] >> 32)
			pb.symbol(pc)
			pb.room(raceRecordMax)
			pb.byte(recGo)
			pb.uvarint(a)
			pb.pc(pc)
			i += 2
		case rawEnd:
			pb.room(raceRecordMax)
			pb.byte(recEnd)
			i++
		case rawMalloc:
			pc := raceprogrampc(pb.buf[i+3], pb.buf[i+4])
			pb.symbol(pc)
			typ := pb.typedef(uintptr(pb.buf[i+2]))
			pb.room(raceRecordMax)
			pb.allocation(a, pc, pb.buf[i+1], typ)
			i += 5
		default:
			throw("hindsight: bad raw record")
		}
		pb.records++
	}
	pb.mark(n)
	pb.spilling = false
	pb.n, pb.word = 0, 0
	pb.mark(0)
	pb.ver++
	pb.mask = raceLines - 1
	if pb.epochs[0]-pb.since >= 2*raceOften {
		pb.mask = raceFewLines - 1
	}
	pb.since = pb.epochs[0]
	if drop {
		pb.tellleft()
	}
	if dropped > 0 {
		raceLost.Add(int64(dropped))
		pb.released() // the filter relied on them
	}
	if pb.sites != 0 && pb.records >= raceall {
		pb.sites = 0
		pb.forget()
	}
	if all {
		if pb.gid != 0 || pb.cn > 0 {
			pb.finish(raceEnded)
		}
		pb.cur, pb.gid = 0, 0
	}
	pb.busy.Store(was)
}

// claim is called before encoding and sending, after which busy is to be what claim
// returns. Once the process dies, who has not begun yet waits for the end here: what
// the P has belongs to racesave then, which waits for who has, and never looks busy.
func (pb *raceproc) claim() (was uintptr) {
	if was = pb.busy.Load(); was != 0 || racesaves() {
		return was
	}
	pb.busy.Store(uintptr(unsafe.Pointer(getg().m)))
	if racedying() {
		pb.busy.Store(0)
		racewaitforend()
	}
	return 0
}

// racewaitforend does not return: the process is about to die.
//
//go:nosplit
func racewaitforend() {
	for {
		usleep(100) // who saves needs the processor
	}
}

// leaveout leaves out the record at word i if it is of accesses or a change of
// the stack. It returns its number of words, 0 if it stays, and of accesses.
// Changes of the stack add up until something is recorded.
func (pb *raceproc) leaveout(i int32) (words int32, accesses uint64) {
	w := pb.buf[i]
	if w&shortBit != 0 {
		switch kind := w >> shortKind & 7; {
		case kind == shortCut:
			return pb.leavestack(uint32(w), 0, false), 0
		case kind == shortCall:
			return pb.leavestack(uint32(w), uint32(w>>shortPC)&shortPCMax, true), 0
		case w&shortRun != 0:
			return 1, uint64(pb.ext[i] & 0xffff)
		}
		return 1, 1
	}
	switch w >> rawKindShift {
	case rawRead, rawWrite:
		return 2, 1
	case rawRead + rawVia, rawWrite + rawVia:
		return 3, 1
	case rawStack:
		return 2 * pb.leavestack(uint32(w), uint32(pb.buf[i+1]), true), 0
	}
	return 0, 0
}

// leavestack remembers that low calls stay and, perhaps, one is added. It
// returns 1, or 0 if it cannot.
func (pb *raceproc) leavestack(low, pc uint32, add bool) int32 {
	l := &pb.left
	if !l.any || low < l.low {
		l.any, l.low, l.n = true, low, 0
	}
	if l.n = min(l.n, low-l.low); l.n == uint32(len(l.pcs)) {
		return 0
	}
	if add {
		l.pcs[l.n] = pc
		l.n++
	}
	return 1
}

// tellleft writes the changes of the stack that have been left out.
func (pb *raceproc) tellleft() {
	l := &pb.left
	if !l.any {
		return
	}
	for i := uint32(0); i < max(l.n, 1); i++ {
		if l.n > 0 {
			pb.symbol(l.pcs[i])
		}
		pb.room(raceRecordMax)
		pb.stack(uint64(l.low+i), uint64(min(l.n, 1)), l.pcs[i])
		pb.records++
	}
	pb.mark(pb.word)
	l.any = false
}

// stack writes a change of the stack in the long form: low calls stay, n, at
// most one, is added.
func (pb *raceproc) stack(low, n uint64, pc uint32) {
	pb.byte(recStack)
	pb.uvarint(low)
	pb.uvarint(n)
	if n > 0 {
		pb.pc(pc)
	}
	pb.deltas.depth = low + n
}

// prepare makes sure that the short record w can be written: its pc is defined,
// its variable too, and there is room. It writes it if it is a run or has no short
// form, which it reports.
func (pb *raceproc) prepare(w uint64, ext uint32) bool {
	kind, pc := w>>shortKind&7, uint32(w>>shortPC)&shortPCMax
	if kind != shortCut {
		pb.symbol(pc)
	}
	if kind >= shortCall {
		pb.room(raceRecordMax)
		low, calls := w&(1<<32-1), shortCut-kind
		if ended := pb.deltas.depth - low; calls == 0 && ended-1 < 16 || calls == 1 && ended < 4 {
			return false
		}
		pb.stack(low, calls, pc)
		pb.records++
		return true
	}
	a := pb.told[kind>>1]<<32 | w&(1<<32-1)
	if w&shortRun == 0 {
		pb.global(a)
		pb.room(raceRecordMax)
		return false
	}
	stride, count := uint64(ext>>16), uint64(ext&0xffff)
	if kind&2 != 0 {
		for b := a &^ 7; b < a+stride*count; b += 8 {
			pb.global(b)
		}
	}
	if count <= raceFew && w&(1<<32-1)+stride*count < 1<<32 {
		for k := range count {
			pb.few[k] = w&^shortRun + k*stride
		}
		pb.room(3 * raceRecordMax) // for all: none is written unless all are
		pb.shorts(&pb.few[0], 0, int32(count), true)
		return true
	}
	pb.room(raceRecordMax)
	pb.byte(recRead + byte(kind&1) | recRun)
	pb.pc(pc)
	pb.addr(pb.deltas.last(pc), a)
	pb.uvarint(stride)
	pb.uvarint(count)
	pb.records++
	return true
}

func racezigzag(v uint64) uint64 { return v<<1 ^ uint64(int64(v)>>63) }

// come notes what is written next: its pc, kind and value. It returns what was
// expected.
func (x *racedeltas) come(link uint64) uint64 {
	e := (*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(&x.follow)) + x.after*8))
	expected := *e
	*e = link
	x.after = racefollows(link)
	return expected
}

// racefollows is where follow has what comes after a record.
func racefollows(link uint64) uintptr {
	return uintptr(uint32(link>>32) * 0x9E3779B1 >> (32 - raceFollowBits))
}

// asexpected writes a record of which come has said that it was expected.
func (pb *raceproc) asexpected() {
	if pb.expected != pb.cn-1 || pb.pack[pb.expected] == recExpected+15 {
		pb.expected = pb.cn
		pb.byte(recExpected - 1)
	}
	pb.pack[pb.expected]++
}

// shorts writes the short records of words from i on, up to one that must be
// prepared (the first may be), or end, and returns where that is. Numbers
// are written as whole words of which the rest is overwritten.
func (pb *raceproc) shorts(words *uint64, i, end int32, prepared bool) int32 {
	if !prepared && !pb.inslice {
		return i
	}
	x := &pb.deltas
	start := uintptr(unsafe.Pointer(&pb.pack))
	p, after, from := start+uintptr(pb.cn), x.after, i
loop:
	for ; ; i++ {
		w := *(*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(words)) + uintptr(i)*8))
		if i >= end || w&(shortBit|shortRun) != shortBit || p > start+racePack-raceRecordMax {
			break
		}
		kind, pc := w>>shortKind&7, uint32(w>>shortPC)&shortPCMax
		// An access or a change of the stack is chosen without a branch, since
		// nobody can foresee which it is.
		a := pb.told[kind>>1&1]<<32 | w&(1<<32-1)
		if kind == shortCut {
			pc = x.pc
		}
		last := x.last(pc)
		value := int64(a - x.base)
		if kind >= shortCall {
			value = int64(x.depth - w&(1<<32-1))
		}
		link := uint64(pc)<<37 | uint64(racelinks[kind])<<32 | uint64(uint32(value))
		follow := (*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(&x.follow)) + after*8))
		expected := *follow
		if link == expected && value == int64(int32(value)) && (kind>>1 != shortReadData>>1 || racepages.has((uintptr(a)-racedatastart)/8)) {
			if run := start + uintptr(pb.expected); run == p-1 && *(*byte)(unsafe.Pointer(run)) != recExpected+15 {
				*(*byte)(unsafe.Pointer(run))++
			} else {
				pb.expected = int32(p - start)
				*(*byte)(unsafe.Pointer(p)) = recExpected
				p++
			}
		} else {
			// The tag without the width of the pc, and a number of n bytes.
			var tag byte
			n := uintptr(0)
			switch kind {
			case shortCut:
				if uint64(value)-1 >= 16 {
					break loop
				}
				tag = recReturn | byte(value-1)
			case shortCall:
				if uint64(value) >= 4 {
					break loop
				}
				tag = recCall | byte(value)<<2
			default:
				if kind >= shortReadData && !prepared && !racepages.has((uintptr(a)-racedatastart)/8) {
					break loop
				}
				v, base := racezigzag(a-*last), byte(1<<5)
				if u := racezigzag(uint64(value)); u < v {
					base, v = 0, u
				}
				n = uintptr(sys.Len64(v|1)+7) / 8
				tag = recShort | byte(kind&1)<<6 | base | byte(n-1)<<2
				*(*uint64)(unsafe.Pointer(p + 1)) = v
			}
			if kind != shortCut && uint32(expected>>37) != pc {
				if pb.known[pc%raceKnown] != pc && !prepared {
					if !racepcs.has(uintptr(pc)) {
						break
					}
					pb.known[pc%raceKnown] = pc
				}
				d := racezigzag(uint64(int32(pc - x.pc)))
				*(*uint64)(unsafe.Pointer(p + 1 + n)) = d
				width := racewidth(d)
				n += 1 << (width - 1)
				tag |= width
			}
			*(*byte)(unsafe.Pointer(p)) = tag
			p += 1 + n
			*follow = link
		}
		prepared = false
		after = racefollows(link)
		x.pc = pc
		if kind >= shortCall {
			x.depth = w&(1<<32-1) + (shortCut - kind)
		} else {
			*last = a
			x.base = a
		}
	}
	pb.records += uint64(i - from)
	x.after = after
	pb.cn = int32(p - start)
	return i
}

// atomic and plain encode an operation on an address. There is room.
func (pb *raceproc) atomic(op, size byte, a uint64, pc uint32, num uint64) {
	tag := op<<1 | size>>3
	pb.operation(linkAtomic+uint64(tag), recAtomic|tag, a, pc, num)
}

func (pb *raceproc) plain(op byte, a uint64, pc uint32, num uint64) {
	pb.operation(linkPlain+uint64(op), recPlain|op, a, pc, num)
}

func (pb *raceproc) operation(kind uint64, tag byte, a uint64, pc uint32, num uint64) {
	x := &pb.deltas
	last, next := x.last(pc), x.num(raceSpaceAddr, a)
	if pc <= shortPCMax {
		far := int64(a - x.base)
		link := uint64(pc)<<37 | kind<<32 | uint64(uint32(far))
		if x.come(link) == link && far == int64(int32(far)) && num == *next {
			x.pc, x.base, *last, *next = pc, a, a, num+1
			pb.asexpected()
			return
		}
	}
	pb.byte(tag)
	pb.pc(pc)
	pb.addr(last, a)
	pb.num(raceSpaceAddr, a, num)
}

// sized writes an access of more than one byte, or with a via, which is 0 else.
func (pb *raceproc) sized(write byte, a uint64, pc uint32, size uint64, via uint32) {
	if pb.like(linkLike+uint64(write), a, pc, size, uint64(via)) {
		return
	}
	tag := recRead + write
	if size != 1 {
		tag |= recSized
	}
	if via != 0 {
		tag |= recViaPC
	}
	pb.byte(tag)
	pb.pc(pc)
	pb.addr(pb.deltas.last(pc), a)
	if size != 1 {
		pb.uvarint(size)
	}
	if via != 0 {
		pb.pc(via)
	}
}

// allocation writes an allocation of a type.
func (pb *raceproc) allocation(a uint64, pc uint32, size, typ uint64) {
	if pb.like(linkAlloc, a, pc, size, typ) {
		return
	}
	pb.byte(recAlloc)
	pb.pc(pc)
	pb.uvarint(typ)
	pb.uvarint(size)
	pb.addr(pb.deltas.alloc(size), a)
}

// like writes an access that is more than one of a byte (linkLike, and 1 for a write) or an allocation
// (linkAlloc) as a short record that a tag before it makes that, if there is such a form.
// of is the via or the type.
func (pb *raceproc) like(kind, a uint64, pc uint32, size, of uint64) bool {
	if pc > shortPCMax || size >= 1<<32 || of >= 1<<32 {
		return false
	}
	x := &pb.deltas
	p := x.like(pc)
	was, now := *p, size<<32|of
	*p = now
	last, before := x.last(pc), x.base
	if kind == linkAlloc {
		last = x.alloc(size)
		before = *last
	} else if of != 0 {
		last = x.last(pc + uint32(kind&1)) // what a copy reads and what it writes lie apart
	}
	far := int64(a - before)
	link := uint64(pc)<<37 | kind<<32 | uint64(uint32(far))
	expected := x.come(link)
	if link == expected && far == int64(int32(far)) && now == was {
		pb.asexpected()
	} else {
		switch {
		case kind == linkAlloc && now == was:
			pb.byte(recAllocLike)
		case kind == linkAlloc:
			pb.byte(recAllocOf)
			pb.uvarint(of)
			pb.uvarint(size)
		case now == was:
			pb.byte(recLike)
		case uint32(was) == uint32(of):
			pb.byte(recLikeSize)
			pb.uvarint(size)
		default:
			pb.byte(recLikeVia)
			pb.uvarint(size)
			pb.svarint(int64(int32(uint32(of) - x.pc)))
		}
		pb.shortaddr(byte(kind&1), pc, expected, a, *last)
	}
	x.pc, x.base, *last = pc, a, a
	return true
}

// shortaddr writes a short record that is not expected, as shorts does.
func (pb *raceproc) shortaddr(write byte, pc uint32, expected, a, last uint64) {
	x := &pb.deltas
	v, base := racezigzag(a-last), byte(1<<5)
	if u := racezigzag(a - x.base); u < v {
		base, v = 0, u
	}
	p := uintptr(unsafe.Pointer(&pb.pack)) + uintptr(pb.cn)
	n := uintptr(sys.Len64(v|1)+7) / 8
	tag := recShort | write<<6 | base | byte(n-1)<<2
	*(*uint64)(unsafe.Pointer(p + 1)) = v
	if uint32(expected>>37) != pc {
		d := racezigzag(uint64(int32(pc - x.pc)))
		*(*uint64)(unsafe.Pointer(p + 1 + n)) = d
		width := racewidth(d)
		n += 1 << (width - 1)
		tag |= width
	}
	*(*byte)(unsafe.Pointer(p)) = tag
	pb.cn += int32(1 + n)
}

// racewidth is the width of a pc's distance in a short record: it takes 1<<(width-1) bytes.
func racewidth(d uint64) byte {
	width := byte(1)
	if d >= 1<<8 {
		width = 2
	}
	if d >= 1<<16 {
		width = 3
	}
	return width
}

// last is where the address of the last record of a pc is.
func (x *racedeltas) last(pc uint32) *uint64 {
	return (*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(&x.lasts)) + racelasts(pc)*8))
}

// like is where that is in which such records of a pc are alike.
func (x *racedeltas) like(pc uint32) *uint64 {
	return (*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(&x.likes)) + racelasts(pc)*8))
}

func racelasts(pc uint32) uintptr { return uintptr(pc * 0x9E3779B1 >> (32 - raceLastBits)) }

// alloc is where the address of the last allocation of a size is.
func (x *racedeltas) alloc(size uint64) *uint64 { return &x.allocs[size/8%raceAllocs] }

// num is where the next number is of the counter of the object at a.
func (x *racedeltas) num(space uint8, a uint64) *uint64 {
	return &x.nums[(a+uint64(space)<<56)*0x9E3779B97F4A7C15>>(64-raceCounterBits)]
}

// num writes the number of an operation on the object at a.
func (pb *raceproc) num(space uint8, a, num uint64) {
	next := pb.deltas.num(space, a)
	pb.svarint(int64(num - *next))
	*next = num + 1
}

// racelinks is the kind of a link for each kind of a short word.
var racelinks = [8]uint8{linkRead, linkWrite, linkRead, linkWrite, linkCall, linkReturn}

// Tags of records, as in collect/record.
const (
	recSlice = 0x01
	recCycle = 0x02
	recStack = 0x03
	recGo    = 0x04
	recEnd   = 0x05
	recAlloc = 0x06
	recSync  = 0x07
	recRead  = 0x10
	recWrite = 0x11
	recSized = 0x02 // with recRead, recWrite: a size follows
	recViaPC = 0x04 // with recRead, recWrite: a second pc follows
	recRun   = 0x08 // with recRead, recWrite: a run, stride and count follow

	recAtomic = 0x20 // | kind<<1 | 1 if 8 bytes

	recPlain    = 0x30 // | operation
	recExpected = 0x50 // | n - 1
	recReturn   = 0x60 // | calls ended - 1
	recCall     = 0x70 // | calls ended<<2 | width of the pc
	recShort    = 0x80 // | 1<<6 for a write | base<<5 | bytes of the address - 1<<2 | width of the pc

	// Before a short record.
	recLike      = 0x09 // an access with the size and via of the last one of its pc
	recLikeSize  = 0x0a // a size follows
	recLikeVia   = 0x0b // size and via follow
	recAllocLike = 0x0c // an allocation with the type and size of the last one of its pc
	recAllocOf   = 0x0d // type and size follow

	recSymbol = 0x40
	recString = 0x41
	recType   = 0x42
	recField  = 0x43
	recVar    = 0x44
	recFact   = 0x46
	recStatus = 0x47
	recLast   = 0x48
)

// Kinds of what may be expected, as in collect/record.
const (
	linkRead = iota
	linkWrite
	linkCall
	linkReturn
	linkAtomic   = 2 // + 2 * kind, + 1 if 8 bytes
	linkPlain    = 12
	linkLike     = 28 // + 1 for a write
	linkAlloc    = 30
	raceMaxPlain = 15
)

// room makes sure that the pack takes n more bytes of records of the current slice.
func (pb *raceproc) room(n int32) {
	if pb.cn+n <= racePack && pb.inslice {
		return
	}
	pb.makeroom(n)
}

func (pb *raceproc) makeroom(n int32) {
	if !pb.inslice && pb.gid != 0 {
		n += raceRecordMax
	}
	if pb.cn+n > racePack {
		pb.finish(0)
	}
	if !pb.inslice && pb.gid != 0 {
		pb.part++
		pb.slicerecord(0)
	}
}

// defroom is room for a definition, which belongs to no slice.
func (pb *raceproc) defroom(n int32) {
	if pb.cn+n > racePack {
		pb.finish(0)
	}
}

func (pb *raceproc) startslice(goid uint64) {
	if pb.cn+raceRecordMax > racePack {
		pb.finish(0)
	}
	pb.slicerecord(goid)
}

// slicerecord writes whose the following records are. A pack begins with one,
// so that a lost pack is nobody else's loss.
func (pb *raceproc) slicerecord(goid uint64) {
	pb.inslice = true
	pb.deltas.depth, pb.deltas.after = 0, 0
	pb.byte(recSlice)
	pb.uvarint(pb.gid)
	pb.from(&pb.deltas.slices[pb.gid%raceSlices], pb.slice)
	pb.uvarint(uint64(pb.part))
	pb.uvarint(uint64(pb.cycle))
	pb.uvarint(goid)
}

// byte and uvarint append to the pack without a bounds check: callers made room.
func (pb *raceproc) byte(b byte) {
	*(*byte)(unsafe.Pointer(uintptr(unsafe.Pointer(&pb.pack)) + uintptr(pb.cn))) = b
	pb.cn++
}

func (pb *raceproc) uvarint(v uint64) {
	p := uintptr(unsafe.Pointer(&pb.pack)) + uintptr(pb.cn)
	n := int32(1)
	for v >= 0x80 {
		*(*byte)(unsafe.Pointer(p)) = byte(v) | 0x80
		v >>= 7
		p++
		n++
	}
	*(*byte)(unsafe.Pointer(p)) = byte(v)
	pb.cn += n
}

func (pb *raceproc) svarint(v int64) { pb.uvarint(racezigzag(uint64(v))) }

// from writes a number's distance from the last one, and is the last one then.
func (pb *raceproc) from(last *uint32, v uint32) {
	pb.svarint(int64(int32(v - *last)))
	*last = v
}

// addr writes the address of a record: last is where that of the last such record is.
func (pb *raceproc) addr(last *uint64, a uint64) {
	pb.svarint(int64(a - *last))
	*last, pb.deltas.base = a, a
}

func (pb *raceproc) pc(pc uint32) {
	pb.svarint(int64(int32(pc - pb.deltas.pc)))
	pb.deltas.pc = pc
}

func (pb *raceproc) bytes(p unsafe.Pointer, n int32) {
	memmove(unsafe.Pointer(&pb.pack[pb.cn]), p, uintptr(n))
	pb.cn += n
}

// rescue is spill, if the owner may have been interrupted for good anywhere in it:
// with the record that it was at, a pack begins.
func (pb *raceproc) rescue() {
	if pb.pieces.state == racePiecesCopied {
		pb.empty()
	}
	pb.send()
	if pb.spilling && !racefrozen.Load() {
		m := &pb.marks[pb.marked&1]
		pb.word, pb.cn, pb.part, pb.records, pb.inslice = m.n, m.cn, m.part, m.records, m.inslice
		if m.last != 0 {
			pb.pack[pb.cn-1] = m.last
		}
		for i := range pb.defining {
			if d := &pb.defining[i]; d.bits != 0 {
				(*racebits)(unsafe.Pointer(d.bits)).clear(d.i)
				d.bits = 0
			}
		}
		clear(pb.known[:])
		pb.finish(0)
		pb.tellleft()
	}
	pb.spillto(pb.end, true)
}

// mark notes that n words of the buffer are encoded. What is encoded since can be encoded
// again, from there and into another pack, as long as nothing else is changed by it:
// around what does change something, and at each definition, there is a mark. No mark
// is ever half written: the one that does not hold is, and then holds.
func (pb *raceproc) mark(n int32) {
	next := pb.marked&1 ^ 1
	m := &pb.marks[next]
	m.n, m.cn, m.part, m.records, m.inslice, m.last = n, pb.cn, pb.part, pb.records, pb.inslice, 0
	if pb.expected >= 0 && pb.expected == pb.cn-1 {
		m.last = pb.pack[pb.expected]
	}
	pb.marked = next
}

// define reports whether what bit i of bits stands for is to be defined now. level is 0,
// or 1 in the course of such a definition.
func (pb *raceproc) define(level int, bits *racebits, i uintptr) bool {
	d := &pb.defining[level&1]
	d.i = i
	d.bits = uintptr(unsafe.Pointer(bits))
	if bits.set(i) {
		return true
	}
	d.bits = 0
	return false
}

// defined follows when the definition has been written. It stays, whatever becomes of
// the record that it is for.
func (pb *raceproc) defined(level int) {
	pb.mark(pb.word)
	pb.defining[level&1].bits = 0
}

// finish completes the pack, compresses it and hands over its pieces.
func (pb *raceproc) finish(flags byte) {
	was := pb.claim()
	pb.compress(flags)
	pb.empty()
	pb.send()
	pb.busy.Store(was)
	if !racesaves() && raceslow() {
		racehold()
	}
}

// empty empties the pack, which has been copied to its pieces.
func (pb *raceproc) empty() {
	pb.cn, pb.expected = 0, -1
	pb.begun = pb.records
	pb.inslice = false
	pb.mark(pb.word)
	memclrNoHeapPointers(unsafe.Pointer(&pb.deltas), unsafe.Sizeof(pb.deltas))
	pb.pieces.state = racePiecesSending
}

func raceputu32(b []byte, v uint32) {
	_ = b[3]
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

// racesum is the checksum of collect/record: two sums that do not wait for each other.
func racesum(b []byte) uint32 {
	const k = 0xD6E8FEB86659FD93
	h := uint64(len(b)) * 0x9E3779B97F4A7C15
	g := ^h
	for ; len(b) >= 16; b = b[16:] {
		v := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		w := uint64(b[8]) | uint64(b[9])<<8 | uint64(b[10])<<16 | uint64(b[11])<<24 |
			uint64(b[12])<<32 | uint64(b[13])<<40 | uint64(b[14])<<48 | uint64(b[15])<<56
		h = (h ^ v) * k
		g = (g ^ w) * k
		h ^= h >> 32
		g ^= g >> 32
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * k
		h ^= h >> 32
	}
	h = (h ^ g) * k
	h ^= h >> 32
	return uint32(h ^ h>>29)
}

// racelog writes a chunk into the trace, if this is a place where a user log
// event may stand: a running goroutine on a P. On the system stack.
func racelog(p unsafe.Pointer, n int32) bool {
	if raceclosed.Load() {
		return true
	}
	mp := getg().m
	gp := mp.curg
	if gp == nil || getg() == mp.gsignal || mp.p == 0 || readgstatus(gp) != _Grunning || gp.racectx == 0 && gp != racekeeper.gp.ptr() {
		return false
	}
	tl := traceAcquire()
	if !tl.ok() {
		return false
	}
	tl.eventWriter(tracev2.GoRunning, tracev2.ProcRunning).event(tracev2.EvUserLog, 0,
		tl.string("hindsight"), tl.uniqueString(*(*string)(unsafe.Pointer(&stringStruct{p, int(n)}))), 0)
	traceRelease(tl)
	racechunks.Add(1)
	return true
}

// Chunks that were full where the tracer could not be called.
var racependings struct {
	lock raceSpin
	head uintptr // *racepending, the newest first
	free uintptr
}

type racepending struct {
	_    sys.NotInHeap
	next uintptr
	n    int32
	data [raceChunk]byte
}

func racekeep(p unsafe.Pointer, n int32) {
	l := &racependings
	l.lock.lock()
	c := (*racepending)(unsafe.Pointer(l.free))
	if c != nil {
		l.free = c.next
	}
	l.lock.unlock()
	if c == nil {
		c = (*racepending)(sysAlloc(unsafe.Sizeof(racepending{}), &memstats.other_sys, "race chunk"))
		if c == nil {
			throw("hindsight: out of memory")
		}
	}
	c.n = n
	memmove(unsafe.Pointer(&c.data), p, uintptr(n))
	l.lock.lock()
	c.next = l.head
	l.head = uintptr(unsafe.Pointer(c))
	l.lock.unlock()
}

// racelogpending writes the kept chunks. On the system stack of a goroutine
// that racelog accepts.
func racelogpending() {
	pb := raceproce()
	was := pb.claim()
	l := &racependings
	for ok := true; ok; {
		l.lock.lock()
		c := (*racepending)(unsafe.Pointer(l.head))
		if c != nil {
			pb.hand = uintptr(unsafe.Pointer(c))
			l.head = c.next
		}
		l.lock.unlock()
		if c == nil {
			break
		}
		ok = racelog(unsafe.Pointer(&c.data), c.n)
		l.lock.lock()
		if ok {
			c.next, l.free = l.free, uintptr(unsafe.Pointer(c))
		} else {
			c.next, l.head = l.head, uintptr(unsafe.Pointer(c))
		}
		pb.hand = 0
		l.lock.unlock()
	}
	pb.busy.Store(was)
}
