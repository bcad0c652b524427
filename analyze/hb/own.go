package hb

import "github.com/hindsight-go/hindsight/analyze/event"

// For orders other than happens-before, which a [State] does not know.

// NewClock returns the clock of goroutine g at its beginning.
func NewClock(g event.G) Clock { return Clock{g: g, t: 1, exact: true} }

// Epoch returns the segment that the goroutine whose clock is c is in.
func (c *Clock) Epoch() Epoch { return Epoch{c.g, c.t} }

// Release returns what the goroutine whose clock is c knows, and ends its segment.
func (c *Clock) Release() Clock {
	released := *c
	c.t++
	return released
}

// Acquire lets the goroutine whose clock is c learn what has been released.
func (c *Clock) Acquire(released *Clock) { c.join(released) }
