// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// What race_amd64.s leaves to Go. It jumps here, so the caller's pc and SP are
// those of the instrumented code.

package runtime

import (
	"internal/runtime/sys"
	"unsafe"
)

func raceread(addr uintptr)
func racewrite(addr uintptr)
func racefuncenter(callpc uintptr)
func racefuncexit()

// raceunseen is for an access that the filter does not know: what is its kind and
// address. It is raceproc.unseen of race_portable.go, which cannot be shared: that
// has more arguments, and another call costs what the assembly saves.
//
//go:nosplit
func raceunseen(what uintptr) {
	rs := (*racestate)(unsafe.Pointer(getg().racectx))
	pb := (*raceproc)(unsafe.Pointer(rs.proc))
	pc := sys.GetCallerPC()
	addr := what & rawAddrMask
	if r := pb.running(pc); r.continues(addr, pc) && r.goeson(pb, rs, addr) {
		return
	}
	if pb.sites == 0 {
		if what>>rawKindShift == rawRead && pb.seen(1, addr) {
			return // written in this epoch
		}
		pb.see(what>>rawKindShift&1, addr)
	} else if pb.recorded(what, 1, pc) {
		return
	}
	rs.cut(rs.own())
	pb.access(rs, what, 1, pc)
}

// raceelsewhere is for an access where the filter has not been asked, which may be
// one of the stack: what is its kind and address.
//
//go:nosplit
func raceelsewhere(what uintptr) {
	raceaccess(getg(), uint64(what>>rawKindShift), what&rawAddrMask, 1, sys.GetCallerPC(), 0)
}

// raceoverflow is racefuncenter where the shadow stack, which has been cut, is full.
//
//go:nosplit
func raceoverflow(callpc uintptr) {
	gp := getg()
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	systemstack(func() { rs.grow() })
	rs.push(racepc(callpc), uint32(gp.stack.hi-sys.GetCallerSP()))
}
