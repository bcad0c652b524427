package scheduling

import (
	"fmt"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"golang.org/x/exp/trace"
)

// A goroutine is what is kept of one while it lives.
type goroutine struct {
	id     trace.GoID
	state  trace.GoState
	entry  string // the function that it runs, empty if not known
	system bool
	chosen bool
	before bool // it was there when the trace began
	born   int64
	branch *branch
	// origins are the go statements that led to it, its own first.
	origins []origin
	events  uint64

	wait     wait // if waiting
	waiting  bool
	wokenAt  [4]*place // where it was woken, the last first
	lastSpot *spot     // where its last wait was that ended
	moved    int64     // when it last started one, or waited for one
}

// maxOrigins is how many go statements above a goroutine are known.
const maxOrigins = 6

// An origin is a go statement that was executed.
type origin struct {
	by    trace.GoID
	event uint64 // its index within the goroutine that executed it
	stack stackID
	child trace.GoID
}

func (g *goroutine) name() string { return goName(g.id) }

func goName(id trace.GoID) string { return fmt.Sprintf("g%d", id) }

// main reports whether the goroutine runs func main.
func (g *goroutine) main() bool { return g.id == 1 }

// next returns the index of the goroutine's next event.
func (g *goroutine) next() uint64 {
	g.events++
	return g.events - 1
}

// isSystem reports whether a goroutine that runs a function is the runtime's own,
// or does the tracing.
func isSystem(entry string) bool {
	return strings.HasPrefix(entry, "runtime.") && entry != "runtime.main" || strings.HasPrefix(entry, "runtime/trace.")
}

// find takes in a goroutine that the trace has not told the beginning of.
func (b *Observer) find(st *trace.StateTransition, id trace.GoID) {
	g := &goroutine{id: id, before: true, chosen: b.chosen[id]}
	b.gs[id] = g
	b.existed++
	if g.main() {
		g.entry = "main.main"
		b.classify(g)
	}
	b.identify(g, st.Stack)
}

// identify says what a goroutine runs that was there before, from one of its own
// stacks.
func (b *Observer) identify(g *goroutine, stack trace.Stack) {
	if !g.before || g.entry != "" {
		return
	}
	if frames := b.stacks.frames(b.stacks.id(stack)); len(frames) > 0 {
		g.entry = frames[len(frames)-1].Func
		b.classify(g)
	}
}

// classify tells the runtime's goroutines from the program's, which have their
// place in the tree.
func (b *Observer) classify(g *goroutine) {
	if isSystem(g.entry) {
		g.system = true
		b.system++
		if g.before {
			b.existed--
		} else {
			b.started--
		}
		return
	}
	g.branch = b.tree.add(nil, noStack, b.stacks.frames(noStack), g)
}

// create takes in a goroutine that another one, or the runtime, starts.
func (b *Observer) create(ev *trace.Event, st *trace.StateTransition, id trace.GoID) {
	g := &goroutine{id: id, born: b.now, chosen: b.chosen[id]}
	if frames := b.stacks.frames(b.stacks.id(st.Stack)); len(frames) > 0 {
		g.entry = frames[len(frames)-1].Func
	}
	b.gs[id] = g
	if isSystem(g.entry) {
		g.system = true
		b.system++
		return
	}
	b.started++
	stack := b.stacks.id(ev.Stack())
	o := origin{by: ev.Goroutine(), stack: stack, child: id}
	var above *branch
	if parent := b.gs[ev.Goroutine()]; parent != nil {
		above = parent.branch
		g.chosen = g.chosen || parent.chosen
		o.event, parent.moved = parent.next(), b.now
		g.origins = append(g.origins, o)
		g.origins = append(g.origins, parent.origins[:min(len(parent.origins), maxOrigins-1)]...)
		b.record(parent, o.event, "go", b.label("go", g), stack, g.chosen || parent.chosen)
		if b.graph != nil {
			b.graph.start(parent, o.event, g)
		}
	} else {
		g.origins = []origin{o}
	}
	g.branch = b.tree.add(above, stack, b.stacks.frames(stack), g)
}

// end takes a goroutine out.
func (b *Observer) end(id trace.GoID) {
	g := b.gs[id]
	if g == nil {
		return
	}
	delete(b.gs, id)
	if g.waiting { // in damaged traces only
		b.leave(g)
	}
	if g.system {
		return
	}
	b.record(g, g.next(), "end", "end", noStack, g.chosen)
	if b.counts() {
		b.ended++
		if g.branch != nil {
			g.branch.ended++
		}
		return
	}
	if g.before {
		b.existed--
	} else {
		b.started--
	}
	if g.branch != nil {
		g.branch.count--
	}
}

// counts reports whether what happens now is part of what is looked at.
func (b *Observer) counts() bool { return b.now >= int64(b.o.Since) }

// chooses reports whether what a goroutine does matters.
func (b *Observer) chooses(g *goroutine) bool { return len(b.chosen) == 0 || g != nil && g.chosen }

// stack returns the frames of a stack, for a result.
func (b *Observer) stack(id stackID) []finding.Frame {
	frames := b.stacks.frames(id)
	out := make([]finding.Frame, len(frames))
	for i, f := range frames {
		out[i] = finding.Frame(f)
	}
	return out
}

// created is where a goroutine was started, and by whom, if that is known.
func (b *Observer) created(g *goroutine) (stack []finding.Frame, by string) {
	if len(g.origins) == 0 {
		return []finding.Frame{}, ""
	}
	o := g.origins[0]
	if o.by != trace.NoGoroutine {
		by = goName(o.by)
	}
	return b.stack(o.stack), by
}
