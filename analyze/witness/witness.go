// Package witness checks claims about other schedules. A [Witness] says which
// of the recorded events happen, and in which order, before some events are
// next; a [Checker] replays it event by event and accepts it only if a Go program
// that did what was recorded could have done this too.
//
// The package knows nothing of how a witness was found. What it rejects must
// not be reported.
package witness

import (
	"errors"
	"fmt"
	"math"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// ID names an event: the one of index Index of goroutine G.
type ID struct {
	G     event.G
	Index uint64
}

// Goal is what a witness claims of the events that are next.
type Goal uint8

// The goals, with the events that Next holds.
const (
	Race           Goal = iota // two conflicting accesses
	SendClosed                 // a close, and a send on the same channel, which would panic after it
	CloseClosed                // two closes of one channel
	Negative                   // an Add that makes a WaitGroup's counter negative
	AddWait                    // an Add to a counter of zero, and a Wait of the same WaitGroup
	UnlockUnlocked             // an unlock of a lock that is not locked
	Deadlock                   // acquires, each of a lock that the next one's goroutine holds or, being a writer, waits for
)

// A Witness is a part of a recorded execution, in an order of its own. Each
// goroutine does a prefix of what it did in the recording.
type Witness struct {
	// Base events from the recording's first on happen, all of them.
	Base uint64
	// Ends adds the events of a goroutine with an index below the given one.
	Ends map[event.G]uint64
	// From position Cut of the recording on, the events that happen do so in
	// the order Order, after those before Cut, which happen in recorded order.
	// With NoCut all do. An element of Order lets its goroutine act up to and
	// including the event of that index.
	Cut   uint64
	Order []ID

	Goal Goal
	Next []ID // each of another goroutine, the first event that it has not done
}

// NoCut is a Cut after all events.
const NoCut = math.MaxUint64

// Has reports whether an event at a position of the recording happens.
func (w *Witness) Has(pos uint64, id ID) bool {
	return pos < w.Base || id.Index < w.Ends[id.G]
}

// A Verdict is what a check found.
type Verdict struct {
	Err error // why the witness is none; nil if it is one
	// Swapped counts receives from buffered channels that get what another
	// send than in the recording has sent.
	Swapped int
	Events  uint64 // that happen
}

// batch is how much is replayed at once: a witness counts as 1, as 8 if it has an
// order of its own and so keeps the events from Cut on.
const batch = 128

// together returns how many of the witnesses, of which there are some, make a batch.
func together(ws []*Witness) int {
	weight := 0
	for n, w := range ws {
		weight++
		if w.Cut != NoCut {
			weight += 7
		}
		if weight > batch && n > 0 {
			return n
		}
	}
	return len(ws)
}

// A Checker replays witnesses of one recording.
type Checker struct {
	rec *recorded
}

// NewChecker replays the recording once, for what a check has to know before.
func NewChecker(src event.Source) (*Checker, error) {
	rec, err := survey(src)
	return &Checker{rec}, err
}

// Check replays witnesses and returns a verdict for each. The error is the source's.
func (c *Checker) Check(ws []*Witness) ([]Verdict, error) {
	verdicts := make([]Verdict, 0, len(ws))
	for len(ws) > 0 {
		n := together(ws)
		v, err := c.replay(ws[:n])
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, v...)
		ws = ws[n:]
	}
	return verdicts, nil
}

func (c *Checker) replay(ws []*Witness) ([]Verdict, error) {
	rec := c.rec.restart()
	trials := make([]*trial, len(ws))
	for i, w := range ws {
		trials[i] = newTrial(rec, w)
	}
	pos := uint64(0)
	active := make([]*trial, 0, len(ws))
	err := replay(rec.src, func(e *event.Event) bool {
		active = active[:0]
		waiting := false
		for _, t := range trials {
			switch {
			case t.over(e.Cycle):
			case pos >= t.w.Base:
				active = append(active, t)
			default:
				waiting = true
			}
		}
		if len(active) == 0 && !waiting {
			return false
		}
		for _, k := range rec.forget(e) {
			for _, t := range active {
				delete(t.objects, k)
			}
		}
		if len(active) > 0 {
			x := rec.expect(e)
			x.pos = pos
			for _, t := range active {
				t.see(&x)
			}
		}
		rec.apply(e)
		pos++
		return true
	})
	verdicts := make([]Verdict, len(ws))
	for i, t := range trials {
		t.finish()
		verdicts[i] = Verdict{t.err, t.swapped, t.done}
	}
	return verdicts, err
}

