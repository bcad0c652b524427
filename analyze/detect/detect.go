// Package detect finds the races of an execution, exactly: every pair of
// recorded accesses that conflict, belong to one life of their memory and are
// not ordered. It replays the execution two to four times: for the racy bytes,
// for the ends of lives of these if a garbage collector frees, for the pairs,
// and for the happens-before graph around what was found.
package detect

import (
	"math"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// Options say how to look.
type Options struct {
	Mode hb.Mode
	// Progress, if set, is called now and then with the name of the pass and
	// the number of events seen in it.
	Progress func(pass string, events uint64)
	// MaxGraph is the number of synchronization events above which races are
	// reported without their graph; 0 means 4 million.
	MaxGraph int
}

// Report is what was found in one execution. Ids are not yet given.
type Report struct {
	Races    []finding.Race
	Findings []finding.Finding
	Events   uint64
}

// allCycles is later than every cycle: lives that end at once.
const allCycles = math.MaxUint32

// checks is where the words of primitives begin, to which the checks of their
// use are accesses. No memory is there.
const checks = 1 << 63

// Run finds the races and misuses of an execution.
func Run(src event.Source, o Options) (*Report, error) {
	d := &detector{src: src, opts: o, collected: src.Collected(), checks: map[check]uint64{}}
	if err := d.findBytes(); err != nil {
		return nil, err
	}
	d.names = newNames(src)
	if len(d.racy) > 0 || d.panics {
		if d.collected {
			if err := d.findCuts(); err != nil {
				return nil, err
			}
		}
		if err := d.findPairs(); err != nil {
			return nil, err
		}
	}
	return d.report()
}

type detector struct {
	src       event.Source
	opts      Options
	collected bool
	names     *names

	racy   map[uint64]uint8
	panics bool // there was a SendClosed or CloseClosed
	ended  []bool
	events uint64
	syncs  int

	checks map[check]uint64 // word of a primitive and rule
	memory hb.Index[check]
	cuts   []cut
	pairs  *pairs
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
}

func (d *detector) replay(pass string, f func(*event.Event)) error {
	var n uint64
	err := d.src.Replay(func(e *event.Event) bool {
		if n++; n%(1<<16) == 0 && d.opts.Progress != nil {
			d.opts.Progress(pass, n)
		}
		f(e)
		return true
	})
	d.events = n
	if d.opts.Progress != nil {
		d.opts.Progress(pass, n)
	}
	return err
}

// findBytes is the first pass: the racy bytes, or more.
func (d *detector) findBytes() error {
	s := newShadow()
	w := d.walker(func(e *event.Event, kd kind, addr, size uint64, ep hb.Epoch, c *hb.Clock, _ check) {
		s.access(addr, size, past{g: e.G, t: ep.T, cycle: e.Cycle, kind: kd}, c)
	}, func(addr, size uint64, cycle uint32) {
		s.cut(addr, size, cycle)
		d.memory.Remove(addr, size, func(k check) bool {
			s.cut(d.checks[k], 8, cycle)
			return false
		})
	})
	err := d.replay("accesses", func(e *event.Event) {
		for int(e.G) >= len(d.ended) {
			d.ended = append(d.ended, false)
		}
		switch e.Op {
		case event.Read, event.Write, event.Alloc, event.Free, event.LifeCut, event.MisuseRead, event.MisuseWrite:
		case event.End:
			d.ended[e.G] = true
			d.syncs++
		case event.SendClosed, event.CloseClosed:
			d.panics = true
			d.syncs++
		default:
			d.syncs++
		}
		w.apply(e)
	})
	d.racy = s.racy
	return err
}

// walker tells accesses and ends of lives apart, for both passes alike, and
// moves the clocks.
type walker struct {
	d      *detector
	clocks *hb.State
	access func(e *event.Event, kd kind, addr, size uint64, ep hb.Epoch, c *hb.Clock, k check)
	cut    func(addr, size uint64, cycle uint32)
	counts map[event.Obj]int64 // WaitGroups, where nobody checks for us
}

func (d *detector) walker(
	access func(*event.Event, kind, uint64, uint64, hb.Epoch, *hb.Clock, check),
	cut func(addr, size uint64, cycle uint32),
) *walker {
	return &walker{d, hb.New(d.opts.Mode, d.collected), access, cut, map[event.Obj]int64{}}
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
		if w.d.opts.Mode != hb.Strict {
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

// findCuts is the second pass, needed where a garbage collector frees: an
// access may be delivered before the Alloc of its life, though in the same
// cycle, so the third pass must know the Allocs of a cycle at its beginning.
func (d *detector) findCuts() error {
	words := make([]uint64, 0, len(d.racy))
	for w := range d.racy {
		words = append(words, w)
	}
	slices.Sort(words)
	add := func(addr, size uint64, cycle uint32) {
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
			d.cuts = append(d.cuts, cut{words[i], cycle, mask})
		}
	}
	err := d.replay("lives", func(e *event.Event) {
		if e.Op != event.Alloc && (e.Op != event.LifeCut || d.opts.Mode == hb.Strict) || e.Size == 0 {
			return
		}
		add(e.Addr, e.Size, e.Cycle)
		d.memory.Remove(e.Addr, e.Size, func(k check) bool {
			add(d.checks[k], 8, e.Cycle)
			return false
		})
	})
	slices.SortStableFunc(d.cuts, func(a, b cut) int { return int(int64(a.cycle) - int64(b.cycle)) })
	return err
}

// findPairs is the third pass: all pairs of accesses to racy bytes.
func (d *detector) findPairs() error {
	p := newPairs(d.racy, d.names)
	d.pairs = p
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
	w := d.walker(func(e *event.Event, kd kind, addr, size uint64, ep hb.Epoch, c *hb.Clock, k check) {
		if !p.touches(addr, size) {
			return
		}
		a := taken(e)
		a.addr, a.size = addr, size
		p.access(a, kd, ep.T, c, k.rule, k.obj)
	}, func(addr, size uint64, cycle uint32) {
		if !d.collected {
			masks(addr, size, func(w uint64, mask uint8) { p.cut(w, mask, cycle) })
		}
	})
	return d.replay("pairs", func(e *event.Event) {
		seq++
		if e.Cycle > cycle {
			for cycle = e.Cycle; len(cuts) > 0 && cuts[0].cycle <= cycle; cuts = cuts[1:] {
				p.cut(cuts[0].word, cuts[0].mask, cuts[0].cycle)
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
			key := ruleKey{rule: rule, object: e.Obj, a: -1, b: d.names.site(e.Stack)}
			first, now := closed[e.Obj], taken(e)
			if first.seq != 0 {
				key.a = d.names.site(first.stack)
			}
			note(p.rules, key, true, 1, &first, &now, 0)
		}
		w.apply(e)
		held.apply(e)
	})
}
