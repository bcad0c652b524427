// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// Windows: recordings that begin and end while the program runs.
//
// A happens-before path between two accesses uses only what happened between
// them. So a window is sound if everything in it is recorded, with whatever has
// a part in it: it begins and ends for all Ps at one moment, with the world
// stopped. What is to be done for each goroutine is done outside of that moment.
//
// It opens in two steps. First each goroutine gets a state, while the program
// goes on; from then on its hooks work, and what they record is thrown away. Then
// the world stops for a moment in which all that has been recorded is
// forgotten and the Ps begin anew. A state that is older than this begins
// anew with its next record (raceadopt).
//
// It closes in the opposite order: the world stops, and what comes later is thrown
// away; then the states are taken away, of two thousand goroutines at a time, each
// time with the world stopped, because a hook relies on its state.

package runtime

import (
	"internal/goarch"
	"internal/runtime/atomic"
	"unsafe"
)

var (
	racewindowsema  uint32  = 1 // held while a window opens or closes
	racewindows     uint32      // that have been opened; 0 in a recording that began with the process
	racewindowlimit int64       // bytes; 0: none
	racewindowerr   string      // what went wrong with the last
	racefreeprocs   uintptr     // *raceproc: those of windows that are closed; see raceFreeL
)

// racebatch is how many goroutines lose their state in one stop of the world.
const racebatch = 2_000

//go:linkname collect_windowStart github.com/hindsight-go/hindsight/collect.windowStart
func collect_windowStart(fd uintptr, limit int64) (err string) {
	semacquire(&racewindowsema)
	switch {
	case racewhole:
		err = "the whole process is recorded already: HINDSIGHT is set"
	case raceon:
		err = "a recording is going on already"
	case limit < 0:
		err = "the limit is negative"
	default:
		if racequeue.size.Load() > 0 {
			err = "the last recording is still being written"
			break
		}
		if racefd = racedupfd(fd); racefd < 0 {
			err = "cannot duplicate the descriptor; windows are recorded on linux"
			break
		}
		raceseekable = raceisfile(racefd)
		if err = racewindowopen(); err != "" {
			closefd(racefd)
		}
		racewindowlimit = limit
	}
	semrelease(&racewindowsema)
	return err
}

//go:linkname collect_windowStop github.com/hindsight-go/hindsight/collect.windowStop
func collect_windowStop() (bytes int64, err string) {
	semacquire(&racewindowsema)
	switch {
	case racewhole:
		err = "the whole process is recorded: HINDSIGHT is set"
	case racewindows == 0:
		err = "no recording has been started"
	default:
		if raceon {
			racewindowclose(raceByStop)
		}
		bytes, err = racewritten.Load(), racewindowerr
	}
	semrelease(&racewindowsema)
	return bytes, err
}

//go:linkname collect_windowStatus github.com/hindsight-go/hindsight/collect.windowStatus
func collect_windowStatus() (recording bool, bytes int64, err string) {
	return raceon && !racefrozen.Load(), racewritten.Load(), racewindowerr
}

// racefull reports whether the recording has reached its limit, with what is on
// its way to the file; or the file takes no more.
func racefull() bool {
	return racefailed.Load() != 0 || racewindowlimit != 0 && max(racewritten.Load(), int64(racechunks.Load())*raceChunk) >= racewindowlimit
}

// racesetlimit gives HINDSIGHT_LIMIT to a recording in a file: two windows share it.
func racesetlimit(bytes uint64) {
	if raceseekable {
		racewindowlimit = int64(max(bytes/2, 1))
	}
}

// racewindowfull ends a recording that is full, or has failed: then the program does without
// the hooks' cost. The keeper calls it. If the whole
// process was to be recorded, the next window goes on from there: its file takes the
// name, and this one, which is complete, is called FILE.old, in place of the one
// before it.
func racewindowfull() {
	semacquire(&racewindowsema)
	if raceon && racefull() {
		if racewhole && racefailed.Load() == 0 {
			racerename() // while it is locked, or another process might take it
		}
		racewindowclose(raceByLimit)
		if racewhole && racefailed.Load() == 0 && racereopen() {
			if err := racewindowopen(); err != "" {
				println("hindsight: not recording any more:", err)
				closefd(racefd)
			}
		}
	}
	semrelease(&racewindowsema)
}

