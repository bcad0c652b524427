// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// The functions of sync/atomic. An operation and its number are taken together
// under the lock of the object's counter, so that the numbers are the order in
// which the operations happened.
//
// The exported names belong to sync/atomic and so may be preempted by a signal:
// they only call raceatomic32 and raceatomic64, which may not.

package runtime

import (
	"internal/runtime/atomic"
	"internal/runtime/sys"
	"unsafe"
)

const (
	raceLoad = iota
	raceStore
	raceSwap
	raceAdd
	raceAnd
	raceOr
	raceCAS
)

// raceinpointer reports whether pc is in one of the pointer operations, which
// the runtime writes in terms of those on uintptr: then their caller is to blame.
//
//go:nosplit
func raceinpointer(pc uintptr) bool {
	return pc-racestorepc < 512 || pc-raceswappc < 512 || pc-racecaspc < 512
}

// Starts of the runtime's pointer operations; set when recording starts.
var racestorepc, raceswappc, racecaspc uintptr

// raceatomicput records an atomic operation and lets go of its counter.
//
//go:nosplit
func raceatomicput(gp *g, pb *raceproc, addr, size uintptr, kind uint64, c *atomic.Uint64, v uint64, pc uintptr) {
	pb.put3(rawAtomic<<rawKindShift|uint64(addr)&rawAddrMask, uint64(racepc(pc))<<32|kind<<8|uint64(size), v>>1)
	c.Store(v + 2) // behind the record: see racecutoff
	if kind == raceAtomicLoad || kind == raceAtomicCASFail {
		pb.acquired()
	} else {
		pb.released()
	}
}

//go:nosplit
//go:noinline
func raceatomic32(addr *uint32, op int, a, b uint32, pc uintptr) (uint32, bool) {
	gp := getg()
	var pb *raceproc
	if gp.racectx != 0 && gp.raceignore == 0 && !racecovered(unsafe.Pointer(addr)) {
		pb = raceproce()
	}
	if pb == nil {
		return racedo32(addr, op, a, b)
	}
	_ = *(*uint8)(unsafe.Pointer(addr)) // a fault must not find the counter locked
	if raceinpointer(pc) {
		fp := *(*uintptr)(unsafe.Pointer(getcallerfp())) // of the pointer operation
		pc = *(*uintptr)(unsafe.Pointer(fp + 8))
	}
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	rs.lend(gp, pc, getcallerfp())
	pb.begin(gp, rs, 3)
	c := racecounter(raceSpaceAddr, uintptr(unsafe.Pointer(addr)))
	v := lockcounter(c)
	r, ok := racedo32(addr, op, a, b)
	raceatomicput(gp, pb, uintptr(unsafe.Pointer(addr)), 4, racekind(op, ok), c, v, pc)
	return r, ok
}

//go:nosplit
//go:noinline
func raceatomic64(addr *uint64, op int, a, b uint64, pc uintptr) (uint64, bool) {
	gp := getg()
	var pb *raceproc
	if gp.racectx != 0 && gp.raceignore == 0 && !racecovered(unsafe.Pointer(addr)) {
		pb = raceproce()
	}
	if pb == nil {
		return racedo64(addr, op, a, b)
	}
	_ = *(*uint8)(unsafe.Pointer(addr))
	if raceinpointer(pc) {
		fp := *(*uintptr)(unsafe.Pointer(getcallerfp())) // of the pointer operation
		pc = *(*uintptr)(unsafe.Pointer(fp + 8))
	}
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	rs.lend(gp, pc, getcallerfp())
	pb.begin(gp, rs, 3)
	c := racecounter(raceSpaceAddr, uintptr(unsafe.Pointer(addr)))
	v := lockcounter(c)
	r, ok := racedo64(addr, op, a, b)
	raceatomicput(gp, pb, uintptr(unsafe.Pointer(addr)), 8, racekind(op, ok), c, v, pc)
	return r, ok
}

// racelock is Mutex.Lock's attempt on a free mutex, raceunlock the first step of Unlock,
// at pc: the atomic operation and the acquire or release beside it, which have the same
// address and so the same counter, are one record.
//
//go:nosplit
//go:noinline
func racelock(state *uint32, pc uintptr) bool {
	gp := getg()
	pb := racebeginmutex(gp, state, pc, getcallerfp())
	if pb == nil {
		return atomic.Cas(state, 0, 1)
	}
	c := racecounter(raceSpaceAddr, uintptr(unsafe.Pointer(state)))
	v := lockcounter(c)
	if !atomic.Cas(state, 0, 1) {
		raceatomicput(gp, pb, uintptr(unsafe.Pointer(state)), 4, raceAtomicCASFail, c, v, pc)
		return false
	}
	pb.putmutex(rawLock, state, c, v, pc)
	return true
}

