package overlay

func init() {
	Edits = append(Edits, editsChan...)
	Edits = append(Edits, editsCond...)
	Edits = append(Edits, editsWaits...)
	Edits = append(Edits, editsFinal...)
	Edits = append(Edits, editsTracing...)
	Edits = append(Edits, editsSystem...)
}

// editsSystem keep the runtime's own goroutines out of the recording: two
// collections would order the goroutines that start them through the channels
// and semaphores of the mark workers.
var editsSystem = []Edit{
	{Name: "system goroutines", File: "runtime/proc.go",
		Old: "newg.racectx = racegostart(callerpc)",
		New: "if isSystemGoroutine(newg, true) { newg.racectx = 0 } else { newg.racectx = racegostart(callerpc) }"},

	// Timers run in a context that has no parent: who looks first whether a
	// timer is due has nothing to do with it.
	{Name: "timers", File: "runtime/time.go",
		Old: "= racegostart(abi.FuncPCABIInternal((*timers).run) + sys.PCQuantum)",
		New: "= racectxstart(abi.FuncPCABIInternal((*timers).run)+sys.PCQuantum, 0)"},
}

// editsChan tell a send from a receive, whose it is, and the slot of the buffer,
// for elements without size too. A parked goroutine leaves the pc of its
// statement in its sudog, for the partner that completes it; a select leaves in
// the ticket, which channels do not otherwise use, which cases send.
var editsChan = []Edit{
	// The caller's pc reaches chanrecv as it reaches chansend.
	{Name: "channels", File: "runtime/chan.go",
		Old: "\tchanrecv(c, elem, true)\n}",
		New: "\tchanrecv(c, elem, true, sys.GetCallerPC())\n}"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "received = chanrecv(c, elem, true)",
		New: "received = chanrecv(c, elem, true, sys.GetCallerPC())"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "chanrecv(c, elem, false)",
		New: "chanrecv(c, elem, false, sys.GetCallerPC())"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "chanrecv(c, elem, !nb)",
		New: "chanrecv(c, elem, !nb, sys.GetCallerPC())"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "func chanrecv(c *hchan, ep unsafe.Pointer, block bool)",
		New: "func chanrecv(c *hchan, ep unsafe.Pointer, block bool, callerpc uintptr)"},

	// Pseudo accesses are misuse checks of the channel.
	{Name: "channels", File: "runtime/chan.go",
		Old: "racereadpc(c.raceaddr(),",
		New: "racechanread(c,"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "racewritepc(c.raceaddr(),",
		New: "racechanwrite(c,"},
	{Name: "channels", File: "runtime/select.go",
		Old: "racereadpc(c.raceaddr(),",
		New: "racechanread(c,"},

	// Through the buffer.
	{Name: "channels", File: "runtime/chan.go",
		Old: "racenotify(c, c.sendx, nil)",
		New: "racechanop(getg(), raceOpSend, c, c.sendx, callerpc)"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "racenotify(c, c.recvx, nil)\n\t\t}\n\t\tif ep",
		New: "racechanop(getg(), raceOpRecv, c, c.recvx, callerpc)\n\t\t}\n\t\tif ep"},
	{Name: "channels", File: "runtime/select.go",
		Old: "racenotify(c, c.sendx, nil)",
		New: "racechanop(gp, raceOpSend, c, c.sendx, casePC(casi))"},
	{Name: "channels", File: "runtime/select.go",
		Old: "racenotify(c, c.recvx, nil)",
		New: "racechanop(gp, raceOpRecv, c, c.recvx, casePC(casi))"},

	// With a parked partner: recorded by the callers of send and recv, which
	// know the pc, and not again inside.
	{Name: "channels", File: "runtime/chan.go",
		Old: "\tsend(c, sg, ep,",
		New: "\tracechansend(c, sg, callerpc); send(c, sg, ep,"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "\trecv(c, sg, ep,",
		New: "\tracechanrecv(c, sg, callerpc); recv(c, sg, ep,"},
	{Name: "channels", File: "runtime/select.go",
		Old: "\tsend(c, sg, cas.elem,",
		New: "\tracechansend(c, sg, casePC(casi)); send(c, sg, cas.elem,"},
	{Name: "channels", File: "runtime/select.go",
		Old: "\trecv(c, sg, cas.elem,",
		New: "\tracechanrecv(c, sg, casePC(casi)); recv(c, sg, cas.elem,"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "racesync(c, sg)\n\t\t} else",
		New: "\n\t\t} else"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "racesync(c, sg)\n\t\t}\n\t\tif",
		New: "\n\t\t}\n\t\tif"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "racenotify(c, c.recvx, nil)\n\t\t\tracenotify(c, c.recvx, sg)\n\t\t\tc.recvx++",
		New: "\n\n\t\t\tc.recvx++"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "racenotify(c, c.recvx, nil)\n\t\t\tracenotify(c, c.recvx, sg)\n\t\t}",
		New: "\n\n\t\t}"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "c.sendq.enqueue(mysg)",
		New: "mysg.acquiretime = int64(callerpc); c.sendq.enqueue(mysg)"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "c.recvq.enqueue(mysg)",
		New: "mysg.acquiretime = int64(callerpc); c.recvq.enqueue(mysg)"},
	{Name: "channels", File: "runtime/select.go",
		Old: "sg.isSelect = true",
		New: "sg.isSelect = true; sg.acquiretime = int64(casePC(casi)); if sg.ticket = 0; casi < nsends { sg.ticket = 1 }"},

	// Nothing was ready, and nobody waits for it.
	{Name: "default", File: "runtime/chan.go",
		Old: "if !block && c.closed == 0 && full(c) {",
		New: "if !block && racepolled(c, raceOpDefaultSend, callerpc) && c.closed == 0 && full(c) {"},
	{Name: "default", File: "runtime/chan.go",
		Old: "if !block && empty(c) {",
		New: "if !block && racepolled(c, raceOpDefaultRecv, callerpc) && empty(c) {"},
	{Name: "default", File: "runtime/chan.go",
		Old: "if !block {\n\t\tunlock(&c.lock)\n\t\treturn false\n",
		New: "if !block { racechanpoll(c, raceOpDefaultSend, callerpc)\n\t\tunlock(&c.lock)\n\t\treturn false\n"},
	{Name: "default", File: "runtime/chan.go",
		Old: "if !block {\n\t\tunlock(&c.lock)\n\t\treturn false, false\n",
		New: "if !block { racechanpoll(c, raceOpDefaultRecv, callerpc)\n\t\tunlock(&c.lock)\n\t\treturn false, false\n"},
	{Name: "default", File: "runtime/select.go",
		Old: "if !block {\n",
		New: "if !block { raceselectpoll(scases, lockorder, nsends, pcs)\n"},

	// Closing, and what finds the channel closed.
	{Name: "channels", File: "runtime/chan.go",
		Old: "racerelease(c.raceaddr())",
		New: "racechanop(getg(), raceOpClose, c, 0, callerpc)"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "panic(plainError(\"close of nil",
		New: "raceclosenil(sys.GetCallerPC()); panic(plainError(\"close of nil"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "panic(plainError(\"close of closed",
		New: "racechanop(getg(), raceOpCloseClosed, c, 0, sys.GetCallerPC()); panic(plainError(\"close of closed"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "raceacquireg(gp, c.raceaddr())\n\t\t}\n\t\tglist.push(gp)\n\t}\n\n",
		New: "racechansg(sg, raceOpRecvClosed, c, 0)\n\t\t}\n\t\tglist.push(gp)\n\t}\n\n"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "raceacquireg(gp, c.raceaddr())\n\t\t}\n\t\tglist.push(gp)\n\t}\n\tunlock",
		New: "racechansg(sg, raceOpSendClosed, c, 0)\n\t\t}\n\t\tglist.push(gp)\n\t}\n\tunlock"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "raceacquire(c.raceaddr())\n\t\t\t}\n\t\t\tif",
		New: "racechanop(getg(), raceOpRecvClosed, c, 0, callerpc)\n\t\t\t}\n\t\t\tif"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "raceacquire(c.raceaddr())\n\t\t\t}\n\t\t\tunlock",
		New: "racechanop(getg(), raceOpRecvClosed, c, 0, callerpc)\n\t\t\t}\n\t\t\tunlock"},
	{Name: "channels", File: "runtime/select.go",
		Old: "raceacquire(c.raceaddr())",
		New: "racechanop(gp, raceOpRecvClosed, c, 0, casePC(casi))"},
	{Name: "channels", File: "runtime/chan.go",
		Old: "unlock(&c.lock)\n\t\tpanic(plainError(\"send",
		New: "racechanop(getg(), raceOpSendClosed, c, 0, callerpc); unlock(&c.lock)\n\t\tpanic(plainError(\"send"},
	{Name: "channels", File: "runtime/select.go",
		Old: "\t\t\t\tgoto sclose",
		New: "\t\t\t\tracechanop(gp, raceOpSendClosed, c, 0, casePC(casi)); goto sclose"},
}

