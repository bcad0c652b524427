// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// What waits to be written. The reader puts what it gets from the tracer into a
// queue; the writer, a thread without a P, writes it to the file. So a slow disk
// or a pipe that nobody reads holds up nothing but the writer, and when too much
// waits, a hook may wait for it wherever it is: whatever lock or P the hook has, the
// writer needs none.

package runtime

import (
	"internal/runtime/atomic"
	"internal/runtime/sys"
	"unsafe"
)

const (
	raceQueueMost = 64 << 20 // bytes that wait before hooks do
	raceBlock     = 64 << 10 // bytes of a block, as many as the tracer's buffers have
	raceSpare     = 64       // blocks that are kept for later

	// How long the writer may make no progress, in nanoseconds, before
	// the recording is given up: while the program runs, and when it ends.
	racePatience    = 30e9
	raceEndPatience = 5e9
)

// raceblock is a part of the trace that waits.
type raceblock struct {
	_    sys.NotInHeap
	next uintptr // *raceblock
	n    int32   // bytes
	data [raceBlock]byte
}

var racequeue struct {
	lock       raceSpin
	head, tail uintptr      // *raceblock
	spare      uintptr      // *raceblock, for later
	spares     int32        // how many
	size       atomic.Int64 // bytes that wait
	writer     uintptr      // *m
	wake       note         // the writer sleeps while nothing waits,
	asleep     bool         // which this says
}

var (
	racewritten  atomic.Int64  // bytes in the file
	racefailed   atomic.Uint32 // the file takes no more
	raceseekable bool          // it is a file, not a pipe
	racedrop     bool          // HINDSIGHT_WHENSLOW=drop: accesses are left out while too much waits
)

// raceenqueue has the trace's next bytes written. The reader calls it.
func raceenqueue(buf []byte) {
	for len(buf) > 0 && racefailed.Load() == 0 {
		n := min(len(buf), raceBlock)
		systemstack(func() { raceenqueue1(unsafe.Pointer(&buf[0]), int32(n)) })
		buf = buf[n:]
	}
}

func raceenqueue1(p unsafe.Pointer, n int32) {
	q := &racequeue
	q.lock.lock()
	b := (*raceblock)(unsafe.Pointer(q.spare))
	if b != nil {
		q.spare = b.next
		q.spares--
	}
	q.lock.unlock()
	if b == nil {
		if b = (*raceblock)(sysAlloc(unsafe.Sizeof(raceblock{}), &memstats.other_sys, "race queue")); b == nil {
			throw("hindsight: out of memory")
		}
	}
	memmove(unsafe.Pointer(&b.data), p, uintptr(n))
	b.n, b.next = n, 0
	q.lock.lock()
	if racedying() {
		q.lock.unlock()
		return // racesave has it
	}
	if q.tail == 0 {
		q.head = uintptr(unsafe.Pointer(b))
	} else {
		(*raceblock)(unsafe.Pointer(q.tail)).next = uintptr(unsafe.Pointer(b))
	}
	q.tail = uintptr(unsafe.Pointer(b))
	q.size.Add(int64(n))
	wake := q.asleep
	q.asleep = false
	q.lock.unlock()
	if wake {
		notewakeup(&q.wake)
	}
}

// racewriter is the writer. It may not allocate, nor touch anything that needs a P.
//
//go:nowritebarrierrec
func racewriter() {
	q := &racequeue
	q.writer = uintptr(unsafe.Pointer(getg().m))
	racekeepwriting(false)
	lock(&sched.lock)
	sched.nmsys++
	checkdead()
	unlock(&sched.lock)
	for {
		if !racewritenext() {
			notesleep(&q.wake)
		}
	}
}