//go:nosplit
//go:noinline
func raceunlock(state *uint32, pc uintptr) uint32 {
	pb := racebeginmutex(getg(), state, pc, getcallerfp())
	if pb == nil {
		return atomic.Xadd(state, -1)
	}
	c := racecounter(raceSpaceAddr, uintptr(unsafe.Pointer(state)))
	v := lockcounter(c)
	r := atomic.Xadd(state, -1)
	pb.putmutex(rawUnlock, state, c, v, pc)
	return r
}

// racebeginmutex makes room for the record. It returns nil if none is to be made.
//
//go:nosplit
func racebeginmutex(gp *g, state *uint32, pc, fp uintptr) *raceproc {
	if gp.racectx == 0 || gp.raceignore != 0 {
		return nil
	}
	pb := raceproce()
	if pb == nil {
		raceLostSync.Add(1)
		return nil
	}
	_ = *(*uint8)(unsafe.Pointer(state)) // a fault must not find the counter locked
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	rs.lend(gp, pc, fp)
	pb.begin(gp, rs, 3)
	return pb
}

// putmutex records it, with two numbers, and lets go of the counter.
//
//go:nosplit
func (pb *raceproc) putmutex(kind uint64, state *uint32, c *atomic.Uint64, v uint64, pc uintptr) {
	pb.put3(kind<<rawKindShift|uint64(uintptr(unsafe.Pointer(state)))&rawAddrMask, uint64(racepc(pc))<<32, v>>1)
	c.Store(v + 4) // behind the record: see racecutoff
	pb.released()
}

//go:linkname race_sync_lock internal/sync.raceLock
//go:nosplit
func race_sync_lock(state *int32) bool {
	return racelock((*uint32)(unsafe.Pointer(state)), sys.GetCallerPC())
}

//go:linkname race_sync_unlock internal/sync.raceUnlock
//go:nosplit
func race_sync_unlock(state *int32) int32 {
	return int32(raceunlock((*uint32)(unsafe.Pointer(state)), sys.GetCallerPC()))
}

// racecovered reports whether addr is a counter of the coverage tool, whose
// operations are not the program's and order nothing.
//
//go:nosplit
func racecovered(addr unsafe.Pointer) bool {
	return uintptr(addr)-firstmoduledata.covctrs < firstmoduledata.ecovctrs-firstmoduledata.covctrs
}

//go:nosplit
func racekind(op int, ok bool) uint64 {
	switch {
	case op == raceLoad:
		return raceAtomicLoad
	case op == raceStore:
		return raceAtomicStore
	case !ok:
		return raceAtomicCASFail
	}
	return raceAtomicRMW
}

//go:nosplit
func racedo32(addr *uint32, op int, a, b uint32) (uint32, bool) {
	switch op {
	case raceLoad:
		return atomic.Load(addr), true
	case raceStore:
		atomic.Store(addr, a)
		return 0, true
	case raceSwap:
		return atomic.Xchg(addr, a), true
	case raceAdd:
		return atomic.Xadd(addr, int32(a)), true
	case raceAnd:
		return atomic.And32(addr, a), true
	case raceOr:
		return atomic.Or32(addr, a), true
	}
	return 0, atomic.Cas(addr, a, b)
}

//go:nosplit
func racedo64(addr *uint64, op int, a, b uint64) (uint64, bool) {
	switch op {
	case raceLoad:
		return atomic.Load64(addr), true
	case raceStore:
		atomic.Store64(addr, a)
		return 0, true
	case raceSwap:
		return atomic.Xchg64(addr, a), true
	case raceAdd:
		return atomic.Xadd64(addr, int64(a)), true
	case raceAnd:
		return atomic.And64(addr, a), true
	case raceOr:
		return atomic.Or64(addr, a), true
	}
	return 0, atomic.Cas64(addr, a, b)
}

//go:linkname race_atomic_LoadInt32 sync/atomic.LoadInt32
//go:nosplit
func race_atomic_LoadInt32(addr *int32) int32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceLoad, 0, 0, sys.GetCallerPC())
	return int32(r)
}

//go:linkname race_atomic_LoadUint32 sync/atomic.LoadUint32
//go:nosplit
func race_atomic_LoadUint32(addr *uint32) uint32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceLoad, 0, 0, sys.GetCallerPC())
	return uint32(r)
}

//go:linkname race_atomic_LoadInt64 sync/atomic.LoadInt64
//go:nosplit
func race_atomic_LoadInt64(addr *int64) int64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceLoad, 0, 0, sys.GetCallerPC())
	return int64(r)
}

//go:linkname race_atomic_LoadUint64 sync/atomic.LoadUint64
//go:nosplit
func race_atomic_LoadUint64(addr *uint64) uint64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceLoad, 0, 0, sys.GetCallerPC())
	return uint64(r)
}

