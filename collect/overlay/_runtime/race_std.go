// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// What the edited files of the runtime and of the standard library call: hooks
// that know the primitive and its object, where the race detector's own hooks
// only know an address. The edits are in collect/overlay/edits_*.go.
//
// A hook that gives an order number runs where the primitive's own lock or the
// order of its steps protects it: a release before anyone can see its effect,
// an acquire after the effect was seen.

package runtime

import (
	"internal/abi"
	"internal/runtime/atomic"
	"internal/runtime/gc"
	"internal/runtime/sys"
	"internal/trace/tracev2"
	"unsafe"
)

// Channels. All of these but racechanmisuse run with c.lock held. A parked
// goroutine's operation is done by its partner; the pc of the statement where
// it parked is in the field acquiretime of its sudog, which channels do not
// otherwise use (semacquire1 sets it anew).

//go:nosplit
func racechanop(gp *g, op uint8, c *hchan, slot uint, pc uintptr) {
	raceop(gp, op, raceSpaceChan, uintptr(unsafe.Pointer(c)), uint32(slot), uint32(c.dataqsiz), pc)
}

// racechansg is racechanop for the parked goroutine of sg.
//
//go:nosplit
func racechansg(sg *sudog, op uint8, c *hchan, slot uint) {
	racechanop(sg.g, op, c, slot, uintptr(sg.acquiretime))
}

// racechansend: the current goroutine sends to sg, which waits to receive. A
// buffer is empty then, and the element passes through slot recvx.
//
//go:nosplit
func racechansend(c *hchan, sg *sudog, pc uintptr) {
	gp := getg()
	if racehalf(c, gp, sg) {
		return
	}
	second := racereserve(c, gp, sg)
	racechanop(gp, raceOpSend, c, c.recvx, pc)
	second.next()
	racechansg(sg, raceOpRecv, c, c.recvx)
}

// racehalf reports whether c has no buffer and one of the two is a goroutine of
// the runtime's own, such as that which os/signal talks to: half of an exchange
// could not be replayed.
//
//go:nosplit
func racehalf(c *hchan, gp *g, sg *sudog) bool {
	return c.dataqsiz == 0 && (gp.racectx == 0) != (sg.g.racectx == 0)
}

// racereserved are the numbers of a send and its receive.
type racereserved struct {
	pb    *raceproc
	value uint64 // of the counter, for the second, bit 0 set
}

// racereserve takes the numbers of the two operations that gp and sg do next on
// c, if c has no buffer: they must follow each other, and others may use the
// counter without c.lock.
//
//go:nosplit
func racereserve(c *hchan, gp *g, sg *sudog) (r racereserved) {
	pb := raceproce()
	if c.dataqsiz != 0 || gp.racectx == 0 || sg.g.racectx == 0 || pb == nil {
		return
	}
	counter := racecounter(raceSpaceChan, uintptr(unsafe.Pointer(c)))
	v := lockcounter(counter)
	counter.Store(v + 4)
	pb.reserved = v | 1
	return racereserved{pb, v + 2 | 1}
}

// next gives the second operation its number.
//
//go:nosplit
func (r racereserved) next() {
	if r.pb != nil {
		r.pb.reserved = r.value
	}
}

// racechanrecv: the current goroutine receives, and sg waits to send. A buffer
// is full then: the receiver empties slot recvx, which the sender fills.
//
//go:nosplit
func racechanrecv(c *hchan, sg *sudog, pc uintptr) {
	gp := getg()
	if racehalf(c, gp, sg) {
		return
	}
	if c.dataqsiz == 0 {
		second := racereserve(c, gp, sg)
		racechansg(sg, raceOpSend, c, 0)
		second.next()
		racechanop(gp, raceOpRecv, c, 0, pc)
		return
	}
	racechanop(gp, raceOpRecv, c, c.recvx, pc)
	racechansg(sg, raceOpSend, c, c.recvx)
}

