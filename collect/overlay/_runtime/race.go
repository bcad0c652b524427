// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// The recorder's hooks. This file stands where GOROOT/src/runtime/race.go
// stands: it defines the functions that instrumented code, the runtime and the
// standard library call, and turns the calls into records.
//
// What must hold for everything that a hook reaches:
//   - nosplit: instrumented code calls on the user's stack, wherever it is;
//   - no allocation, no write barrier: memory comes from sysAlloc, pointers to
//     it are not Go pointers (types marked NotInHeap or uintptr);
//   - no preemption: functions named runtime.* are never stopped by a signal,
//     and nosplit ones do not check the stack; so what belongs to a P may be
//     used without a lock between getting the P and leaving the hook. The
//     functions pushed to other packages by linkname do not have that name:
//     they only call one that does.
//   - the slow path runs on the system stack.
//
// A goroutine's state is behind g.racectx, a P's behind p.raceprocctx. Both are
// zero when the program does not record, and then a hook returns at once. While
// a hook runs they do not become zero: that takes a stopped world (race_window.go).

package runtime

import (
	"internal/abi"
	"internal/runtime/atomic"
	"internal/runtime/sys"
	"unsafe"
)

const raceenabled = true

// Kinds of raw records: the top byte of a record's first word. See race_buffer.go.
const (
	rawSwitch = 1 + iota
	rawCycle
	rawStack
	rawRead // even: see raceproc.epochs
	rawWrite
	rawAtomic
	rawSync
	rawGo
	rawEnd
	rawMalloc
	rawHigh
	rawLock   // a Mutex's: a successful compare-and-swap, then an acquire
	rawUnlock // a release, then an atomic addition

	rawVia = 16 // added to rawRead and rawWrite: the access has a via pc
)

// Most records are short ones of a single word. Bit 63 is set; bits 60 to 62 are
// the kind; bits 32 to 58 the pc; bits 0 to 31 those of the address of an access of
// one byte, whose upper bits are what the last rawHigh said for the heap or for data, or
// the number of calls of the stack that stay.
const (
	shortRead  = iota
	shortWrite // shortRead|1
	shortReadData
	shortWriteData // shortWrite|shortReadData
	shortCall      // a call is added
	shortCut       // none is, and there is no pc

	shortBit   = 1 << 63
	shortRun   = 1 << 59 // the access has become a run, see raceproc.ext
	shortKind  = 60
	shortPC    = 32
	shortPCMax = 1<<27 - 1
)

const (
	rawKindShift = 56
	rawAddrMask  = 1<<rawKindShift - 1
	raceNoPC     = 1<<32 - 1 // a pc outside the main module's text
)

// Synchronization operations and the name spaces of their objects, as in
// collect/record.
const (
	raceOpAcquire = 1 + iota
	raceOpRelease
	raceOpReleaseMerge
	raceOpReleaseAcquire
	raceOpSend
	raceOpRecv
	raceOpClose
	raceOpRecvClosed
	raceOpCondSignal
	raceOpCondWake
	raceOpLifeCut
	raceOpIORead
	raceOpIOWrite
	raceOpSendClosed
	raceOpCloseClosed
	raceOpDefaultSend
	raceOpDefaultRecv
	raceOpMisuseRead
	raceOpMisuseWrite
	raceOpAdd
	raceOpCloseNil

	// What a goroutine waits for at the end: see race_waits.go.
	raceOpWaitSend
	raceOpWaitRecv
	raceOpWaitMutex
	raceOpWaitReaders // RWMutex.Lock
	raceOpWaitWriter  // RWMutex.RLock
	raceOpWaitGroup
	raceOpWaitCond
	raceOpWaitForever
	raceOpGoesOn
)

const (
	raceSpaceAddr = iota
	raceSpaceChan
	raceSpacePool
	raceSpaceMap
	raceSpaceCond
	raceSpaceTimer
	raceSpaceFinal
	raceSpaceIO
	raceSpaceCoro
	raceSpaceBubble
)

// Kinds of atomic operations, as in collect/record.
const (
	raceAtomicLoad = 1 + iota
	raceAtomicStore
	raceAtomicRMW
	raceAtomicCASFail
)