//go:linkname race_atomic_LoadUintptr sync/atomic.LoadUintptr
//go:nosplit
func race_atomic_LoadUintptr(addr *uintptr) uintptr {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceLoad, 0, 0, sys.GetCallerPC())
	return uintptr(r)
}

//go:linkname race_atomic_LoadPointer sync/atomic.LoadPointer
//go:nosplit
func race_atomic_LoadPointer(addr *unsafe.Pointer) unsafe.Pointer {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceLoad, 0, 0, sys.GetCallerPC())
	return *(*unsafe.Pointer)(unsafe.Pointer(&r))
}

//go:linkname race_atomic_StoreInt32 sync/atomic.StoreInt32
//go:nosplit
func race_atomic_StoreInt32(addr *int32, val int32) {
	raceatomic32((*uint32)(unsafe.Pointer(addr)), raceStore, uint32(val), 0, sys.GetCallerPC())
}

//go:linkname race_atomic_StoreUint32 sync/atomic.StoreUint32
//go:nosplit
func race_atomic_StoreUint32(addr *uint32, val uint32) {
	raceatomic32((*uint32)(unsafe.Pointer(addr)), raceStore, uint32(val), 0, sys.GetCallerPC())
}

//go:linkname race_atomic_StoreInt64 sync/atomic.StoreInt64
//go:nosplit
func race_atomic_StoreInt64(addr *int64, val int64) {
	raceatomic64((*uint64)(unsafe.Pointer(addr)), raceStore, uint64(val), 0, sys.GetCallerPC())
}

//go:linkname race_atomic_StoreUint64 sync/atomic.StoreUint64
//go:nosplit
func race_atomic_StoreUint64(addr *uint64, val uint64) {
	raceatomic64((*uint64)(unsafe.Pointer(addr)), raceStore, uint64(val), 0, sys.GetCallerPC())
}

//go:linkname race_atomic_StoreUintptr sync/atomic.StoreUintptr
//go:nosplit
func race_atomic_StoreUintptr(addr *uintptr, val uintptr) {
	raceatomic64((*uint64)(unsafe.Pointer(addr)), raceStore, uint64(val), 0, sys.GetCallerPC())
}

//go:linkname race_atomic_SwapInt32 sync/atomic.SwapInt32
//go:nosplit
func race_atomic_SwapInt32(addr *int32, val int32) int32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceSwap, uint32(val), 0, sys.GetCallerPC())
	return int32(r)
}

//go:linkname race_atomic_SwapUint32 sync/atomic.SwapUint32
//go:nosplit
func race_atomic_SwapUint32(addr *uint32, val uint32) uint32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceSwap, uint32(val), 0, sys.GetCallerPC())
	return uint32(r)
}

//go:linkname race_atomic_SwapInt64 sync/atomic.SwapInt64
//go:nosplit
func race_atomic_SwapInt64(addr *int64, val int64) int64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceSwap, uint64(val), 0, sys.GetCallerPC())
	return int64(r)
}

//go:linkname race_atomic_SwapUint64 sync/atomic.SwapUint64
//go:nosplit
func race_atomic_SwapUint64(addr *uint64, val uint64) uint64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceSwap, uint64(val), 0, sys.GetCallerPC())
	return uint64(r)
}

//go:linkname race_atomic_SwapUintptr sync/atomic.SwapUintptr
//go:nosplit
func race_atomic_SwapUintptr(addr *uintptr, val uintptr) uintptr {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceSwap, uint64(val), 0, sys.GetCallerPC())
	return uintptr(r)
}

//go:linkname race_atomic_AddInt32 sync/atomic.AddInt32
//go:nosplit
func race_atomic_AddInt32(addr *int32, val int32) int32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceAdd, uint32(val), 0, sys.GetCallerPC())
	return int32(r)
}

//go:linkname race_atomic_AddUint32 sync/atomic.AddUint32
//go:nosplit
func race_atomic_AddUint32(addr *uint32, val uint32) uint32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceAdd, uint32(val), 0, sys.GetCallerPC())
	return uint32(r)
}

//go:linkname race_atomic_AddInt64 sync/atomic.AddInt64
//go:nosplit
func race_atomic_AddInt64(addr *int64, val int64) int64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceAdd, uint64(val), 0, sys.GetCallerPC())
	return int64(r)
}

//go:linkname race_atomic_AddUint64 sync/atomic.AddUint64
//go:nosplit
func race_atomic_AddUint64(addr *uint64, val uint64) uint64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceAdd, uint64(val), 0, sys.GetCallerPC())
	return uint64(r)
}