// racechanread and racechanwrite stand for the pseudo accesses by which the
// race detector finds a send that is not ordered with the close.

//go:nosplit
func racechanread(c *hchan, callpc, _ uintptr) {
	gp := getg()
	if gp.racectx == 0 || racesentlately((*racestate)(unsafe.Pointer(gp.racectx)), c, callpc) {
		return
	}
	raceop(gp, raceOpMisuseRead, raceSpaceChan, uintptr(unsafe.Pointer(c)), 0, 10, callpc)
}

//go:nosplit
func racechanwrite(c *hchan, callpc, _ uintptr) {
	raceop(getg(), raceOpMisuseWrite, raceSpaceChan, uintptr(unsafe.Pointer(c)), 0, 10, callpc)
}

// A select that takes its default orders nothing, but another schedule must not
// have found a case ready. So it is recorded with the number that the channel has
// while c.lock is held. The runtime's fast path, which asks without the lock, is
// taken only if nothing need be recorded (racepolled).
//
// A goroutine that polls again has found nothing ready again. If it has recorded
// nothing in between, the second time need not be told: in whatever schedule the
// first one took its default, the second may have followed at once, at the same
// moment. So a loop that waits by polling writes one record, not one for each turn.

// racechanpoll: the current goroutine would have sent on c, or received, and took
// the default instead.
func racechanpoll(c *hchan, op uint8, pc uintptr) {
	if !racepolled(c, op, pc) {
		racechanop(getg(), op, c, 0, pc)
	}
}

// racepolled reports whether that need not be recorded. It may be asked without c.lock.
//
//go:nosplit
func racepolled(c *hchan, op uint8, pc uintptr) bool {
	gp := getg()
	if gp.racectx == 0 {
		return true
	}
	pb := raceproce()
	return pb != nil && pb.polled((*racestate)(unsafe.Pointer(gp.racectx)), 1, c, op, pc)
}

// raceselectpoll is racechanpoll for a select of several cases, whose channels are all locked.
func raceselectpoll(scases []scase, order []uint16, nsends int, pcs []uintptr) {
	gp := getg()
	pb := raceproce()
	if gp.racectx == 0 || pb == nil {
		return
	}
	rs := (*racestate)(unsafe.Pointer(gp.racectx))
	told := true
	for i, casi := range order {
		op, pc := racedefault(casi, nsends, pcs)
		told = told && pb.polled(rs, int32(len(order)-i), scases[casi].c, op, pc)
	}
	if told {
		return
	}
	for _, casi := range order {
		op, pc := racedefault(casi, nsends, pcs)
		racechanop(gp, op, scases[casi].c, 0, pc)
	}
}

//go:nosplit
func racedefault(casi uint16, nsends int, pcs []uintptr) (op uint8, pc uintptr) {
	op = raceOpDefaultRecv
	if int(casi) < nsends {
		op = raceOpDefaultSend
	}
	if pcs != nil {
		pc = pcs[casi]
	}
	return
}

// polled reports whether the last record but n-1 is rs's, of such a poll.
//
//go:nosplit
func (pb *raceproc) polled(rs *racestate, n int32, c *hchan, op uint8, pc uintptr) bool {
	if pb.cur != uintptr(unsafe.Pointer(rs)) || rs.proc != uintptr(unsafe.Pointer(pb)) || pb.sweepgen != mheap_.sweepgen || pb.n < 4*n {
		return false
	}
	w := (*[3]uint64)(unsafe.Pointer(pb.at(uintptr(-4 * int(n)))))
	return w[0] == rawSync<<rawKindShift|uint64(uintptr(unsafe.Pointer(c))) &&
		w[1] == uint64(racepc(pc))<<32|uint64(op)<<8|raceSpaceChan
}

