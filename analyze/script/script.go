// Package script is the text form of an execution: one event a line. [Parse]
// makes an event source of it, [Print] writes any event source as a script, and
// what was printed parses to an execution with the same races.
//
// docs/event-scripts.md describes the format.
package script

import (
	"slices"
	"sort"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// Script is a parsed event script.
//
// It is plain, as people write it, or recorded: the dump of a recording, which
// keeps addresses, garbage collection cycles and stacks, and of which the rules
// for whole executions are not asked, since a recording may begin anywhere.
type Script struct {
	recorded  bool
	collected bool
	killed    bool
	defaults  bool
	events    []event.Event
	gs        []event.Goroutine
	syncs     map[event.Obj]string
	stacks    [][]event.Frame // by event.Stack; the first is unknown

	lives []life // plain: by base
	vars  []event.Object
	uses  map[uint64][]use // recorded: what an address was called
}

// life is a life of a variable of a plain script. Every life has memory of its
// own, so that nothing of one can meet anything of another.
type life struct {
	name string
	base uint64
	size uint64
	sure bool // size is that of an alloc, not just how far accesses reach
}

// use says that from a cycle on an address belonged to a variable.
type use struct {
	cycle uint32
	of    int // index of vars
}

// noSite marks a Stack that is the number of an event without a site.
const noSite = event.Stack(1 << 31)

var _ event.Recorded = (*Script)(nil)

// Replay implements [event.Source].
func (s *Script) Replay(f func(*event.Event) bool) error {
	for i := range s.events {
		e := s.events[i]
		if !f(&e) {
			break
		}
	}
	return nil
}

// Collected reports whether the script is the dump of a recording with a
// garbage collector.
func (s *Script) Collected() bool { return s.collected }

// Killed implements [event.Recorded].
func (s *Script) Killed() bool { return s.killed }

// Defaults implements [event.Recorded].
func (s *Script) Defaults() bool { return s.defaults || !s.recorded }

// Goroutine implements [event.Source].
func (s *Script) Goroutine(g event.G) event.Goroutine {
	if g < 0 || int(g) >= len(s.gs) {
		return event.Goroutine{Parent: -1}
	}
	return s.gs[g]
}

// NumGoroutines implements [event.Source].
func (s *Script) NumGoroutines() int { return len(s.gs) }

// Frames implements [event.Source]. An event without a site has its goroutine's
// name as file and its index as line.
func (s *Script) Frames(st event.Stack) []event.Frame {
	if st&noSite != 0 {
		if i := int(st &^ noSite); i < len(s.events) {
			e := &s.events[i]
			return []event.Frame{{File: s.gs[e.G].Name, Line: int(e.Index)}}
		}
		return nil
	}
	if int(st) < len(s.stacks) {
		return s.stacks[st]
	}
	return nil
}

// Object implements [event.Source].
func (s *Script) Object(addr uint64, cycle uint32) event.Object {
	if s.recorded {
		uses := s.uses[addr]
		i := sort.Search(len(uses), func(i int) bool { return uses[i].cycle > cycle })
		if i > 0 {
			i--
		} else if len(uses) == 0 {
			return event.Object{Kind: "unknown", AllocG: -1}
		}
		return s.vars[uses[i].of]
	}
	l := s.lifeAt(addr)
	if l == nil {
		return event.Object{Kind: "unknown", AllocG: -1}
	}
	return event.Object{Name: l.name, Kind: "variable", Base: l.base, Size: l.size, AllocG: -1}
}

// lifeAt returns the life at an address of a plain script, nil if none.
func (s *Script) lifeAt(addr uint64) *life {
	i, found := slices.BinarySearchFunc(s.lives, addr, func(l life, a uint64) int {
		switch {
		case l.base+l.size <= a:
			return -1
		case l.base > a:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return &s.lives[i]
}

// SyncName implements [event.Source].
func (s *Script) SyncName(o event.Obj) string { return s.syncs[o] }

// form is how the operand of a verb is written.
type form uint8

const (
	bare   form = iota // nothing
	memory             // variable [offset size]
	sync               // object
	gofunc             // goroutine
	sized              // variable size
)

// verb is one verb of the language.
type verb struct {
	op    event.Op
	form  form
	space event.Space // of an object that no directive declares
	class byte        // objects of one name and different classes are different
	nums  int         // most numbers that may follow the operand
	quiet bool        // the event orders nothing
}

// verbs is the language. The second part only appears in dumps of recordings.
var verbs = map[string]verb{
	"read":            {op: event.Read, form: memory},
	"write":           {op: event.Write, form: memory},
	"atomic-load":     {op: event.AtomicLoad, form: memory},
	"atomic-store":    {op: event.AtomicStore, form: memory},
	"atomic-rmw":      {op: event.AtomicRMW, form: memory},
	"atomic-cas-fail": {op: event.AtomicCASFail, form: memory},
	"go":              {op: event.Go, form: gofunc},
	"end":             {op: event.End, form: bare},
	"lock":            {op: event.Lock, form: sync, class: 'l'},
	"unlock":          {op: event.Unlock, form: sync, class: 'l'},
	"rlock":           {op: event.RLock, form: sync, class: 'l'},
	"runlock":         {op: event.RUnlock, form: sync, class: 'l'},
	"trylock-fail":    {op: event.TryLockFail, form: sync, class: 'l'},
	"send":            {op: event.Send, form: sync, class: 'c', space: event.SpaceChan, nums: 1},
	"recv":            {op: event.Recv, form: sync, class: 'c', space: event.SpaceChan, nums: 1},
	"close":           {op: event.Close, form: sync, class: 'c', space: event.SpaceChan},
	"recv-closed":     {op: event.RecvClosed, form: sync, class: 'c', space: event.SpaceChan},
	"default-send":    {op: event.DefaultSend, form: sync, class: 'c', space: event.SpaceChan},
	"default-recv":    {op: event.DefaultRecv, form: sync, class: 'c', space: event.SpaceChan},
	"add":             {op: event.Add, form: sync, class: 'w', nums: 1},
	"done":            {op: event.Add, form: sync, class: 'w'},
	"wait":            {op: event.Wait, form: sync, class: 'w'},
	"once":            {op: event.Once, form: sync, class: 'o'},
	"once-done":       {op: event.OnceDone, form: sync, class: 'o'},
	"once-wait":       {op: event.OnceWait, form: sync, class: 'o'},
	"cond-wait":       {op: event.CondWait, form: sync, class: 'k', space: event.SpaceCond},
	"cond-signal":     {op: event.CondSignal, form: sync, class: 'k', space: event.SpaceCond, nums: 2},
	"cond-broadcast":  {op: event.CondBroadcast, form: sync, class: 'k', space: event.SpaceCond, nums: 2},
	"cond-wake":       {op: event.CondWake, form: sync, class: 'k', space: event.SpaceCond, nums: 1},
	"alloc":           {op: event.Alloc, form: sized},
	"free":            {op: event.Free, form: memory},

	"acquire":         {op: event.Acquire, form: sync, class: 's'},
	"release":         {op: event.Release, form: sync, class: 's'},
	"release-merge":   {op: event.ReleaseMerge, form: sync, class: 's'},
	"release-acquire": {op: event.ReleaseAcquire, form: sync, class: 's'},
	"io-read":         {op: event.IORead, form: sync, class: 'i', space: event.SpaceIO},
	"io-write":        {op: event.IOWrite, form: sync, class: 'i', space: event.SpaceIO},
	"life":            {op: event.Alloc, form: memory},

	"quiet-atomic-load":     {op: event.AtomicLoad, form: memory, quiet: true},
	"quiet-atomic-store":    {op: event.AtomicStore, form: memory, quiet: true},
	"quiet-atomic-rmw":      {op: event.AtomicRMW, form: memory, quiet: true},
	"quiet-atomic-cas-fail": {op: event.AtomicCASFail, form: memory, quiet: true},

	"cut":          {op: event.LifeCut, form: memory},
	"misuse-read":  {op: event.MisuseRead, form: sync, class: 's', nums: 1},
	"misuse-write": {op: event.MisuseWrite, form: sync, class: 's', nums: 1},
	"send-closed":  {op: event.SendClosed, form: sync, class: 'c', space: event.SpaceChan},
	"close-closed": {op: event.CloseClosed, form: sync, class: 'c', space: event.SpaceChan},
	"close-nil":    {op: event.CloseNil, form: bare},

	"block-send":    {op: event.BlockSend, form: sync, class: 'c', space: event.SpaceChan},
	"block-recv":    {op: event.BlockRecv, form: sync, class: 'c', space: event.SpaceChan},
	"block-lock":    {op: event.BlockLock, form: sync, class: 'l'},
	"block-rlock":   {op: event.BlockRLock, form: sync, class: 'l'},
	"block-wait":    {op: event.BlockWait, form: sync, class: 'w'},
	"block-forever": {op: event.BlockForever, form: bare},

	"skip": {op: event.Invalid, form: bare, nums: 1},
}

var spaceNames = [...]string{
	event.SpaceAddr: "addr", event.SpaceChan: "chan", event.SpacePool: "pool", event.SpaceMap: "map",
	event.SpaceCond: "cond", event.SpaceTimer: "timer", event.SpaceFinal: "final", event.SpaceIO: "io",
	event.SpaceCoro: "coro", event.SpaceBubble: "bubble",
}