// racestate is a goroutine's: its number, its shadow call stack, and how much
// of that stack its records have already told.
type racestate struct {
	_      sys.NotInHeap
	gid    uint64  // never reused
	goid   uint64  // as in tracebacks; 0 until known
	slices uint32  // numbered stretches of records, see rawSwitch
	window uint32  // racewindows when slices, stack and marks began
	gp     uintptr // *g, see raceadopt
	proc   uintptr // *raceproc where the last stretch is; 0 if gid has none yet
	wait   uintptr // semaphore or Cond at which it parked last

	// stack[:depth] are the calls. The last record said that there are mark calls, of
	// which stack[:low] still hold. stack[:same] is as it was then: a call that returned
	// and was made again holds again.
	depth, low, mark, same int32
	size                   int32
	stack                  uintptr // of raceframe
	next                   uintptr // *racestate, free list
	first                  [48]raceframe
}

// raceframe is one call: the return pc in the caller, relative to the text's
// start, and the callee's distance from the stack's upper end, which stays the
// same when the stack moves.
type raceframe struct {
	pc, off uint32
}

// raceLent is the distance of a call that was put there for a record (see lend):
// any function that tells of its call or return ends it.
const raceLent = 1<<32 - 1

var (
	raceon    bool    // this process records: from before the main goroutine exists, or while a window is open
	raceasked bool    // whether raceon is decided
	racetext  uintptr // start of the main module's text
	raceetext uintptr

	// Start and end of data and bss, of the heap's arenas.
	racedatastart, racedataend   uintptr
	racearenastart, racearenaend uintptr

	racegids  atomic.Uint64
	raceFree  uintptr // *racestate
	raceFreeL raceSpin
)

// raceSpin is a lock for a few instructions, usable everywhere. Its holder is
// in a hook and so cannot be preempted by the scheduler.
type raceSpin struct{ v atomic.Uint32 }

//go:nosplit
func (l *raceSpin) lock() {
	for i := 0; !l.v.CompareAndSwap(0, 1); i++ {
		if i < 100 {
			procyield(10)
		} else {
			osyield()
		}
	}
}

//go:nosplit
func (l *raceSpin) unlock() { l.v.Store(0) }

//go:nosplit
func raceinit() (gctx, pctx uintptr) {
	md := &firstmoduledata
	racetext, raceetext = md.text, md.etext
	racedatastart = min(md.noptrdata, md.data, md.noptrbss, md.bss)
	racedataend = max(md.enoptrdata, md.edata, md.enoptrbss, md.ebss)
	return 0, 0
}

//go:nosplit
func isvalidaddr(addr unsafe.Pointer) bool {
	a := uintptr(addr)
	return a-racearenastart < racearenaend-racearenastart || a-racedatastart < racedataend-racedatastart
}

//go:nosplit
func racemapshadow(addr unsafe.Pointer, size uintptr) {
	if racearenastart == 0 || uintptr(addr) < racearenastart {
		racearenastart = uintptr(addr)
	}
	if racearenaend < uintptr(addr)+size {
		racearenaend = uintptr(addr) + size
	}
}

// A P's state is made by its first record.
//
//go:nosplit
func raceproccreate() uintptr { return 0 }

// raceprocdestroy hands over what the P has recorded. The world is stopped.
//
//go:nosplit
func raceprocdestroy(ctx uintptr) {
	if ctx == 0 {
		return
	}
	systemstack(func() {
		pb := (*raceproc)(unsafe.Pointer(ctx))
		pb.spill(true)
		pb.pp = 0
	})
}

// racefini ends the process: the exit hook has written everything.
//
//go:nosplit
func racefini() {
	exit(0)
}

// Goroutines.

//go:nosplit
func racegostart(pc uintptr) uintptr {
	if !raceasked {
		systemstack(raceask)
	}
	if !raceon {
		return 0
	}
	gp := getg()
	spawn := gp
	if gp.m.curg != nil {
		spawn = gp.m.curg
	}
	rs := racenewstate()
	if spawn.racectx != 0 {
		if pb := raceproce(); pb != nil {
			parent := (*racestate)(unsafe.Pointer(spawn.racectx))
			fp := getcallerfp()
			if gp != spawn {
				fp = spawn.sched.bp
			}
			parent.lend(spawn, pc, fp)
			pb.begin(spawn, parent, 2)
			pb.put2(rawGo<<rawKindShift|rs.gid, uint64(racepc(pc))<<32)
			pb.released() // the child comes after what came before, not after what comes
		}
	}
	return uintptr(unsafe.Pointer(rs))
}

// racectxstart makes a context that nothing is ordered before: what it must
// come after is said by acquires.
//
//go:nosplit
func racectxstart(pc, spawnctx uintptr) uintptr {
	if !raceon {
		return 0
	}
	return uintptr(unsafe.Pointer(racenewstate()))
}