// racewindowopen begins to record into racefd; it returns what prevents that. The
// caller holds racewindowsema.
func racewindowopen() string {
	racefrozen.Store(true)
	raceclosed.Store(false)
	racefailed.Store(0)
	racewritten.Store(0)
	racechunks.Store(0)
	racewindowerr = ""
	racesub.header = nil
	raceforgetio()
	racesetmode()
	raceinitsymbols()
	racemapvars()
	raceowns = true
	racefinished.Store(0)
	if err := racetrace(); err != nil {
		racefinished.Store(1)
		raceowns = false
		racefreesymbols()
		return "the program is being traced; that has to end first"
	}
	raceon = true // goroutines made from now on have a state
	all, n := atomicAllG()
	for i := range n {
		racegivestate(atomicAllGIndex(all, i))
	}
	stw := stopTheWorld(stwStartTrace)
	var before uint64
	systemstack(func() {
		racedetach()
		racewindows++
		for i := range raceCounters {
			raceCounters[i].Store(0)
		}
		raceLost.Store(0)
		raceLostSync.Store(0)
		before = racegids.Load()
		racefrozen.Store(false)
	})
	racenow()
	startTheWorld(stw)
	systemstack(func() {
		racefacts()
		raceproce().factint("window", int64(before))
	})
	return ""
}

// racegivestate gives a state to a goroutine that was there before the window.
// It may be running: its hooks see the state or not. It may end at any moment, or
// be made anew and so get another state, and then this one is lost.
func racegivestate(gp *g) {
	switch readgstatus(gp) &^ _Gscan {
	case _Gidle:
		return
	case _Gdead:
		if gp.lockedm == 0 {
			return // else C will call it
		}
	}
	if gp.racectx != 0 || isSystemGoroutine(gp, true) {
		return
	}
	rs := racenewstate()
	if !atomic.Casuintptr(&gp.racectx, 0, uintptr(unsafe.Pointer(rs))) {
		racefreestate(rs)
	}
}

// racedetach takes away the Ps' states, for a later window to use. The world is
// stopped.
func racedetach() {
	for _, pp := range allp {
		pp.raceprocctx = 0
	}
	raceFreeL.lock()
	for q := raceprocs.Load(); q != 0; {
		pb := (*raceproc)(unsafe.Pointer(q))
		q = pb.next
		pb.cur, pb.pp = 0, 0 // who was recorded there finds that it is not its place any more
		pb.next = racefreeprocs
		racefreeprocs = uintptr(unsafe.Pointer(pb))
	}
	raceprocs.Store(0)
	racestreams.Store(0)
	raceFreeL.unlock()
}

// racewindowclose ends a window. The caller holds racewindowsema.
func racewindowclose(reason uint64) {
	if !racefinished.CompareAndSwap(0, 1) {
		return // the process ends
	}
	racecollect() // or it would have to be done with the world stopped
	raceend1(reason)
	for i := 0; i >= 0; {
		stw := stopTheWorld(stwStartTrace)
		systemstack(func() { i = racetakestates(i) })
		startTheWorld(stw)
	}
	racetraceend()
	racefreesymbols()
	raceowns = false
	if racefailed.Load() != 0 {
		racewindowerr = "the recording could not be written"
	}
}