// editsCond record the tickets of sync.Cond: which signal wakes which Wait.
var editsCond = []Edit{
	{Name: "Cond", File: "runtime/sema.go",
		Old: "\t\"internal/runtime/atomic\"",
		New: "\t\"internal/runtime/atomic\"; \"internal/runtime/sys\""},
	{Name: "Cond", File: "runtime/sema.go",
		Old: "if less(t, l.notify) {",
		New: "if less(t, l.notify) { racecondwake(l, t, sys.GetCallerPC())"},
	{Name: "Cond", File: "runtime/sema.go",
		Old: "goparkunlock(&l.lock, waitReasonSyncCondWait, traceBlockCondWait, 3)",
		New: "racewaitsat(unsafe.Pointer(l)); goparkunlock(&l.lock, waitReasonSyncCondWait, traceBlockCondWait, 3); racecondwake(l, t, sys.GetCallerPC())"},
	{Name: "Cond", File: "runtime/sema.go",
		Old: "atomic.Store(&l.notify, l.wait.Load())",
		New: "last := l.wait.Load(); racecondsignal(l, l.notify, last-l.notify, sys.GetCallerPC()); atomic.Store(&l.notify, last)"},
	{Name: "Cond", File: "runtime/sema.go",
		Old: "atomic.Store(&l.notify, t+1)",
		New: "racecondsignal(l, t, 1, sys.GetCallerPC()); atomic.Store(&l.notify, t+1)"},
}

