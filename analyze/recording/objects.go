package recording

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// allocs are the allocations of a recording, or those that somebody wants to
// know of, by address and GC cycle once a replay that collects them is complete.
type allocs struct {
	list     []alloc
	complete bool
	all      bool
}

type alloc struct {
	addr  uint64
	size  uint32
	cycle uint32
	stack event.Stack
	g     event.G
	typ   uint32
}

func (a *allocs) add(x alloc) { a.list = append(a.list, x) }

func (a *allocs) finish() {
	slices.SortFunc(a.list, func(x, y alloc) int {
		return cmp.Or(cmp.Compare(x.addr, y.addr), cmp.Compare(x.cycle, y.cycle))
	})
	a.complete = true
}

// find returns the allocation whose object held addr in the given cycle.
func (a *allocs) find(addr uint64, cycle uint32) *alloc {
	if !a.complete {
		return nil
	}
	i := sort.Search(len(a.list), func(i int) bool { return a.list[i].addr > addr })
	// Going down: the nearest base below addr whose object reaches it. Objects
	// of other lives may begin in between; an object's neighbours are few.
	for n := 0; i > 0 && n < 4096; n++ {
		i--
		if x := &a.list[i]; x.cycle <= cycle && addr-x.addr < uint64(x.size) {
			return x
		}
	}
	return nil
}

// Object implements [event.Source].
func (rec *Recording) Object(addr uint64, cycle uint32) event.Object {
	if i := sort.Search(len(rec.vars), func(i int) bool { return rec.vars[i].addr > addr }); i > 0 {
		if v := rec.vars[i-1]; addr-v.addr < max(v.size, 1) {
			kind := "global"
			if rec.annotated != nil {
				kind = "variable" // as in a script: of where it is nothing is known
			}
			return event.Object{Name: v.name, Kind: kind, Base: v.addr, Size: v.size, AllocG: -1}
		}
	}
	x := rec.allocs.find(addr, cycle)
	if x == nil {
		name := "memory not allocated by Go code"
		if rec.facts["window"] != nil {
			name = "memory allocated before the recording began"
		}
		return event.Object{Name: name, Kind: "unknown", Base: addr, AllocG: -1}
	}
	o := event.Object{Kind: "heap", Base: x.addr, Size: uint64(x.size), Alloc: x.stack, AllocG: x.g}
	t := rec.types[uint64(x.typ)]
	if x.typ == 0 || t == nil || t.name == "" {
		o.Name = fmt.Sprintf("%d-byte object", x.size)
		return o
	}
	o.Type = t.name
	o.Name = t.name
	off := addr - x.addr
	if t.size > 0 && o.Size >= 2*t.size {
		o.Type = "[]" + t.name
		o.Name = o.Type
		off %= t.size
	}
	for i := len(t.fields) - 1; i >= 0; i-- {
		if f := t.fields[i]; f.off <= off && off-f.off < max(f.size, 1) {
			o.Name += "." + f.path
			break
		}
	}
	return o
}
