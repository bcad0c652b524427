// Package detect finds the races of an execution, exactly: every pair of
// recorded accesses that conflict, belong to one life of their memory and are
// not ordered. It replays the execution once for the racy bytes and, if there
// are any, twice more: for the happens-before graph and the ends of these bytes'
// lives, and for the pairs.
package detect

import (
	"cmp"
	"math"
	"runtime"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/graph"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/naming"
)

// Options say how to look.
type Options struct {
	Mode hb.Mode
	// Progress, if set, is called now and then with the name of the pass and
	// the number of events seen in it.
	Progress func(pass string, events uint64)
	// Jobs is how many goroutines may check accesses at once; 0 means as many as
	// there are processors. What is found does not depend on it.
	Jobs int
	// Stop, if set, is asked now and then whether to stop: then Run reports what
	// there is in the part of the execution that it has seen.
	Stop func() bool
	// Watch, if set, is called for every event of the first pass but plain
	// accesses. Stacks: see [event.Batched].
	Watch func(*event.Event)
	// Runs, if set, is called in the same pass for the plain accesses, n of them
	// that one goroutine made one after the other. Lists: see [event.Batched].
	Runs func(g event.G, cycle uint32, n uint64, parts [][]event.Access)
	// MaxGraph is the number of synchronization events above which races are
	// reported without their graph; 0 means 4 million.
	MaxGraph int
	// MaxCompare is the number of comparisons of racy accesses after which not
	// every one is compared with all; 0 means 200 million.
	MaxCompare int
	// MaxNoted is the number of words with accesses that race or are to be noted
	// above which nothing is noted; 0 means 131,072.
	MaxNoted int
}

// Report is what was found in one execution. Ids are not yet given.
type Report struct {
	Races    []finding.Race
	Findings []finding.Finding
	Events   uint64
	Stopped  bool // only the first Events were looked at
	Capped   bool // of races on some words not all occurrences were counted
	// Notes say how many pairs of accesses only that orders which [hb.Strict]
	// leaves out, a sentence for each kind.
	Notes []string
}

// allCycles is later than every cycle: lives that end at once.
const allCycles = math.MaxUint32

// checks is where the words of primitives begin, to which the checks of their
// use are accesses. No memory is there.
const checks = 1 << 63

// Run finds the races and misuses of an execution.
func Run(src event.Source, o Options) (*Report, error) {
	d := newDetector(src, o)
	if err := d.findBytes(d.weakest()); err != nil {
		return nil, err
	}
	if len(d.racy) > cmp.Or(o.MaxNoted, 1<<17) && len(d.orders()) > 1 {
		o.Watch = nil // it has seen all
		d = newDetector(src, o)
		d.unnoted = true
		if err := d.findBytes(d.own()); err != nil {
			return nil, err
		}
	}
	if len(d.racy) > 0 || d.panics {
		if err := d.findLives(); err != nil {
			return nil, err
		}
		if err := d.findPairs(); err != nil {
			return nil, err
		}
	}
	return d.report(), nil
}

func newDetector(src event.Source, o Options) *detector {
	return &detector{
		Names: naming.New(src), src: batched(src), opts: o, collected: src.Collected(),
		checks: map[check]uint64{},
	}
}

type detector struct {
	*naming.Names
	src       event.Batched
	opts      Options
	collected bool

	racy    map[uint64]uint8
	panics  bool // there was a SendClosed or CloseClosed
	reads   bool // there was an IORead
	reaches bool // there was a LifeCut
	ended   []bool
	events  uint64
	stopped bool // by Stop, after so many events
	syncs   int
	synced  marks    // addresses of synchronization
	started []uint64 // index of its go statement, by goroutine
	graph   *graph.Graph

	checks map[check]uint64 // word of a primitive and rule
	memory hb.Index[check]
	cuts   []cut
	pairs  *pairs
	noted  []noted
	// unnoted: there were too many words to note what only some edges order.
	unnoted bool
}