//go:nosplit
func racenewstate() *racestate {
	raceFreeL.lock()
	rs := (*racestate)(unsafe.Pointer(raceFree))
	if rs != nil {
		raceFree = rs.next
	}
	raceFreeL.unlock()
	if rs == nil {
		systemstack(func() {
			const n = 64
			size := unsafe.Sizeof(racestate{})
			p := uintptr(sysAlloc(n*size, &memstats.other_sys, "race goroutines"))
			if p == 0 {
				throw("hindsight: out of memory")
			}
			raceFreeL.lock()
			for i := uintptr(1); i < n; i++ {
				s := (*racestate)(unsafe.Pointer(p + i*size))
				s.next = raceFree
				raceFree = uintptr(unsafe.Pointer(s))
			}
			raceFreeL.unlock()
			rs = (*racestate)(unsafe.Pointer(p))
		})
	}
	if rs.stack == 0 {
		rs.stack = uintptr(unsafe.Pointer(&rs.first))
		rs.size = int32(len(rs.first))
	}
	rs.gid = racegids.Add(1)
	rs.goid = 0
	rs.window = racewindows
	rs.slices, rs.proc = 0, 0
	rs.depth, rs.low, rs.mark, rs.same = 0, 0, 0, 0
	rs.next = 0
	return rs
}

//go:nosplit
func racegoend() {
	gp := getg()
	if gp.racectx == 0 {
		return
	}
	ctx := gp.racectx
	raceend(gp, ctx)
	gp.racectx = 0
}

//go:nosplit
func racectxend(ctx uintptr) {
	if ctx != 0 {
		raceend(getg(), ctx)
	}
}

// raceend ends the goroutine or context ctx. Nobody may use it afterwards.
//
//go:nosplit
func raceend(gp *g, ctx uintptr) {
	rs := (*racestate)(unsafe.Pointer(ctx))
	if pb := raceproce(); pb != nil {
		pb.begin(gp, rs, 1)
		pb.put1(rawEnd << rawKindShift)
	}
	racefreestate(rs)
}

//go:nosplit
func racefreestate(rs *racestate) {
	raceFreeL.lock()
	rs.next = raceFree
	raceFree = uintptr(unsafe.Pointer(rs))
	raceFreeL.unlock()
}

// Function entry and exit: the shadow call stack. A frame that a panic has
// unwound has not been popped; it is found out because the stack has shrunk.
// racefuncenter and racefuncexit are in race_amd64.s and race_amd64.go, or in
// race_portable.go.

// lend puts the callers of pc on the shadow stack for one record, if pc
// is in a function that does not tell of its calls: the compiler leaves the
// packages sync, sync/atomic and internal/sync out. They are found by frame
// pointers, from fp on outwards: first the frame that returns to pc, then its
// callers up to and with the first that is instrumented. They stay until
// something else is recorded or told (raceLent), since the next operation often
// has the same.
//
//go:nosplit
func (rs *racestate) lend(gp *g, pc, fp uintptr) {
	const most = 4 // a power of two: checks of bounds would call what takes too much stack
	var pcs [most]uint32
	n := uint32(0)
	if raceuntold(pc) {
		lo, size := gp.stack.lo, gp.stack.hi-gp.stack.lo-16
		found := false
		for i := 0; i < 8 && !found && fp-lo < size; i++ {
			found = *(*uintptr)(unsafe.Pointer(fp + 8)) == pc
			fp = *(*uintptr)(unsafe.Pointer(fp))
		}
		for found && n < most && fp-lo < size {
			ret := *(*uintptr)(unsafe.Pointer(fp + 8))
			pcs[n%most] = racepc(ret)
			n++
			if !raceuntold(ret) {
				break
			}
			fp = *(*uintptr)(unsafe.Pointer(fp))
		}
	}
	d := rs.own()
	for n > 0 && d < rs.depth && rs.frame(d).pc == pcs[(n-1)%most] {
		d++
		n--
	}
	rs.cut(d)
	if d+int32(n) > rs.size {
		systemstack(func() { rs.grow() })
	}
	for ; n > 0; n-- {
		rs.push(pcs[(n-1)%most], raceLent)
	}
}

// own is the number of calls that functions have told of.
//
//go:nosplit
func (rs *racestate) own() int32 {
	d := rs.depth
	for d > 0 && rs.frame(d-1).off == raceLent {
		d--
	}
	return d
}

// push adds a call. There is room.
//
//go:nosplit
func (rs *racestate) push(pc, off uint32) {
	d := rs.depth
	f := rs.frame(d)
	if f.pc != pc {
		rs.same = min(rs.same, d)
	} else if d == rs.low && d < rs.same {
		rs.low = d + 1
	}
	*f = raceframe{pc, off}
	rs.depth = d + 1
}

