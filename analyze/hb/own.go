package hb

// For orders other than happens-before, which a [State] does not know.

// NewClock returns the clock of a goroutine, the first to have slot i, at its
// beginning.
func NewClock(i Slot) Clock { return Clock{slot: i, t: 1, exact: true} }

// Epoch returns the segment that the goroutine whose clock is c is in.
func (c *Clock) Epoch() Epoch { return Epoch{c.slot, c.t} }

// Release returns what the goroutine whose clock is c knows, and ends its segment.
func (c *Clock) Release() Clock {
	released := *c
	c.t++
	return released
}

// Acquire lets the goroutine whose clock is c learn what has been released.
func (c *Clock) Acquire(released *Clock) { c.join(released) }
