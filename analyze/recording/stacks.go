package recording

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
)

// node is a call path: an index into stacks.nodes. Zero is the empty path.
type node = uint32

// stacks holds call stacks as a tree from the outermost call inwards, each path
// once. An [event.Stack] is a node: the innermost frame.
type stacks struct {
	nodes []stackNode // nodes[0] is unused
	index map[stackNode]node

	recent [1 << 12]struct { // found last, by hash
		n stackNode
		s node
	}
}

type stackNode struct {
	parent  node
	pc, via uint32
}

func (s *stacks) intern(n stackNode) node {
	if s.index == nil {
		s.index = make(map[stackNode]node)
		s.nodes = make([]stackNode, 1)
	}
	e := &s.recent[(n.pc^n.pc>>6^n.parent*31)%uint32(len(s.recent))]
	if e.s != 0 && e.n == n {
		return e.s
	}
	id, ok := s.index[n]
	if !ok {
		id = node(len(s.nodes))
		s.nodes = append(s.nodes, n)
		s.index[n] = id
	}
	e.n, e.s = n, id
	return id
}

// A callStack is a goroutine's, outermost call first.
type callStack []call

// call is a call on a goroutine's stack: how many calls that is, and the path to
// it, 0 until somebody asks for it.
type call struct {
	depth uint64
	pc    uint32
	path  node
}

// change makes changes: the outermost low calls stay, then come n others.
// Calls that have never been told, for want of a record, are one call together.
func (s *callStack) change(changes []uint32) {
	st := *s
	for len(changes) > 0 {
		low, n := uint64(changes[0]), changes[1]
		pcs := changes[2 : 2+n]
		changes = changes[2+n:]
		k := len(st)
		for k > 0 && st[k-1].depth > low {
			k--
		}
		st = st[:k]
		if k == 0 && low > 0 || k > 0 && st[k-1].depth < low {
			st = append(st, call{depth: low, pc: record.NoPC})
		}
		for i, pc := range pcs {
			st = append(st, call{depth: low + uint64(i) + 1, pc: pc})
		}
	}
	*s = st
}

// top is the path to the innermost call of c's goroutine.
func (s *stacks) top(c *cursor) node {
	st := c.stack
	k := len(st)
	for k > 0 && st[k-1].path == 0 {
		k--
	}
	var path node
	if k > 0 {
		path = st[k-1].path
	}
	for ; k < len(st); k++ {
		path = s.intern(stackNode{path, st[k].pc, 0})
		st[k].path = path
	}
	return path
}

// leaf is the stack of something that c's goroutine does at pc.
func (s *stacks) leaf(c *cursor, pc, via uint32) event.Stack {
	return event.Stack(s.intern(stackNode{s.top(c), pc, via}))
}

// Frames implements [event.Source].
func (rec *Recording) Frames(s event.Stack) []event.Frame {
	var out []event.Frame
	for n := node(s); n != 0 && int(n) < len(rec.stacks.nodes); n = rec.stacks.nodes[n].parent {
		sn := rec.stacks.nodes[n]
		if sn.via != 0 {
			out = append(out, rec.symbol(sn.via)...)
		}
		if sn.pc != record.NoPC {
			out = append(out, rec.symbol(sn.pc)...)
		}
	}
	// Our own functions that edits added, and what called the goroutine's first
	// function, are of no interest.
	for len(out) > 1 && isHook(out[0].Func) {
		out = out[1:]
	}
	for len(out) > 1 && outermost[out[len(out)-1].Func] {
		out = out[:len(out)-1]
	}
	return out
}

// isHook reports whether a function was added to the standard library to record.
func isHook(f string) bool {
	i := strings.LastIndexByte(f, '.')
	return (strings.HasPrefix(f, "syscall.race") || strings.HasPrefix(f, "internal/poll.race") || strings.HasPrefix(f, "internal/sync.")) &&
		strings.HasPrefix(f[i+1:], "race")
}

var outermost = map[string]bool{
	"runtime.goexit": true, "runtime.main": true, "runtime.doInit": true, "runtime.doInit1": true,
	"runtime.rt0_go": true, "runtime.mstart": true, "runtime.mcall": true,
}

// symbol resolves a pc to its frames, innermost first.
func (rec *Recording) symbol(pc uint32) []event.Frame {
	if f, ok := rec.frames[pc]; ok {
		return f
	}
	var out []event.Frame
	for _, f := range rec.symbols[pc] {
		out = append(out, event.Frame{Func: rec.names[0][f.Func], File: rec.names[1][f.File], Line: f.Line})
	}
	rec.frames[pc] = out
	return out
}

// classes remembers what the function at a pc says about a record.
type classes struct {
	byPC   map[uint32]*class
	recent [256]struct { // found last, by pc
		pc uint32
		k  *class
	}
}

// class is what the recorder's caller means. Primitives that have a row in
// docs/memory-model.md hide the atomics and locks inside them.
type class struct {
	funcs       []string // functions at the pc, innermost first
	hideAtomics bool
	onlyAtomic  bool // all are of sync/atomic: their caller decides
	locks       bool // and takes a lock: the access is one, the order is the lock's
	runtime     bool // the outermost function at the pc is the runtime's
}

