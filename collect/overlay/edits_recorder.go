package overlay

// The recorder's own needs in package runtime.
func init() {
	Edits = append(Edits,
		Edit{
			Name: "types of allocations", File: "runtime/malloc.go",
			Old: "racemalloc(x, size-asanRZ)",
			New: "racemalloctyp(x, size-asanRZ, typ)",
		},
		// The heap may lie anywhere, and memory runs out as it does without us.
		Edit{
			Name: "heap", File: "runtime/malloc.go",
			Old: `throw("too many address space collisions for -race mode")`,
			New: "// The recorder knows no such region.",
		},
		// The runtime takes a timer for a reason to wait; the recorder advances
		// the trace itself.
		Edit{
			Name: "deadlock detection", File: "runtime/trace.go",
			Old: "s.timer.reset(nanotime()+ns, 0)",
			New: "if !raceownstrace() { s.timer.reset(nanotime()+ns, 0) }",
		},
		Edit{
			Name: "recording of deaths", File: "runtime/trace.go",
			Old: "		defer func() { getg().racectx = 0 }()\n	}\n",
			New: "		defer func() { getg().racectx = 0; racehasread() }(); racemayread()\n	}\n",
		},
		// Tracing must not crash a program whose assembly leaves something else
		// than a frame in the frame pointer, which it may as long as nobody traces.
		Edit{
			Name: "safe stacks of the tracer", File: "runtime/tracestack.go",
			Old: "i < len(pcBuf) && fp != nil; i++",
			New: "i < len(pcBuf) && racestackaddr(fp); i++",
		},
		// The state that a cleanup's goroutine had before the cleanup may be gone after it.
		Edit{
			Name: "windows", File: "runtime/mcleanup.go",
			Old: "	getg().racectx = ctx\n",
			New: "	getg().racectx = racekept(ctx)\n",
		},
		Edit{
			Name: "recording of panics", File: "runtime/panic.go",
			Old: "		freezetheworld()\n		return true",
			New: "		freezetheworld(); racedie(1)\n		return true",
		},
		Edit{
			Name: "recording of signals", File: "runtime/signal_unix.go",
			Old: "func dieFromSignal(sig uint32) {",
			New: "func dieFromSignal(sig uint32) { racedie(uint64(sig) << 1)",
		},
		Edit{
			Name: "recording of signals to threads of C", File: "runtime/signal_unix.go",
			Old: "\n	// Reset the signal handler and raise the signal.\n",
			New: "	if handler == _SIG_DFL { racedie(uint64(sig) << 1) }\n	// Reset the signal handler and raise the signal.\n",
		},
		// The first process of a container survives what it raises, but not as a recorded one;
		// on a thread of Go it would end like this, too.
		Edit{
			Name: "recording of signals to threads of C", File: "runtime/signal_unix.go",
			Old: "	usleep(1000)\n\n	// If the signal didn't cause the program to exit, restore the\n",
			New: "	usleep(1000); if racesaved.Load() { exit(2) }\n\n	// If the signal didn't cause the program to exit, restore the\n",
		},
		Edit{
			Name: "recording of syscall.Exit", File: "runtime/runtime.go",
			Old: "func syscall_Exit(code int) {",
			New: "func syscall_Exit(code int) { racedie(3)",
		},
	)
}
