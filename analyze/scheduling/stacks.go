package scheduling

import (
	"encoding/binary"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"golang.org/x/exp/trace"
)

// A stackID stands for a stack by its content: the reader's own handles change
// from one generation of the trace to the next.
type stackID int32

// noStack is the stack without frames.
const noStack stackID = 0

// Bounds of what is kept of stacks.
const (
	maxStacks = 1 << 15
	maxDepth  = 64      // frames
	maxText   = 1 << 10 // bytes of a function's or file's name
	maxTexts  = 1 << 16
)

type stacks struct {
	handles map[trace.Stack]stackID // of this generation
	byKey   map[string]stackID
	all     [][]event.Frame
	texts   map[string]string
	left    uint64 // uses of stacks beyond the bound
	key     []byte
}

func newStacks() stacks {
	return stacks{
		handles: make(map[trace.Stack]stackID), byKey: make(map[string]stackID),
		all: [][]event.Frame{nil}, texts: make(map[string]string),
	}
}

// generation forgets handles, which keep a generation in memory.
func (s *stacks) generation() { clear(s.handles) }

func (s *stacks) id(st trace.Stack) stackID {
	if st == trace.NoStack {
		return noStack
	}
	id, ok := s.handles[st]
	if !ok {
		id = s.intern(st)
		s.handles[st] = id
	}
	if id < 0 {
		s.left++
		return noStack
	}
	return id
}

// intern returns the id of a stack's content, -1 if there are too many.
func (s *stacks) intern(st trace.Stack) stackID {
	s.key = s.key[:0]
	n := 0
	for f := range st.Frames() {
		if n++; n > maxDepth {
			break
		}
		if at := len(s.key); at > 0 || !parks(f.Func) {
			s.key = binary.AppendUvarint(s.key, f.Line)
			s.key = append(append(s.key, f.Func[:min(len(f.Func), maxText)]...), 0)
		}
	}
	if len(s.key) == 0 {
		return noStack
	}
	if id, ok := s.byKey[string(s.key)]; ok {
		return id
	}
	if len(s.all) >= maxStacks {
		return -1
	}
	frames := make([]event.Frame, 0, min(n, maxDepth))
	for f := range st.Frames() {
		if len(frames) == maxDepth {
			break
		}
		if len(frames) > 0 || !parks(f.Func) {
			frames = append(frames, event.Frame{Func: s.text(f.Func), File: s.text(f.File), Line: int(min(f.Line, 1<<31-1))})
		}
	}
	id := stackID(len(s.all))
	s.byKey[string(s.key)] = id
	s.all = append(s.all, frames)
	return id
}

// text keeps a name once.
func (s *stacks) text(name string) string {
	name = name[:min(len(name), maxText)]
	if kept, ok := s.texts[name]; ok {
		return kept
	}
	name = strings.Clone(name)
	if len(s.texts) < maxTexts {
		s.texts[name] = name
	}
	return name
}

// parks reports whether a function is one of those at the top of a stack of which the
// runtime tells nothing when a goroutine blocks, but does of one that waited before
// the trace began. Left out, the two have the same stack.
func parks(fn string) bool {
	switch fn {
	case "runtime.gopark", "runtime.goparkunlock", "runtime.netpollblock", "runtime.chanrecv", "runtime.chansend", "runtime.semacquire1",
		"sync.(*Mutex).lockSlow":
		return true
	}
	for _, prefix := range [...]string{"sync.runtime_", "internal/sync.", "internal/poll.runtime_", "internal/poll.(*pollDesc)."} {
		if strings.HasPrefix(fn, prefix) {
			return true
		}
	}
	return false
}

func (s *stacks) frames(id stackID) []event.Frame { return s.all[id] }

// site is the line of a stack that a report names: the caller of what blocks.
func site(frames []event.Frame) event.Frame {
	if len(frames) == 0 {
		return event.Frame{}
	}
	at := event.Caller(frames)
	for i, f := range frames[at:] {
		switch pkg, _, _ := strings.Cut(f.Func, "."); pkg {
		case "time", "internal/poll", "net", "os", "syscall":
		default:
			return frames[at+i]
		}
	}
	return frames[at]
}