// cut leaves d calls.
//
//go:nosplit
func (rs *racestate) cut(d int32) {
	rs.depth = d
	rs.low = min(rs.low, d)
}

// raceuntold reports whether pc is in a function without racefuncenter.
//
//go:nosplit
func raceuntold(pc uintptr) bool {
	return raceuntolds.has((pc - racetext) / raceuntoldUnit)
}

//go:nosplit
func racefuncenterfp(fp uintptr) {}

//go:nosplit
func (rs *racestate) frame(i int32) *raceframe {
	return (*raceframe)(unsafe.Pointer(rs.stack + uintptr(i)*unsafe.Sizeof(raceframe{})))
}

// grow doubles the shadow stack. It stays with the state for its next goroutine.
func (rs *racestate) grow() {
	size := uintptr(rs.size) * 2
	p := sysAlloc(size*unsafe.Sizeof(raceframe{}), &memstats.other_sys, "race stack")
	if p == nil {
		throw("hindsight: out of memory")
	}
	memmove(p, unsafe.Pointer(rs.stack), uintptr(rs.size)*unsafe.Sizeof(raceframe{}))
	if rs.stack != uintptr(unsafe.Pointer(&rs.first)) {
		sysFree(unsafe.Pointer(rs.stack), uintptr(rs.size)*unsafe.Sizeof(raceframe{}), &memstats.other_sys)
	}
	rs.stack = uintptr(p)
	rs.size = int32(size)
}

// racepc makes a pc relative, so that it fits half a word.
//
//go:nosplit
func racepc(pc uintptr) uint32 {
	if pc-racetext < raceetext-racetext {
		return uint32(pc - racetext)
	}
	return raceNoPC
}

// Memory accesses. Compiled code hands over the first byte of a scalar, and the
// bytes of a composite value.

// raceread and racewrite are raceaccess for the case that most calls are. They
// are in race_amd64.s and race_amd64.go, or in race_portable.go.

// current reports whether rs, whose goroutine gp is running, has the last
// record here, and that was in this GC cycle. pb, which rs.proc says, may be nil.
//
//go:nosplit
func (pb *raceproc) current(gp *g, rs *racestate) bool {
	return pb != nil && pb.cur == uintptr(unsafe.Pointer(rs)) && pb.pp == uintptr(gp.m.p) && pb.sweepgen == mheap_.sweepgen
}

//go:nosplit
func racereadrange(addr, size uintptr) {
	gp := getg()
	if gp.racectx != 0 && size != 0 {
		raceaccess(gp, rawRead, addr, size, sys.GetCallerPC(), 0)
	}
}

//go:nosplit
func racewriterange(addr, size uintptr) {
	gp := getg()
	if gp.racectx != 0 && size != 0 {
		raceaccess(gp, rawWrite, addr, size, sys.GetCallerPC(), 0)
	}
}

// raceaccess records an access of the running goroutine, unless the same
// instruction has made it already and the filter knows (raceproc.filter).
// via is a pc in the runtime's function that makes the access for pc, or 0.
//
//go:nosplit
func raceaccess(gp *g, kind uint64, addr, size, pc, via uintptr) {
	if addr-gp.stack.lo < gp.stack.hi-gp.stack.lo {
		return // escape analysis keeps the stack private
	}
	pb := raceproce()
	if pb == nil {
		raceLost.Add(1)
		return
	}
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	if pb.cur != uintptr(unsafe.Pointer(rs)) || rs.proc != uintptr(unsafe.Pointer(pb)) || pb.sweepgen != mheap_.sweepgen {
		pb.enter(gp, rs)
	}
	switch {
	case size <= raceLongest && pb.sites == 0:
		if pb.covered(uintptr(kind)&1, addr, size) {
			return
		}
	case size < 1<<16 && pb.recorded(uintptr(kind)<<rawKindShift|addr, size, pc):
		return
	}
	rs.lend(gp, pc, getcallerfp())
	pb.via = via
	pb.access(rs, uintptr(kind)<<rawKindShift|addr, size, pc)
	pb.via = 0
}