// racesentlately reports whether rs has recorded nothing but polls since it
// tried to send on c at pc, and took a default: then the check of that time does for the
// next one as well, for what comes after the one and not after the other is nothing.
//
//go:nosplit
func racesentlately(rs *racestate, c *hchan, pc uintptr) bool {
	pb := raceproce()
	for n := int32(1); pb != nil && n <= 8; n++ {
		switch {
		case pb.polled(rs, n, c, raceOpDefaultSend, pc):
			return true
		case pb.n < 4*n || *pb.at(uintptr(-4 * int(n)))>>rawKindShift != rawSync:
			return false
		}
		switch op := uint8(*pb.at(uintptr(-4*int(n) + 1)) >> 8); op {
		case raceOpDefaultSend, raceOpDefaultRecv:
		default:
			return false
		}
	}
	return false
}

// raceclosenil is called by who closes a nil channel, before the panic.
func raceclosenil(pc uintptr) {
	raceop(getg(), raceOpCloseNil, raceSpaceChan, 0, 0, 0, pc)
}

// Cond. Tickets are given out by notifyListAdd; a signal releases a ticket, or
// a range of them, under l.lock and before l.notify says so; a waiter acquires
// with its ticket after it has been told.

//go:nosplit
func racecondsignal(l *notifyList, ticket, n uint32, pc uintptr) {
	if n != 0 {
		raceop(getg(), raceOpCondSignal, raceSpaceCond, uintptr(unsafe.Pointer(l)), ticket, n, pc)
	}
}

//go:nosplit
func racecondwake(l *notifyList, ticket uint32, pc uintptr) {
	raceop(getg(), raceOpCondWake, raceSpaceCond, uintptr(unsafe.Pointer(l)), ticket, 0, pc)
}

// WaitGroup: Add from zero and the first Wait must be ordered.

//go:linkname race_MisuseRead internal/race.MisuseRead
func race_MisuseRead(addr unsafe.Pointer, rule uint32) {
	raceop(getg(), raceOpMisuseRead, raceSpaceAddr, uintptr(addr), 0, rule, sys.GetCallerPC())
}

//go:linkname race_MisuseWrite internal/race.MisuseWrite
func race_MisuseWrite(addr unsafe.Pointer, rule uint32) {
	raceop(getg(), raceOpMisuseWrite, raceSpaceAddr, uintptr(addr), 0, rule, sys.GetCallerPC())
}

// race_WaitGroupAdd is called before the counter changes. It is a release if
// delta is negative.
//
//go:linkname race_WaitGroupAdd internal/race.WaitGroupAdd
func race_WaitGroupAdd(addr unsafe.Pointer, delta int) {
	if getg().raceignore == 0 {
		raceop(getg(), raceOpAdd, raceSpaceAddr, uintptr(addr), 0, uint32(delta), sys.GetCallerPC())
	}
}

// Pool. The object's identity is the data word of the interface.

//go:linkname race_PoolPut internal/race.PoolPut
func race_PoolPut(x unsafe.Pointer) {
	// Who puts a heap object had it alone, so forgetting what was there before
	// loses nothing, and keeps an object that the collector has given the same
	// address since unordered. Values outside the heap (functions, constants,
	// values without size) are shared by all who put them, for ever.
	op := uint8(raceOpRelease)
	if spanOfHeap(uintptr(x)) == nil {
		op = raceOpReleaseMerge
	}
	raceop(getg(), op, raceSpacePool, uintptr(x), 0, 0, sys.GetCallerPC())
}

//go:linkname race_PoolGet internal/race.PoolGet
func race_PoolGet(x unsafe.Pointer) {
	raceop(getg(), raceOpAcquire, raceSpacePool, uintptr(x), 0, 0, sys.GetCallerPC())
}

// sync.Map: see _files/internal/sync/hindsight.go, which has the same numbers
// for what.

//go:linkname internal_sync_raceMap internal/sync.raceMap
func internal_sync_raceMap(what uint8, obj uintptr) {
	op := uint8(raceOpAcquire)
	switch what {
	case 1:
		op = raceOpRelease
	case 2:
		op = raceOpReleaseMerge
	}
	raceop(getg(), op, raceSpaceMap, obj, 0, 0, sys.GetCallerPC())
}

