// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// The recording as a file: how it begins, is kept up to date and ends.
//
// Four parties work at it, none of which the program can see:
//   - the reader, a system goroutine, takes finished buffers from the tracer;
//   - the writer, a thread without a P, writes them to the file (race_queue.go);
//   - the keeper, a system goroutine, collects what the Ps have recorded and
//     completes a generation of the trace;
//   - the watch, a thread without a P that is counted as a system thread like
//     sysmon, wakes the keeper when there is something to keep.
//
// No timer is armed: the runtime takes a timer for a reason to wait, and would
// not see that all goroutines are asleep.

package runtime

import (
	"internal/runtime/atomic"
	"internal/runtime/exithook"
	"internal/runtime/sys"
	"internal/trace/tracev2"
	"unsafe"
)

var (
	racefd       int32      = -1
	racename     [4096]byte // the file's name, NUL-terminated
	racekeeper   raceparked
	racefinished atomic.Uint32
	racefrozen   atomic.Bool    // what is recorded now comes after the recording's end
	raceunsaved  atomic.Bool    // there is a recording, neither complete nor given up
	raceowner    int            // the number of the process that makes it
	racesaver    atomic.Uintptr // *m that saves what is recorded, if the process dies: see racedying
	racesaved    atomic.Bool    // it has
	racestart    int64          // nanoseconds since 1970

	racestartnano int64  // the same moment on the monotonic clock
	racedone      uint32 // semaphore: the reader has written all

	racewhole   bool // the process records from its start to its end: HINDSIGHT=FILE
	raceowns    bool // the runtime's trace is the recording
	raceserved  bool // keeper, watch, writer and exit hook are there
	racewake    note // the watch sleeps while nothing is recorded,
	raceresting bool // which this says; see racekeeper.lock
)

// raceparked is a system goroutine that sleeps until the watch wakes it.
type raceparked struct {
	lock   mutex
	gp     guintptr
	parked bool
}

// raceask decides whether the process records: before the main goroutine
// exists, on the system stack, single-threaded.
func raceask() {
	raceasked = true
	name := gogetenv("HINDSIGHT")
	if name == "" || !raceopen(name) {
		return
	}
	racesetmode()
	if n, ok := raceparse(gogetenv("HINDSIGHT_LIMIT")); ok {
		racesetlimit(n)
	} else if n, ok := raceparse(racelimit); ok {
		racesetlimit(n)
	}
	raceinitsymbols()
	racemapvars()
	raceon, racewhole, raceowns = true, true, true
}

// racemode is what is recorded where HINDSIGHT_RECORD does not say, and so on: the
// linker sets them for a program that was built to do otherwise than usual.
var (
	racemode     string // HINDSIGHT_RECORD
	racelimit    string // HINDSIGHT_LIMIT
	racewhenslow string // HINDSIGHT_WHENSLOW
)

// racesetmode sets what is recorded.
func racesetmode() {
	mode := gogetenv("HINDSIGHT_RECORD")
	if mode == "" {
		mode = racemode
	}
	if n, ok := raceallof(mode); ok {
		raceall = n
	}
	slow := gogetenv("HINDSIGHT_WHENSLOW")
	if slow == "" {
		slow = racewhenslow
	}
	racedrop = slow == "drop"
}

// raceallof is raceall as a mode has it: "full" or "shared:N".
func raceallof(s string) (uint64, bool) {
	const shared = "shared:"
	if s == "full" {
		return ^uint64(0), true
	}
	if len(s) <= len(shared) || s[:len(shared)] != shared {
		return 0, false
	}
	return raceparse(s[len(shared):])
}

// raceparse reads a decimal number.
func raceparse(s string) (uint64, bool) {
	n := uint64(0)
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 1<<60 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, len(s) > 0
}

// The runtime's init tasks run in the main goroutine before any package's.
func init() {
	lockInit(&racekeeper.lock, lockRankLeafRank)
	if !raceon {
		return
	}
	gp := getg()
	ctx := gp.racectx
	gp.racectx = 0 // what follows is ours
	racenow()
	if err := racetrace(); err != nil {
		raceon, raceowns = false, false
		println("hindsight: not recording:", err.Error())
		return
	}
	gp.racectx = ctx
	systemstack(func() { racefacts() })
}

// racenow notes when the recording begins.
func racenow() {
	sec, nsec, _ := time_now()
	racestart, racestartnano = sec*1e9+int64(nsec), nanotime()
}

