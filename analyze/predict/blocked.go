package predict

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/naming"
	"github.com/hindsight-go/hindsight/analyze/rule"
)

// Ends finds the goroutines that wait when the execution ends, and closes of
// nil channels.
//
// Waiting is an error where nobody could end it: on a nil channel; for a lock
// whose holders have ended or wait in vain themselves; and if all goroutines
// that are left wait. Else it is a note.
type Ends struct {
	*predictor
	gs       []end
	pos      uint64
	holders  map[event.Obj][]event.G
	closeNil []access
}

// NewEnds returns what is known at an execution's beginning.
func NewEnds(src event.Source) *Ends {
	return &Ends{predictor: &predictor{Names: naming.New(src), src: src}, holders: map[event.Obj][]event.G{}}
}

// end is how a goroutine stands.
type end struct {
	seen, ended bool
	waits       []access // one, or those of one select
}

// Add adds the next event. Plain accesses may be left out.
func (b *Ends) Add(e *event.Event) {
	pos := b.pos
	b.pos++
	for int(max(e.G, e.Child)) >= len(b.gs) {
		b.gs = append(b.gs, end{})
	}
	g := &b.gs[e.G]
	g.seen = true
	at := access{op: e.Op, g: e.G, cycle: e.Cycle, index: e.Index, pos: pos, stack: e.Stack, obj: e.Obj}
	switch e.Op {
	case event.BlockSend, event.BlockRecv:
		if n := len(g.waits); n > 0 && g.waits[n-1].op != event.BlockSend && g.waits[n-1].op != event.BlockRecv {
			g.waits = g.waits[:0]
		}
		g.waits = append(g.waits, at)
		return
	case event.BlockLock, event.BlockRLock, event.BlockWait, event.BlockForever, event.CondWait:
		g.waits = append(g.waits[:0], at)
		return
	}
	g.waits = g.waits[:0]
	switch e.Op {
	case event.Go:
		if e.Child >= 0 {
			b.gs[e.Child].seen = true
		}
	case event.End:
		g.ended = true
	case event.CloseNil:
		b.closeNil = append(b.closeNil, at)
	case event.Lock, event.RLock:
		b.holders[e.Obj] = append(b.holders[e.Obj], e.G)
	case event.Unlock, event.RUnlock:
		all := b.holders[e.Obj]
		if i := slices.Index(all, e.G); i >= 0 {
			b.holders[e.Obj] = slices.Delete(all, i, i+1)
		} else if len(all) > 0 {
			b.holders[e.Obj] = all[1:]
		}
	}
}

// hopeless reports for every goroutine whether it waits in vain.
func (b *Ends) hopeless() []bool {
	out := make([]bool, len(b.gs))
	r, ok := b.src.(event.Recorded)
	running := ok && r.Killed()
	for i := range b.gs {
		g := &b.gs[i]
		running = running || g.seen && !g.ended && len(g.waits) == 0 && !b.src.Goroutine(event.G(i)).System
		out[i] = !g.ended && len(g.waits) > 0
	}
	if !running {
		return out
	}
	// Whoever may be woken is not hopeless; nor is who waits for a lock that such
	// a one holds.
	for again := true; again; {
		again = false
		for i := range b.gs {
			if out[i] && (b.mayWake(&b.gs[i], out) || b.resting(event.G(i))) {
				out[i], again = false, true
			}
		}
	}
	return out
}

// mayWake reports whether somebody could end the waiting of g, of all who run
// or are not known to wait in vain.
func (b *Ends) mayWake(g *end, hopeless []bool) bool {
	w := &g.waits[0]
	switch w.op {
	case event.BlockForever:
		return false
	case event.BlockLock, event.BlockRLock:
		return !slices.ContainsFunc(b.holders[w.obj], func(h event.G) bool { return hopeless[h] || b.gs[h].ended })
	}
	return true
}

// resting reports whether g is the main goroutine in a select without cases.
func (b *Ends) resting(g event.G) bool {
	info := b.src.Goroutine(g)
	return info.Parent < 0 && !info.System && b.withoutCases(&b.gs[g].waits[0])
}