// Finalizers and cleanups.

// racesetfinalizer is called by the goroutine that sets x's finalizer, before
// the collector can see it; racesetcleanup likewise, key belonging to that
// cleanup alone for as long as it exists.

//go:nosplit
func racesetfinalizer(x unsafe.Pointer, pc uintptr) {
	raceop(getg(), raceOpRelease, raceSpaceFinal, uintptr(x), 0, 0, pc)
}

//go:nosplit
func racesetcleanup(key unsafe.Pointer, pc uintptr) {
	raceop(getg(), raceOpRelease, raceSpaceFinal, uintptr(key), 0, 0, pc)
}

// racefinalizer runs in the finalizer goroutine before the finalizer of x.
func racefinalizer(x unsafe.Pointer, ot *ptrtype) {
	raceop(getg(), raceOpAcquire, raceSpaceFinal, uintptr(x), 0, 0, 0)
	racelifecut(uintptr(x), ot.Elem.Size_)
}

// racecleanup runs before a cleanup, in the context made for it.
//
//go:nosplit
func racecleanup(key unsafe.Pointer) {
	raceop(getg(), raceOpAcquire, raceSpaceFinal, uintptr(key), 0, 0, 0)
}

// racecleanuparg is called before a cleanup with its argument, of type t at arg.
func racecleanuparg(t *_type, arg unsafe.Pointer) {
	switch t.Kind() {
	case abi.Pointer:
		racelifecut(*(*uintptr)(arg), (*ptrtype)(unsafe.Pointer(t)).Elem.Size_)
	case abi.UnsafePointer:
		racelifecut(*(*uintptr)(arg), 1)
	}
}

// racelifecut separates what was done to the heap object that p points to, so
// far, from what comes: nothing but the collector's finding that it is
// unreachable orders the two. If it lies in a block that tiny objects share,
// only size bytes are its own.
func racelifecut(p, size uintptr) {
	s := spanOfHeap(p)
	if s == nil {
		return
	}
	if s.spanclass != tinySpanClass {
		base := s.base() + s.objIndex(p)*s.elemsize
		size = s.elemsize
		if !s.spanclass.noscan() && !heapBitsInSpan(s.elemsize) && s.spanclass.sizeclass() != 0 {
			base += gc.MallocHeaderSize
			size -= gc.MallocHeaderSize
		}
		p = base
	}
	// A record's size has 32 bits; an object may have more.
	for size > 0 {
		n := min(size, 1<<31)
		raceop(getg(), raceOpLifeCut, raceSpaceAddr, p, 0, uint32(n), 0)
		p += n
		size -= n
	}
}

// Input and output: see _files/syscall/hindsight.go, which says what the
// identities are. The tables here are of fixed size: who fits nowhere puts out
// another, and what is then not known is treated as the comments there say,
// with more order, never less.

var raceio struct {
	lock raceSpin

	// What is known of sockets, by device and inode: the identities of what is
	// written to them and of what is read from them.
	sockets [2048]struct{ key, w, r uint64 }

	// Identities that this process has written to.
	written [8192]uint64

	// Pipes that this process has made and no child has been given.
	pipes [512][4]uint64
}

// raceforgetio empties the tables: what happened while nothing was recorded is
// not known.
func raceforgetio() {
	raceio.lock.lock()
	memclrNoHeapPointers(unsafe.Pointer(&raceio.sockets), unsafe.Sizeof(raceio.sockets))
	memclrNoHeapPointers(unsafe.Pointer(&raceio.written), unsafe.Sizeof(raceio.written))
	memclrNoHeapPointers(unsafe.Pointer(&raceio.pipes), unsafe.Sizeof(raceio.pipes))
	raceio.lock.unlock()
}

//go:linkname syscall_raceRecording syscall.runtime_raceRecording
func syscall_raceRecording() bool {
	return raceon && getg().racectx != 0
}

