// Package predict finds what other schedules of the recorded events would have
// shown: races between accesses that only this execution's order of locks,
// channel operations or WaitGroups kept apart, and misuse of primitives of the
// same sort. Nothing is reported that package witness has not replayed.
package predict

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/naming"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// Level is how hard to look.
type Level uint8

// The levels.
const (
	Off  Level = iota
	Fast       // schedules in which everything that happens does so in recorded order
	Deep       // others as well: reversals, and all schedules of small windows
)

var levelNames = [...]string{Off: "off", Fast: "fast", Deep: "deep"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel returns the level of a name.
func ParseLevel(name string) (Level, error) {
	for l, n := range levelNames {
		if n == name {
			return Level(l), nil
		}
	}
	return Off, fmt.Errorf("unknown level %q (off, fast or deep)", name)
}

// Options say how to look.
type Options struct {
	Level  Level
	Strict bool   // accept no witness with racy reads or swapped values before the accesses
	Budget uint64 // steps; 0: DefaultBudget of the level
	Mode   hb.Mode
	// Progress, if set, is called now and then with the pass and the number of
	// events seen in it.
	Progress func(pass string, events uint64)
	// Stop, if set, is asked now and then whether to stop: then Run returns
	// [ErrStopped].
	Stop func() bool
	// Sharing, if set, has been given all events already. It must have been made
	// with the same options.
	Sharing *Sharing

	entries int // that are kept; 0: maxEntries
}

// ErrStopped is Run's error if Stop asked for it.
var ErrStopped = errors.New("prediction was interrupted")

// DefaultBudget is the number of closure steps and search states that a level
// takes at most.
func DefaultBudget(l Level) uint64 {
	if l == Deep {
		return 300_000_000
	}
	return 30_000_000
}

// Report is what was found. Ids are not yet given.
type Report struct {
	Races    []finding.Race    // predicted
	Findings []finding.Finding // predicted
	Summary  finding.Prediction
	// Witnesses are those of all races and findings, predicted and observed.
	Witnesses map[*finding.Steps]*witness.Witness
}

// Run predicts from a recording. The races and findings that were observed in
// it get witnesses as well, where they have one.
func Run(src event.Source, races []finding.Race, findings []finding.Finding, o Options) (*Report, error) {
	p := &predictor{Names: naming.New(src), src: src, opts: o, budget: cmp.Or(o.Budget, DefaultBudget(o.Level)), placed: map[place]bool{}}
	if err := p.collect(races, findings); err != nil {
		return nil, err
	}
	if err := p.solve(); err != nil {
		return nil, err
	}
	if o.Level == Deep {
		if err := p.deepen(); err != nil {
			return nil, err
		}
	}
	return p.report()
}

type predictor struct {
	*naming.Names
	src     event.Source
	opts    Options
	budget  uint64
	c       *collector
	closure *closure
	checker *witness.Checker
	quests  []*quest
	shown   []*shown
	spent   uint64         // steps, in earlier chapters
	plans   int            // made in these
	placed  map[place]bool // for which something was proposed in these
}

// quest is the search for one witness.
type quest struct {
	spot     *spot
	claim    *claim
	race     *finding.Race    // observed
	finding  *finding.Finding // observed
	attempts []attempt

	before
	old *proposal // of an earlier chapter, that was proposed

	next     int // attempts and ways to try them that have been tried
	way      int
	proposed *witness.Witness
	racy     int
	attempt  attempt // that was proposed
	found    *witness.Witness
	plan     *witness.Witness // the same events in an order of few steps, checked as well; nil: none
	swapped  int
	// undecided is set where a deep search has not seen all schedules.
	undecided bool
}

// collect replays the recording, twice if it is not known yet what is shared.
func (p *predictor) collect(races []finding.Race, findings []finding.Finding) error {
	shared := p.opts.Sharing
	if shared == nil {
		shared = NewSharing(p.src.Collected(), p.opts)
		if err := p.share(shared); err != nil {
			return err
		}
	}
	shared.finish()
	c := newCollector(p.src, p.opts.Mode, shared)
	c.swaps = p.opts.Level == Deep && !p.opts.Strict
	c.most = cmp.Or(p.opts.entries, c.most)
	p.c = c
	want := func(a *finding.Access) *access {
		key := wantedKey{a.Goroutine, a.Event}
		if c.wanted[key] == nil {
			c.wanted[key] = &access{}
		}
		return c.wanted[key]
	}
	for i := range races {
		r := &races[i]
		p.shown = append(p.shown, &shown{&quest{race: r}, witness.Race, []*access{want(&r.Accesses[0]), want(&r.Accesses[1])}})
	}
	for i := range findings {
		f := &findings[i]
		goal, known := map[string]witness.Goal{"HB010": witness.SendClosed, "HB030": witness.AddWait}[f.Rule]
		if !known || len(f.Events) != 2 {
			continue
		}
		first, second := &f.Events[0], &f.Events[1]
		if first.Op == "send" || first.Op == "wait" {
			first, second = second, first
		}
		p.shown = append(p.shown, &shown{&quest{finding: f}, goal, []*access{want(first), want(second)}})
	}
	err := p.replayWhere("prediction", shared.has, shared.names, func(e *event.Event, pos uint64) {
		if c.full() {
			p.turn()
		}
		c.add(e, pos)
	})
	if err != nil {
		return err
	}
	for _, s := range p.shown {
		s.quest.attempts = s.attempts()
		p.quests = append(p.quests, s.quest)
	}
	p.addSpots()
	c.claimCycles()
	for _, x := range c.claims() {
		p.quests = append(p.quests, &quest{claim: x, attempts: x.attempts, before: x.before})
	}
	return nil
}

// addSpots adds the pairs of lines that may race, in recorded order.
func (p *predictor) addSpots() {
	spots := p.c.spots()
	slices.SortFunc(spots, func(x, y *spot) int {
		return slices.Compare(x.first[:], y.first[:])
	})
	for _, s := range spots {
		p.quests = append(p.quests, &quest{spot: s, attempts: s.attempts(), before: s.before})
	}
}

// replay replays all events.
func (p *predictor) replay(pass string, f func(*event.Event)) error {
	return p.replayWhere(pass, nil, nil, func(e *event.Event, _ uint64) { f(e) })
}

// replayWhere replays all events but plain accesses that are not wanted; with a
// want of nil, all. Of what is kept, objects are known afterwards.
func (p *predictor) replayWhere(pass string, want, keep func(addr, size uint64) bool, f func(e *event.Event, pos uint64)) error {
	next, stopped := uint64(0), false
	step := func(e *event.Event, pos uint64) bool {
		if pos >= next {
			next = pos + often
			stopped = p.passed(pass, pos)
		}
		f(e, pos)
		return !stopped
	}
	var err error
	if fast, ok := p.src.(event.Batched); ok {
		if want == nil {
			want = func(uint64, uint64) bool { return true }
		}
		err = fast.ReplayWhere(want, keep, step)
	} else {
		var pos uint64
		err = p.src.Replay(func(e *event.Event) bool {
			pos++
			if (e.Op == event.Read || e.Op == event.Write) && want != nil && !want(e.Addr, e.Size) {
				return true
			}
			return step(e, pos-1)
		})
	}
	if stopped && err == nil {
		err = ErrStopped
	}
	return err
}

// often is how many events come between two looks at the clock.
const often = 1 << 16

// passed tells of progress and reports whether to stop.
func (p *predictor) passed(pass string, events uint64) (stop bool) {
	if p.opts.Progress != nil {
		p.opts.Progress(pass, events)
	}
	return p.opts.Stop != nil && p.opts.Stop()
}

// share replays the recording for what goroutines share.
func (p *predictor) share(s *Sharing) error {
	fast, ok := p.src.(event.Batched)
	if !ok {
		return p.replay("sharing", s.Add)
	}
	var n, next uint64
	stopped := false
	count := func(events uint64) bool {
		if n += events; n >= next {
			next = n + often
			stopped = p.passed("sharing", n)
		}
		return !stopped
	}
	err := fast.ReplayRuns(1, func(g event.G, cycle uint32, events uint64, parts [][]event.Access) bool {
		s.Run(g, cycle, events, parts)
		return count(events)
	}, func(e *event.Event) bool {
		s.Add(e)
		return count(1)
	})
	if stopped && err == nil {
		err = ErrStopped
	}
	return err
}

// maxPlans is for how many witnesses at most an order of few steps is looked for.
const maxPlans = 100

// maxRounds is how often witnesses are proposed and checked. The checker
// rarely refuses one.
const maxRounds = 4

// solve proposes witnesses and has them checked.
func (p *predictor) solve() error {
	if len(p.quests) == 0 {
		return nil
	}
	p.closure = p.newClosure()
	for range maxRounds {
		var proposed []*quest
		for _, q := range p.quests {
			if p.opts.Stop != nil && p.opts.Stop() {
				return ErrStopped
			}
			if q.found == nil && p.propose(q) {
				proposed = append(proposed, q)
			}
		}
		if len(proposed) == 0 {
			break
		}
		if err := p.check(proposed); err != nil {
			return err
		}
	}
	return nil
}

// check has the proposals of quests checked, and plans for them.
func (p *predictor) check(quests []*quest) error {
	if len(quests) == 0 {
		return nil
	}
	if p.checker == nil {
		var err error
		if p.checker, err = witness.NewChecker(p.src); err != nil {
			return err
		}
	}
	var ws []*witness.Witness
	plans := map[int]*quest{} // by place in ws
	for _, q := range quests {
		ws = append(ws, q.proposed)
		if len(plans) == maxPlans {
			continue
		}
		w := (*witness.Witness)(nil)
		if q.old != nil {
			w = q.old.plan
		} else {
			w = p.plan(q)
		}
		if w != nil {
			plans[len(ws)] = q
			ws = append(ws, w)
		}
	}
	verdicts, err := p.checker.Check(ws)
	if err != nil {
		return err
	}
	at := 0
	for _, q := range quests {
		v := verdicts[at]
		at++
		_, planned := plans[at]
		switch {
		case v.Err != nil:
			if rejected != nil {
				rejected(q, v.Err)
			}
		case p.opts.Strict && v.Swapped > 0:
		default:
			q.found, q.swapped = q.proposed, v.Swapped
			if q.found.Cut != witness.NoCut {
				q.plan = q.found
			} else if planned && verdicts[at].Err == nil && verdicts[at].Swapped == 0 {
				q.plan = ws[at]
			}
		}
		if planned {
			at++
		}
	}
	return nil
}

// rejected, if set, is told of proposals that the checker refuses.
var rejected func(*quest, error)

// propose finds the next witness that may be one.
func (p *predictor) propose(q *quest) bool {
	if len(q.early) > 0 {
		x := q.early[0]
		q.early, q.old = q.early[1:], &x
		q.proposed, q.attempt, q.racy = x.witness, x.attempt, x.racy
		return true
	}
	q.old = nil
	for ; q.next < len(q.attempts); q.next++ {
		a := q.attempts[q.next]
		var targets []target
		for i := range a.events {
			targets = append(targets, a.events[i].target())
		}
		for q.way < ways {
			way := q.way
			q.way++
			w := p.try(way, targets)
			if p.closure.steps > p.closure.limit {
				q.cut = true
				return false
			}
			if w == nil || !p.closure.shows(a.goal, targets) {
				continue
			}
			w.Goal = a.goal
			for i := range a.events {
				w.Next = append(w.Next, witness.ID{G: a.events[i].g, Index: a.events[i].index})
			}
			q.proposed, q.attempt, q.racy = w, a, p.closure.racy
			return true
		}
		q.way = 0
	}
	return false
}

// The ways to look for a witness, in the order they are tried.
const (
	inOrder   = iota // all that happens does so in recorded order
	waitEarly        // but a Wait returns before the Adds of the round it waited for
	ways
)

// near is the number of entries up to which a closure begins at the first
// event. Where it would be longer, it is first tried with all that comes before
// some event shortly before the targets happening as recorded.
const near = 1 << 17

// farthest is how many events a witness in an order of its own may reorder.
const farthest = 1 << 16

func (p *predictor) try(way int, targets []target) *witness.Witness {
	first, last := targets[0].pos, targets[0].pos
	for _, t := range targets {
		first, last = min(first, t.pos), max(last, t.pos)
	}
	if first < p.c.start || last >= p.c.horizon {
		return nil
	}
	for _, base := range p.bases(first, last) {
		switch way {
		case inOrder:
			if p.closure.run(base, targets, nil) {
				return p.witness()
			}
		case waitEarly:
			if w := p.waitEarly(base, last, targets); w != nil {
				return w
			}
		}
	}
	return nil
}

// bases are the positions from which a closure is tried.
func (p *predictor) bases(first, last uint64) []uint64 {
	entries := &p.c.entries
	if p.c.sinceAll(last) <= near {
		return []uint64{p.c.start}
	}
	at := p.c.sinceAll(first)
	bases := []uint64{first}
	for _, back := range []int{1 << 12, near} {
		if back < at {
			bases = append(bases, max(p.c.start, entries.at(int32(at-back+1)).pos))
		}
	}
	return append(bases, p.c.start)
}

func (p *predictor) witness() *witness.Witness {
	return &witness.Witness{Base: p.closure.base, Ends: p.closure.prefixes(), Cut: witness.NoCut}
}

// waitEarly looks for a schedule in which the Wait that kept the targets apart
// returns when nothing has been added yet: what it needs comes first, all else
// after it.
func (p *predictor) waitEarly(base, last uint64, targets []target) *witness.Witness {
	c := p.closure
	if p.c.uncounted || last-base > farthest || c.run(base, targets, nil) || c.wait == 0 {
		return nil
	}
	e := c.entries.at(c.wait)
	wait := c.wait
	through := []target{{e.g, e.index + 1, e.pos}}
	if !c.run(base, nil, through) {
		return nil
	}
	head := c.prefixes()
	c.early = wait
	ok := c.run(base, targets, through)
	c.early = 0
	if !ok {
		return nil
	}
	w := p.witness()
	w.Cut = c.base
	w.Order = c.order(nil, head)
	w.Order = append(w.Order, c.order(head, w.Ends)...)
	return w
}