// access records an access that the filter has not seen: what is its kind and
// address, pb.via its via. Calls that are lent are those around pc. It has few arguments for the sake of the stack: the
// linker allows nosplit functions 792 bytes, of which reflect and we use all.
//
//go:nosplit
func (pb *raceproc) access(rs *racestate, what, size, pc uintptr) {
	addr := what & rawAddrMask
	if !isvalidaddr(unsafe.Pointer(addr)) {
		if addr-racetext >= racedatastart-racetext { // else a constant
			pb.foreign++
		}
		return
	}
	if rs.low != rs.depth || rs.mark != rs.depth {
		pb.tellstack(rs)
	}
	if pb.n+3 > raceWords {
		racespill(pb)
	}
	rel := uintptr(racepc(pc))
	switch {
	case pb.via != 0:
		pb.put3(uint64(what+rawVia<<rawKindShift), uint64(rel)<<32|uint64(min(size, 1<<32-1)), uint64(racepc(pb.via)))
	case size == 1 && rel <= shortPCMax:
		r := pb.running(pc)
		if pb.extend(r, addr, pc) {
			return
		}
		data := uintptr(0)
		if addr-racedatastart < racedataend-racedatastart {
			data = 1
		}
		if uint64(addr)>>32 != pb.high[data] {
			pb.high[data] = uint64(addr) >> 32
			pb.put1(rawHigh<<rawKindShift | uint64(data)<<32 | uint64(addr)>>32)
		}
		r.pc, r.ver, r.pos, r.stride, r.last = uint32(pc), pb.ver, pb.n, 0, addr
		pb.put1(shortBit | (uint64(what>>rawKindShift-rawRead)|uint64(data)<<1)<<shortKind | uint64(rel)<<shortPC | uint64(addr)&(1<<32-1))
	default:
		pb.put2(uint64(what), uint64(rel)<<32|uint64(min(size, 1<<32-1)))
	}
}

//go:nosplit
func (pb *raceproc) running(pc uintptr) *racerunning {
	return (*racerunning)(unsafe.Pointer(uintptr(unsafe.Pointer(&pb.runs)) + (pc>>1^pc>>9)%raceRuns*unsafe.Sizeof(racerunning{})))
}

// continues reports whether an access may be one more of the run that the last
// record of its instruction is: if it is as far from the last as that was
// from the one before.
//
//go:nosplit
func (r *racerunning) continues(addr, pc uintptr) bool {
	return addr-r.last == uintptr(r.stride) && r.pc == uint32(pc)
}

// goeson makes it so, if that record can still be changed and nothing but
// accesses has been recorded since.
//
//go:nosplit
func (r *racerunning) goeson(pb *raceproc, rs *racestate, addr uintptr) bool {
	ext := (*uint32)(unsafe.Pointer(uintptr(unsafe.Pointer(&pb.ext)) + uintptr(r.pos)*4))
	if r.stride == 0 || r.ver != pb.ver || rs.low != rs.depth || rs.mark != rs.depth || *ext&0xffff == 0xffff {
		return false
	}
	*ext++
	r.last = addr
	return true
}

// extend makes a run of the instruction's last record and this access, of
// kind and address what, likewise. The caller has seen to the stack.
//
//go:nosplit
func (pb *raceproc) extend(r *racerunning, addr, pc uintptr) bool {
	d := addr - r.last
	if r.pc != uint32(pc) || r.ver != pb.ver || r.stride != 0 || d-1 >= 1<<16-1 {
		return false
	}
	r.stride, r.last = uint32(d), addr
	// In this order: a run has its stride, whenever the process dies.
	*(*uint32)(unsafe.Pointer(uintptr(unsafe.Pointer(&pb.ext)) + uintptr(r.pos)*4)) = uint32(d)<<16 | 2
	*(*uint64)(unsafe.Pointer(uintptr(unsafe.Pointer(&pb.buf)) + uintptr(r.pos)*8)) |= shortRun
	return true
}

// The runtime's own accesses on behalf of user code: callpc is the return pc of
// the function that does it, pc is that function's start.

//go:nosplit
func raceaccesspc(kind uint64, addr, size, callpc, pc uintptr) {
	gp := getg()
	if gp.racectx == 0 || gp != gp.m.curg || size == 0 {
		return // on g0 it is the runtime's own business
	}
	switch {
	case callpc == 0:
		raceaccess(gp, kind, addr, size, pc+1, 0)
	case pc == 0:
		raceaccess(gp, kind, addr, size, callpc, 0)
	default:
		raceaccess(gp, kind, addr, size, callpc, pc+1)
	}
}

//go:nosplit
func racereadpc(addr unsafe.Pointer, callpc, pc uintptr) {
	raceaccesspc(rawRead, uintptr(addr), 1, callpc, pc)
}

//go:nosplit
func racewritepc(addr unsafe.Pointer, callpc, pc uintptr) {
	raceaccesspc(rawWrite, uintptr(addr), 1, callpc, pc)
}