// racetrace starts the trace and those who work at it: the reader for this
// recording, the others with the first one. It is called by a goroutine that is
// not recorded.
func racetrace() error {
	if err := StartTrace(); err != nil {
		return err
	}
	// The first that the tracer says, at once, is the header: whatever the process
	// leaves begins with it, however soon it ends.
	raceput(ReadTrace())
	raceowner = racepid()
	raceunsaved.Store(true)
	go racereader()
	if !raceserved {
		raceserved = true
		go racekeep1()
		systemstack(func() {
			newm(racewatch, nil, -1)
			newm(racewriter, nil, -1)
		})
		exithook.Add(exithook.Hook{F: racefinish, RunOnFailure: true})
		return nil
	}
	systemstack(func() {
		lock(&racekeeper.lock)
		if raceresting {
			raceresting = false
			notewakeup(&racewake)
		}
		unlock(&racekeeper.lock)
	})
	return nil
}

// racefacts writes what is known from the start: build, system, settings, and
// the metadata of the link step.
func racefacts() {
	pb := raceproce()
	pb.fact("go", buildVersion)
	pb.fact("goos", GOOS)
	pb.fact("goarch", GOARCH)
	if raceall == ^uint64(0) {
		pb.fact("record", "full")
	} else {
		pb.fact("record", "shared")
	}
	pb.fact("select", "default")
	pb.factint("start", racestart)
	pb.factint("nanotime", racestartnano)
	pb.factint("textstart", int64(racetext))
	pb.factint("datastart", int64(racedatastart))
	pb.factint("dataend", int64(racedataend))
	if argc > 0 && argv != nil {
		pb.fact("program", gostringnocopy(argv_index(argv, 0)))
	}
	pb.long("modinfo", modinfo)
	pb.meta()
}

func (pb *raceproc) fact(key, value string) {
	n := int32(min(len(value), 800))
	was := pb.claim()
	pb.defroom(n + int32(len(key)) + 16)
	pb.mark(0)
	pb.spilling = true // see rescue: it is whole or not there
	pb.byte(recFact)
	pb.uvarint(uint64(len(key)))
	pb.bytes(unsafe.Pointer(unsafe.StringData(key)), int32(len(key)))
	pb.uvarint(uint64(n))
	if n > 0 {
		pb.bytes(unsafe.Pointer(unsafe.StringData(value)), n)
	}
	pb.spilling = false
	pb.busy.Store(was)
}

func (pb *raceproc) factint(key string, v int64) {
	var buf [20]byte
	i := len(buf)
	for u := uint64(v); ; u /= 10 {
		i--
		buf[i] = byte('0' + u%10)
		if u < 10 {
			break
		}
	}
	pb.fact(key, unsafe.String(&buf[i], len(buf)-i))
}

// long writes a value of any length in pieces: of one key, in order.
func (pb *raceproc) long(key, value string) {
	for len(value) > 0 {
		n := min(len(value), 800)
		pb.fact(key, value[:n])
		value = value[n:]
	}
}

func (pb *raceproc) meta() {
	if len(racemeta) > 0 {
		pb.long("build", unsafe.String(&racemeta[0], len(racemeta)))
	}
}

// racemeta is the link step's metadata, mapped from the executable.
var racemeta []byte

// racestatus writes the counters: what has been lost so far, and how much there is.
func (pb *raceproc) status(tag byte, reason uint64) {
	was := pb.claim()
	pb.defroom(raceRecordMax)
	pb.mark(0)
	pb.spilling = true // as in fact
	pb.byte(tag)
	pb.uvarint(reason)
	var records, foreign uint64
	for q := raceprocs.Load(); q != 0; {
		o := (*raceproc)(unsafe.Pointer(q))
		records += o.records
		foreign += o.foreign
		q = o.next
	}
	pb.uvarint(uint64(racestreams.Load()))
	pb.uvarint(records)
	pb.uvarint(raceLost.Load())
	pb.uvarint(raceLostSync.Load())
	pb.uvarint(foreign)
	pb.uvarint(uint64(nanotime()))
	pb.spilling = false
	pb.busy.Store(was)
}

// racemayread is called before the reader takes a buffer from the tracer, racehasread
// after it (an edit of trace.go): once the process dies, those that it has not taken
// are racesave's, which waits for it to have taken one.
func racemayread() {
	racereading.Store(uintptr(unsafe.Pointer(getg().m)))
	if racedying() {
		racehasread()
		racewaitforend()
	}
}

func racehasread() { racereading.Store(0) }

var racereading atomic.Uintptr // *m on which the reader takes a buffer, or 0

// racereader is the reader.
func racereader() {
	raceforget()
	for {
		buf := ReadTrace()
		if buf == nil {
			break
		}
		if len(buf) > 0 {
			raceput(buf)
		}
	}
	raceteeend()
	semrelease(&racedone)
}

