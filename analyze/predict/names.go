package predict

import (
	"fmt"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// siteID is a source line, objectID an object by name: numbers, in order of
// first use.
type (
	siteID   int32
	objectID int32
)

type names struct {
	src     event.Source
	stacks  map[event.Stack]siteID
	lines   map[lineKey]siteID
	places  map[placeKey]objectID
	objects map[nameKey]objectID
}

type lineKey struct {
	file string
	line int
}

type placeKey struct {
	addr  uint64
	cycle uint32
}

type nameKey struct {
	name  string
	alloc siteID // of a heap object, else -1
}

func newNames(src event.Source) *names {
	return &names{src, map[event.Stack]siteID{}, map[lineKey]siteID{}, map[placeKey]objectID{}, map[nameKey]objectID{}}
}

// number returns the number of a key, a new one if need be.
func number[K comparable, N ~int32](m map[K]N, key K) N {
	n, ok := m[key]
	if !ok {
		n = N(len(m))
		m[key] = n
	}
	return n
}

func (n *names) site(st event.Stack) siteID {
	id, ok := n.stacks[st]
	if !ok {
		var l lineKey
		if frames := n.src.Frames(st); len(frames) > 0 {
			f := frames[event.Site(frames)]
			l = lineKey{f.File, f.Line}
		}
		id = number(n.lines, l)
		n.stacks[st] = id
	}
	return id
}

func (n *names) object(addr uint64, cycle uint32) objectID {
	id, ok := n.places[placeKey{addr, cycle}]
	if !ok {
		o := n.src.Object(addr, cycle)
		key := nameKey{o.Name, -1}
		if o.Alloc != 0 {
			key.alloc = n.site(o.Alloc)
		}
		id = number(n.objects, key)
		n.places[placeKey{addr, cycle}] = id
	}
	return id
}

func goroutineName(src event.Source, g event.G) string {
	if name := src.Goroutine(g).Name; name != "" {
		return name
	}
	return fmt.Sprintf("g%d", g)
}