//go:nosplit
func racereadrangepc(addr unsafe.Pointer, sz, callpc, pc uintptr) {
	raceaccesspc(rawRead, uintptr(addr), sz, callpc, pc)
}

//go:nosplit
func racewriterangepc(addr unsafe.Pointer, sz, callpc, pc uintptr) {
	raceaccesspc(rawWrite, uintptr(addr), sz, callpc, pc)
}

//go:nosplit
func racereadrangepc1(addr, size, pc uintptr) {
	raceaccesspc(rawRead, addr, size, 0, pc)
}

//go:nosplit
func racewriterangepc1(addr, size, pc uintptr) {
	raceaccesspc(rawWrite, addr, size, 0, pc)
}

// raceobjectsize is what of an object of type t an access touches: all bytes of
// a composite, the first of anything else.
//
//go:nosplit
func raceobjectsize(t *_type) uintptr {
	if k := t.Kind(); k == abi.Array || k == abi.Struct {
		return t.Size_
	}
	return 1
}

func raceReadObjectPC(t *_type, addr unsafe.Pointer, callerpc, pc uintptr) {
	racereadrangepc(addr, raceobjectsize(t), callerpc, pc)
}

func raceWriteObjectPC(t *_type, addr unsafe.Pointer, callerpc, pc uintptr) {
	racewriterangepc(addr, raceobjectsize(t), callerpc, pc)
}

// Allocation. A life begins; the collector's cycles end lives (see
// raceproc.enter), so a free needs no record. Memory that g0 allocates is the
// runtime's: stacks, mostly.

//go:nosplit
func racemalloc(p unsafe.Pointer, sz uintptr) {
	racemalloctyp(p, sz, nil)
}

// racemalloctyp is racemalloc where the type is known: an edit of malloc.go
// calls it. It may be called where write barriers are forbidden.
//
//go:nosplit
func racemalloctyp(p unsafe.Pointer, sz uintptr, typ *_type) {
	gp := getg()
	if gp.racectx == 0 || gp != gp.m.curg || sz == 0 {
		return
	}
	pb := raceproce()
	if pb == nil {
		return
	}
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	rs.cut(rs.own())
	pb.begin(gp, rs, 5)
	// The caller's callers: mallocgc, newobject, the program. Which of them is
	// the program's is found out when the record is encoded.
	var pcs [4]uint32
	fp := getcallerfp()
	for i := range pcs {
		if fp-gp.stack.lo >= gp.stack.hi-gp.stack.lo-16 {
			pcs[i] = raceNoPC
			continue
		}
		pcs[i] = racepc(*(*uintptr)(unsafe.Pointer(fp + 8)))
		fp = *(*uintptr)(unsafe.Pointer(fp))
	}
	pb.put5(rawMalloc<<rawKindShift|uint64(uintptr(p)), uint64(sz), uint64(uintptr(unsafe.Pointer(typ))),
		uint64(pcs[0])<<32|uint64(pcs[1]), uint64(pcs[2])<<32|uint64(pcs[3]))
}

//go:nosplit
func racefree(p unsafe.Pointer, sz uintptr) {}

// Synchronization.

// raceCounters give the operations on an object their order. An object's
// counter is chosen by its address; counters are shared, which orders more than
// needed and nothing wrongly. Bit 0 is a lock, held around an atomic operation
// together with taking its number.
var raceCounters [1 << raceCounterBits]atomic.Uint64

const raceCounterBits = 12

//go:nosplit
func racecounter(space uint8, addr uintptr) *atomic.Uint64 {
	h := (uint64(addr) + uint64(space)<<56) * 0x9E3779B97F4A7C15
	return &raceCounters[h>>(64-raceCounterBits)]
}

// lockcounter returns the counter's value with the lock held.
//
//go:nosplit
func lockcounter(c *atomic.Uint64) uint64 {
	for i := 0; ; i++ {
		v := c.Load()
		if v&1 == 0 && c.CompareAndSwap(v, v|1) {
			return v
		}
		if i%64 < 60 {
			procyield(5)
		} else {
			osyield()
		}
	}
}

// raceop records a synchronization operation of gp, which is running it or is
// parked while the caller completes it for gp. Release operations call it
// before they take effect, acquire operations after.
//
//go:nosplit
func raceop(gp *g, op, space uint8, addr uintptr, slot, n uint32, pc uintptr) {
	if gp.racectx == 0 {
		return
	}
	raceopctx(gp, gp.racectx, op, space, addr, slot, n, pc)
}

