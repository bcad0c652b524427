package predict

import (
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/naming"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// claim is a misuse that another schedule may show: one rule, one object by
// name, the lines of its events.
type claim struct {
	quickClaim
	attempts []attempt
	more     int // attempts that were not kept
	before
}

// before is what earlier chapters have come to.
type before struct {
	early []proposal
	tried bool // something was
	cut   bool // the budget did not suffice
}

// join adds what others have come to.
func (b *before) join(o before) {
	b.early = append(b.early, o.early...)
	b.tried, b.cut = b.tried || o.tried, b.cut || o.cut
}

// attempt is events that may be next at once.
type attempt struct {
	goal   witness.Goal
	events []access
}

// quickClaim is a claimKey that needs no names.
type quickClaim struct {
	rule int
	obj  event.Obj
	a, b event.Stack
}

// misuse looks for operations of which only the recorded order was right.
type misuse struct {
	quick map[quickClaim]*claim
	order []*claim
	uses  map[objectKey][]use
	more  int // that were not kept
}

// use is an operation that may turn out wrong.
type use struct {
	access
	must, seen hb.Epoch
}

// maxUses is how many operations of an object are remembered, the latest of
// each goroutine and line.
const maxUses = 16

func (m *misuse) remember(c *collector, e *event.Event, k kind) {
	if m.uses == nil {
		m.uses = map[objectKey][]use{}
	}
	key := objectKey{e.Obj, k}
	all := slices.DeleteFunc(m.uses[key], func(u use) bool { return u.g == e.G && u.stack == e.Stack })
	if len(all) >= maxUses {
		all = append(all[:0], all[1:]...)
	}
	m.uses[key] = append(all, use{c.access(e), c.must[e.G].Epoch(), c.hb.Epoch(e.G)})
}

// against claims that the present event e may meet an earlier operation that
// only this schedule ordered before it.
func (m *misuse) against(c *collector, e *event.Event, k kind, rule int, goal witness.Goal, earlierFirst bool) {
	for _, u := range m.uses[objectKey{e.Obj, k}] {
		if u.g == e.G || c.ordered(u.must, e.G) || !c.hb.Clock(e.G).Knows(u.seen) || u.cycle != e.Cycle && inMemory(e.Obj.Space) {
			continue
		}
		events := []access{c.access(e), u.access}
		if earlierFirst {
			slices.Reverse(events)
		}
		m.claim(c, rule, e.Obj, attempt{goal, events})
	}
}

func (m *misuse) claim(c *collector, rule int, obj event.Obj, a attempt) {
	last := &a.events[len(a.events)-1]
	quick := quickClaim{rule, obj, a.events[0].stack, last.stack}
	x := m.quick[quick]
	if x == nil {
		if len(m.quick) >= maxSpots {
			m.more++
			return
		}
		if m.quick == nil {
			m.quick = map[quickClaim]*claim{}
		}
		x = &claim{quickClaim: quick}
		m.quick[quick] = x
		m.order = append(m.order, x)
	}
	if len(x.attempts) < maxTries {
		x.attempts = append(x.attempts, a)
	} else {
		x.more++
	}
}

// claims are the claims by name, when all names are known.
func (c *collector) claims() []*claim {
	type key struct {
		rule int
		name string
		a, b naming.Line
	}
	byName := map[key]*claim{}
	var out []*claim
	for _, x := range c.misuse.order {
		a, b := c.Line(x.a), c.Line(x.b)
		k := key{x.rule, c.src.SyncName(x.obj), min(a, b), max(a, b)}
		first := byName[k]
		if first == nil {
			byName[k] = x
			out = append(out, x)
			continue
		}
		n := min(len(x.attempts), maxTries-len(first.attempts))
		first.attempts = append(first.attempts, x.attempts[:n]...)
		first.more += len(x.attempts) - n + x.more
		first.join(x.before)
	}
	return out
}

func (m *misuse) send(c *collector, e *event.Event, _ *syncState) { m.remember(c, e, aChannel) }

func (m *misuse) close(c *collector, e *event.Event, _ *syncState) {
	m.against(c, e, aChannel, 11, witness.SendClosed, false)
}

func (m *misuse) group(c *collector, e *event.Event, s *syncState) {
	switch {
	case e.Op == event.Wait:
		m.against(c, e, aGroup, 30, witness.AddWait, true)
	case e.N > 0 && s.count == 0:
		m.remember(c, e, aGroup)
	case e.N < 0 && s.count+e.N >= 0:
		m.claim(c, 31, e.Obj, attempt{witness.Negative, []access{c.access(e)}})
	}
}

// unlock claims that a lock is unlocked by another goroutine than the one that
// locked it, which may come too early.
// unlock is of a lock that another goroutine has taken.
func (m *misuse) unlock(c *collector, e *event.Event) {
	m.claim(c, 21, e.Obj, attempt{witness.UnlockUnlocked, []access{c.access(e)}})
}

// lockOrder knows which locks were taken while which others were held.
type lockOrder struct {
	edges []lockEdge
	seen  map[edgeKey]int
	more  int
	// passed are the locks that another goroutine released than had taken them:
	// who holds one need not be who ends that.
	passed map[event.Obj]bool
}

// lockEdge is an acquire of a lock by a goroutine that holds another.
type lockEdge struct {
	from, to           event.Obj
	heldRead, wantRead bool
	access
}

type edgeKey struct {
	from, to event.Obj
	g        event.G
	stack    event.Stack
}

// maxEdges bounds the acquires remembered.
const maxEdges = 1 << 14

func (l *lockOrder) acquire(c *collector, e *event.Event) {
	if len(c.holds(e.G)) == 0 {
		return
	}
	if l.seen == nil {
		l.seen = map[edgeKey]int{}
	}
	add := func(x lockEdge) {
		key := edgeKey{x.from, x.to, e.G, e.Stack}
		if l.seen[key] >= 2 {
			return
		}
		if len(l.edges) >= maxEdges {
			l.more++
			return
		}
		l.seen[key]++
		x.access = c.access(e)
		l.edges = append(l.edges, x)
	}
	for _, h := range c.holds(e.G) {
		add(lockEdge{from: h.obj, to: e.Obj, heldRead: h.read, wantRead: e.Op == event.RLock})
	}
}

// forget drops the acquires before a position.
func (l *lockOrder) forget(pos uint64) {
	l.edges = slices.DeleteFunc(l.edges, func(x lockEdge) bool { return x.pos < pos })
	l.seen = map[edgeKey]int{}
	for i := range l.edges {
		x := &l.edges[i]
		l.seen[edgeKey{x.from, x.to, x.g, x.stack}]++
	}
}

// cycles claims deadlocks: acquires of different goroutines, each of a lock
// that the next one holds.
func (c *collector) claimCycles() {
	from := map[event.Obj][]int{}
	c.cycles.edges = slices.DeleteFunc(c.cycles.edges, func(x lockEdge) bool { return c.cycles.passed[x.from] || c.cycles.passed[x.to] })
	for i := range c.cycles.edges {
		x := &c.cycles.edges[i]
		from[x.from] = append(from[x.from], i)
	}
	const longest = 4
	steps := 200_000
	var path []int
	var walk func()
	walk = func() {
		first, last := &c.cycles.edges[path[0]], &c.cycles.edges[path[len(path)-1]]
		for _, i := range from[last.to] {
			if steps--; steps < 0 {
				return
			}
			x := &c.cycles.edges[i]
			if i < path[0] || last.wantRead && x.heldRead || !c.apart(path, x) {
				continue
			}
			path = append(path, i)
			if x.to == first.from && !(x.wantRead && first.heldRead) {
				c.claimCycle(path)
			} else if len(path) < longest {
				walk()
			}
			path = path[:len(path)-1]
		}
	}
	for i := range c.cycles.edges {
		x := &c.cycles.edges[i]
		if x.from == x.to {
			c.claimReaders(x)
			continue
		}
		path = append(path[:0], i)
		walk()
	}
}

// apart reports whether an acquire can be in a cycle with others: another
// goroutine, and no lock held that one of them holds.
func (c *collector) apart(path []int, x *lockEdge) bool {
	if x.from == x.to {
		return false
	}
	for _, i := range path {
		if y := &c.cycles.edges[i]; y.g == x.g || guarded(x.locks, y.locks) {
			return false
		}
	}
	return true
}

func (c *collector) claimCycle(path []int) {
	a := attempt{goal: witness.Deadlock}
	for _, i := range path {
		a.events = append(a.events, c.cycles.edges[i].access)
	}
	c.misuse.claim(c, 20, c.cycles.edges[path[0]].to, a)
}

// claimReaders: a goroutine that holds a lock for reading takes it for reading
// again, and a writer comes in between.
func (c *collector) claimReaders(x *lockEdge) {
	if !x.heldRead || !x.wantRead {
		return
	}
	for _, u := range c.misuse.uses[objectKey{x.to, aLock}] {
		if u.g != x.g {
			c.misuse.claim(c, 22, x.to, attempt{witness.Deadlock, []access{x.access, u.access}})
		}
	}
}
