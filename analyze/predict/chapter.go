package predict

import (
	"math"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/naming"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// A recording with more entries than are kept is gone through in chapters: when
// there are as many, witnesses are looked for with what is there, the older half is
// forgotten, and the recording read on. What is found is checked with all else at the end.

// proposal is a witness that has not been checked yet.
type proposal struct {
	attempt attempt
	witness *witness.Witness
	plan    *witness.Witness
	racy    int
}

// full reports whether the chapter ends before the next event, for which there
// must be room. If entries have been left out, there is no next chapter.
func (c *collector) full() bool {
	return c.entries.n >= c.most-max(c.most/64, 8) && c.horizon > c.pos
}

// turn ends a chapter.
func (p *predictor) turn() {
	p.early()
	c := p.c
	half := int32(c.entries.n / 2)
	for c.entries.at(half).op == event.Recv {
		half++ // not between an unbuffered send and its receive
	}
	if c.forget(max(c.start, c.entries.at(half).pos)); c.entries.n > c.most/4*3 {
		c.horizon = min(c.horizon, c.pos) // too much of it is still in use
	}
}

// place is what spots are told apart by before all names are known: heap objects
// of the same two lines are taken for one.
type place struct {
	global naming.Object
	a, b   naming.Line
}

// early looks for witnesses in the chapter that ends. Of the steps that are left
// it takes a quarter, for it is not known how many chapters are to come.
func (p *predictor) early() {
	c := p.c
	c.claimCycles()
	p.closure = p.newClosure()
	p.closure.limit = p.spent + (p.budget-p.spent)/4
	tries := map[place]int{}
	for _, s := range c.order {
		if !s.observed && len(s.early) == 0 && len(s.pairs) > 0 {
			at := place{a: min(c.Line(s.stacks[0]), c.Line(s.stacks[1])), b: max(c.Line(s.stacks[0]), c.Line(s.stacks[1]))}
			if kind := p.src.Object(s.at, s.cycle).Kind; kind == "global" || kind == "variable" {
				at.global = 1 + c.Names.Object(s.at, s.cycle)
			}
			if !p.placed[at] && tries[at] < maxTries {
				tries[at] += len(s.pairs)
				q := &quest{attempts: s.attempts()}
				s.early = p.proposals(q, s.early)
				s.tried, s.cut = s.tried || p.reaches(q), s.cut || q.cut
				p.placed[at] = len(s.early) > 0
			}
		}
		s.more += len(s.pairs)
		s.pairs = nil
	}
	for _, x := range c.misuse.order {
		if len(x.early) == 0 && len(x.attempts) > 0 {
			q := &quest{attempts: x.attempts}
			x.early = p.proposals(q, x.early)
			x.tried, x.cut = x.tried || p.reaches(q), x.cut || q.cut
		}
		x.more += len(x.attempts)
		x.attempts = nil
	}
	for _, s := range p.shown {
		if q := (&quest{attempts: s.attempts()}); !s.tried && len(q.attempts) > 0 {
			s.early = p.proposals(q, s.early)
			s.tried, s.cut = p.reaches(q), q.cut
		}
	}
	p.spent = p.closure.steps
}

// proposals adds to a list what is proposed for a quest now, if anything is.
func (p *predictor) proposals(q *quest, list []proposal) []proposal {
	if !p.propose(q) {
		return list
	}
	x := proposal{q.attempt, q.proposed, nil, q.racy}
	if p.plans < maxPlans {
		if x.plan = p.plan(q); x.plan != nil {
			p.plans++
		}
	}
	return append(list, x)
}

// shown is a race or finding that was observed, and for which a witness is looked for.
type shown struct {
	*quest
	goal   witness.Goal
	events []*access
}

// attempts are what is known of it: nothing, as long as not all its events have been seen.
func (s *shown) attempts() []attempt {
	a := attempt{goal: s.goal}
	for _, e := range s.events {
		if e.op == event.Invalid {
			return nil
		}
		a.events = append(a.events, *e)
	}
	return []attempt{a}
}

// newClosure returns a closure that goes on counting steps.
func (p *predictor) newClosure() *closure {
	c := newClosure(p.c.trace)
	c.strict, c.limit, c.steps = p.opts.Strict, p.budget, p.spent
	return c
}

// reaches reports whether an attempt lies in what is kept.
func (p *predictor) reaches(q *quest) bool {
	for _, a := range q.attempts {
		first, last := uint64(math.MaxUint64), uint64(0)
		for i := range a.events {
			first, last = min(first, a.events[i].pos), max(last, a.events[i].pos)
		}
		if first >= p.c.start && last < p.c.horizon {
			return true
		}
	}
	return false
}

// forget drops the entries before a position that no schedule of what comes from
// there on depends on. It keeps acquires of locks that are held there, and sends
// that have not been received.
func (c *collector) forget(start uint64) {
	to := make([]int32, c.entries.n)
	for i := range to {
		if i == 0 {
			continue
		}
		e := c.entries.at(int32(i))
		open := e.pair == 0 || c.entries.at(e.pair).pos >= start
		switch {
		case e.pos >= start, open && (e.op == event.Lock || e.op == event.RLock || e.op == event.Send):
			to[i] = 1
		}
	}
	n := int32(1)
	for i := 1; i < len(to); i++ {
		if to[i] != 0 {
			to[i] = n
			*c.entries.at(n) = *c.entries.at(int32(i))
			n++
		}
	}
	c.entries.n = int(n)
	for i := int32(1); i < n; i++ {
		e := c.entries.at(i)
		e.pair = to[e.pair]
	}
	c.start = start
	c.renumber(to)
}

// forgotten stands for an entry that has been forgotten, where it counts that there was one.
const forgotten = -1

// numbers are those that entries have now, 0 for those forgotten.
type numbers []int32

// of returns what stands for entry i now, if it counts that there was one.
func (to numbers) of(i int32) int32 {
	switch {
	case i <= 0:
		return i
	case to[i] == 0:
		return forgotten
	}
	return to[i]
}

// renumber gives entries the numbers that they have now.
func (c *collector) renumber(to numbers) {
	kept := func(list []int32) []int32 {
		out := list[:0]
		for _, i := range list {
			if to[i] != 0 {
				out = append(out, to[i])
			}
		}
		return out
	}
	for g := range c.byG {
		c.byG[g] = kept(c.byG[g])
	}
	for g := range c.starts {
		c.starts[g] = to[c.starts[g]]
	}
	n := len(c.racy)
	c.racy = kept(c.racy)
	c.racyBefore += n - len(c.racy)
	for i := range c.objects {
		c.objects[i].renumber(to, kept)
	}
	released := c.released
	c.released = make(map[int32]hb.Clock, len(released))
	for i, r := range released {
		if to[i] != 0 {
			c.released[to[i]] = r
		}
	}
	for _, s := range c.sync {
		for i := range s.open {
			s.open[i].entry = to[s.open[i].entry]
		}
		s.queued = kept(s.queued)
		s.closed, s.done = to.of(s.closed), to.of(s.done)
		for ticket, i := range s.signals {
			s.signals[ticket] = to.of(i)
		}
	}
	c.cycles.forget(c.start)
}

func (o *object) renumber(to numbers, kept func([]int32) []int32) {
	n := len(o.ops)
	if o.kind == aGroup {
		first := 0
		for first < n && to[o.ops[first]] == 0 {
			first++
		}
		if first > 0 {
			o.count0, o.round0 = o.count[first-1], o.round[first-1]
			o.count, o.round = append(o.count[:0], o.count[first:]...), append(o.round[:0], o.round[first:]...)
		}
	}
	o.ops, o.sends, o.recvs = kept(o.ops), kept(o.sends), kept(o.recvs)
	o.close = to.of(o.close)
	// Who began to wait for a Cond before is not known any more.
	o.unseen = o.unseen || o.kind == aCond && len(o.ops) < n
	wakes := o.wakes
	o.wakes = nil
	for i, list := range wakes {
		if i < 0 || to[i] == 0 {
			continue
		}
		if o.wakes == nil {
			o.wakes = map[int32][]parked{}
		}
		o.wakes[to[i]] = list
	}
}
