package scheduling

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"golang.org/x/exp/trace"
)

// A kind is what a goroutine waits for.
type kind uint8

// The kinds. Waits up to forever end only if another goroutine ends them, as far
// as a trace can tell: channels may be those of timers.
const (
	recv kind = iota
	send
	choose // select
	lock
	rlock
	group // WaitGroup
	once
	cond
	semaphore // another of the runtime's, such as a file's lock
	forever   // nothing ends it
	sleep
	network
	coroutine // parked by iter.Pull
	other     // the runtime
	numKinds
)

// ops are the kinds' names in results, those of event scripts where there is one.
var ops = [numKinds]string{
	"block-recv", "block-send", "block-select", "block-lock", "block-rlock", "block-wait", "block-once", "cond-wait",
	"block-semaphore", "block-forever", "block-sleep", "block-network", "block-coroutine", "block-other",
}

// peer reports whether another goroutine has to end such a wait.
func (k kind) peer() bool { return k <= forever }

// edge is what an edge of the happens-before graph is called that ends a wait.
func (k kind) edge() string {
	switch k {
	case recv, send, choose:
		return "channel"
	case lock, rlock:
		return "lock"
	case group:
		return "waitgroup"
	case once:
		return "once"
	case cond:
		return "cond"
	}
	return "sync"
}

// kindOf tells what a goroutine waits for from its stack, which has the reason in
// it even where the runtime does not give one, and from that reason.
func kindOf(reason string, frames []event.Frame) kind {
	inner := ""
	if len(frames) > 0 {
		inner = frames[0].Func
	}
	switch {
	case reason == "forever":
		return forever
	case reason == "preempted", reason == "wait for debug call", reason == "wait until GC ends", strings.HasPrefix(reason, "GC "):
		return other // the runtime stopped it, wherever it was
	}
	// What the runtime waits for on a goroutine of the program, as when the garbage
	// collector starts, no other goroutine of the program ends.
	callsRuntime := len(frames) > 1 && strings.HasPrefix(frames[1].Func, "runtime.") && frames[1].Func != "runtime.main"
	switch {
	case inner == "runtime.block":
		return forever
	case callsRuntime && strings.HasPrefix(inner, "runtime."):
		return other
	case strings.HasPrefix(inner, "runtime.chanrecv"), inner == "runtime.selectnbrecv":
		return recv
	case strings.HasPrefix(inner, "runtime.chansend"), inner == "runtime.selectnbsend":
		return send
	case inner == "runtime.selectgo":
		return choose
	case inner == "time.Sleep", inner == "runtime.timeSleep":
		return sleep
	case reason == "" && strings.HasPrefix(inner, "internal/poll.(*FD)."):
		return network
	case strings.HasPrefix(inner, "runtime.coro"):
		return coroutine
	}
	// The outermost frame of package sync that the goroutine called.
	called := ""
	for _, f := range frames {
		if !strings.HasPrefix(f.Func, "sync.") && !strings.HasPrefix(f.Func, "internal/sync.") {
			break
		}
		called = f.Func
	}
	switch {
	case called == "":
	case strings.HasPrefix(called, "sync.(*RWMutex).RLock"), strings.HasPrefix(called, "sync.(*rlocker)"):
		return rlock
	case strings.HasPrefix(called, "sync.(*WaitGroup)"):
		return group
	case strings.HasPrefix(called, "sync.(*Once)"), strings.HasPrefix(called, "sync.Once"):
		return once
	case strings.HasPrefix(called, "sync.(*Cond)"):
		return cond
	case strings.Contains(called, "Mutex)"):
		return lock
	default:
		return semaphore
	}
	switch reason {
	case "chan receive":
		return recv
	case "chan send":
		return send
	case "select":
		return choose
	case "sync":
		if strings.HasPrefix(inner, "runtime.") {
			return other
		}
		return semaphore
	case "sync.(*Cond).Wait":
		return cond
	case "sleep":
		return sleep
	case "network":
		return network
	}
	return other
}

// A wait is one that has not ended.
type wait struct {
	start   int64
	earlier bool   // it began before the trace
	event   uint64 // its index within the goroutine
	stack   stackID
	place   *place // nil: not counted
	spot    *spot
	kind    kind
	reason  string
}

// A place is a stack at which goroutines wait, for one reason.
type place struct {
	placeKey
	number int // in order of first use
	reason string

	waits   uint64 // that ended
	ns      int64  // of these
	longest int64
	latest  int64  // when the latest of these began
	all     uint64 // that ended, whether they count or not
	open    int

	starter uint64             // waits that were ended by who had started the goroutine
	lines   map[stackID]uint64 // that ended waits
	wakers  map[trace.GoID]uint64
	unlined uint64 // waits ended beyond the bound of lines
}

type placeKey struct {
	stack stackID
	kind  kind
}

// Bounds of what is kept of places.
const (
	maxPlaces  = 1 << 14
	maxLines   = 32
	maxWakers  = 32
	maxReasons = 100 // bytes of a reason
)

