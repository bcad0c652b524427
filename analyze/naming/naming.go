// Package naming names what events are about: lines and objects as numbers, to
// tell races apart, and as results show them.
package naming

import (
	"fmt"
	"path"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
)

// Line is a source line, Object an object's name: numbers instead of strings.
// They are given in order of first use, so that all runs agree.
type (
	Line   int32
	Object int32
)

// Names names the contents of a source. It is not safe for concurrent use.
type Names struct {
	src     event.Source
	ofStack map[event.Stack]Line
	ofLine  map[line]Line
	ofPlace map[place]Object
	ofName  map[name]Object
}

type line struct {
	file string
	line int
}

type place struct {
	addr  uint64
	cycle uint32
}

// name is what makes objects one: heap objects of one name are different if
// they were allocated at different lines.
type name struct {
	name  string
	alloc Line
}

// New returns the names of a source.
func New(src event.Source) *Names {
	return &Names{src, map[event.Stack]Line{}, map[line]Line{}, map[place]Object{}, map[name]Object{}}
}

// Line returns the line of a stack's site, see [event.Site].
func (n *Names) Line(st event.Stack) Line {
	id, ok := n.ofStack[st]
	if !ok {
		var l line
		if frames := n.src.Frames(st); len(frames) > 0 {
			f := frames[event.Site(frames)]
			l = line{f.File, f.Line}
		}
		if id, ok = n.ofLine[l]; !ok {
			id = Line(len(n.ofLine))
			n.ofLine[l] = id
		}
		n.ofStack[st] = id
	}
	return id
}

// Object returns the object at an address in a GC cycle.
func (n *Names) Object(addr uint64, cycle uint32) Object {
	id, ok := n.ofPlace[place{addr, cycle}]
	if !ok {
		o := n.src.Object(addr, cycle)
		key := name{name: o.Name, alloc: -1}
		if o.Alloc != 0 {
			key.alloc = n.Line(o.Alloc)
		}
		if id, ok = n.ofName[key]; !ok {
			id = Object(len(n.ofName))
			n.ofName[key] = id
		}
		n.ofPlace[place{addr, cycle}] = id
	}
	return id
}

// Goroutine returns a goroutine's name.
func (n *Names) Goroutine(g event.G) string {
	if name := n.src.Goroutine(g).Name; name != "" {
		return name
	}
	return fmt.Sprintf("g%d", g)
}

// Site returns the frame of a stack that people should look at, see [event.Caller].
func (n *Names) Site(st event.Stack) finding.Frame {
	all := n.src.Frames(st)
	if len(all) == 0 {
		return finding.Frame{}
	}
	return finding.Frame(all[event.Caller(all)])
}

// At returns the site in a sentence: " at a.go:31", or nothing if it is unknown.
func (n *Names) At(st event.Stack) string {
	if f := n.Site(st); f.File != "" {
		return fmt.Sprintf(" at %s:%d", path.Base(f.File), f.Line)
	}
	return ""
}

// Stack returns a stack's frames.
func (n *Names) Stack(st event.Stack) []finding.Frame {
	in := n.src.Frames(st)
	out := make([]finding.Frame, len(in))
	for i, f := range in {
		out[i] = finding.Frame(f)
	}
	return out
}

// Memory describes the object at an address in a GC cycle.
func (n *Names) Memory(addr uint64, cycle uint32) finding.Object {
	o := n.src.Object(addr, cycle)
	out := finding.Object{Name: o.Name, Kind: o.Kind, Type: o.Type, Size: o.Size}
	if out.Kind == "" {
		out.Kind = "unknown"
	}
	if addr > o.Base && o.Base != 0 {
		out.Offset = addr - o.Base
	}
	if o.Alloc != 0 {
		out.Allocated = n.Stack(o.Alloc)
		if o.AllocG >= 0 {
			out.AllocatedBy = n.Goroutine(o.AllocG)
		}
	}
	return out
}