// check is a primitive as far as one rule is about it.
type check struct {
	obj  event.Obj
	rule uint8
}

// cut is the end of lives of bytes of a word: those of earlier cycles.
type cut struct {
	word  uint64
	cycle uint32
	mask  uint8
	reach bool // by a LifeCut
}

// often is how many events come between two looks at the clock.
const often = 1 << 14

// passed tells of progress now and then, when n events follow the before first.
func (d *detector) passed(pass string, before, n uint64) (now bool) {
	now = before/often != (before+n)/often
	if now && d.opts.Progress != nil {
		d.opts.Progress(pass, before+n)
	}
	return now
}

// replay is a later pass, over all events of the first but plain accesses that
// are not wanted.
func (d *detector) replay(pass string, want, keep func(addr, size uint64) bool, f func(e *event.Event, place uint64)) error {
	var n uint64
	return d.src.ReplayWhere(want, keep, func(e *event.Event, place uint64) bool {
		if place >= d.events {
			return false // where the first pass was stopped
		}
		d.passed(pass, n, place+1-n)
		n = place + 1
		f(e, place)
		return true
	})
}

// findBytes is the first pass: the bytes that are racy in an order, or more.
func (d *detector) findBytes(o order) error {
	jobs := cmp.Or(d.opts.Jobs, runtime.GOMAXPROCS(0))
	c := newChecker(jobs)
	w := d.walker(o, func(e *event.Event, kd kind, addr, size uint64, ep hb.Epoch, clock *hb.Clock, _ check) {
		c.access(ep, e.Cycle, clock, kd, addr, size)
	}, func(addr, size uint64, cycle uint32) {
		c.cut(addr, size, cycle)
		d.memory.Remove(addr, size, func(k check) bool {
			c.cut(d.checks[k], 8, cycle)
			return false
		})
	})
	going := func(n uint64) bool {
		d.events += n
		if d.passed("accesses", d.events-n, n) && d.opts.Stop != nil && d.opts.Stop() {
			d.stopped = true
		}
		return !d.stopped
	}
	err := d.src.ReplayRuns(jobs, func(g event.G, cycle uint32, n uint64, parts [][]event.Access) bool {
		d.began(g)
		if d.opts.Runs != nil {
			d.opts.Runs(g, cycle, n, parts)
		}
		c.runs(w.clocks.Epoch(g), cycle, w.clocks.Clock(g), parts)
		return going(n)
	}, func(e *event.Event) bool {
		d.began(e.G)
		if d.opts.Watch != nil {
			d.opts.Watch(e)
		}
		switch e.Op {
		case event.Read, event.Write, event.Alloc, event.Free, event.MisuseRead, event.MisuseWrite:
		case event.LifeCut:
			d.reaches = true
		case event.IORead:
			d.reads = true
			d.synced.add(e.Obj.Addr)
			d.syncs++
		case event.End:
			d.ended[e.G] = true
			d.syncs++
		case event.SendClosed, event.CloseClosed:
			d.panics = true
			d.syncs++
		case event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail:
			d.synced.add(e.Addr)
			d.syncs++
		default:
			d.synced.add(e.Obj.Addr)
			d.syncs++
		}
		w.apply(e)
		return going(1)
	})
	d.racy = c.finish()
	if d.opts.Progress != nil {
		d.opts.Progress("accesses", d.events)
	}
	return err
}

// began notes that a goroutine has done something.
func (d *detector) began(g event.G) {
	for int(g) >= len(d.ended) {
		d.ended = append(d.ended, false)
	}
}

// walker tells accesses and ends of lives apart, for both passes alike, and
// moves the clocks.
type walker struct {
	d      *detector
	cuts   bool // at a LifeCut
	clocks *hb.State
	access func(e *event.Event, kd kind, addr, size uint64, ep hb.Epoch, c *hb.Clock, k check)
	cut    func(addr, size uint64, cycle uint32)
	counts map[event.Obj]int64 // WaitGroups, where nobody checks for us
}