// raceput passes on what the tracer says.
func raceput(buf []byte) {
	raceenqueue(buf)
	racetee(buf)
}

// raceforget takes the recorder's own goroutine out of the recording.
func raceforget() {
	gp := getg()
	if ctx := gp.racectx; ctx != 0 {
		raceend(gp, ctx)
		gp.racectx = 0
	}
}

// racekeep1 is the keeper.
func racekeep1() {
	raceforget()
	k := &racekeeper
	k.gp.set(getg())
	for {
		lock(&k.lock)
		k.parked = true
		goparkunlock(&k.lock, waitReasonTraceReaderBlocked, traceBlockSystemGoroutine, 1)
		if racefinished.Load() != 0 {
			continue
		}
		if racefull() {
			racewindowfull()
			continue
		}
		racecollect()
		traceAdvance(false)
		trace.cpuSleep.wake()
	}
}

// racecollect writes what the Ps have, wherever they are. The caller is a
// goroutine without a lock.
func racecollect() {
	semacquire(&worldsema)
	forEachP(waitReasonTraceProcStatus, func(pp *p) {
		if pp.raceprocctx != 0 {
			(*raceproc)(unsafe.Pointer(pp.raceprocctx)).spill(true)
		}
	})
	semrelease(&worldsema)
	systemstack(func() {
		racelogpending()
		if pb := raceproce(); pb != nil {
			pb.status(recStatus, 0)
			pb.finish(0)
		}
	})
}

// racewatch is the watch. It may not allocate, nor touch anything that needs a P.
//
//go:nowritebarrierrec
func racewatch() {
	lock(&sched.lock)
	sched.nmsys++
	checkdead()
	unlock(&sched.lock)
	const (
		tick  = 20 * 1000   // microseconds
		late  = 500_000_000 // nanoseconds that a record may wait
		large = 24 << 20    // bytes of records that a generation may hold: so much may wait in who reads it
	)
	for {
		var seen, bytes uint64
		last := nanotime()
		for racefinished.Load() == 0 && !racedying() {
			usleep(tick)
			now, b := nanotime(), racebytes.Load()
			if now-last < late && b-bytes < large && !racefull() {
				continue
			}
			if sum := raceactivity(); sum == seen && b == bytes {
				last = now
				continue
			}
			k := &racekeeper
			lock(&k.lock)
			if k.parked {
				k.parked = false
				var list gList
				list.push(k.gp.ptr())
				injectglist(&list)
				// What the keeper itself adds is not activity.
				last, bytes, seen = now, b, 0
			}
			unlock(&k.lock)
			usleep(tick)
			seen, bytes = raceactivity(), racebytes.Load()
		}
		// The thread stays: a system thread that is gone would be missed by checkdead.
		lock(&racekeeper.lock)
		if raceresting = racefinished.Load() != 0 || racedying(); raceresting {
			noteclear(&racewake)
		}
		unlock(&racekeeper.lock)
		if raceresting {
			notesleep(&racewake)
		}
	}
}

// raceactivity changes when something has been recorded. It reads what others
// write; a stale value only delays.
func raceactivity() uint64 {
	var sum uint64
	for q := raceprocs.Load(); q != 0; {
		o := (*raceproc)(unsafe.Pointer(q))
		sum += o.records<<12 + uint64(o.n)
		q = o.next
	}
	return sum
}

// racefinish completes the recording. It is an exit hook: os.Exit and the end
// of main run it in an ordinary goroutine.
func racefinish() {
	semacquire(&racewindowsema) // and keeps it: no window opens any more
	if raceon && racefinished.CompareAndSwap(0, 1) {
		raceend1(raceByExit)
		racetraceend()
	}
}

// Why a recording ended, in its end marker, where all Ps were cut off at one
// moment. What racedie is called with are others.
const (
	raceByExit  = 0
	raceByStop  = 5 // windowStop
	raceByLimit = 7
)

// raceend1 writes what the Ps have and the end marker behind it. From then on
// nothing more comes into the recording.
func raceend1(reason uint64) {
	// All Ps are cut off at one moment, or an operation would be there whose
	// predecessors are not.
	stw := stopTheWorld(stwStartTrace)
	for q := raceprocs.Load(); q != 0; {
		o := (*raceproc)(unsafe.Pointer(q))
		systemstack(func() { o.spill(true) })
		q = o.next
	}
	systemstack(func() {
		pb := raceproce()
		was := pb.claim() // if the process dies now, they are recorded once
		if reason == raceByExit && racewindows == 0 {
			pb.waits()
		}
		racefrozen.Store(true)
		pb.busy.Store(was)
	})
	if reason != raceByExit {
		raceon = false
	}
	startTheWorld(stw)
	systemstack(func() {
		racelogpending()
		if pb := raceproce(); pb != nil {
			pb.status(recLast, reason)
			pb.finish(raceLast)
		}
		raceclosed.Store(true)
	})
}