func (cl *classes) of(rec *Recording, pc uint32) *class {
	e := &cl.recent[(pc^pc>>8)%uint32(len(cl.recent))]
	if e.k == nil || e.pc != pc {
		e.pc, e.k = pc, cl.find(rec, pc)
	}
	return e.k
}

func (cl *classes) find(rec *Recording, pc uint32) *class {
	if k := cl.byPC[pc]; k != nil {
		return k
	}
	k := new(class)
	for _, f := range rec.symbol(pc) {
		k.funcs = append(k.funcs, f.Func)
	}
	var decided bool
	k.hideAtomics, decided = hidesAtomics(k.funcs)
	k.onlyAtomic = !decided
	for _, f := range k.funcs {
		switch f {
		case "internal/sync.(*Mutex).Lock", "internal/sync.(*Mutex).lockSlow", "internal/sync.(*Mutex).TryLock":
			k.locks = true
		}
	}
	if n := len(k.funcs); n > 0 {
		k.runtime = strings.HasPrefix(k.funcs[n-1], "runtime.") && !strings.HasPrefix(k.funcs[n-1], "runtime.main")
	}
	if cl.byPC == nil {
		cl.byPC = make(map[uint32]*class)
	}
	cl.byPC[pc] = k
	return k
}

// hidesAtomics reports whether an atomic operation in these functions is inside a
// primitive: the innermost outside sync/atomic is one of sync's or
// internal/sync's. Once is the exception: its flag is its edge. It is not decided
// if all are of sync/atomic.
func hidesAtomics(funcs []string) (hides, decided bool) {
	for _, f := range funcs {
		switch {
		case isAtomic(f):
			continue
		case strings.HasPrefix(f, "sync.(*Once)."):
			return false, true
		}
		return strings.HasPrefix(f, "sync.") || strings.HasPrefix(f, "internal/sync."), true
	}
	return false, false
}

// callerHidesAtomics is hidesAtomics of the up to four calls around c's record.
func (rec *Recording) callerHidesAtomics(c *cursor) bool {
	for i := len(c.stack) - 1; i >= max(0, len(c.stack)-4); i-- {
		if k := rec.class.of(rec, c.stack[i].pc); !k.onlyAtomic {
			return k.hideAtomics
		}
	}
	return false
}

func isAtomic(f string) bool {
	return strings.HasPrefix(f, "sync/atomic.") || strings.HasPrefix(f, "runtime.sync_atomic")
}