// withoutCases reports whether something waits in a select without cases; of a
// script that is not known.
func (b *Ends) withoutCases(w *access) bool {
	frames := b.src.Frames(w.stack)
	return w.op == event.BlockForever && len(frames) > 0 && frames[0].Func == "runtime.block"
}

// Findings returns what was found, at the end. If objects are not named yet, the
// source is replayed for their names.
func (b *Ends) Findings() ([]finding.Finding, error) {
	if err := b.name(); err != nil {
		return nil, err
	}
	return b.findings(), nil
}

// name makes the source know the objects at which goroutines wait.
func (b *Ends) name() error {
	var unknown []uint64
	for i := range b.gs {
		for j := range b.gs[i].waits {
			if o := b.gs[i].waits[j].obj; inMemory(o.Space) && b.src.Object(o.Addr, math.MaxUint32).Kind == "unknown" {
				unknown = append(unknown, o.Addr)
			}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	keep := func(addr, size uint64) bool {
		i, _ := slices.BinarySearch(unknown, addr)
		return i < len(unknown) && unknown[i]-addr < size
	}
	none := func(uint64, uint64) bool { return false }
	return b.replayWhere("names", none, keep, func(*event.Event, uint64) {})
}

func (b *Ends) findings() []finding.Finding {
	type key struct {
		rule   int
		object string
		site   event.Frame
	}
	at := map[key]int{}
	out := []finding.Finding{}
	add := func(number int, severity, message string, events []access) {
		x := finding.Finding{
			Rule: rule.ID(number), Severity: severity, Tier: "observed", Witness: "none", Message: message,
			Object: b.src.SyncName(events[0].obj), Occurrences: 1, Events: []finding.Access{},
		}
		if op := events[0].op; op == event.BlockForever || op == event.CloseNil {
			x.Object = ""
		}
		k := key{rule: number, object: x.Object}
		if frames := b.src.Frames(events[0].stack); len(frames) > 0 {
			k.site = frames[event.Caller(frames)]
		}
		if i, ok := at[k]; ok {
			out[i].Occurrences++
			return
		}
		at[k] = len(out)
		for i := range events {
			x.Events = append(x.Events, b.access(&events[i]))
		}
		out = append(out, x)
	}
	for i := range b.closeNil {
		a := &b.closeNil[i]
		add(13, "error", b.Goroutine(a.g)+" closes a nil channel", b.closeNil[i:i+1])
	}
	hopeless := b.hopeless()
	for i := range b.gs {
		g := &b.gs[i]
		if g.ended || len(g.waits) == 0 || b.src.Goroutine(event.G(i)).System {
			continue
		}
		name := b.Goroutine(event.G(i))
		what := b.waitsFor(g)
		if hopeless[i] {
			add(50, "error", fmt.Sprintf("%s waits %s, and nobody is left who could end that", name, what), g.waits)
		} else {
			add(51, "note", fmt.Sprintf("%s still waited %s when the execution ended", name, what), g.waits)
		}
	}
	return out
}

// forever says how something waits for ever.
func (b *Ends) forever(w *access) string {
	frames := b.src.Frames(w.stack)
	switch {
	case b.withoutCases(w):
		return "in a select without cases"
	case len(frames) > 0 && strings.HasPrefix(frames[0].Func, "runtime.chan"):
		return "on a nil channel"
	}
	return "on a nil channel or in a select without cases"
}

// waitsFor says what a goroutine waits for.
func (b *Ends) waitsFor(g *end) string {
	var parts []string
	for i := range g.waits {
		w := &g.waits[i]
		name := b.src.SyncName(w.obj)
		switch w.op {
		case event.BlockSend:
			parts = append(parts, "to send on "+name)
		case event.BlockRecv:
			parts = append(parts, "to receive from "+name)
		case event.BlockLock, event.BlockRLock:
			s := "for the lock " + name
			var by []string
			for _, h := range b.holders[w.obj] {
				by = append(by, b.Goroutine(h))
			}
			if len(by) > 0 {
				s += ", held by " + strings.Join(by, ", ")
			}
			parts = append(parts, s)
		case event.BlockWait:
			parts = append(parts, "for the WaitGroup "+name)
		case event.CondWait:
			parts = append(parts, "for the Cond "+name)
		default:
			parts = append(parts, b.forever(w))
		}
	}
	return strings.Join(parts, " or ")
}