// racetraceend ends the trace; it returns when the file is complete.
func racetraceend() {
	gp := getg()
	ctx := gp.racectx
	gp.racectx = 0
	traceAdvance(true)
	semacquire(&racedone)
	drained := racedrain(racenap) || racequeue.size.Load() == 0
	raceunsaved.Store(false)
	if drained {
		closefd(racefd) // else the writer is still at it
	}
	gp.racectx = ctx
}

// racedying reports whether there is a racesaver: nobody else begins to record, to
// encode or to read from then on.
//
//go:nosplit
func racedying() bool { return racesaver.Load() != 0 }

// racesaves reports whether this thread is racesaver.
//
//go:nosplit
func racesaves() bool { return racesaver.Load() == uintptr(unsafe.Pointer(getg().m)) }

// racedie saves what it can when the process dies by a panic, a fatal error or
// a signal. A signal that is forwarded finds this out on the signal's stack while
// g is still the interrupted goroutine. What else would kill the process meanwhile
// has to wait.
//
//go:nosplit
func racedie(reason uint64) {
	gp := getg()
	if !raceunsaved.Load() || gp == nil || raceowner != racepid() {
		return // or it is a child that C has forked, and the file its parent's
	}
	if !racesaver.CompareAndSwap(0, uintptr(unsafe.Pointer(gp.m))) {
		if !racesaves() {
			racewaitforsaved()
		}
		return
	}
	sp := sys.GetCallerSP()
	switch {
	case gp == gp.m.g0 || gp == gp.m.gsignal || sp < gp.stack.lo || sp > gp.stack.hi:
		if sp < gp.stack.lo || sp > gp.stack.hi {
			setg(gp.m.gsignal)
		}
		racesave(reason)
		setg(gp)
	default:
		systemstack(func() { racesave(reason) })
	}
	racesaved.Store(true)
}

// racewaitforsaved waits until racesave has done its work on another thread, unless that
// is stuck: this thread may have what it needs.
//
//go:nosplit
func racewaitforsaved() {
	since, written := nanotime(), racewritten.Load()
	for !racesaved.Load() && nanotime()-since < racePatience {
		usleep(100)
		if now := racewritten.Load(); now != written {
			since, written = nanotime(), now
		}
	}
}

// racesave is racedie on the system's or the signal's stack. The tracer cannot
// be run any more, so its buffers are copied as they are and the Ps' last chunks
// appended as batches of strings; package analyze/recording finds the chunks in them.
//
//go:nowritebarrierrec
func racesave(reason uint64) {
	var mask sigset
	sigsave(&mask)
	racekeepwriting(true)
	racesave1(reason)
	raceblocklarge(&mask) // SIGXFSZ may be waiting
	msigrestore(mask)
}

// racesave1 is racesave on a thread that no signal from outside disturbs.
//
//go:nowritebarrierrec
func racesave1(reason uint64) {
	// Other threads may still run the program. Their next record finds the
	// goroutine unknown, and enter holds them; those in a hook get the time to
	// leave it, and who encodes or sends to be done: claim lets nobody else begin.
	for q := raceprocs.Load(); q != 0; {
		o := (*raceproc)(unsafe.Pointer(q))
		o.cur = 0
		q = o.next
	}
	usleep(1000)
	// Who is interrupted for good is not waited for, as far as that is known.
	self, until := racesaver.Load(), nanotime()+1e9
	waits := func(m uintptr) bool {
		if m == 0 || m == self || nanotime() > until {
			return false
		}
		usleep(100)
		return true
	}
	for q := raceprocs.Load(); q != 0; {
		o := (*raceproc)(unsafe.Pointer(q))
		for waits(o.busy.Load()) {
		}
		q = o.next
	}
	// The reader takes a buffer, or adds what trace.reading still has.
	for waits(racereading.Load()) || waits(uintptr(racequeue.lock.v.Load())) {
	}
	racequeue.lock.unlock() // of who holds it still: nobody adds any more, but the writer must go on
	if racequeue.writer == uintptr(unsafe.Pointer(getg().m)) {
		// The start of this thread has shown that all goroutines are asleep.
		for racewritenext() {
		}
	}
	if !racedrain(func() { usleep(500) }) {
		return
	}
	// The keeper may still move strings to the full buffers.
	strings := [len(trace.stringTab)]*traceBuf{}
	for i := range strings {
		strings[i] = trace.stringTab[i].buf
	}
	racedump(trace.reading)
	for i := range trace.full {
		for buf := trace.full[i].head; buf != nil; buf = buf.link {
			racedump(buf)
		}
	}
	for _, buf := range strings {
		racedump(buf)
	}
	for q := racependings.head; q != 0; {
		c := (*racepending)(unsafe.Pointer(q))
		racedumpchunk(unsafe.Pointer(&c.data), c.n)
		q = c.next
	}
	for q := raceprocs.Load(); q != 0; {
		o := (*raceproc)(unsafe.Pointer(q))
		if c := (*racepending)(unsafe.Pointer(o.hand)); c != nil {
			racedumpchunk(unsafe.Pointer(&c.data), c.n)
		}
		q = o.next
	}
	for racecutoff() {
	}
	for q := raceprocs.Load(); q != 0; {
		o := (*raceproc)(unsafe.Pointer(q))
		o.rescue()
		q = o.next
	}
	if pb := raceownproc(); pb != nil {
		if racewindows == 0 && !racefrozen.Load() {
			pb.waits()
		}
		if !raceclosed.Load() {
			pb.status(recLast, reason)
			pb.finish(raceLast)
		}
	}
	closefd(racefd)
}