func (d *detector) walker(
	o order,
	access func(*event.Event, kind, uint64, uint64, hb.Epoch, *hb.Clock, check),
	cut func(addr, size uint64, cycle uint32),
) *walker {
	return &walker{d, o.cuts, hb.New(o.mode, d.collected), access, cut, map[event.Obj]int64{}}
}

func (w *walker) apply(e *event.Event) {
	switch e.Op {
	case event.Read, event.Write:
		if e.Size > 0 {
			w.access(e, kindOf(e.Op), e.Addr, e.Size, w.clocks.Epoch(e.G), w.clocks.Clock(e.G), check{})
		}
		return
	case event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail:
		// The access is part of the segment that its own release ends, and it
		// comes after the stores that it observes.
		ep := w.clocks.Epoch(e.G)
		w.clocks.Apply(e)
		if e.Size > 0 {
			w.access(e, kindOf(e.Op), e.Addr, e.Size, ep, w.clocks.Clock(e.G), check{})
		}
		return
	case event.Alloc:
		switch {
		case w.d.collected:
			w.cut(e.Addr, e.Size, e.Cycle)
		case e.Size > 0:
			w.cut(e.Addr, e.Size, allCycles)
			w.access(e, write, e.Addr, e.Size, w.clocks.Epoch(e.G), w.clocks.Clock(e.G), check{})
		}
	case event.Free:
		if !w.d.collected && e.Size > 0 {
			w.access(e, free, e.Addr, e.Size, w.clocks.Epoch(e.G), w.clocks.Clock(e.G), check{})
		}
	case event.LifeCut:
		if w.cuts {
			cycle := e.Cycle
			if !w.d.collected {
				cycle = allCycles
			}
			w.cut(e.Addr, e.Size, cycle)
		}
	case event.MisuseRead, event.MisuseWrite:
		w.check(e, kindOf(e.Op), uint8(e.N))
	case event.Send:
		if !w.d.collected {
			w.check(e, read, 10)
		}
	case event.Close:
		if !w.d.collected {
			w.check(e, write, 10)
		}
	case event.Add:
		if !w.d.collected {
			// An Add that wakes the counter and a Wait must be ordered; two
			// of either kind need not.
			if e.N > 0 && w.counts[e.Obj] == 0 {
				w.check(e, read, 30)
			}
			w.counts[e.Obj] += e.N
		}
	}
	w.clocks.Apply(e)
	if e.Op == event.Wait && !w.d.collected {
		w.check(e, atomicWrite, 30) // it is known where Wait returns, not where it began
	}
}

// check is an access to a primitive's word for a rule.
func (w *walker) check(e *event.Event, kd kind, rule uint8) {
	k := check{e.Obj, rule}
	addr, ok := w.d.checks[k]
	if !ok {
		addr = checks + uint64(len(w.d.checks))*8
		w.d.checks[k] = addr
		if w.d.collected {
			w.d.memory.Add(e.Obj.Addr, k)
		}
	}
	w.access(e, kd, addr, 8, w.clocks.Epoch(e.G), w.clocks.Clock(e.G), k)
}

