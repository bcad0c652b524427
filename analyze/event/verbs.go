package event

var verbs = [NumOps]string{
	Read: "read", Write: "write",
	AtomicLoad: "atomic-load", AtomicStore: "atomic-store", AtomicRMW: "atomic-rmw", AtomicCASFail: "atomic-cas-fail",
	Go: "go", End: "end",
	Lock: "lock", Unlock: "unlock", RLock: "rlock", RUnlock: "runlock", TryLockFail: "trylock-fail",
	Send: "send", Recv: "recv", Close: "close", RecvClosed: "recv-closed",
	DefaultSend: "default-send", DefaultRecv: "default-recv",
	Add: "add", Wait: "wait",
	Once: "once", OnceDone: "once-done", OnceWait: "once-wait",
	CondWait: "cond-wait", CondSignal: "cond-signal", CondBroadcast: "cond-broadcast", CondWake: "cond-wake",
	Alloc: "alloc", Free: "free",
	Acquire: "acquire", Release: "release", ReleaseMerge: "release-merge", ReleaseAcquire: "release-acquire",
	IORead: "io-read", IOWrite: "io-write", LifeCut: "cut",
	MisuseRead: "misuse-read", MisuseWrite: "misuse-write",
	SendClosed: "send-closed", CloseClosed: "close-closed", CloseNil: "close-nil",
	BlockSend: "block-send", BlockRecv: "block-recv", BlockLock: "block-lock", BlockRLock: "block-rlock",
	BlockWait: "block-wait", BlockForever: "block-forever",
}

// String returns the operation's verb in event scripts.
func (o Op) String() string {
	if o < NumOps {
		return verbs[o]
	}
	return ""
}

// Waits reports whether the operation is the beginning of waiting.
func (o Op) Waits() bool {
	switch o {
	case CondWait, BlockSend, BlockRecv, BlockLock, BlockRLock, BlockWait, BlockForever:
		return true
	}
	return false
}

// Verb returns the verb that stands for the event: a Done is an Add of -1.
func (e *Event) Verb() string {
	if e.Op == Add && e.N == -1 {
		return "done"
	}
	return e.Op.String()
}