// trial is one witness being replayed.
type trial struct {
	*machine
	w       *Witness
	rec     *recorded
	collect bool // a garbage collector separates lives
	err     error

	left    map[event.G]uint64      // of w.Ends, what has not been seen yet; nil before the first event seen
	done    uint64                  // events that have happened
	high    uint64                  // the highest position of these, from Cut on
	missing bool                    // some event before the present one has not happened
	unborn  map[event.G]bool        // its go statement has not happened
	stale   map[uint64]stale        // words whose last recorded write has not happened
	unmade  map[uint64]uint8        // bytes whose alloc has not happened
	next    map[event.G]event.Event // the first event not done of the goroutines in w.Next
	tail    []expected              // from Cut on
	recent  *recent                 // writes from Cut on
	swapped int
	ended   bool
}

// stale are bytes of a word for which witness and recording differ in the last write.
type stale struct {
	mask  uint8
	cycle uint32
}

func newTrial(rec *recorded, w *Witness) *trial {
	t := &trial{
		machine: newMachine(rec.facts, rec.machine), w: w, rec: rec, collect: rec.src.Collected(),
		unborn: map[event.G]bool{}, stale: map[uint64]stale{}, unmade: map[uint64]uint8{},
		next: map[event.G]event.Event{},
	}
	t.done = w.Base
	if len(w.Next) == 0 {
		t.err = errors.New("nothing is next")
	}
	return t
}

// over reports whether nothing that is still to come matters.
func (t *trial) over(cycle uint32) bool {
	if t.err != nil || t.ended {
		return true
	}
	if len(t.next) < len(t.w.Next) || t.left == nil {
		return false
	}
	for _, e := range t.next {
		if e.Cycle >= cycle {
			return false // the end of its life may still be told
		}
	}
	return len(t.left) == 0
}

func (t *trial) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf(format, args...)
	}
}

// begin is called when all before w.Base has happened.
func (t *trial) begin() {
	if t.left != nil {
		return
	}
	t.left = map[event.G]uint64{}
	for g, end := range t.w.Ends {
		if end > t.rec.past(g) {
			t.left[g] = end
		}
	}
}

// see takes note of the recording's next event, at or after w.Base.
func (t *trial) see(x *expected) {
	t.begin()
	id := ID{x.G, x.Index}
	if end, ok := t.left[x.G]; ok && x.Index+1 >= end {
		delete(t.left, x.G)
	}
	t.lives(x)
	t.adopt(&x.Event)
	switch {
	case !t.w.Has(x.pos, id):
		t.skip(x)
	case x.pos >= t.w.Cut:
		if t.recent == nil {
			t.recent = newRecent()
		}
		late := *x
		late.wrote = t.recent.expect(&x.Event)
		t.tail = append(t.tail, late)
		if x.Op == event.Go {
			t.unborn[x.Child] = true
		}
	default:
		t.run(x)
		t.remember(&x.Event)
	}
	if x.pos >= t.w.Cut && t.recent != nil {
		t.recent.record(&x.Event, id)
	}
}

// skip is an event that does not happen.
func (t *trial) skip(x *expected) {
	t.missing = true
	if _, ok := t.next[x.G]; !ok {
		for _, id := range t.w.Next {
			if id.G == x.G {
				t.next[x.G] = x.Event
			}
		}
	}
	if x.pos >= t.w.Cut && t.recent == nil {
		t.recent = newRecent()
	}
	switch {
	case x.Op == event.Go:
		t.unborn[x.Child] = true
	case x.Op == event.Alloc && !t.collect:
		words(x.Addr, x.Size, func(w uint64, mask uint8) { t.unmade[w] |= mask })
	}
	if writes(x.Op) && !(x.Op == event.Alloc && t.collect) && x.pos < t.w.Cut {
		words(x.Addr, x.Size, func(w uint64, mask uint8) {
			t.stale[w] = stale{t.stale[w].mask | mask, x.Cycle}
		})
	}
}

// remember notes that the recording's last write is the witness's too.
func (t *trial) remember(e *event.Event) {
	if !writes(e.Op) || len(t.stale) == 0 || e.Op == event.Alloc && t.collect {
		return
	}
	words(e.Addr, e.Size, func(w uint64, mask uint8) { t.refresh(w, mask) })
}

func (t *trial) refresh(w uint64, mask uint8) {
	if s, ok := t.stale[w]; ok {
		if s.mask &^= mask; s.mask == 0 {
			delete(t.stale, w)
		} else {
			t.stale[w] = s
		}
	}
}

// lives ends lives of memory, and with them what of them was stale.
func (t *trial) lives(x *expected) {
	if x.Op != event.Alloc && x.Op != event.LifeCut || !t.collect {
		return
	}
	for g := range t.next {
		for h := range t.next {
			a, b := t.next[g], t.next[h]
			if g != h && t.w.Goal == Race && a.Cycle < x.Cycle && x.Cycle <= b.Cycle && overlaps(&a, &b, &x.Event) {
				t.fail("the two accesses belong to different lives of their memory")
			}
		}
	}
	if x.Op == event.LifeCut {
		return // the bytes stay what they are
	}
	if uint64(len(t.stale)) < x.Size/8 {
		for w, s := range t.stale {
			if w*8 >= x.Addr && w*8+8 <= x.Addr+x.Size && s.cycle < x.Cycle {
				delete(t.stale, w)
			}
		}
		return
	}
	if len(t.stale) > 0 {
		words(x.Addr, x.Size, func(w uint64, mask uint8) {
			if t.stale[w].cycle < x.Cycle {
				t.refresh(w, mask)
			}
		})
	}
}