//go:linkname syscall_raceIORead syscall.runtime_raceIORead
func syscall_raceIORead(id uint64) {
	raceop(getg(), raceOpIORead, raceSpaceIO, uintptr(id), 0, 0, sys.GetCallerPC())
}

//go:linkname syscall_raceIOWrite syscall.runtime_raceIOWrite
func syscall_raceIOWrite(id uint64) {
	racewrote(id)
	raceop(getg(), raceOpIOWrite, raceSpaceIO, uintptr(id), 0, 0, sys.GetCallerPC())
}

//go:nosplit
func racewrote(id uint64) {
	atomic.Store64(&raceio.written[id%uint64(len(raceio.written))], id)
}

//go:linkname syscall_raceIOWritten syscall.runtime_raceIOWritten
func syscall_raceIOWritten(id uint64) bool {
	return atomic.Load64(&raceio.written[id%uint64(len(raceio.written))]) == id
}

// syscall_raceIOSocket looks key up; if w is not zero it says what is to be found.
//
//go:linkname syscall_raceIOSocket syscall.runtime_raceIOSocket
func syscall_raceIOSocket(key, w, r uint64) (uint64, uint64) {
	return racesocket(key, w, r)
}

//go:nosplit
func racesocket(key, w, r uint64) (uint64, uint64) {
	e := &raceio.sockets[key%uint64(len(raceio.sockets))]
	raceio.lock.lock()
	if w != 0 {
		e.key, e.w, e.r = key, w, r
	} else if e.key == key {
		w, r = e.w, e.r
	}
	raceio.lock.unlock()
	return w, r
}

// syscall_raceIOPipe reports whether the pipe is this process's alone. Before
// that it makes it so (1) or ends that (2).
//
//go:linkname syscall_raceIOPipe syscall.runtime_raceIOPipe
func syscall_raceIOPipe(key uint64, what uint8) bool {
	return racepipe(key, what)
}

//go:nosplit
func racepipe(key uint64, what uint8) bool {
	set := &raceio.pipes[key%uint64(len(raceio.pipes))]
	raceio.lock.lock()
	at := -1
	for i := range set {
		if set[i] == key {
			at = i
		}
	}
	switch {
	case what == 1 && at < 0:
		copy(set[1:], set[:len(set)-1]) // puts out the oldest
		set[0] = key
		at = 0
	case what == 2 && at >= 0:
		set[at] = 0
		at = -1
	}
	raceio.lock.unlock()
	return at >= 0
}

// The program's own tracing. The recorder runs the trace; trace.Start, the
// flight recorder and the profile handlers are one subscriber to its stream
// (package runtime/trace multiplies it). What a subscriber gets begins with a
// header and a whole generation and ends with one, as the trace format demands.

type racechunk struct {
	next   *racechunk
	buf    []byte  // nil: the end
	marker *uint32 // not a chunk: a semaphore of who waits for the subscriber to get here
}

var racesub racesubtype

type racesubtype struct {
	lock   mutex
	header []byte     // the stream's first chunk
	gen    uint64     // generation of the last chunk seen
	on     bool       // somebody subscribes
	first  uint64     // deliver from this generation on,
	last   uint64     // to this one, or to the end if zero
	head   *racechunk // not yet read
	tail   *racechunk
	items  uint32 // semaphore: length of the list
	done   uint32 // semaphore: the subscriber has read the end
}

// racetee is given each chunk of the stream, in order, by the goroutine that
// reads it, before the next is read.
func racetee(buf []byte) {
	s := &racesub
	if s.header == nil {
		s.header = append([]byte(nil), buf...)
		return
	}
	if len(buf) == 0 {
		return
	}
	end := len(buf) == 1
	if !end {
		s.gen = racegeneration(buf, s.gen)
	}
	// Only the reader changes gen, and on, first and last do not change while
	// chunks between them are due, so a look without the lock decides whether
	// a copy is needed, and one with it whether it is delivered.
	if !s.on {
		return
	}
	c := &racechunk{buf: append([]byte(nil), buf...)}
	lock(&s.lock)
	ok := s.on && s.gen >= s.first && (s.last == 0 || s.gen <= s.last)
	if ok {
		s.put(c)
	}
	unlock(&s.lock)
	if ok {
		semrelease(&s.items)
	}
}