// place returns the place of a kind and stack, nil if there are too many.
func (b *Observer) place(k kind, stack stackID, reason string) *place {
	key := placeKey{stack, k}
	p := b.places[key]
	if p == nil && len(b.places) < maxPlaces {
		p = &place{
			placeKey: key, number: len(b.places), reason: reason, latest: -1,
			lines: make(map[stackID]uint64), wakers: make(map[trace.GoID]uint64),
		}
		b.places[key] = p
	}
	return p
}

// block takes the beginning of a wait, from whatever state.
func (b *Observer) block(st *trace.StateTransition, g *goroutine, from trace.GoState) {
	stack := b.stacks.id(st.Stack)
	reason := b.stacks.text(st.Reason[:min(len(st.Reason), maxReasons)])
	w := wait{start: b.now, stack: stack, reason: reason, kind: kindOf(reason, b.stacks.frames(stack))}
	if w.earlier = from == trace.GoUndetermined; w.earlier {
		w.start = 0
	}
	g.waiting = true
	if !g.system {
		w.event = g.next()
		if w.kind.peer() {
			g.moved = b.now
		}
		w.place = b.place(w.kind, stack, reason)
		if w.place != nil {
			w.place.open++
		}
		w.spot = b.enter(&w)
		b.record(g, w.event, ops[w.kind], "", stack, g.chosen)
	}
	g.wait = w
}

// leave takes a wait out that ends.
func (b *Observer) leave(g *goroutine) {
	g.waiting = false
	if g.wait.place != nil {
		g.wait.place.open--
	}
	if g.wait.spot != nil {
		g.wait.spot.queue--
	}
}

// wake takes the end of a wait.
func (b *Observer) wake(ev *trace.Event, g *goroutine) {
	if !g.waiting {
		return
	}
	w := g.wait
	b.leave(g)
	if g.system {
		return
	}
	by := b.gs[ev.Goroutine()]
	if by == g || by != nil && by.system {
		by = nil
	}
	stack := b.stacks.id(ev.Stack())
	var woke uint64
	if by != nil {
		woke = by.next()
		b.record(by, woke, "wake", b.label("wake", g), stack, by.chosen || g.chosen)
	}
	goesOn := g.next()
	b.record(g, goesOn, "woken", "woken", w.stack, g.chosen || by != nil && by.chosen)
	if b.graph != nil && by != nil {
		b.graph.join(by, woke, g, goesOn, w.kind.edge())
	}
	b.turn(g, by, &w, step{by.number(), woke, stack, g.id, goesOn, w.stack})
	p := w.place
	if p == nil {
		return
	}
	p.all++
	p.latest = max(p.latest, w.start)
	copy(g.wokenAt[1:], g.wokenAt[:])
	g.wokenAt[0] = p
	if by != nil {
		if len(g.origins) > 0 && g.origins[0].by == by.id {
			p.starter++
		}
		if _, known := p.wakers[by.id]; known || len(p.wakers) < maxWakers {
			p.wakers[by.id]++
		}
	}
	if !b.counts() || !b.chooses(g) && !b.chooses(by) {
		return
	}
	p.waits++
	p.ns += b.now - w.start
	p.longest = max(p.longest, b.now-w.start)
	if by != nil {
		if _, known := p.lines[stack]; known || len(p.lines) < maxLines {
			p.lines[stack]++
		} else {
			p.unlined++
		}
	}
	if w.kind.peer() {
		b.longest.add(ended{
			g: g.id, wait: w, ns: b.now - w.start, by: by.number(), stack: stack,
		})
	}
}

// number is the goroutine's, NoGoroutine of nil.
func (g *goroutine) number() trace.GoID {
	if g == nil {
		return trace.NoGoroutine
	}
	return g.id
}

// An ended wait is one that is over.
type ended struct {
	g     trace.GoID
	wait  wait
	ns    int64
	by    trace.GoID
	stack stackID // of who ended it
}

// longest are the longest waits, sorted; of equal ones the first. Of one place there
// are only a few, so that there is room for others.
type longest struct {
	list []ended
	all  uint64
}

// maxWaits is how many of the longest waits are kept, maxSame how many of one place.
const (
	maxWaits = 30
	maxSame  = 4
)

func (l *longest) add(e ended) {
	l.all++
	if n := len(l.list); n == maxWaits && e.ns <= l.list[n-1].ns {
		return
	}
	same, last := 0, 0
	for i := range l.list {
		if l.list[i].wait.place == e.wait.place {
			same, last = same+1, i
		}
	}
	if same == maxSame {
		if e.ns <= l.list[last].ns {
			return
		}
		l.list = slices.Delete(l.list, last, last+1)
	}
	at, _ := slices.BinarySearchFunc(l.list, e, func(x, e ended) int {
		return cmp.Or(cmp.Compare(e.ns, x.ns), -1) // after its equals
	})
	l.list = slices.Insert(l.list, at, e)
	l.list = l.list[:min(len(l.list), maxWaits)]
}
