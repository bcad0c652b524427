// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race && !amd64

// What race_amd64.s and race_amd64.go say, for all other architectures. A change here is one there.

package runtime

import (
	"internal/runtime/sys"
	"unsafe"
)

//go:nosplit
func raceread(addr uintptr) {
	gp := getg()
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	if rs == nil || addr-gp.stack.lo < gp.stack.hi-gp.stack.lo {
		return
	}
	pc := sys.GetCallerPC()
	pb := (*raceproc)(unsafe.Pointer(rs.proc))
	if !pb.current(gp, rs) {
		raceaccess(gp, rawRead, addr, 1, pc, 0)
		return
	}
	if pb.seen(0, addr) {
		return
	}
	pb.unseen(rs, rawRead<<rawKindShift|addr, pc)
}

//go:nosplit
func racewrite(addr uintptr) {
	gp := getg()
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	if rs == nil || addr-gp.stack.lo < gp.stack.hi-gp.stack.lo {
		return
	}
	pc := sys.GetCallerPC()
	pb := (*raceproc)(unsafe.Pointer(rs.proc))
	if !pb.current(gp, rs) {
		raceaccess(gp, rawWrite, addr, 1, pc, 0)
		return
	}
	if pb.seen(1, addr) {
		return
	}
	pb.unseen(rs, rawWrite<<rawKindShift|addr, pc)
}

// unseen is the rest of raceread and racewrite: what is the kind and the address.
//
//go:nosplit
func (pb *raceproc) unseen(rs *racestate, what, pc uintptr) {
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

//go:nosplit
func racefuncenter(callpc uintptr) {
	gp := getg()
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	if rs == nil {
		return
	}
	off := uint32(gp.stack.hi - sys.GetCallerSP())
	d := rs.depth
	for d > 0 && rs.frame(d-1).off >= off {
		d--
	}
	if d < rs.low {
		rs.low = d
	}
	rs.depth = d
	if d == rs.size {
		systemstack(func() { rs.grow() })
	}
	rs.push(racepc(callpc), off)
}

//go:nosplit
func racefuncexit() {
	gp := getg()
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	if rs == nil {
		return
	}
	off := uint32(gp.stack.hi - sys.GetCallerSP())
	d := rs.depth
	for d > 0 && rs.frame(d-1).off >= off {
		d--
	}
	rs.depth = d
	if d < rs.low {
		rs.low = d
	}
}
