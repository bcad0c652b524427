package predict

import (
	"math"
	"math/bits"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/naming"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// Bounds of what is kept of a recording. Beyond them prediction knows less and
// says so; it never errs for that.
const (
	maxEntries = 4 << 20 // 256 MB
	maxWords   = 2 << 20 // shared words of 8 bytes
	maxObjects = 1 << 20 // locks, channels, WaitGroups, Conds
	maxPasts   = 32      // accesses remembered of a word
	ownPasts   = 8       // the same while one goroutine alone has accessed it
	fewPasts   = 4       // the same when there are manyPasts in all
	manyPasts  = 2 << 20 // 128 MB
	maxTries   = 6       // pairs of accesses tried for a pair of lines
	maxSpots   = 1 << 18 // pairs of lines and of words with accesses that may be reordered
)

// access is one recorded access.
type access struct {
	op    event.Op
	g     event.G
	n     int64 // Add: its delta
	cycle uint32
	index uint64
	pos   uint64
	addr  uint64
	size  uint64
	stack event.Stack
	obj   event.Obj // misuse: the primitive
	locks []held
}

// verb is what a script calls it.
func (a *access) verb() string { return (&event.Event{Op: a.op, N: a.n}).Verb() }

func (a *access) target() target { return target{a.g, a.index, a.pos} }

// past is an access that later ones are compared with, in 64 bytes.
type past struct {
	index, pos, addr uint64
	stack            event.Stack
	g                event.G
	size             uint32
	cycle            uint32
	must             hb.Time  // its segment in the order that every schedule keeps
	seen             hb.Epoch // and in happens-before
	locks            lockset
	op               event.Op
	mask             uint8
}

func (c *collector) accessOf(a *past) access {
	return access{
		op: a.op, g: a.g, cycle: a.cycle, index: a.index, pos: a.pos, addr: a.addr, size: uint64(a.size), stack: a.stack,
		locks: c.locks.list(a.locks),
	}
}

// writer is the last write of some bytes of a word.
type writer struct {
	mask  uint8
	g     event.G
	cycle uint32
	index uint64
	pos   uint64
	must  hb.Clock // what the writer released with it
}

// word is what is known of 8 bytes that goroutines share.
type word struct {
	writers []writer
	pasts   []past
	alloc   *writer // scripts: the alloc of its life
	owner   int32   // in this life: 0, nobody has accessed it; a goroutine's number plus one; manyOwners
	racy    uint8   // bytes that were accessed without order
}

const manyOwners = -1

// spot is a pair of lines that may race in another schedule, on the object at
// an address.
type spot struct {
	stacks   [2]event.Stack
	at       uint64
	cycle    uint32
	first    [3]uint64 // of the first pair: positions of the later and the earlier access, first common byte
	pairs    []pair    // that may be next at once, in the order of the recording
	more     int       // pairs that were not kept
	observed bool      // it did race
	before
}

// attempts are the pairs of a spot, writes first: a race of two writes is the stronger one.
func (s *spot) attempts() []attempt {
	slices.SortStableFunc(s.pairs, func(x, y pair) int { return rank(x) - rank(y) })
	var out []attempt
	for _, x := range s.pairs {
		out = append(out, attempt{witness.Race, []access{x.a, x.b}})
	}
	return out
}

func rank(x pair) int {
	if writes(x.a.op) && writes(x.b.op) {
		return 0
	}
	return 1
}

// pair is two accesses of different goroutines, in recorded order.
type pair struct {
	a, b access
	at   uint64 // first common byte
}

// collector replays a recording and keeps what prediction needs.
type collector struct {
	*trace
	*naming.Names
	src       event.Source
	collected bool
	mode      hb.Mode
	swaps     bool // a receive from a buffer may get what another send sent
	shared    *Sharing
	pos       uint64

	hb *hb.State // happens-before
	// must is what every schedule keeps, released what may be learned of it.
	must     []hb.Clock
	released map[int32]hb.Clock // by entry

	words   [][]word // by number
	used    int      // numbers given so far
	spare   []int32  // numbers of lives that have ended
	quick   map[quickKey]*spot
	order   []*spot // as they came
	memory  hb.Index[event.Obj]
	sync    map[objectKey]*syncState
	held    []lockset // by goroutine
	locks   locksets
	wanted  map[wantedKey]*access
	gnames  []string
	ended   []bool
	waits   []int32 // by goroutine: one more than the Cond for which it has just begun to wait
	horizon uint64  // from this position on, entries have been left out
	lost    uint64  // accesses that are not compared with all earlier ones
	pasts   int     // remembered, of all words

	misuse misuse
	cycles lockOrder
}

type quickKey struct {
	a, b event.Stack
	word uint64
}

type objectKey struct {
	obj  event.Obj
	kind kind
}

// syncState is what of an object is only of interest while the recording is replayed.
type syncState struct {
	id      int32
	cycle   uint32
	open    []hold  // acquires that have not been released
	read    bool    // has been locked for reading
	queued  []int32 // sends that have not been received
	closed  int32
	count   int64
	rounds  int32
	done    int32 // OnceDone
	signals map[uint32]int32
}

// hold is an acquire of a lock.
type hold struct {
	g     event.G
	entry int32 // 0: left out
	read  bool
}

// wantedKey names an event in a result.
type wantedKey struct {
	goroutine string
	index     uint64
}

func newCollector(src event.Source, mode hb.Mode, shared *Sharing) *collector {
	c := &collector{
		trace: newTrace(),
		src:   src, collected: src.Collected(), mode: mode, Names: naming.New(src), shared: shared,
		hb: hb.New(mode, src.Collected()), released: map[int32]hb.Clock{},
		quick:   map[quickKey]*spot{},
		horizon: shared.horizon, sync: map[objectKey]*syncState{}, wanted: map[wantedKey]*access{},
	}
	c.most = maxEntries
	return c
}

// add takes the recording's next event, at a position.
func (c *collector) add(e *event.Event, pos uint64) {
	c.pos = pos
	c.grow(e.G)
	c.note(e)
	switch e.Op {
	case event.Read, event.Write, event.Free:
		c.memoryAccess(e)
		c.hb.Apply(e)
	case event.AtomicLoad, event.AtomicStore, event.AtomicRMW, event.AtomicCASFail:
		c.memoryAccess(e) // moves the clocks in between
	case event.Alloc, event.LifeCut:
		c.life(e)
		c.hb.Apply(e)
	case event.Wait: // what it waited for comes before its return
		c.hb.Apply(e)
		c.synchronize(e)
	default:
		c.ended[e.G] = c.ended[e.G] || e.Op == event.End
		c.synchronize(e)
		c.hb.Apply(e)
	}
	if e.Op != event.CondWait {
		c.waits[e.G] = 0
	}
	if len(c.locks.lists) > max(fewLists, c.locks.most) {
		c.sweepLocks()
	}
	if e.Op == event.End {
		c.held[e.G] = 0
		c.must[e.G] = hb.NewClock(hb.Slot(e.G)) // what it knew is not asked for any more
	}
}

func (c *collector) grow(g event.G) {
	for int(g) >= len(c.byG) {
		c.byG = append(c.byG, nil)
		c.starts = append(c.starts, 0)
		c.held = append(c.held, 0)
		c.ended = append(c.ended, false)
		c.waits = append(c.waits, 0)
		c.must = append(c.must, hb.NewClock(hb.Slot(len(c.must))))
	}
}

// note remembers an event that the result shows.
func (c *collector) note(e *event.Event) {
	if len(c.wanted) == 0 {
		return
	}
	for int(e.G) >= len(c.gnames) {
		c.gnames = append(c.gnames, c.Goroutine(event.G(len(c.gnames))))
	}
	if a, ok := c.wanted[wantedKey{c.gnames[e.G], e.Index}]; ok {
		*a = c.access(e)
	}
}

func (c *collector) access(e *event.Event) access {
	return access{
		op: e.Op, g: e.G, n: e.N, cycle: e.Cycle, index: e.Index, pos: c.pos, addr: e.Addr, size: e.Size,
		stack: e.Stack, obj: e.Obj, locks: c.holds(e.G),
	}
}

// holds returns the locks that g holds, oldest first.
func (c *collector) holds(g event.G) []held { return c.locks.list(c.held[g]) }

// entry adds an event that other schedules depend on and returns its number.
func (c *collector) entry(e *event.Event, obj int32) int32 {
	if c.entries.n >= c.most {
		c.horizon = min(c.horizon, c.pos)
		return 0
	}
	i := c.entries.add(entry{pos: c.pos, index: e.Index, n: e.N, g: e.G, obj: obj, op: e.Op})
	c.byG[e.G] = append(c.byG[e.G], i)
	if obj >= 0 {
		c.objects[obj].ops = append(c.objects[obj].ops, i)
	}
	return i
}

// needs says that entry i cannot happen before event j has.
func (c *collector) needs(i, j int32) {
	if i <= 0 || j <= 0 {
		return
	}
	e, n := c.entries.at(i), c.entries.at(j)
	if e.g != n.g {
		e.needG, e.need, e.from = n.g, n.index+1, n.pos
	}
}

// release lets others learn, by way of entry n, what g knows.
func (c *collector) releaseAt(g event.G, n int32) {
	if n != 0 {
		c.released[n] = c.must[g].Release()
	}
}

// learn lets g learn what has been released at entry n.
func (c *collector) learn(g event.G, n int32) {
	if r, ok := c.released[n]; ok {
		c.must[g].Acquire(&r)
	}
}

// memoryAccess follows who reads what whom has written, and compares with
// earlier accesses.
func (c *collector) memoryAccess(e *event.Event) {
	atomic := isAtomic(e.Op)
	if !c.shared.has(e.Addr, e.Size) || e.Op == event.Free && c.collected {
		if atomic {
			c.hb.Apply(e)
		}
		return
	}
	a := past{
		op: e.Op, g: e.G, index: e.Index, pos: c.pos, addr: e.Addr, size: uint32(min(e.Size, math.MaxUint32)), cycle: e.Cycle,
		stack: e.Stack, locks: c.held[e.G], must: c.must[e.G].Epoch().T, seen: c.hb.Epoch(e.G),
	}
	if atomic {
		c.hb.Apply(e)
	}
	masks(e.Addr, e.Size, func(w uint64, mask uint8) {
		if x := c.word(w, e.Cycle); x != nil {
			a.mask = mask
			c.compare(x, w, a)
		}
	})
	// An access that is next has not read yet.
	if reads(e.Op) && !e.Quiet {
		c.readsFrom(e)
	}
	if writes(e.Op) {
		c.writes(e)
	}
}

// word returns what is known of a word in a GC cycle, nil if it is not shared
// then. Cycles never go back.
func (c *collector) word(w uint64, cycle uint32) *word {
	if !c.shared.hasWord(w) {
		return nil
	}
	now := &c.shared.found[w/pageWords].now[w%pageWords]
	l := &c.shared.lives[*now]
	for *now != 0 && l.to <= cycle {
		if l.number != 0 {
			x := c.numbered(l.number - 1)
			c.pasts -= len(x.pasts)
			*x = word{}
			c.spare = append(c.spare, l.number-1)
			l.number = 0
		}
		*now = l.next
		l = &c.shared.lives[*now]
	}
	if *now == 0 || l.from > cycle {
		return nil
	}
	if l.number == 0 {
		if n := len(c.spare); n > 0 {
			l.number = c.spare[n-1] + 1
			c.spare = c.spare[:n-1]
		} else if c.used < maxWords {
			if c.used/wordSlab == len(c.words) {
				c.words = append(c.words, make([]word, wordSlab))
			}
			c.used++
			l.number = int32(c.used)
		} else {
			c.horizon = min(c.horizon, c.pos)
			return nil
		}
	}
	return c.numbered(l.number - 1)
}

func (c *collector) numbered(n int32) *word { return &c.words[n/wordSlab][n%wordSlab] }

// wordSlab is how many words are made at once.
const wordSlab = 1 << 10

// readsFrom makes a read need the writes that it reads.
func (c *collector) readsFrom(e *event.Event) {
	racy := false
	masks(e.Addr, e.Size, func(w uint64, mask uint8) {
		x := c.word(w, e.Cycle)
		if x == nil {
			return
		}
		racy = racy || x.racy&mask != 0
		for i := range x.writers {
			by := &x.writers[i]
			if by.mask&mask == 0 || by.g == e.G || c.must[e.G].Knows(by.must.Epoch()) {
				continue
			}
			if n := c.entry(e, -1); n != 0 {
				c.entries.at(n).needG, c.entries.at(n).need, c.entries.at(n).from = by.g, by.index+1, by.pos
				c.entries.at(n).op = event.Read
			}
			c.must[e.G].Acquire(&by.must)
		}
	})
	if racy {
		if n := c.entry(e, -1); n != 0 {
			c.entries.at(n).op, c.entries.at(n).racy = event.Read, true
			c.racy = append(c.racy, n)
		}
	}
}

// writes makes e the last write of its bytes.
func (c *collector) writes(e *event.Event) {
	must := c.must[e.G].Release()
	masks(e.Addr, e.Size, func(w uint64, mask uint8) {
		x := c.word(w, e.Cycle)
		if x == nil {
			return
		}
		if al := x.alloc; al != nil && al.mask&mask != 0 && al.g != e.G && !c.must[e.G].Knows(al.must.Epoch()) {
			if n := c.entry(e, -1); n != 0 {
				x := c.entries.at(n)
				x.needG, x.need, x.from, x.op = al.g, al.index+1, al.pos, event.Read
			}
		}
		kept := x.writers[:0]
		for _, by := range x.writers {
			if by.mask &^= mask; by.mask != 0 {
				kept = append(kept, by)
			}
		}
		x.writers = append(kept, writer{mask, e.G, e.Cycle, e.Index, c.pos, must})
	})
}

// life ends lives of memory, and in scripts begins one.
func (c *collector) life(e *event.Event) {
	if e.Op == event.LifeCut && c.mode == hb.Strict {
		return
	}
	if c.collected {
		eachOf(c.shared.found, e.Addr, e.Size, func(w uint64, mask uint8) {
			x := c.word(w, e.Cycle)
			if x == nil {
				return
			}
			// Of a word that the object covers in part, the other bytes live on.
			earlier := func(bytes uint8, cycle uint32) uint8 {
				if cycle < e.Cycle {
					return bytes &^ mask
				}
				return bytes
			}
			c.pasts -= len(x.pasts)
			pasts, accessed := x.pasts[:0], uint8(0)
			for _, p := range x.pasts {
				if p.mask = earlier(p.mask, p.cycle); p.mask != 0 {
					pasts = append(pasts, p)
					accessed |= p.mask
				}
			}
			x.pasts = pasts
			if c.pasts += len(pasts); len(pasts) == 0 {
				x.pasts, x.owner = nil, 0
			}
			if e.Op == event.Alloc {
				writers := x.writers[:0]
				for _, by := range x.writers {
					if by.mask = earlier(by.mask, by.cycle); by.mask != 0 {
						writers = append(writers, by)
					}
				}
				x.writers = writers
				x.racy &^= mask &^ accessed
			}
		})
		if e.Op == event.Alloc {
			c.memory.Remove(e.Addr, e.Size, func(o event.Obj) bool {
				gone := true
				for k := range kinds {
					if s := c.sync[objectKey{o, k}]; s != nil && s.cycle >= e.Cycle {
						gone = false
					}
				}
				if gone {
					for k := range kinds {
						delete(c.sync, objectKey{o, k})
						delete(c.misuse.uses, objectKey{o, k})
					}
				}
				return gone
			})
		}
		return
	}
	if e.Op == event.LifeCut {
		masks(e.Addr, e.Size, func(w uint64, _ uint8) {
			if x := c.word(w, e.Cycle); x != nil {
				x.pasts = x.pasts[:0]
			}
		})
		return
	}
	// Every life of a script has memory of its own, which begins with a write.
	must := c.must[e.G]
	c.memoryAccess(e)
	masks(e.Addr, e.Size, func(w uint64, mask uint8) {
		if x := c.word(w, e.Cycle); x != nil {
			x.alloc = &writer{mask: mask, g: e.G, index: e.Index, pos: c.pos, must: must}
		}
	})
}

// compare looks for earlier accesses that a later one might meet in another
// schedule, and remembers it.
func (c *collector) compare(x *word, w uint64, b past) {
	if n := len(x.pasts); n > 0 {
		// Between two alike, one right after the other, there is no difference.
		if a := &x.pasts[n-1]; a.g == b.g && a.op == b.op && a.stack == b.stack && a.mask == b.mask && a.seen == b.seen && a.locks == b.locks {
			*a = b
			return
		}
	}
	must, seen := &c.must[b.g], c.hb.Clock(b.g)
	same := -1
	switch x.owner {
	case 0:
		x.owner = int32(b.g) + 1
	case int32(b.g) + 1:
	default:
		x.owner = manyOwners
	}
	for i := range x.pasts {
		a := &x.pasts[i]
		if a.g == b.g {
			if a.stack == b.stack && a.op == b.op && a.mask == b.mask {
				same = i
			}
			continue
		}
		both := a.mask & b.mask
		if both == 0 || !conflict(a.op, b.op) {
			continue
		}
		if !seen.Knows(a.seen) {
			x.racy |= both
			if s := c.spot(a, &b, w, both); s != nil {
				s.observed = true
			}
			continue
		}
		if must.Knows(hb.Epoch{Slot: hb.Slot(a.g), T: a.must}) || a.locks != 0 && b.locks != 0 && guarded(c.locks.list(a.locks), c.locks.list(b.locks)) {
			continue
		}
		if s := c.spot(a, &b, w, both); s != nil && !s.observed {
			if len(s.pairs)+s.more == 0 {
				s.first = [3]uint64{b.pos, a.pos, w*8 + uint64(bits.TrailingZeros8(both))}
			}
			if len(s.pairs) < maxTries {
				s.pairs = append(s.pairs, pair{c.accessOf(a), c.accessOf(&b), w*8 + uint64(bits.TrailingZeros8(both))})
			} else {
				s.more++
			}
		}
	}
	n, most := len(x.pasts), maxPasts
	if x.owner != manyOwners {
		most = ownPasts
	}
	if c.pasts > manyPasts {
		most = fewPasts
	}
	if same < 0 && n >= most {
		same = int(c.lost % uint64(n)) // some other one is forgotten
		c.lost++
	}
	if same >= 0 {
		// The latest of each line is the one to meet a later access. It comes last.
		x.pasts[same] = x.pasts[n-1]
		x.pasts[n-1] = b
		return
	}
	x.pasts = append(x.pasts, b)
	c.pasts++
}

// spot returns the spot of two accesses.
func (c *collector) spot(a, b *past, w uint64, both uint8) *spot {
	quick := quickKey{a.stack, b.stack, w}
	if s, ok := c.quick[quick]; ok {
		return s
	}
	if len(c.quick) >= maxSpots {
		c.lost++
		return nil
	}
	s := &spot{stacks: [2]event.Stack{a.stack, b.stack}, at: w*8 + uint64(bits.TrailingZeros8(both)), cycle: b.cycle}
	c.quick[quick] = s
	c.order = append(c.order, s)
	return s
}

// spots are the spots by name, when all names are known: of objects of one
// name, the pairs of two lines are tried together.
func (c *collector) spots() []*spot {
	type key struct {
		object naming.Object
		a, b   naming.Line
	}
	byName := map[key]*spot{}
	var out []*spot
	for _, s := range c.order {
		a, b := c.Line(s.stacks[0]), c.Line(s.stacks[1])
		k := key{c.Names.Object(s.at, s.cycle), min(a, b), max(a, b)}
		first := byName[k]
		if first == nil {
			byName[k] = s
			out = append(out, s)
			continue
		}
		first.observed = first.observed || s.observed
		if len(first.pairs)+first.more == 0 {
			first.first = s.first
		}
		first.join(s.before)
		n := min(len(s.pairs), maxTries-len(first.pairs))
		first.pairs = append(first.pairs, s.pairs[:n]...)
		first.more += len(s.pairs) - n + s.more
	}
	return slices.DeleteFunc(out, func(s *spot) bool { return s.observed || len(s.pairs)+s.more == 0 })
}
