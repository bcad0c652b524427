package scheduling

import (
	"cmp"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"golang.org/x/exp/trace"
)

// A spot is a line at which goroutines wait for one kind of thing, whatever
// called it. A convoy is a run of waits there that end in turn: each leaves
// others waiting. At a lock, or to send, it does not matter who ends the wait.
// Elsewhere, as where idle workers wait for jobs, only those turns count that are
// passed on: whoever ends a wait had its own wait there before.
type spot struct {
	spotKey
	number int
	stack  stackID // of the first wait
	queue  int     // that wait now
	now    convoy
	best   convoy
}

type spotKey struct {
	site event.Frame
	kind kind
}

type convoy struct {
	turns      uint64
	width      int
	start, end int64
	ns         int64
	gs         map[trace.GoID]bool
	steps      []step // the first
}

// A step is one turn.
type step struct {
	by         trace.GoID // NoGoroutine: not known
	byEvent    uint64
	byStack    stackID
	g          trace.GoID
	goesOn     uint64 // its event
	blockStack stackID
}

// Bounds, and what makes a convoy.
const (
	maxSpots    = 1 << 12
	maxConvoyGs = 1 << 12
	maxSteps    = 10
	maxConvoys  = 10
	convoyWidth = 4 // goroutines that wait at once
	convoyTurns = 4
)

// enter counts a goroutine as waiting at the spot of its wait.
func (b *Observer) enter(w *wait) *spot {
	frames := b.stacks.frames(w.stack)
	switch w.kind {
	case lock, rlock, send, recv, choose, semaphore:
	default:
		return nil
	}
	if len(frames) == 0 {
		return nil
	}
	key := spotKey{site(frames), w.kind}
	s := b.spots[key]
	if s == nil {
		if len(b.spots) >= maxSpots {
			return nil
		}
		s = &spot{spotKey: key, number: len(b.spots), stack: w.stack}
		b.spots[key] = s
	}
	s.queue++
	s.now.width = max(s.now.width, s.queue)
	return s
}

// turn takes the end of a wait, which no longer counts as one.
func (b *Observer) turn(g, by *goroutine, w *wait, t step) {
	s := w.spot
	passed := s != nil && by != nil && by.lastSpot == s
	g.lastSpot = s
	if s == nil {
		return
	}
	ordered := passed || s.kind == lock || s.kind == send
	if ordered && b.counts() && (b.chooses(g) || b.chooses(by)) && (s.queue > 0 || s.now.turns > 0) {
		c := &s.now
		if c.turns == 0 {
			c.start, c.gs = b.now, make(map[trace.GoID]bool)
		}
		c.turns++
		c.end = b.now
		c.ns += b.now - w.start
		if len(c.gs) < maxConvoyGs {
			c.gs[g.id] = true
		}
		if len(c.steps) < maxSteps {
			c.steps = append(c.steps, t)
		}
	}
	if s.queue == 0 || !ordered {
		s.close()
	}
}

// close ends the run that goes on.
func (s *spot) close() {
	c := s.now
	s.now = convoy{width: s.queue}
	if c.turns >= convoyTurns && c.width >= convoyWidth && c.turns > s.best.turns {
		s.best = c
	}
}

// convoys are the longest, one of a spot.
func (b *Observer) convoys() (list []*spot, left int) {
	for _, s := range b.spots {
		s.close()
		if s.best.turns > 0 {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y *spot) int {
		return cmp.Or(cmp.Compare(y.best.turns, x.best.turns), cmp.Compare(y.best.width, x.best.width), cmp.Compare(x.number, y.number))
	})
	n := min(len(list), maxConvoys)
	return list[:n], len(list) - n
}

func (b *Observer) showConvoy(s *spot) finding.Convoy {
	c := &s.best
	out := finding.Convoy{
		Op: ops[s.kind], Site: finding.Frame(s.site), Stack: b.stack(s.stack),
		Goroutines: len(c.gs), Width: c.width, Turns: c.turns,
		Start: seconds(c.start), Seconds: seconds(c.end - c.start), Waited: seconds(c.ns), First: []string{},
	}
	for _, st := range c.steps {
		out.First = append(out.First, goName(st.g))
	}
	return out
}