//go:linkname race_atomic_AddUintptr sync/atomic.AddUintptr
//go:nosplit
func race_atomic_AddUintptr(addr *uintptr, val uintptr) uintptr {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceAdd, uint64(val), 0, sys.GetCallerPC())
	return uintptr(r)
}

//go:linkname race_atomic_AndInt32 sync/atomic.AndInt32
//go:nosplit
func race_atomic_AndInt32(addr *int32, val int32) int32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceAnd, uint32(val), 0, sys.GetCallerPC())
	return int32(r)
}

//go:linkname race_atomic_AndUint32 sync/atomic.AndUint32
//go:nosplit
func race_atomic_AndUint32(addr *uint32, val uint32) uint32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceAnd, uint32(val), 0, sys.GetCallerPC())
	return uint32(r)
}

//go:linkname race_atomic_AndInt64 sync/atomic.AndInt64
//go:nosplit
func race_atomic_AndInt64(addr *int64, val int64) int64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceAnd, uint64(val), 0, sys.GetCallerPC())
	return int64(r)
}

//go:linkname race_atomic_AndUint64 sync/atomic.AndUint64
//go:nosplit
func race_atomic_AndUint64(addr *uint64, val uint64) uint64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceAnd, uint64(val), 0, sys.GetCallerPC())
	return uint64(r)
}

//go:linkname race_atomic_AndUintptr sync/atomic.AndUintptr
//go:nosplit
func race_atomic_AndUintptr(addr *uintptr, val uintptr) uintptr {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceAnd, uint64(val), 0, sys.GetCallerPC())
	return uintptr(r)
}

//go:linkname race_atomic_OrInt32 sync/atomic.OrInt32
//go:nosplit
func race_atomic_OrInt32(addr *int32, val int32) int32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceOr, uint32(val), 0, sys.GetCallerPC())
	return int32(r)
}

//go:linkname race_atomic_OrUint32 sync/atomic.OrUint32
//go:nosplit
func race_atomic_OrUint32(addr *uint32, val uint32) uint32 {
	r, _ := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceOr, uint32(val), 0, sys.GetCallerPC())
	return uint32(r)
}

//go:linkname race_atomic_OrInt64 sync/atomic.OrInt64
//go:nosplit
func race_atomic_OrInt64(addr *int64, val int64) int64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceOr, uint64(val), 0, sys.GetCallerPC())
	return int64(r)
}

//go:linkname race_atomic_OrUint64 sync/atomic.OrUint64
//go:nosplit
func race_atomic_OrUint64(addr *uint64, val uint64) uint64 {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceOr, uint64(val), 0, sys.GetCallerPC())
	return uint64(r)
}

//go:linkname race_atomic_OrUintptr sync/atomic.OrUintptr
//go:nosplit
func race_atomic_OrUintptr(addr *uintptr, val uintptr) uintptr {
	r, _ := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceOr, uint64(val), 0, sys.GetCallerPC())
	return uintptr(r)
}

//go:linkname race_atomic_CompareAndSwapInt32 sync/atomic.CompareAndSwapInt32
//go:nosplit
func race_atomic_CompareAndSwapInt32(addr *int32, old, new int32) bool {
	_, ok := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceCAS, uint32(old), uint32(new), sys.GetCallerPC())
	return ok
}

//go:linkname race_atomic_CompareAndSwapUint32 sync/atomic.CompareAndSwapUint32
//go:nosplit
func race_atomic_CompareAndSwapUint32(addr *uint32, old, new uint32) bool {
	_, ok := raceatomic32((*uint32)(unsafe.Pointer(addr)), raceCAS, uint32(old), uint32(new), sys.GetCallerPC())
	return ok
}

//go:linkname race_atomic_CompareAndSwapInt64 sync/atomic.CompareAndSwapInt64
//go:nosplit
func race_atomic_CompareAndSwapInt64(addr *int64, old, new int64) bool {
	_, ok := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceCAS, uint64(old), uint64(new), sys.GetCallerPC())
	return ok
}

//go:linkname race_atomic_CompareAndSwapUint64 sync/atomic.CompareAndSwapUint64
//go:nosplit
func race_atomic_CompareAndSwapUint64(addr *uint64, old, new uint64) bool {
	_, ok := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceCAS, uint64(old), uint64(new), sys.GetCallerPC())
	return ok
}

//go:linkname race_atomic_CompareAndSwapUintptr sync/atomic.CompareAndSwapUintptr
//go:nosplit
func race_atomic_CompareAndSwapUintptr(addr *uintptr, old, new uintptr) bool {
	_, ok := raceatomic64((*uint64)(unsafe.Pointer(addr)), raceCAS, uint64(old), uint64(new), sys.GetCallerPC())
	return ok
}