func overlaps(a, b, c *event.Event) bool {
	lo := max(a.Addr, b.Addr, c.Addr)
	return lo < a.Addr+a.Size && lo < b.Addr+b.Size && lo < c.Addr+c.Size
}

// run lets an event happen that comes before Cut.
func (t *trial) run(x *expected) {
	e := &x.Event
	if t.unborn[e.G] {
		t.fail("goroutine %d acts before it has been started", e.G)
		return
	}
	if needsAll(e) && t.missing {
		t.fail("%s, which depends on all that came before it", e.Op)
		return
	}
	if err := t.touch(e); err != nil {
		t.err = err
		return
	}
	if reads(e) {
		words(e.Addr, e.Size, func(w uint64, mask uint8) {
			if t.stale[w].mask&mask != 0 {
				t.fail("event %d of goroutine %d reads what another write than recorded has written", e.Index, e.G)
			}
		})
	}
	t.step(x)
}

// step moves the machine over an event.
func (t *trial) step(x *expected) {
	if t.err != nil {
		return
	}
	t.done++
	if x.Op == event.Go {
		delete(t.unborn, x.Child)
	}
	if x.Op == event.Alloc && !t.collect {
		words(x.Addr, x.Size, func(w uint64, mask uint8) { t.unmade[w] &^= mask })
	}
	swapped, err := t.machine.do(x)
	if err != nil {
		t.fail("event %d of goroutine %d (%s): %w", x.Index, x.G, x.Op, err)
	}
	t.swapped += swapped
}

// touch checks that the memory of an access has been made.
func (t *trial) touch(e *event.Event) (err error) {
	if len(t.unmade) > 0 && isAccess(e.Op) && e.Op != event.Alloc {
		words(e.Addr, e.Size, func(w uint64, mask uint8) {
			if t.unmade[w]&mask != 0 {
				err = fmt.Errorf("event %d of goroutine %d accesses memory that has not been allocated", e.Index, e.G)
			}
		})
	}
	return err
}

// finish replays the tail and looks at what is next.
func (t *trial) finish() {
	if t.ended = true; t.err != nil {
		return
	}
	if t.begin(); len(t.left) > 0 {
		t.fail("the witness goes beyond the end of the recording")
		return
	}
	t.runTail()
	if t.err == nil && t.handover != nil {
		t.fail("a send on an unbuffered channel without its receive")
	}
	if t.err != nil {
		return
	}
	var next []event.Event
	seen := map[event.G]bool{}
	for _, id := range t.w.Next {
		e, ok := t.next[id.G]
		if !ok || e.Index != id.Index || seen[id.G] {
			t.fail("event %d is not the next of goroutine %d", id.Index, id.G)
			return
		}
		if t.unborn[id.G] {
			t.fail("goroutine %d has not been started", id.G)
			return
		}
		seen[id.G] = true
		if t.err = t.touch(&e); t.err != nil {
			return
		}
		next = append(next, e)
	}
	t.err = t.goal(t.w.Goal, next)
}

// runTail replays what comes from Cut on, in the witness's order.
func (t *trial) runTail() {
	own := make(map[event.G][]*expected)
	for i := range t.tail {
		x := &t.tail[i]
		own[x.G] = append(own[x.G], x)
	}
	last := newRecent()
	left := len(t.tail)
	for _, id := range t.w.Order {
		for len(own[id.G]) > 0 && own[id.G][0].Index <= id.Index {
			x := own[id.G][0]
			own[id.G] = own[id.G][1:]
			left--
			t.runLate(x, last)
			if t.err != nil {
				return
			}
			t.high = max(t.high, x.pos)
			last.record(&x.Event, ID{x.G, x.Index})
		}
	}
	if left > 0 {
		t.fail("the order leaves out %d events that happen", left)
	}
}

// runLate lets an event happen that comes at Cut or later.
func (t *trial) runLate(x *expected, last *recent) {
	e := &x.Event
	switch {
	case t.unborn[e.G]:
		t.fail("goroutine %d acts before it has been started", e.G)
		return
	case needsAll(e) && (t.done != x.pos || t.high > x.pos):
		t.fail("%s, which depends on all that came before it", e.Op)
		return
	}
	if t.err = t.touch(e); t.err != nil {
		return
	}
	if reads(e) && !last.same(e, x.wrote, t.stale) {
		t.fail("event %d of goroutine %d reads what another write than recorded has written", e.Index, e.G)
		return
	}
	t.step(x)
}
