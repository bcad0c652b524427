// Package scheduling tells what an ordinary execution trace says of goroutines:
// who started whom, who waited where and how long, who ended the wait, and who
// still waited at the end. Such a trace names no mutex and no channel, and holds
// nothing of an operation that did not block: what goroutines wait for is
// concluded from stacks, from who ended other waits, and from who started whom.
//
// Events are taken one by one. Kept are the goroutines that live, and of waits
// sums by stack and the longest; all that grows with the trace has a bound.
package scheduling

import (
	"math"
	"time"

	"golang.org/x/exp/trace"
)

// Options say what of a trace is looked at.
type Options struct {
	// Since and Until are times after the trace's first event. What ended before
	// Since does not count; the trace is taken to end at Until, unless that is 0.
	Since, Until time.Duration
	// Goroutines are the numbers of those whose waits matter, with all that they
	// started; of others only the waits that these ended. None: all matter.
	Goroutines []uint64
	// Graph asks for the happens-before graph, too.
	Graph bool
}

// An Observer sees an execution trace, event by event.
type Observer struct {
	o       Options
	chosen  map[trace.GoID]bool
	begun   bool
	first   trace.Time
	now     int64 // nanoseconds since the first event
	until   int64
	wall    time.Time // of the first event; zero: not known
	stacks  stacks
	gs      map[trace.GoID]*goroutine // that live
	tree    tree
	places  map[placeKey]*place
	spots   map[spotKey]*spot
	longest longest
	graph   *history

	existed, started, ended, system int
}

// New returns an observer that has seen nothing.
func New(o Options) *Observer {
	b := &Observer{
		o: o, until: math.MaxInt64, chosen: make(map[trace.GoID]bool),
		gs:     make(map[trace.GoID]*goroutine),
		places: make(map[placeKey]*place),
		spots:  make(map[spotKey]*spot),
		stacks: newStacks(), tree: newTree(),
	}
	if o.Until > 0 {
		b.until = int64(o.Until)
	}
	for _, id := range o.Goroutines {
		b.chosen[trace.GoID(id)] = true
	}
	if o.Graph {
		b.graph = newHistory()
	}
	return b
}

// Event takes the next event. It reports false once no further one matters.
func (b *Observer) Event(ev *trace.Event) bool {
	if !b.begun && ev.Kind() != trace.EventSync { // the first of them has no time in some versions
		b.begun, b.first = true, ev.Time()
	}
	if b.begun {
		// Differences of hostile times may overflow.
		if now := int64(ev.Time()) - int64(b.first); now > b.now {
			b.now = now
		}
	}
	if b.now > b.until {
		b.now = b.until
		return false
	}
	switch ev.Kind() {
	case trace.EventSync:
		b.stacks.generation()
		if clock := ev.Sync().ClockSnapshot; clock != nil && b.wall.IsZero() {
			b.wall = clock.Wall
		}
	case trace.EventStateTransition:
		if st := ev.StateTransition(); st.Resource.Kind == trace.ResourceGoroutine {
			b.transition(ev, &st)
		}
	}
	return b.graph == nil || !b.graph.full()
}

// transition takes a change of a goroutine's state.
func (b *Observer) transition(ev *trace.Event, st *trace.StateTransition) {
	id := st.Resource.Goroutine()
	from, to := st.Goroutine()
	if by := b.gs[ev.Goroutine()]; by != nil && from != trace.GoUndetermined && from != to {
		b.identify(by, ev.Stack()) // the stack is its own
	}
	switch {
	case from == trace.GoNotExist:
		b.create(ev, st, id)
	case to == trace.GoNotExist:
		b.end(id)
		return
	case b.gs[id] == nil: // Undetermined, or all that is left of a damaged trace
		b.find(st, id)
	}
	g := b.gs[id]
	switch {
	case from == trace.GoWaiting && to != trace.GoWaiting:
		b.wake(ev, g)
	case to == trace.GoWaiting && from != trace.GoWaiting:
		b.block(st, g, from)
	}
	g.state = to
}

// seconds since the trace's first event.
func seconds(ns int64) float64 { return float64(ns) / 1e9 }
