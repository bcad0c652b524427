package detect

import (
	"github.com/hindsight-go/hindsight/analyze/event"
)

// siteID is a source line, objectID an object's name: numbers instead of
// strings. They are given in order of first use, so that all runs agree.
type (
	siteID   int32
	objectID int32
)

// names numbers lines and objects.
type names struct {
	src     event.Source
	ofStack map[event.Stack]siteID
	ofLine  map[line]siteID
	ofAddr  map[place]objectID
	ofName  map[name]objectID
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
	alloc siteID
}

func newNames(src event.Source) *names {
	return &names{src, map[event.Stack]siteID{}, map[line]siteID{}, map[place]objectID{}, map[name]objectID{}}
}

func (n *names) site(st event.Stack) siteID {
	id, ok := n.ofStack[st]
	if !ok {
		var l line
		if frames := n.src.Frames(st); len(frames) > 0 {
			f := frames[event.Site(frames)]
			l = line{f.File, f.Line}
		}
		if id, ok = n.ofLine[l]; !ok {
			id = siteID(len(n.ofLine))
			n.ofLine[l] = id
		}
		n.ofStack[st] = id
	}
	return id
}

func (n *names) object(addr uint64, cycle uint32) objectID {
	id, ok := n.ofAddr[place{addr, cycle}]
	if !ok {
		o := n.src.Object(addr, cycle)
		key := name{name: o.Name, alloc: -1}
		if o.Alloc != 0 {
			key.alloc = n.site(o.Alloc)
		}
		if id, ok = n.ofName[key]; !ok {
			id = objectID(len(n.ofName))
			n.ofName[key] = id
		}
		n.ofAddr[place{addr, cycle}] = id
	}
	return id
}
