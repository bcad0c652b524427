// Package hb is happens-before: vector clocks, and the state machine that
// moves them as docs/memory-model.md says.
package hb

import "github.com/hindsight-go/hindsight/analyze/event"

// Time counts the segments of one goroutine: the parts between two of its
// releases. A goroutine's first segment is 1; 0 means "knows nothing of it".
type Time = uint32

// Epoch is a segment of one goroutine. Everything that a goroutine does in one
// segment is related alike to the rest of the execution.
type Epoch struct {
	G event.G
	T Time
}

// A Clock says, for every goroutine, up to which segment it is known: one
// component of its own (g at time t) and a tree for the others. Clocks are
// values; they never change, so copying one costs nothing and a hundred thousand
// goroutines share what they have in common.
//
// If exact is set, the clock is what goroutine g released at the end of its
// segment t, no more and no less. Whoever knows segment t of g has learned it,
// directly or not, from that release, and so knows all of the clock: the
// shortcut that makes most joins one comparison.
//
// The zero Clock knows nothing.
type Clock struct {
	g     event.G
	t     Time
	exact bool
	tree  tree
}

// At returns the time of goroutine g that c knows.
func (c *Clock) At(g event.G) Time {
	t := c.tree.at(uint32(g))
	if g == c.g && c.t > t {
		return c.t
	}
	return t
}

// Knows reports whether segment e is ordered before a goroutine whose clock is c.
func (c *Clock) Knows(e Epoch) bool { return e.T <= c.At(e.G) }

// Before reports whether segment e is ordered before clock c.
func Before(e Epoch, c *Clock) bool { return c.Knows(e) }

// covers reports, without looking into the trees, whether c surely knows all
// of o. A false may be wrong, a true is not.
func (c *Clock) covers(o *Clock) bool {
	if o.t == 0 && o.tree.root == nil {
		return true
	}
	return o.exact && c.At(o.g) >= o.t
}

// join makes c, the clock of a running goroutine, learn o. The own component of
// c stays its own.
func (c *Clock) join(o *Clock) {
	if c.covers(o) {
		return
	}
	c.tree = union(c.tree, o.tree)
	if o.t > c.At(o.g) {
		c.tree = c.tree.with(uint32(o.g), o.t)
	}
}

// merge returns o ⊔ c for an object's clock o and the clock c of the goroutine
// that releases to it.
func merge(o, c *Clock) Clock {
	if c.covers(o) {
		return *c
	}
	m := *c
	m.tree = union(c.tree, o.tree)
	if o.t > m.At(o.g) {
		m.tree = m.tree.with(uint32(o.g), o.t)
	}
	// Unless o added something, m is what c's goroutine released.
	m.exact = c.exact && m.tree == c.tree
	return m
}