// racewritenext writes the block that has waited longest, and reports whether
// there is one; if not, the writer must sleep.
//
//go:nowritebarrierrec
func racewritenext() bool {
	q := &racequeue
	q.lock.lock()
	b := (*raceblock)(unsafe.Pointer(q.head))
	if b != nil {
		if q.head = b.next; q.head == 0 {
			q.tail = 0
		}
	} else {
		noteclear(&q.wake)
		q.asleep = true
	}
	q.lock.unlock()
	if b == nil {
		return false
	}
	racewrite1(unsafe.Pointer(&b.data), b.n)
	q.size.Add(-int64(b.n)) // after it has been written: 0 means that all has
	q.lock.lock()
	keep := q.spares < raceSpare
	if keep {
		b.next, q.spare = q.spare, uintptr(unsafe.Pointer(b))
		q.spares++
	}
	q.lock.unlock()
	if !keep {
		sysFree(unsafe.Pointer(b), unsafe.Sizeof(*b), &memstats.other_sys)
	}
	return true
}

// racewrite1 appends to the file, unless it has failed.
func racewrite1(p unsafe.Pointer, n int32) {
	for n > 0 && racefailed.Load() == 0 {
		m := write1(uintptr(racefd), p, n)
		switch {
		case m > 0:
			racewritten.Add(int64(m))
			p = unsafe.Pointer(uintptr(p) + uintptr(m))
			n -= m
		case m == -raceEINTR:
		case m == -raceEAGAIN:
			usleep(1000)
		default:
			racefailed.Store(1)
			println("hindsight: cannot write the recording (error", -m, "); the program goes on unrecorded")
		}
	}
}

// raceslow reports whether too much waits to be written.
func raceslow() bool { return racequeue.size.Load() > raceQueueMost }

// racehold holds up who records too fast for the disk. It needs nothing but time:
// the caller may have a P and locks, and is on the system stack. Where accesses
// are left out instead, only synchronization can make it necessary. The other end
// of a window's pipe may be a goroutine of this program, which does need a P: then
// a hook only slows down, so that its goroutine is preempted in turn.
//
//go:nowritebarrierrec
func racehold() {
	most := int64(raceQueueMost)
	if racedrop {
		most *= 4
	}
	w := racewaiting()
	for racequeue.size.Load() > most && !racedying() && w.hopeful() {
		usleep(200)
		if !racewhole && !raceseekable {
			break
		}
	}
}

// racewaiter is somebody who waits for the writer.
type racewaiter struct{ since, written int64 }

func racewaiting() racewaiter { return racewaiter{nanotime(), racewritten.Load()} }

// hopeful reports whether the writer still writes. If it has written nothing for
// too long, the recording is given up.
func (w *racewaiter) hopeful() bool {
	if racefailed.Load() != 0 {
		return false
	}
	patience := int64(racePatience)
	if racefinished.Load() != 0 || racedying() {
		patience = raceEndPatience
	}
	now, written := nanotime(), racewritten.Load()
	if written != w.written {
		w.since, w.written = now, written
	} else if now-w.since > patience && racefailed.CompareAndSwap(0, 1) {
		// Without print's lock, which who dies may have.
		writeErrStr("hindsight: the recording cannot be written: nobody reads it, or the disk has stalled; the program goes on unrecorded\n")
		return false
	}
	return true
}

// racedrain returns true when all has been written, false if that does not
// happen. Wait lets some time pass.
func racedrain(wait func()) bool {
	for w := racewaiting(); racequeue.size.Load() > 0; wait() {
		if !w.hopeful() {
			return false
		}
	}
	return true
}

// racenap sleeps without holding up the P.
//
//go:nosplit
func racenap() {
	entersyscall()
	usleep(500)
	exitsyscall()
}

// racerawwrite appends to the file when the process is dying and the writer has
// nothing to do.
func racerawwrite(p unsafe.Pointer, n int32) {
	for n > 0 && racefailed.Load() == 0 {
		most := n
		if !raceseekable {
			// What a pipe takes at once when it takes anything.
			if most = min(n, 4096); !racewritable() {
				racefailed.Store(1)
				return
			}
		}
		m := write1(uintptr(racefd), p, most)
		if m <= 0 {
			if m == -raceEINTR || m == -raceEAGAIN {
				continue
			}
			return
		}
		racewritten.Add(int64(m))
		p = unsafe.Pointer(uintptr(p) + uintptr(m))
		n -= m
	}
}