// raceownproc is a state that nobody else can be about to record with when the process
// dies: a new one or, if memory is out, that of this thread's P. It is nil if there is none.
func raceownproc() *raceproc {
	if pb := racenewproc(); pb != nil {
		return pb
	}
	if pp := getg().m.p.ptr(); pp != nil && pp.raceprocctx != 0 {
		return (*raceproc)(unsafe.Pointer(pp.raceprocctx))
	}
	return nil
}

// racecutoff notes how far each P has recorded, and reports whether that has
// changed: who was in a hook when the process began to die may still leave it. If it
// has not, it was so at one moment, and no operation is there without those before it.
func racecutoff() (changed bool) {
	for q := raceprocs.Load(); q != 0; {
		o := (*raceproc)(unsafe.Pointer(q))
		if n := int32(atomic.Load((*uint32)(unsafe.Pointer(&o.n)))); n != o.end {
			o.end, changed = n, true
		}
		q = o.next
	}
	return changed
}

// racedump writes a buffer of the tracer, whose length is not filled in yet
// unless it has been flushed.
func racedump(buf *traceBuf) {
	if buf == nil || buf.pos == 0 {
		return
	}
	buf.varintAt(buf.lenPos, uint64(buf.pos-(buf.lenPos+traceBytesPerNumber)))
	racerawwrite(unsafe.Pointer(&buf.arr), int32(buf.pos))
}

// racedumpchunk writes a batch with one string: the chunk.
func racedumpchunk(p unsafe.Pointer, n int32) {
	b := &racedumping
	i := uintptr(0)
	put := func(v uint64) {
		for ; v >= 0x80; v >>= 7 {
			b[i] = byte(v) | 0x80
			i++
		}
		b[i] = byte(v)
		i++
	}
	put(uint64(tracev2.EvEventBatch))
	put(uint64(trace.gen.Load()))
	put(0)
	put(0)
	size := uint64(4) + uint64(n)
	if n < 0x80 {
		size--
	}
	put(size + 1)
	put(uint64(tracev2.EvStrings))
	put(uint64(tracev2.EvString))
	put(1)
	put(uint64(n))
	memmove(unsafe.Pointer(&b[i]), p, uintptr(n))
	racerawwrite(unsafe.Pointer(b), int32(i)+n)
}

// racedumping is a batch that racesave writes, at once.
var racedumping [32 + raceChunk]byte

// raceownstrace reports whether the recorder advances the trace itself: then
// the tracer's own goroutines sleep without a timer (an edit of trace.go).
//
//go:nosplit
func raceownstrace() bool { return raceowns }

// racestackaddr reports whether p may be a frame on a goroutine's or this
// thread's stack: at least, whether it can be read.
func racestackaddr(p unsafe.Pointer) bool {
	a := uintptr(p)
	if a%8 != 0 {
		return false
	}
	if a-racearenastart < racearenaend-racearenastart-16 && racearenaend != 0 {
		return true
	}
	on := func(gp *g) bool { return gp != nil && a-gp.stack.lo < gp.stack.hi-gp.stack.lo-16 }
	mp := getg().m
	return on(getg()) || on(mp.g0) || on(mp.gsignal)
}