// callers are the functions outside the innermost one at a record at pc: the others
// there, then those of up to n calls further out.
func (rec *Recording) callers(c *cursor, pc uint32, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, f := range rec.class.of(rec, pc).funcs[1:] {
			if !yield(f) {
				return
			}
		}
		for i := len(c.stack) - 1; i >= max(0, len(c.stack)-n); i-- {
			for _, f := range rec.class.of(rec, c.stack[i].pc).funcs {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// syncEvent fills ev with what the synchronization record o of c's goroutine
// means and reports whether it means anything.
func (rec *Recording) syncEvent(c *cursor, o *op, ev *event.Event) bool {
	what := record.Sync(o.code)
	ev.Obj = event.Obj{Space: event.Space(o.space), Addr: o.addr}
	ev.Slot = o.slot
	switch what {
	case record.Send, record.Recv, record.DefaultSend, record.DefaultRecv:
		ev.Op, ev.Cap = plainOps[what], o.n
		return true
	case record.Add:
		ev.Op, ev.N = event.Add, int64(int32(o.n))
		return true
	case record.CondSignal:
		ev.Op, ev.N = event.CondSignal, int64(o.n)
		return true
	case record.LifeCut:
		ev.Op, ev.Addr, ev.Size = event.LifeCut, o.addr, max(uint64(o.n), 1)
		return true
	case record.MisuseRead, record.MisuseWrite:
		ev.Op, ev.N = event.MisuseRead, int64(o.n)
		if what == record.MisuseWrite {
			ev.Op = event.MisuseWrite
		}
		return true
	case record.WaitMutex, record.WaitReaders, record.WaitWriter, record.WaitGroup:
		w := semaphores[what]
		ev.Op, ev.Obj.Addr = w.op, o.addr-w.offset
		return true
	case record.Acquire, record.Release, record.ReleaseMerge, record.ReleaseAcquire:
		ev.Op = plainOps[what]
		if o.space == 0 && rec.annotated == nil {
			return rec.primitive(c, o, ev)
		}
		return true
	}
	ev.Op = plainOps[what]
	return ev.Op != event.Invalid
}

// semaphores says what waiting at a semaphore is, and where in the primitive the
// semaphore lies.
var semaphores = [...]struct {
	op     event.Op
	offset uint64
}{
	record.WaitMutex:   {event.BlockLock, 4},
	record.WaitReaders: {event.BlockLock, writerSem},
	record.WaitWriter:  {event.BlockRLock, readerSem},
	record.WaitGroup:   {event.BlockWait, 8},
}

// Where in an RWMutex its semaphores lie.
const writerSem, readerSem = 8, 12

var plainOps = [...]event.Op{
	record.Acquire: event.Acquire, record.Release: event.Release,
	record.ReleaseMerge: event.ReleaseMerge, record.ReleaseAcquire: event.ReleaseAcquire,
	record.Send: event.Send, record.Recv: event.Recv,
	record.Close: event.Close, record.RecvClosed: event.RecvClosed,
	record.CondWake: event.CondWake,
	record.IORead:   event.IORead, record.IOWrite: event.IOWrite,
	record.SendClosed: event.SendClosed, record.CloseClosed: event.CloseClosed,
	record.DefaultSend: event.DefaultSend, record.DefaultRecv: event.DefaultRecv,
	record.CloseNil: event.CloseNil,
	record.WaitSend: event.BlockSend, record.WaitRecv: event.BlockRecv,
	record.WaitCond: event.CondWait, record.WaitForever: event.BlockForever,
	record.GoesOn: event.Invalid,
	record.Lock:   event.Lock, record.Unlock: event.Unlock, record.RLock: event.RLock, record.RUnlock: event.RUnlock,
	record.TryLockFail: event.TryLockFail,
}

// primitive finds out which primitive a generic operation is part of.
func (rec *Recording) primitive(c *cursor, o *op, ev *event.Event) bool {
	funcs := rec.class.of(rec, o.pc).funcs
	if len(funcs) == 0 {
		return true
	}
	switch f := funcs[0]; {
	case strings.HasPrefix(f, "internal/sync.(*Mutex)"):
		for outer := range rec.callers(c, o.pc, 4) {
			if strings.HasPrefix(outer, "sync.(*Mutex)") || strings.HasPrefix(outer, "internal/sync.(*Mutex)") {
				continue
			}
			if hidden := strings.HasPrefix(outer, "sync.") || strings.HasPrefix(outer, "internal/sync."); hidden {
				return strings.HasPrefix(outer, "sync.(*Cond)") && rec.lock(ev)
			}
			break
		}
		return rec.lock(ev)
	case strings.HasPrefix(f, "sync.(*RWMutex)"):
		// Two words stand for the lock: readers acquire and writers release the
		// second, readers release the first, and a writer acquires both, the
		// first at last. The lock's address is the words' less where they are.
		switch strings.TrimPrefix(f, "sync.(*RWMutex).") {
		case "RLock", "TryRLock":
			ev.Op, ev.Obj.Addr = event.RLock, ev.Obj.Addr-readerSem
		case "RUnlock", "rUnlockSlow":
			ev.Op, ev.Obj.Addr = event.RUnlock, ev.Obj.Addr-writerSem
		case "Lock", "TryLock":
			if ev.Op == event.Acquire && c.rwlock == 0 {
				c.rwlock = ev.Obj.Addr - readerSem
				return false
			}
			ev.Op, ev.Obj.Addr = event.Lock, c.rwlock
			c.rwlock = 0
		case "Unlock":
			ev.Op, ev.Obj.Addr = event.Unlock, ev.Obj.Addr-readerSem
		}
	case strings.HasPrefix(f, "sync.(*WaitGroup)"):
		if ev.Op == event.Acquire {
			ev.Op = event.Wait
		} else {
			ev.Op, ev.N = event.Add, -1
		}
	case f == "runtime.cgocall" || f == "runtime.cgocallbackg1":
		// C code may order what it likes; like another process it cannot be seen.
		ev.Op = event.IOWrite
		if record.Sync(o.code) == record.Acquire {
			ev.Op = event.IORead
		}
	case rec.accidental(f):
		return false
	}
	return true
}

func (rec *Recording) lock(ev *event.Event) bool {
	if ev.Op == event.Acquire {
		ev.Op = event.Lock
	} else {
		ev.Op = event.Unlock
	}
	return true
}

// accidental reports whether the operations of a function order nothing by the
// memory model: the runtime protects its own data with them.
func (rec *Recording) accidental(f string) bool {
	return slices.Contains(accidentalFuncs, f)
}

// accidentalFuncs are the functions whose annotations protect the runtime's own
// data, or stand for an order that the memory model does not promise.
var accidentalFuncs = []string{
	"runtime.runtime_setProfLabel", "runtime.newproc1", "runtime.(*profBuf).read",
	"runtime.goroutineProfileInternal", "runtime.goroutineProfileWithLabelsConcurrent", "runtime.doRecordGoroutineProfile",
	"runtime.metricsLock", "runtime.metricsUnlock",
	"runtime.(*godebugInc).IncNonDefault", "runtime.reflectOffsLock", "runtime.reflectOffsUnlock",
	"runtime.(*wakeableSleep).sleep", "runtime.(*wakeableSleep).wake", "runtime.(*wakeableSleep).close",
	"runtime.traceAdvance", "runtime.readTrace0", "runtime.runCleanups",
}

func sortedKeys[V any](m map[uint64]V) []uint64 {
	return slices.SortedFunc(maps.Keys(m), cmp.Compare[uint64])
}