// racetakestates takes away the states of some of the goroutines, from number i
// of allgs on, and returns where to go on; with the last of them it takes away those of
// Ps and timers, and returns -1. The world is stopped.
func racetakestates(i int) int {
	end := min(i+racebatch, len(allgs))
	for _, gp := range allgs[i:end] {
		if gp.bubble != nil {
			gp.bubble.timers.raceCtx = 0
		}
		ctx := gp.racectx
		if ctx == 0 {
			continue
		}
		gp.racectx = 0
		// In a system call it may be about to use the state, without a P.
		if readgstatus(gp)&^_Gscan != _Gsyscall {
			racefreestate((*racestate)(unsafe.Pointer(ctx)))
		}
	}
	if end < len(allgs) {
		return end
	}
	for _, pp := range allp {
		if ctx := pp.timers.raceCtx; ctx != 0 {
			pp.timers.raceCtx = 0
			racefreestate((*racestate)(unsafe.Pointer(ctx)))
		}
	}
	racedetach()
	return -1
}

// racekept is a state that has been put aside, or 0 if its window is no longer the one
// that is open (an edit of mcleanup.go).
//
//go:nosplit
func racekept(ctx uintptr) uintptr {
	if ctx == 0 || !raceon || (*racestate)(unsafe.Pointer(ctx)).window != racewindows {
		return 0
	}
	return ctx
}

// raceadopt makes rs, which is older than the window, begin with it. gp is its
// goroutine or a g0.
//
//go:nosplit
func raceadopt(gp *g, rs *racestate) {
	rs.gp = uintptr(unsafe.Pointer(gp))
	systemstack(func() { rs.adopt() })
}

func (rs *racestate) adopt() {
	rs.window = racewindows
	rs.slices, rs.proc, rs.goid = 0, 0, 0
	rs.low, rs.mark, rs.same = 0, 0, 0
	if gp := (*g)(unsafe.Pointer(rs.gp)); gp.goid != 0 && racechosen == "" {
		rs.beneath(gp)
	}
}

// racechosen is not empty if only chosen packages have hooks. Then it is not
// known of a call found on a stack whether its end will be told.
var racechosen string

// beneath puts the calls that gp was in before its hooks worked beneath those
// that they have told of. They are found by frame pointers. gp has left its
// stack for the system's or is parked.
func (rs *racestate) beneath(gp *g) {
	known := uint32(raceLent)
	if rs.depth > 0 {
		known = rs.frame(0).off
	}
	const most = 1 << 16
	n := int32(0)
	for calls := racecallsof(gp); n < most && calls.next(); {
		if calls.off < known {
			n++
		}
	}
	for rs.depth+n > rs.size {
		rs.grow()
	}
	for i := rs.depth - 1; i >= 0; i-- {
		*rs.frame(i + n) = *rs.frame(i)
	}
	rs.depth += n
	for calls := racecallsof(gp); n > 0 && calls.next(); {
		if calls.off < known {
			n--
			*rs.frame(n) = raceframe{racepc(calls.pc), calls.off}
		}
	}
}

// racecalls goes through the calls on a goroutine's stack that its hooks would
// have told of, the innermost first.
type racecalls struct {
	lo, hi, fp uintptr
	pc         uintptr // where the call returns to
	off        uint32  // as in raceframe
}

func racecallsof(gp *g) racecalls {
	return racecalls{lo: gp.stack.lo, hi: gp.stack.hi, fp: gp.sched.bp}
}

// next goes to the next call and reports whether there is one.
func (c *racecalls) next() bool {
	for c.fp-c.lo < c.hi-c.lo-16 && c.fp%goarch.PtrSize == 0 {
		// The frame at fp was called by a function, in which ret is, from a frame at outer.
		ret, outer := *(*uintptr)(unsafe.Pointer(c.fp + 8)), *(*uintptr)(unsafe.Pointer(c.fp))
		if outer <= c.fp || outer-c.lo >= c.hi-c.lo-16 {
			return false
		}
		sp := c.fp + 16
		if goarch.ArchFamily == goarch.ARM64 {
			sp = outer + 8
		}
		c.fp = outer
		if pc := racepc(ret); pc != raceNoPC && !raceisruntime(pc) && !raceuntold(ret) {
			c.pc, c.off = *(*uintptr)(unsafe.Pointer(outer + 8)), uint32(c.hi-sp)
			return true
		}
	}
	return false
}
