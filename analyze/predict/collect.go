package predict

import (
	"math"
	"math/bits"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// Bounds of what is kept of a recording. Beyond them prediction knows less and
// says so; it never errs for that.
const (
	maxEntries = 4 << 20 // 256 MB
	maxWords   = 2 << 20 // shared words of 8 bytes
	maxPasts   = 96      // accesses remembered of a word
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

// held is a lock that a goroutine holds.
type held struct {
	obj   event.Obj
	entry int32 // of the acquire
	read  bool
}

// past is an access that later ones are compared with.
type past struct {
	access
	mask       uint8
	must, seen hb.Epoch // in the order that every schedule keeps, and in happens-before
}

// writer is the last write of some bytes of a word.
type writer struct {
	mask  uint8
	first uint8 // byte at which the write began in the word
	g     event.G
	cycle uint32
	index uint64
	pos   uint64
	must  hb.Epoch
}

// word is what is known of 8 bytes that goroutines share.
type word struct {
	writers []writer
	pasts   []past
	alloc   *writer // scripts: the alloc of its life
	racy    uint8   // bytes that were accessed without order
}

// spotKey names what is tried together: an object and two lines.
type spotKey struct {
	object objectID
	a, b   siteID
}

// spot is a pair of lines that may race in another schedule.
type spot struct {
	spotKey
	pairs    []pair // that may be next at once, in the order of the recording
	more     int    // pairs that were not kept
	observed bool   // it did race
}

// pair is two accesses of different goroutines, in recorded order.
type pair struct {
	a, b access
	at   uint64 // first common byte
}

// collector replays a recording and keeps what prediction needs.
type collector struct {
	*trace
	src       event.Source
	collected bool
	mode      hb.Mode
	swaps     bool // a receive from a buffer may get what another send sent
	names     *names
	shared    *sharing
	pos       uint64

	hb   *hb.State // happens-before
	must *hb.State // what every schedule keeps

	words   map[uint64]*word
	spots   map[spotKey]*spot
	quick   map[quickKey]*spot
	memory  hb.Index[event.Obj]
	sync    map[objectKey]*syncState
	held    [][]held
	wanted  map[wantedKey]*access
	gnames  []string
	ended   []bool
	waits   []int32 // by goroutine: one more than the Cond for which it has just begun to wait
	horizon uint64  // from this position on, entries have been left out
	lost    uint64  // accesses that are not compared with all earlier ones

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
	open    []int32 // acquires that have not been released
	read    bool    // has been locked for reading
	queued  []int32 // sends that have not been received
	closed  int32
	count   int64
	rounds  int32
	done    int32 // OnceDone
	signals map[uint32]int32
}

// wantedKey names an event in a result.
type wantedKey struct {
	goroutine string
	index     uint64
}

func newCollector(src event.Source, mode hb.Mode, shared *sharing) *collector {
	return &collector{
		trace: &trace{entries: make([]entry, 1)},
		src:   src, collected: src.Collected(), mode: mode, names: newNames(src), shared: shared,
		hb: hb.New(mode, src.Collected()), must: hb.New(hb.Model, false),
		words: map[uint64]*word{}, spots: map[spotKey]*spot{}, quick: map[quickKey]*spot{},
		horizon: math.MaxUint64, sync: map[objectKey]*syncState{}, wanted: map[wantedKey]*access{},
	}
}

// add takes the recording's next event.
func (c *collector) add(e *event.Event) {
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
	c.pos++
}

func (c *collector) grow(g event.G) {
	for int(g) >= len(c.byG) {
		c.byG = append(c.byG, nil)
		c.starts = append(c.starts, 0)
		c.held = append(c.held, nil)
		c.ended = append(c.ended, false)
		c.waits = append(c.waits, 0)
	}
}

// note remembers an event that the result shows.
func (c *collector) note(e *event.Event) {
	if len(c.wanted) == 0 {
		return
	}
	for int(e.G) >= len(c.gnames) {
		c.gnames = append(c.gnames, goroutineName(c.src, event.G(len(c.gnames))))
	}
	if a, ok := c.wanted[wantedKey{c.gnames[e.G], e.Index}]; ok {
		*a = c.access(e)
	}
}

func (c *collector) access(e *event.Event) access {
	return access{
		op: e.Op, g: e.G, n: e.N, cycle: e.Cycle, index: e.Index, pos: c.pos, addr: e.Addr, size: e.Size,
		stack: e.Stack, obj: e.Obj, locks: c.held[e.G],
	}
}

// entry adds an event that other schedules depend on and returns its number.
func (c *collector) entry(e *event.Event, obj int32) int32 {
	if len(c.entries) >= maxEntries {
		c.horizon = min(c.horizon, c.pos)
		return 0
	}
	i := int32(len(c.entries))
	c.entries = append(c.entries, entry{pos: c.pos, index: e.Index, n: e.N, g: e.G, obj: obj, op: e.Op})
	c.byG[e.G] = append(c.byG[e.G], i)
	if obj >= 0 {
		c.objects[obj].ops = append(c.objects[obj].ops, i)
	}
	return i
}

// needs says that entry i cannot happen before event j has.
func (c *collector) needs(i, j int32) {
	if i == 0 || j == 0 {
		return
	}
	e, n := &c.entries[i], &c.entries[j]
	if e.g != n.g {
		e.needG, e.need, e.from = n.g, n.index+1, n.pos
	}
}

// mustRelease and mustAcquire make an edge that every schedule keeps.

func (c *collector) mustRelease(g event.G, class uint64, id uint64) {
	c.must.Apply(&event.Event{Op: event.Release, G: g, Obj: mustObject(class, id)})
}

func (c *collector) mustAcquire(g event.G, class uint64, id uint64) {
	c.must.Apply(&event.Event{Op: event.Acquire, G: g, Obj: mustObject(class, id)})
}

// Classes of edges.
const (
	byWrite = iota
	byEntry
)

func mustObject(class, id uint64) event.Obj {
	return event.Obj{Space: event.SpaceMap, Addr: id<<1 | class}
}

// entryEdge is an edge from entry j to the present event of g.
func (c *collector) entryEdge(g event.G, j int32) {
	if j != 0 {
		c.mustAcquire(g, byEntry, uint64(j))
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
	a := c.access(e)
	must := c.must.Epoch(e.G)
	seen := c.hb.Epoch(e.G)
	if atomic {
		c.hb.Apply(e)
	}
	masks(e.Addr, e.Size, func(w uint64, mask uint8) {
		if x := c.word(w); x != nil {
			c.compare(x, w, past{a, mask, must, seen})
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

func (c *collector) word(w uint64) *word {
	x := c.words[w]
	if x == nil && c.shared.hasWord(w) {
		if len(c.words) >= maxWords {
			c.horizon = min(c.horizon, c.pos)
			return nil
		}
		x = &word{}
		c.words[w] = x
	}
	return x
}

// readsFrom makes a read need the writes that it reads.
func (c *collector) readsFrom(e *event.Event) {
	racy := false
	masks(e.Addr, e.Size, func(w uint64, mask uint8) {
		x := c.words[w]
		if x == nil {
			return
		}
		racy = racy || x.racy&mask != 0
		for i := range x.writers {
			by := &x.writers[i]
			if by.mask&mask == 0 || by.g == e.G || c.must.Clock(e.G).Knows(by.must) {
				continue
			}
			if n := c.entry(e, -1); n != 0 {
				c.entries[n].needG, c.entries[n].need, c.entries[n].from = by.g, by.index+1, by.pos
				c.entries[n].op = event.Read
			}
			c.mustAcquire(e.G, byWrite, w*8+uint64(by.first))
		}
	})
	if racy {
		if n := c.entry(e, -1); n != 0 {
			c.entries[n].op, c.entries[n].racy = event.Read, true
			c.racy = append(c.racy, n)
		}
	}
}

// writes makes e the last write of its bytes.
func (c *collector) writes(e *event.Event) {
	must := c.must.Epoch(e.G)
	masks(e.Addr, e.Size, func(w uint64, mask uint8) {
		x := c.word(w)
		if x == nil {
			return
		}
		if al := x.alloc; al != nil && al.mask&mask != 0 && al.g != e.G && !c.must.Clock(e.G).Knows(al.must) {
			if n := c.entry(e, -1); n != 0 {
				x := &c.entries[n]
				x.needG, x.need, x.from, x.op = al.g, al.index+1, al.pos, event.Read
			}
		}
		kept := x.writers[:0]
		for _, by := range x.writers {
			if by.mask &^= mask; by.mask != 0 {
				kept = append(kept, by)
			}
		}
		first := uint8(bits.TrailingZeros8(mask))
		x.writers = append(kept, writer{mask, first, e.G, e.Cycle, e.Index, c.pos, must})
		c.mustRelease(e.G, byWrite, w*8+uint64(first))
		must = c.must.Epoch(e.G)
	})
}

// life ends lives of memory, and in scripts begins one.
func (c *collector) life(e *event.Event) {
	if e.Op == event.LifeCut && c.mode == hb.Strict {
		return
	}
	if c.collected {
		c.shared.each(e.Addr, e.Size, func(w uint64, mask uint8) {
			x := c.words[w]
			if x == nil {
				return
			}
			x.pasts = slices.DeleteFunc(x.pasts, func(p past) bool { return p.cycle < e.Cycle && p.mask&^mask == 0 })
			if e.Op == event.Alloc {
				x.writers = slices.DeleteFunc(x.writers, func(by writer) bool { return by.cycle < e.Cycle && by.mask&^mask == 0 })
				if mask == 0xff {
					x.racy = 0
				}
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
					}
				}
				return gone
			})
		}
		return
	}
	if e.Op == event.LifeCut {
		masks(e.Addr, e.Size, func(w uint64, _ uint8) {
			if x := c.words[w]; x != nil {
				x.pasts = x.pasts[:0]
			}
		})
		return
	}
	// Every life of a script has memory of its own, which begins with a write.
	must := c.must.Epoch(e.G)
	c.memoryAccess(e)
	masks(e.Addr, e.Size, func(w uint64, mask uint8) {
		if x := c.words[w]; x != nil {
			x.alloc = &writer{mask: mask, g: e.G, index: e.Index, pos: c.pos, must: must}
		}
	})
}

// compare looks for earlier accesses that a later one might meet in another
// schedule, and remembers it.
func (c *collector) compare(x *word, w uint64, b past) {
	must, seen := c.must.Clock(b.g), c.hb.Clock(b.g)
	same := -1
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
		if must.Knows(a.must) || guarded(a.locks, b.locks) {
			continue
		}
		if s := c.spot(a, &b, w, both); s != nil && !s.observed {
			if len(s.pairs) < maxTries {
				s.pairs = append(s.pairs, pair{a.access, b.access, w*8 + uint64(bits.TrailingZeros8(both))})
			} else {
				s.more++
			}
		}
	}
	if same >= 0 {
		// The latest of each line is the one to meet a later access; it moves to
		// the end, as the others of its goroutine are older.
		x.pasts = append(x.pasts[:same], x.pasts[same+1:]...)
	} else if len(x.pasts) >= maxPasts {
		c.lost++
		x.pasts = append(x.pasts[:0], x.pasts[1:]...)
	}
	x.pasts = append(x.pasts, b)
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
	key := spotKey{object: c.names.object(w*8+uint64(bits.TrailingZeros8(both)), b.cycle)}
	sa, sb := c.names.site(a.stack), c.names.site(b.stack)
	key.a, key.b = min(sa, sb), max(sa, sb)
	s := c.spots[key]
	if s == nil {
		s = &spot{spotKey: key}
		c.spots[key] = s
	}
	c.quick[quick] = s
	return s
}

// guarded reports whether one lock is held at both, by one of them for writing.
func guarded(a, b []held) bool {
	for i := range a {
		for j := range b {
			if a[i].obj == b[j].obj && !(a[i].read && b[j].read) {
				return true
			}
		}
	}
	return false
}