// findLives is the second pass: the happens-before graph, and where lives of
// racy bytes end. Where a garbage collector frees, an access may be delivered
// before the Alloc of its life, though in the same cycle, so the third pass must
// know the Allocs of a cycle at its beginning.
func (d *detector) findLives() error {
	words := make([]uint64, 0, len(d.racy))
	named := &d.synced
	for w := range d.racy {
		words = append(words, w)
		named.add(w * 8)
	}
	slices.Sort(words)
	add := func(addr, size uint64, cycle uint32, reach bool) {
		first, last := addr/8, (addr+size-1)/8
		i, _ := slices.BinarySearch(words, first)
		for ; i < len(words) && words[i] <= last; i++ {
			mask := uint8(0xff)
			if words[i] == first {
				mask &= 0xff << (addr % 8)
			}
			if words[i] == last {
				mask &= 0xff >> (7 - (addr+size-1)%8)
			}
			d.cuts = append(d.cuts, cut{words[i], cycle, mask, reach})
		}
	}
	most := cmp.Or(d.opts.MaxGraph, 4<<20)
	var b *graph.Builder
	if d.syncs <= most {
		b = graph.NewBuilder(d.opts.Mode, d.collected)
	}
	none := func(addr, size uint64) bool { return false }
	err := d.replay("order", none, named.any, func(e *event.Event, place uint64) {
		if b != nil {
			b.Add(e, place+1)
		}
		if e.Op == event.Go && e.Child >= 0 {
			for int(e.Child) >= len(d.started) {
				d.started = append(d.started, 0)
			}
			d.started[e.Child] = e.Index
		}
		if !d.collected || e.Op != event.Alloc && (e.Op != event.LifeCut || d.opts.Mode == hb.Strict) || e.Size == 0 {
			return
		}
		reach := e.Op == event.LifeCut
		add(e.Addr, e.Size, e.Cycle, reach)
		d.memory.Remove(e.Addr, e.Size, func(k check) bool {
			add(d.checks[k], 8, e.Cycle, reach)
			return false
		})
	})
	slices.SortStableFunc(d.cuts, func(a, b cut) int { return cmp.Compare(a.cycle, b.cycle) })
	if b != nil {
		d.graph = b.Graph()
	}
	return err
}

// findPairs is the third pass: all pairs of accesses to racy bytes.
func (d *detector) findPairs() error {
	var seq uint64
	cuts, cycle := d.cuts, uint32(0)
	held := &locks{}
	closed := map[event.Obj]access{}
	taken := func(e *event.Event) access {
		return access{
			op: e.Op, g: e.G, seq: seq, index: e.Index, addr: e.Addr, size: e.Size,
			cycle: e.Cycle, stack: e.Stack, locks: held.of(e.G),
		}
	}
	var all []*pairs
	var walkers []*walker
	orders := d.orders()
	for _, o := range orders {
		p := newPairs(d.racy, d.Names)
		p.most = cmp.Or(d.opts.MaxCompare, 200_000_000)
		all = append(all, p)
		walkers = append(walkers, d.walker(o, func(e *event.Event, kd kind, addr, size uint64, ep hb.Epoch, c *hb.Clock, k check) {
			if !p.touches(addr, size) {
				return
			}
			a := taken(e)
			a.addr, a.size = addr, size
			p.access(a, kd, ep, c, k.rule, k.obj)
		}, func(addr, size uint64, cycle uint32) {
			if !d.collected {
				masks(addr, size, func(w uint64, mask uint8) { p.cut(w, mask, cycle) })
			}
		}))
	}
	p := all[0]
	d.pairs = p
	err := d.replay("pairs", p.touches, nil, func(e *event.Event, place uint64) {
		seq = place + 1
		if e.Cycle > cycle {
			for cycle = e.Cycle; len(cuts) > 0 && cuts[0].cycle <= cycle; cuts = cuts[1:] {
				for i, p := range all {
					if !cuts[0].reach || orders[i].cuts {
						p.cut(cuts[0].word, cuts[0].mask, cuts[0].cycle)
					}
				}
			}
		}
		switch e.Op {
		case event.Close:
			closed[e.Obj] = taken(e)
		case event.SendClosed, event.CloseClosed:
			rule := uint8(11)
			if e.Op == event.CloseClosed {
				rule = 12
			}
			key := ruleKey{rule: rule, object: e.Obj, a: -1, b: d.Line(e.Stack)}
			first, now := closed[e.Obj], taken(e)
			if first.seq != 0 {
				key.a = d.Line(first.stack)
			}
			entry(p.rules, key).add(true, 1, &first, moment{first.seq, first.index}, &now, 0)
		}
		for _, w := range walkers {
			w.apply(e)
		}
		held.apply(e)
	})
	for i := 1; i < len(all); i++ {
		d.noted = append(d.noted, note(orders[i].but, all[i-1], all[i]))
	}
	return err
}