// raceteeend says that nothing more will come, unless that has been said: the
// recording or the subscription has ended.
func raceteeend() {
	s := &racesub
	lock(&s.lock)
	ok := s.on
	if ok {
		s.on = false
		s.put(&racechunk{})
	}
	unlock(&s.lock)
	if ok {
		semrelease(&s.items)
	}
}

// put appends to the list; s.lock is held.
func (s *racesubtype) put(c *racechunk) {
	if s.tail == nil {
		s.head = c
	} else {
		s.tail.next = c
	}
	s.tail = c
}

// racegeneration is the generation that a chunk says it belongs to.
func racegeneration(buf []byte, gen uint64) uint64 {
	i := 1
	switch tracev2.EventType(buf[0]) {
	case tracev2.EvEventBatch:
	case tracev2.EvExperimentalBatch:
		i = 2 // the experiment
	default:
		return gen
	}
	var v uint64
	for s := uint(0); i < len(buf) && s < 64; s += 7 {
		v |= uint64(buf[i]&0x7f) << s
		if buf[i] < 0x80 {
			return v
		}
		i++
	}
	return gen
}

// trace_raceStart subscribes, if there is a recording to subscribe to.
//
//go:linkname trace_raceStart runtime/trace.runtime_raceStart
func trace_raceStart() bool {
	if !raceowns {
		return false
	}
	s := &racesub
	c := &racechunk{buf: s.header}
	lock(&s.lock)
	// The generation that now begins is the first that is wanted whole.
	s.first = uint64(trace.gen.Load()) + 1
	s.last = 0
	s.head, s.tail = nil, nil
	s.put(c)
	s.on = true
	unlock(&s.lock)
	semrelease(&s.items)
	traceAdvance(false)
	return true
}

// trace_raceRead is ReadTrace for the subscriber.
//
//go:linkname trace_raceRead runtime/trace.runtime_raceRead
func trace_raceRead() []byte {
	s := &racesub
	for {
		semacquire(&s.items)
		lock(&s.lock)
		c := s.head
		s.head = c.next
		if s.head == nil {
			s.tail = nil
		}
		unlock(&s.lock)
		// Who waits for the subscriber comes after what it has done with what it read.
		if c.marker != nil {
			racerelease(unsafe.Pointer(s))
			semrelease(c.marker)
			continue
		}
		if c.buf == nil {
			racerelease(unsafe.Pointer(s))
			semrelease(&s.done)
			return nil
		}
		// The copy is made by a recorded goroutine, so that it is known to be
		// a new object.
		return append([]byte(nil), c.buf...)
	}
}

// raceTraceAdvance is traceAdvance for package runtime/trace, which relies on
// the reader having written the generation when traceAdvance returns.
//
//go:linkname raceTraceAdvance
func raceTraceAdvance(stopTrace bool) {
	traceAdvance(stopTrace)
	s := &racesub
	sema := new(uint32)
	c := &racechunk{marker: sema}
	lock(&s.lock)
	ok := s.on
	if ok {
		s.put(c)
	}
	unlock(&s.lock)
	if ok {
		semrelease(&s.items)
		semacquire(sema)
		raceacquire(unsafe.Pointer(s))
	}
}

// trace_raceStop ends the subscription; it returns after the subscriber has
// read everything up to the call.
//
//go:linkname trace_raceStop runtime/trace.runtime_raceStop
func trace_raceStop() {
	s := &racesub
	lock(&s.lock)
	s.last = uint64(trace.gen.Load())
	unlock(&s.lock)
	// Returns when the reader has passed on the generation that was current.
	traceAdvance(false)
	raceteeend()
	semacquire(&s.done)
	raceacquire(unsafe.Pointer(s))
}
