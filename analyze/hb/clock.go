// Package hb is happens-before: vector clocks, and the state machine that
// moves them as docs/memory-model.md says.
package hb

// Time counts segments: the parts of what a goroutine does between two of its
// releases. The first is 1; 0 means "knows nothing of it".
type Time = uint32

// A Slot is a place in clocks: that of a goroutine or, in a [State], of several,
// each of which began after all that the one before it did (see reuse.go). Slots
// are small and dense. What is done in one slot is ordered, so nothing is lost if
// accesses are told apart by slot instead of by goroutine.
type Slot int32

// Epoch is a segment of the goroutine that has a slot at that time. Everything
// that a goroutine does in one segment is related alike to the rest of the
// execution.
type Epoch struct {
	Slot Slot
	T    Time
}

// A Clock says, for every slot, up to which segment it is known: one component
// of its own (slot at time t) and a tree for the others. Clocks are values; they
// never change, so copying one costs nothing and a hundred thousand goroutines
// share what they have in common.
//
// If exact is set, the clock is what was released in slot at the end of segment
// t, no more and no less. Whoever knows segment t of the slot has learned it,
// directly or not, from that release, and so knows all of the clock: the
// shortcut that makes most joins one comparison.
//
// The zero Clock knows nothing.
type Clock struct {
	slot  Slot
	t     Time
	exact bool
	tree  tree
}

// At returns the time of slot i that c knows.
func (c *Clock) At(i Slot) Time {
	t := c.tree.at(uint32(i))
	if i == c.slot && c.t > t {
		return c.t
	}
	return t
}

// Knows reports whether segment e is ordered before a goroutine whose clock is c.
func (c *Clock) Knows(e Epoch) bool { return e.T <= c.At(e.Slot) }

// covers reports, without looking into the trees, whether c surely knows all
// of o. A false may be wrong, a true is not.
func (c *Clock) covers(o *Clock) bool {
	if o.t == 0 && o.tree.root == nil {
		return true
	}
	return o.exact && c.At(o.slot) >= o.t
}

// join makes c, the clock of a running goroutine, learn o. The own component of
// c stays its own.
func (c *Clock) join(o *Clock) {
	if c.covers(o) {
		return
	}
	c.tree = union(c.tree, o.tree)
	if o.t > c.At(o.slot) {
		c.tree = c.tree.with(uint32(o.slot), o.t)
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
	if o.t > m.At(o.slot) {
		m.tree = m.tree.with(uint32(o.slot), o.t)
	}
	// Unless o added something, m is what c's goroutine released.
	m.exact = c.exact && m.tree == c.tree
	return m
}
