package hb

import "github.com/hindsight-go/hindsight/analyze/event"

// Clocks have a place for every slot, so slots are used again: a goroutine that
// is started takes over the slot of one that has ended, if the go statement comes
// after everything that the old one did. Times go on from where they were: a
// segment that was known of the slot is known still, and one of the new goroutine
// is known by those only that know of its start, and so of all that came before.
// That it has ended does not order a goroutine before anything; what must be known is its last release,
// and after that it must have done nothing that anybody may ask about.

// mostLooks is how many slots a go statement looks at. Those of goroutines that
// nobody waits for are never free; a queue in which they go to the end keeps the
// others within reach.
const mostLooks = 8

// end forgets what g knew, which nobody will ask about, and offers its slot.
func (s *State) end(g event.G) {
	x := s.goroutine(g)
	x.clock.tree = tree{}
	if x.asked < x.clock.t {
		s.ended = append(s.ended, g)
	}
}

// reuse gives g, which is started by a goroutine with clock c, the slot of
// another if it can.
func (s *State) reuse(g event.G, c *Clock) {
	if s.gs[g].clock.t != 0 {
		return // it was there before its go statement
	}
	for range min(mostLooks, len(s.ended)) {
		of := s.ended[0]
		s.ended = s.ended[1:]
		old := &s.gs[of]
		switch {
		case old.asked == old.clock.t:
			// It has done something after its end: a recording cannot be trusted.
		case c.At(old.clock.slot) >= old.clock.t-1:
			// Its present segment, of which nobody knows, is the new one's first.
			s.gs[g].clock = Clock{slot: old.clock.slot, t: old.clock.t, exact: true}
			*old = goroutine{}
			return
		default:
			s.ended = append(s.ended, of)
		}
	}
}