//go:nosplit
func raceopctx(gp *g, ctx uintptr, op, space uint8, addr uintptr, slot, n uint32, pc uintptr) {
	pb := raceproce()
	if pb == nil {
		raceLostSync.Add(1)
		return
	}
	rs := (*racestate)(unsafe.Pointer(ctx))
	if gp == getg() {
		rs.lend(gp, pc, getcallerfp())
	} else {
		rs.cut(rs.own())
	}
	pb.begin(gp, rs, 4)
	addr &= rawAddrMask // some are hashes
	var c *atomic.Uint64
	v := pb.reserved
	pb.reserved = 0
	if v == 0 {
		c = racecounter(space, addr)
		v = lockcounter(c)
	}
	pb.put4(rawSync<<rawKindShift|uint64(addr),
		uint64(racepc(pc))<<32|uint64(op)<<8|uint64(space), uint64(slot)<<32|uint64(n), v>>1)
	if c != nil {
		c.Store(v + 2) // who comes next finds the record there: see racecutoff
	}
	switch op {
	case raceOpAcquire, raceOpRecvClosed, raceOpCondWake, raceOpIORead, raceOpDefaultSend, raceOpDefaultRecv:
		pb.acquired()
	default:
		pb.released()
	}
}

// raceplain is raceop for the hooks without a name space of their own. Inside
// RaceDisable they say nothing.
//
//go:nosplit
func raceplain(gp *g, op uint8, addr unsafe.Pointer, pc uintptr) {
	if gp.racectx == 0 || getg().raceignore != 0 {
		return
	}
	raceopctx(gp, gp.racectx, op, raceSpaceAddr, uintptr(addr), 0, 0, pc)
}

//go:nosplit
func raceacquire(addr unsafe.Pointer) {
	raceplain(getg(), raceOpAcquire, addr, sys.GetCallerPC())
}

//go:nosplit
func raceacquireg(gp *g, addr unsafe.Pointer) {
	raceplain(gp, raceOpAcquire, addr, sys.GetCallerPC())
}

// raceacquirectx is the start of a timer's function in the context ctx of its P
// or bubble. A firing comes after the timer's arming and nothing else, so each
// is a context of its own.
//
//go:nosplit
func raceacquirectx(ctx uintptr, addr unsafe.Pointer) {
	if ctx == 0 {
		return
	}
	gp := getg()
	rs := (*racestate)(unsafe.Pointer(ctx))
	if pb := raceproce(); pb != nil && rs.slices != 0 {
		pb.begin(gp, rs, 1)
		pb.put1(rawEnd << rawKindShift)
		rs.gid = racegids.Add(1)
		rs.slices, rs.proc = 0, 0
		rs.depth, rs.low, rs.mark, rs.same = 0, 0, 0, 0
	}
	raceopctx(gp, ctx, raceOpAcquire, raceSpaceAddr, uintptr(addr), 0, 0, sys.GetCallerPC())
}

//go:nosplit
func racerelease(addr unsafe.Pointer) {
	raceplain(getg(), raceOpRelease, addr, sys.GetCallerPC())
}

//go:nosplit
func racereleaseg(gp *g, addr unsafe.Pointer) {
	raceplain(gp, raceOpRelease, addr, sys.GetCallerPC())
}

//go:nosplit
func racereleaseacquire(addr unsafe.Pointer) {
	raceplain(getg(), raceOpReleaseAcquire, addr, sys.GetCallerPC())
}

//go:nosplit
func racereleaseacquireg(gp *g, addr unsafe.Pointer) {
	raceplain(gp, raceOpReleaseAcquire, addr, sys.GetCallerPC())
}

//go:nosplit
func racereleasemerge(addr unsafe.Pointer) {
	raceplain(getg(), raceOpReleaseMerge, addr, sys.GetCallerPC())
}

//go:nosplit
func racereleasemergeg(gp *g, addr unsafe.Pointer) {
	raceplain(gp, raceOpReleaseMerge, addr, sys.GetCallerPC())
}

// racefingo orders nothing: finalizers and cleanups come after their own
// SetFinalizer and AddCleanup, which edits of mfinal.go and mcleanup.go record.
//
//go:nosplit
func racefingo() {}

// The public interface: what user code and other packages of the standard
// library may call.

//go:nosplit
func RaceRead(addr unsafe.Pointer) {
	gp := getg()
	if gp.racectx != 0 {
		raceaccess(gp, rawRead, uintptr(addr), 1, sys.GetCallerPC(), 0)
	}
}

//go:nosplit
func RaceWrite(addr unsafe.Pointer) {
	gp := getg()
	if gp.racectx != 0 {
		raceaccess(gp, rawWrite, uintptr(addr), 1, sys.GetCallerPC(), 0)
	}
}