// editsWaits tell at which semaphore a goroutine parks.
var editsWaits = []Edit{
	{Name: "waiting", File: "runtime/sema.go",
		Old: "\t\troot.queue(addr, s, lifo)",
		New: "\t\tracewaitsat(unsafe.Pointer(addr)); root.queue(addr, s, lifo)"},
}

// editsFinal order a finalizer or cleanup after the call that asked for it, and
// tell its accesses to the object from those that unreachability orders.
var editsFinal = []Edit{
	{Name: "finalizers", File: "runtime/mfinal.go",
		Old: "callerpc := sys.GetCallerPC()",
		New: "callerpc := sys.GetCallerPC(); racesetfinalizer(e.data, callerpc)"},
	{Name: "finalizers", File: "runtime/mfinal.go",
		Old: "fingStatus.Or(fingRunningFinalizer)",
		New: "fingStatus.Or(fingRunningFinalizer); racefinalizer(f.arg, f.ot)"},

	// The key is what belongs to one cleanup alone: the box made for its
	// argument or, in Go 1.25, the closure that holds it.
	{Name: "cleanups", File: "runtime/mcleanup.go", Go: "1.26",
		Old: "id := addCleanup(",
		New: "racesetcleanup(unsafe.Pointer(argv), sys.GetCallerPC()); id := addCleanup("},
	{Name: "cleanups", File: "runtime/mcleanup.go", Go: "1.26",
		Old: "raceacquire(unsafe.Pointer(c.arg))",
		New: "raceacquire(unsafe.Pointer(c.arg)); racecleanup(c.arg)"},
	{Name: "cleanups", File: "runtime/mcleanup.go", Go: "1.26",
		Old: "\tcleanup(*(*T)(arg))",
		New: "\tracecleanuparg(abi.TypeFor[T](), arg); cleanup(*(*T)(arg))"},
	{Name: "cleanups", File: "runtime/mcleanup.go", Go: "1.25",
		Old: "id := addCleanup(",
		New: "racesetcleanup(unsafe.Pointer(fv), sys.GetCallerPC()); id := addCleanup("},
	{Name: "cleanups", File: "runtime/mcleanup.go", Go: "1.25",
		Old: "raceacquire(unsafe.Pointer(fn))",
		New: "raceacquire(unsafe.Pointer(fn)); racecleanup(unsafe.Pointer(fn))"},
	{Name: "cleanups", File: "runtime/mcleanup.go", Go: "1.25",
		Old: "\t\tcleanup(arg)",
		New: "\t\tracecleanuparg(abi.TypeFor[S](), unsafe.Pointer(&arg)); cleanup(arg)"},
}

// editsTracing make the program's own tracing a subscriber of the recorder's.
var editsTracing = []Edit{
	{Name: "the program's own tracing", File: "runtime/trace/subscribe.go",
		Old: "runtime.StartTrace()",
		New: "raceStart(runtime.StartTrace)"},
	{Name: "the program's own tracing", File: "runtime/trace/subscribe.go",
		Old: "runtime.StopTrace()",
		New: "raceStop(runtime.StopTrace)"},
	{Name: "the program's own tracing", File: "runtime/trace/subscribe.go", Go: "1.26",
		Old: "header := runtime.ReadTrace()",
		New: "header := raceRead(runtime.ReadTrace)"},
	{Name: "the program's own tracing", File: "runtime/trace/subscribe.go", Go: "1.26",
		Old: "data := runtime.ReadTrace()",
		New: "data := raceRead(runtime.ReadTrace)"},
	{Name: "the program's own tracing", File: "runtime/trace/subscribe.go", Go: "1.25",
		Old: "header := runtime_readTrace()",
		New: "header := raceRead(runtime_readTrace)"},
	{Name: "the program's own tracing", File: "runtime/trace/subscribe.go", Go: "1.25",
		Old: "data := runtime_readTrace()",
		New: "data := raceRead(runtime_readTrace)"},
	{Name: "the program's own tracing", File: "runtime/trace/flightrecorder.go",
		Old: "runtime.traceAdvance",
		New: "runtime.raceTraceAdvance"},

	// In Go 1.25 ReadTrace, which the recorder calls, keeps the end of a
	// generation to itself; the subscriber needs it.
	{Name: "the program's own tracing", File: "runtime/trace.go", Go: "1.25",
		Old: "tracev2.EventType(buf[0]) == tracev2.EvEndOfGeneration {",
		New: "tracev2.EventType(buf[0]) == tracev2.EvEndOfGeneration { racetee(buf)"},
}
