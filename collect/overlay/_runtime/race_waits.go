// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// Who waits when the recording ends, for what, and where. Nothing is recorded
// when a goroutine begins to wait: almost all are woken again. At the end the
// runtime knows who is left: a parked goroutine's sudogs are its channels, and
// its racestate has the address of the semaphore or of the Cond.

package runtime

import (
	"internal/stringslite"
	"unsafe"
)

// racewaitsat remembers where the current goroutine is about to park: at a
// semaphore of a primitive, or at a Cond's list.
//
//go:nosplit
func racewaitsat(at unsafe.Pointer) {
	if rs := (*racestate)(unsafe.Pointer(getg().racectx)); rs != nil {
		rs.wait = uintptr(at)
	}
}

// waits records of each goroutine that waits what it waits for, as the last
// that it does. All that was recorded before has been encoded. It runs on the
// system stack with the world stopped; or when the process dies, and then what
// still runs is held by its next record (see racesave).
//
//go:nowritebarrierrec
func (pb *raceproc) waits() {
	forEachGRace(func(gp *g) {
		if gp.racectx != 0 && readgstatus(gp)&^_Gscan != _Gdead {
			pb.waiting(gp)
		}
	})
	pb.spill(true)
}

// waiting records what gp waits for. If it is nothing that another goroutine
// would do, it may go on by itself: that need be said only of one that has not
// been heard of.
func (pb *raceproc) waiting(gp *g) {
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	op, space, addr := racewaitsfor(gp, rs)
	switch op {
	case raceOpGoesOn:
		if rs.slices == 0 {
			pb.resume(gp, rs)
			pb.wait(gp, rs, op, space, addr, 0)
		}
	case raceOpWaitSend, raceOpWaitRecv:
		pb.resume(gp, rs)
		for sg := gp.waiting; sg != nil; sg = sg.waitlink {
			if sg.isSelect {
				op = raceOpWaitRecv
				if sg.ticket != 0 {
					op = raceOpWaitSend
				}
			}
			pb.wait(gp, rs, op, space, racechanof(sg), uintptr(sg.acquiretime))
		}
	default:
		pb.resume(gp, rs)
		pc := rs.pushparked(gp, op == raceOpWaitForever)
		pb.wait(gp, rs, op, space, addr, pc)
	}
}

// racewaitsfor says what gp waits for, and where if that is not a channel.
func racewaitsfor(gp *g, rs *racestate) (op, space uint8, addr uintptr) {
	if readgstatus(gp)&^_Gscan != _Gwaiting {
		return raceOpGoesOn, raceSpaceAddr, 0
	}
	switch gp.waitreason {
	case waitReasonChanSendNilChan, waitReasonChanReceiveNilChan, waitReasonSelectNoCases:
		return raceOpWaitForever, raceSpaceChan, 0
	case waitReasonChanSend, waitReasonSynctestChanSend:
		op = raceOpWaitSend
	case waitReasonChanReceive, waitReasonSynctestChanReceive, waitReasonSelect, waitReasonSynctestSelect:
		op = raceOpWaitRecv
	case waitReasonSyncMutexLock:
		return raceOpWaitMutex, raceSpaceAddr, rs.wait
	case waitReasonSyncRWMutexRLock:
		return raceOpWaitWriter, raceSpaceAddr, rs.wait
	case waitReasonSyncRWMutexLock:
		return raceOpWaitReaders, raceSpaceAddr, rs.wait
	case waitReasonSyncWaitGroupWait, waitReasonSynctestWaitGroupWait:
		return raceOpWaitGroup, raceSpaceAddr, rs.wait
	case waitReasonSyncCondWait:
		return raceOpWaitCond, raceSpaceCond, rs.wait
	default: // asleep, or waiting for the outside world
		return raceOpGoesOn, raceSpaceAddr, 0
	}
	if gp.param != nil {
		return raceOpGoesOn, raceSpaceAddr, 0 // its partner is about to wake it
	}
	if gp.waiting == nil {
		return raceOpWaitForever, raceSpaceChan, 0 // a select of nil channels
	}
	for sg := gp.waiting; sg != nil; sg = sg.waitlink {
		if c := (*hchan)(unsafe.Pointer(racechanof(sg))); c == nil || c.timer != nil {
			return raceOpGoesOn, raceSpaceAddr, 0 // time will wake it
		}
	}
	return op, raceSpaceChan, 0
}

// racechanof is the channel at which sg waits. The field's type differs between
// versions of Go; it begins with the pointer.
func racechanof(sg *sudog) uintptr { return *(*uintptr)(unsafe.Pointer(&sg.c)) }

// resume begins a slice of gp's, which does not run.
func (pb *raceproc) resume(gp *g, rs *racestate) {
	if pb.n+4 > raceWords {
		pb.spill(false)
	}
	pb.tellcycle()
	pb.newslice(gp, rs)
}

// wait records one thing that gp waits for. It has no order number.
func (pb *raceproc) wait(gp *g, rs *racestate, op, space uint8, addr, pc uintptr) {
	pb.begin(gp, rs, 4)
	pb.put4(rawSync<<rawKindShift|uint64(addr), uint64(racepc(pc))<<32|uint64(op)<<8|uint64(space), 0, 0)
}

// pushparked puts the calls on the shadow stack that do not tell of themselves,
// from where gp is parked up to the first that does, and returns the pc of the
// innermost outside the runtime. If the runtime's own caller is wanted, which
// tells a nil channel from a select without cases, it is that.
func (rs *racestate) pushparked(gp *g, runtime bool) uintptr {
	const most = 12
	var pcs [most]uintptr
	n, own := 0, 0 // calls found; of these the runtime's
	fp, lo, size := gp.sched.bp, gp.stack.lo, gp.stack.hi-gp.stack.lo-16
	for n < most && fp-lo < size {
		pc := *(*uintptr)(unsafe.Pointer(fp + 8))
		fp = *(*uintptr)(unsafe.Pointer(fp))
		pcs[n] = pc
		n++
		if raceparks(pc) {
			own = n
		} else if !raceuntold(pc) {
			break
		}
	}
	if runtime && own > 0 {
		own--
	}
	if own >= n {
		return 0
	}
	rs.cut(rs.own())
	for i := n - 1; i > own; i-- {
		if rs.depth == rs.size {
			rs.grow()
		}
		rs.push(racepc(pcs[i]), raceLent)
	}
	return pcs[own]
}

// raceparks reports whether pc is in a function of the runtime, by whatever
// package's name.
func raceparks(pc uintptr) bool {
	fi := findfunc(pc - 1)
	if !fi.valid() {
		return false
	}
	name := funcname(fi)
	return stringslite.HasPrefix(name, "runtime.") || stringslite.HasPrefix(name, "sync.runtime_") ||
		stringslite.HasPrefix(name, "internal/sync.runtime_")
}