//go:nosplit
func RaceReadRange(addr unsafe.Pointer, len int) {
	gp := getg()
	if gp.racectx != 0 && len > 0 {
		raceaccess(gp, rawRead, uintptr(addr), uintptr(len), sys.GetCallerPC(), 0)
	}
}

//go:nosplit
func RaceWriteRange(addr unsafe.Pointer, len int) {
	gp := getg()
	if gp.racectx != 0 && len > 0 {
		raceaccess(gp, rawWrite, uintptr(addr), uintptr(len), sys.GetCallerPC(), 0)
	}
}

// RaceErrors is the number of races reported so far: none, the analysis comes later.
func RaceErrors() int { return 0 }

// RaceAcquire orders what follows after the RaceReleaseMerge calls on addr, back
// to the last RaceRelease.
//
//go:nosplit
func RaceAcquire(addr unsafe.Pointer) {
	raceplain(getg(), raceOpAcquire, addr, sys.GetCallerPC())
}

// RaceRelease orders what came before ahead of a later RaceAcquire on addr.
//
//go:nosplit
func RaceRelease(addr unsafe.Pointer) {
	raceplain(getg(), raceOpRelease, addr, sys.GetCallerPC())
}

// RaceReleaseMerge is RaceRelease that keeps earlier releases on addr.
//
//go:nosplit
func RaceReleaseMerge(addr unsafe.Pointer) {
	raceplain(getg(), raceOpReleaseMerge, addr, sys.GetCallerPC())
}

// RaceDisable makes the goroutine's synchronization unseen until RaceEnable.
// Calls nest. Memory accesses are still recorded.
//
//go:nosplit
func RaceDisable() { getg().raceignore++ }

// RaceEnable undoes one RaceDisable.
//
//go:nosplit
func RaceEnable() { getg().raceignore-- }

//go:linkname race_Read internal/race.Read
//go:nosplit
func race_Read(addr unsafe.Pointer) { racereadpc(addr, sys.GetCallerPC(), 0) }

//go:linkname race_Write internal/race.Write
//go:nosplit
func race_Write(addr unsafe.Pointer) { racewritepc(addr, sys.GetCallerPC(), 0) }

//go:linkname race_ReadRange internal/race.ReadRange
//go:nosplit
func race_ReadRange(addr unsafe.Pointer, len int) {
	racereadrangepc(addr, uintptr(len), sys.GetCallerPC(), 0)
}

//go:linkname race_WriteRange internal/race.WriteRange
//go:nosplit
func race_WriteRange(addr unsafe.Pointer, len int) {
	racewriterangepc(addr, uintptr(len), sys.GetCallerPC(), 0)
}

//go:linkname race_ReadObjectPC internal/race.ReadObjectPC
func race_ReadObjectPC(t *abi.Type, addr unsafe.Pointer, callerpc, pc uintptr) {
	raceReadObjectPC(t, addr, callerpc, pc)
}

//go:linkname race_WriteObjectPC internal/race.WriteObjectPC
func race_WriteObjectPC(t *abi.Type, addr unsafe.Pointer, callerpc, pc uintptr) {
	raceWriteObjectPC(t, addr, callerpc, pc)
}

//go:linkname race_ReadPC internal/race.ReadPC
func race_ReadPC(addr unsafe.Pointer, callerpc, pc uintptr) { racereadpc(addr, callerpc, pc) }

//go:linkname race_WritePC internal/race.WritePC
func race_WritePC(addr unsafe.Pointer, callerpc, pc uintptr) { racewritepc(addr, callerpc, pc) }

//go:linkname race_Errors internal/race.Errors
//go:nosplit
func race_Errors() int { return 0 }

//go:linkname race_Acquire internal/race.Acquire
//go:nosplit
func race_Acquire(addr unsafe.Pointer) {
	raceplain(getg(), raceOpAcquire, addr, sys.GetCallerPC())
}

//go:linkname race_Release internal/race.Release
//go:nosplit
func race_Release(addr unsafe.Pointer) {
	raceplain(getg(), raceOpRelease, addr, sys.GetCallerPC())
}

//go:linkname race_ReleaseMerge internal/race.ReleaseMerge
//go:nosplit
func race_ReleaseMerge(addr unsafe.Pointer) {
	raceplain(getg(), raceOpReleaseMerge, addr, sys.GetCallerPC())
}

//go:linkname race_Disable internal/race.Disable
//go:nosplit
func race_Disable() { RaceDisable() }

//go:linkname race_Enable internal/race.Enable
//go:nosplit
func race_Enable() { RaceEnable() }
