package recording

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// A slice that waits keeps its whole block in memory. A recorder writes a few
// dozen megabytes at most before everything that came earlier is in the file (it
// ends a generation of the trace then), but in a damaged or hostile file a slice may wait for ever.

// mostWaits is the weight of blocks in which something waits, above which the
// goroutines that have waited longest are given up.
const mostWaits = 1 << 30

// What a record takes in memory, in bytes, about, as long as plain accesses come in runs. The
// weight is the same for every selection, so that every replay gives up the same.
const (
	accessWeight = 16
	opWeight     = 80
	sliceWeight  = 192
	stackWeight  = 8
	pcWeight     = 4
)

// hold notes that a slice begins to wait.
func (rp *replay) hold(s *slice) {
	if s.of.waiting++; s.of.waiting == 1 {
		rp.waits += s.of.weight
	}
}

// release notes that a slice waits no longer.
func (rp *replay) release(s *slice) {
	if s.of.waiting--; s.of.waiting == 0 {
		rp.waits -= s.of.weight
	}
}

// waiting is the slices of c that wait, that which is open included.
func (c *cursor) waiting() iter.Seq[*slice] {
	return func(yield func(*slice) bool) {
		if c.open && !yield(&c.slice) {
			return
		}
		for i := range c.queue {
			if !yield(&c.queue[i]) {
				return
			}
		}
		for _, s := range c.early {
			if !yield(&s) {
				return
			}
		}
	}
}

// giveUp stops the goroutines that have waited longest, until half of what may
// wait does. That of what they wait for some is missing is all that is known; it counts as
// one operation each.
func (rp *replay) giveUp() {
	type waiter struct {
		c     *cursor
		since int
	}
	var all []waiter
	for _, g := range rp.rec.byID {
		if g.cursor == nil {
			continue
		}
		since := math.MaxInt
		for s := range g.cursor.waiting() {
			since = min(since, s.of.number)
		}
		if since < math.MaxInt {
			all = append(all, waiter{g.cursor, since})
		}
	}
	slices.SortFunc(all, func(a, b waiter) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.c.g.id, b.c.g.id))
	})
	for _, w := range all {
		if rp.waits <= rp.rec.mostWaits/2 {
			break
		}
		rp.stop(w.c)
		rp.abandon(1)
		rp.lose(1)
		rp.rec.givenUp++
	}
	for i := range rp.counters {
		cs := &rp.counters[i]
		before := len(cs.waiters)
		cs.waiters.drop()
		rp.waiting -= before - len(cs.waiters)
	}
	rp.later.drop()
}
