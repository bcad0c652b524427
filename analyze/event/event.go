// Package event is the vocabulary of an execution as the analyzer sees it: one
// [Event] per thing that a goroutine did, delivered in one legal order (the
// replay order) by a [Source]. Event scripts and recordings both become events;
// clocks, detection, dump and graph only know events.
package event

// Op says what a goroutine did.
type Op uint8

// The operations. Sync operations follow the rows of docs/memory-model.md; the
// generic ones stand for annotations whose primitive is not known.
const (
	Invalid Op = iota

	// Accesses: Addr, Size.
	Read
	Write
	AtomicLoad
	AtomicStore
	AtomicRMW     // read-modify-write and successful compare-and-swap
	AtomicCASFail // failed compare-and-swap: a load

	// Goroutines.
	Go  // Child starts with G's clock; Site is the go statement
	End // orders nothing

	// Locks: Obj.
	Lock
	Unlock
	RLock
	RUnlock
	TryLockFail

	// Channels: Obj; Cap; Slot is the operation's number modulo Cap. On an
	// unbuffered channel Send and its Recv are delivered next to each other.
	Send
	Recv
	Close
	RecvClosed
	DefaultSend // a select took default instead of sending
	DefaultRecv

	// WaitGroup: Obj; N is Add's delta (Done is -1).
	Add
	Wait // its return

	// Once: Obj. Once begins f, OnceDone ends it, OnceWait is a Do that returns without having run f.
	Once
	OnceDone
	OnceWait

	// Cond: Obj. In recordings CondWake's Slot is its ticket, and a CondSignal
	// or CondBroadcast releases the tickets Slot up to but not including Slot+N.
	// In scripts the source fills the same fields by the script rules.
	CondWait
	CondSignal
	CondBroadcast
	CondWake

	// Lives of memory: Addr, Size. In scripts Alloc and Free are writes of the
	// whole object; in recordings Alloc only begins a life (Source.Collected).
	Alloc
	Free

	// Generic synchronization on Obj.
	Acquire        // C ⊔= O
	Release        // O = C
	ReleaseMerge   // O ⊔= C
	ReleaseAcquire // o = O; O = C; C ⊔= o

	// Ordered only by input and output (model mode; strict ignores them).
	IORead  // Acquire
	IOWrite // ReleaseMerge

	// LifeCut separates what was before at [Addr, Addr+Size) from what comes
	// after, without an access: a finalizer or cleanup is about to run.
	LifeCut

	// Misuse checks of the primitive: a pseudo access to Obj, which conflicts
	// like a plain access but is reported as misuse of Obj, not as a race.
	// N is the rule's number (10 for HB010, …).
	MisuseRead
	MisuseWrite

	// SendClosed is a send on a closed channel, or of one that was closed while the sender was parked: the panic.
	SendClosed
	// CloseClosed is a close of a closed channel: the panic.
	CloseClosed
	// CloseNil is a close of a nil channel: the panic.
	CloseNil

	// Waiting that has begun: Obj. Those of one select follow each other. That a
	// goroutine went on shows in its next event; without one, it is blocked.
	// BlockForever is a select without cases, or an operation on a nil channel.
	BlockSend
	BlockRecv
	BlockLock
	BlockRLock
	BlockWait
	BlockForever

	NumOps
)

// Obj identifies a synchronization object. Space keeps apart objects of
// different kinds that live at one address.
type Obj struct {
	Space Space
	Addr  uint64
}

// Space is a name space of synchronization objects.
type Space uint8

// The spaces.
const (
	SpaceAddr   Space = iota // locks, WaitGroups, atomics, annotations: the address handed to the hook
	SpaceChan                // &hchan
	SpacePool                // the pooled object
	SpaceMap                 // a sync.Map entry or key
	SpaceCond                // &notifyList
	SpaceTimer               // a timer
	SpaceFinal               // SetFinalizer, AddCleanup
	SpaceIO                  // a pipe, file or direction of a connection
	SpaceCoro                // hand-over of a coroutine
	SpaceBubble              // testing/synctest
)

// G is a goroutine's number: small, dense, in order of first appearance.
type G int32

// Stack identifies a call stack (see [Source.Frames]). Zero means unknown.
type Stack uint32

// Event is one thing that one goroutine did. The zero value of a field that an
// operation does not use is meaningless.
type Event struct {
	Op    Op
	G     G
	Child G      // Go
	Index uint64 // of this event within G, counting every event of G from 0
	Addr  uint64 // accesses, Alloc, Free, LifeCut: first byte
	Size  uint64 // in bytes, at least 1
	Obj   Obj
	Slot  uint32
	Cap   uint32
	N     int64
	Quiet bool   // atomics: a primitive's access to itself; it orders nothing
	Cycle uint32 // GC cycles completed when the event happened; scripts: 0
	Stack Stack
}

// Frame is one frame of a call stack.
type Frame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Goroutine describes a goroutine.
type Goroutine struct {
	Name    string // "g7"; scripts: as written
	Parent  G      // -1: none known
	Created Stack  // of the go statement; 0: unknown
	System  bool   // the runtime's own, as is the context in which a timer fires
}

// Object describes the memory at an address, or a synchronization object.
type Object struct {
	Name   string // "main.counter", "main.stats.hits"; heap: type and field, or "48-byte object"
	Kind   string // "global", "heap", "variable" (scripts), "unknown"
	Type   string // where known
	Base   uint64 // first byte
	Size   uint64 // 0: unknown
	Alloc  Stack  // heap: where it was allocated; 0: unknown
	AllocG G      // heap: by whom; -1: unknown
}

// Recorded is implemented by a source that knows how it was recorded.
type Recorded interface {
	Source
	// Killed reports whether the execution was ended from outside, by a signal:
	// then something outside could still have acted at its end.
	Killed() bool
	// Defaults reports whether it is known where a select took its default.
	Defaults() bool
}

// Source delivers an execution, as often as asked, always the same.
type Source interface {
	// Replay calls f for every event in replay order until f returns false.
	Replay(f func(*Event) bool) error
	// Collected reports whether a garbage collector frees: then Alloc and Free
	// are no accesses, they only separate lives.
	Collected() bool
	// Goroutine, Frames, Object and SyncName may be called after a Replay.
	Goroutine(G) Goroutine
	NumGoroutines() int
	// Frames returns a stack, innermost first, inlined frames expanded.
	Frames(Stack) []Frame
	// Object names the memory at addr as it was during GC cycle cycle.
	Object(addr uint64, cycle uint32) Object
	// SyncName names a synchronization object, for people.
	SyncName(Obj) string
}
