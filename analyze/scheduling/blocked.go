package scheduling

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"golang.org/x/exp/trace"
)

// A standing is how a goroutine of the program stands at the end of the trace.
type standing struct {
	*goroutine
	stuck bool // nothing in the trace speaks for an end of its wait
	lone  bool // judged by itself; others may still speak for it
}

// An assembly is the goroutines that wait for each other at the end: who may end
// whose wait is concluded from three signs. A goroutine that has ended waits at
// the same stack may do so again (woke). What a goroutine started, directly or
// not, may end its wait for a WaitGroup, or its first at a channel (started). A
// lock that nobody was seen to pass on is held by somebody: perhaps by a goroutine
// that is stuck as well (lock).
type assembly struct {
	b       *Observer
	live    []*standing // of the program, by number
	byID    map[trace.GoID]*standing
	active  []*standing // that do not wait for another goroutine
	ender   *standing   // if all others wait, main among them: who ended the trace
	all     bool        // all wait, but the ender
	groups  []*blockedGroup
	groupOf map[trace.GoID]*blockedGroup
	left    int // groups that are not shown
	edges   []finding.WaitsFor
}

// A blockedGroup is goroutines that wait at one stack, of which all are stuck or
// none.
type blockedGroup struct {
	groupKey
	number  int // index in the result
	place   *place
	members []*standing
	cyclic  bool // in a cycle
}

type groupKey struct {
	stack stackID
	kind  kind
	stuck bool
}

// maxGroups is how many groups of blocked goroutines a result has.
const maxGroups = 100

func (b *Observer) assemble() *assembly {
	a := &assembly{b: b, byID: make(map[trace.GoID]*standing), groupOf: make(map[trace.GoID]*blockedGroup)}
	for _, g := range b.gs {
		if g.system || g.entry == "" && !g.waiting && g.before {
			continue
		}
		s := &standing{goroutine: g}
		a.live = append(a.live, s)
		a.byID[g.id] = s
	}
	slices.SortFunc(a.live, func(x, y *standing) int { return cmp.Compare(x.id, y.id) })
	for _, s := range a.live {
		if !s.blocked() {
			a.active = append(a.active, s)
		}
	}
	a.survey()
	a.judge()
	a.group()
	a.connect()
	return a
}

// survey finds out whether the whole program waits, main with it, but for one
// goroutine that ended the trace.
func (a *assembly) survey() {
	main := a.byID[1]
	if main == nil || !main.blocked() || len(a.live)-len(a.active) < 2 || len(a.active) > 1 || len(a.b.chosen) > 0 {
		return
	}
	if len(a.active) == 1 {
		if a.active[0].state != trace.GoRunning || a.b.o.Until != 0 {
			return
		}
		a.ender = a.active[0]
	}
	a.all = true
}

// blocked reports whether a goroutine waits for another one.
func (g *goroutine) blocked() bool { return g.waiting && g.wait.kind.peer() }

// judge finds those that are stuck. First each by itself: it was never woken where
// it waits, and nobody else was, or somebody who came later, or it was left alone by
// who started it. Then whoever may be
// woken by a goroutine that is not stuck is not stuck either.
func (a *assembly) judge() {
	for _, s := range a.live {
		if s.blocked() {
			s.lone = s.alone() || a.abandoned(s)
			s.stuck = true
		}
	}
	for again := true; again; {
		again = false
		started := a.started()
		for _, s := range a.live {
			if s.stuck && a.hopeful(s, started[s.id]) {
				s.stuck, again = false, true
			}
		}
	}
}

// alone judges a blocked goroutine by what happened where it waits.
func (s *standing) alone() bool {
	p := s.wait.place
	switch {
	case s.wait.kind == forever:
		return true
	case p == nil || slices.Contains(s.wokenAt[:], p):
		return false
	}
	return p.all == 0 || s.passed()
}

// passed reports whether a wait at a channel that began later, at the same stack,
// has ended: those at one channel end in their order, so it was another channel.
func (s *standing) passed() bool {
	switch s.wait.kind {
	case recv, send, choose:
		return s.wait.place != nil && s.wait.start < s.wait.place.latest
	}
	return false
}

// abandoned reports whether a goroutine waits to send what is for who started it, as
// all others did here, and that one has ended, or gone on to something else.
func (a *assembly) abandoned(s *standing) bool {
	p := s.wait.place
	if s.wait.kind != send || p == nil || p.all == 0 || p.starter < p.all || len(s.origins) == 0 || slices.Contains(s.wokenAt[:], p) {
		return false
	}
	starter := a.byID[s.origins[0].by]
	return starter == nil || starter.moved > s.wait.start
}

// started counts for every goroutine what it started, directly or not, that lives
// and is not stuck.
func (a *assembly) started() map[trace.GoID]int {
	count := make(map[trace.GoID]int)
	for _, s := range a.live {
		if !s.stuck && s != a.ender {
			for _, o := range s.origins {
				count[o.by]++
			}
		}
	}
	return count
}

// hopeful reports whether something speaks for an end of a wait, of a goroutine
// that started so many which are not stuck.
func (a *assembly) hopeful(s *standing, started int) bool {
	w := &s.wait
	if w.kind == forever {
		return false
	}
	if s.asksChildren() && started > 0 {
		return true
	}
	if w.place == nil {
		return true
	}
	var known uint64
	for id, n := range w.place.wakers {
		by := a.byID[id]
		if by == s {
			continue
		}
		if by != nil && !by.stuck && by != a.ender && !s.lone {
			return true
		}
		if by != nil {
			known += n
		}
	}
	// Whoever ended the other waits here is not known, or has ended and may have
	// successors.
	return !s.lone && known < w.place.all
}

// asksChildren reports whether what a goroutine started is likely to end its wait.
func (s *standing) asksChildren() bool {
	switch s.wait.kind {
	case group:
		return true
	case recv, choose:
		return s.lone
	}
	return false
}

// group puts together who waits at one stack.
func (a *assembly) group() {
	byKey := make(map[groupKey]*blockedGroup)
	for _, s := range a.live {
		if !s.blocked() || !a.b.chooses(s.goroutine) {
			continue
		}
		key := groupKey{s.wait.stack, s.wait.kind, s.stuck}
		g := byKey[key]
		if g == nil {
			g = &blockedGroup{groupKey: key, place: s.wait.place}
			byKey[key] = g
			a.groups = append(a.groups, g)
		}
		g.members = append(g.members, s)
	}
	slices.SortStableFunc(a.groups, func(x, y *blockedGroup) int {
		return cmp.Or(-compareBool(x.stuck, y.stuck), cmp.Compare(len(y.members), len(x.members)), cmp.Compare(x.members[0].id, y.members[0].id))
	})
	a.left = max(0, len(a.groups)-maxGroups)
	a.groups = a.groups[:len(a.groups)-a.left]
	for i, g := range a.groups {
		g.number = i
		for _, s := range g.members {
			a.groupOf[s.id] = g
		}
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// The signs, strongest first.
const (
	woke    = "woke"
	started = "started"
	held    = "lock"
)

// maxEdges is how many edges between groups a result has.
const maxEdges = 300

// connect finds who may end the waits of the groups.
func (a *assembly) connect() {
	type key struct {
		from, to int
		why      string
	}
	at := make(map[key]int)
	add := func(from *blockedGroup, by *standing, why string, n uint64) {
		to := -1
		if g := a.groupOf[by.id]; g != nil {
			to = g.number
		}
		k := key{from.number, to, why}
		if i, ok := at[k]; ok {
			a.edges[i].Count += n
			return
		}
		if len(a.edges) < maxEdges {
			at[k] = len(a.edges)
			a.edges = append(a.edges, finding.WaitsFor{From: from.number, To: to, Why: why, By: by.name(), Count: n})
		}
	}
	for _, g := range a.groups {
		if g.place == nil {
			continue
		}
		for _, by := range a.live { // in order
			if n := g.place.wakers[by.id]; n > 0 {
				add(g, by, woke, n)
			}
		}
	}
	for _, s := range a.live {
		for _, o := range s.origins {
			if g := a.groupOf[o.by]; g != nil && a.byID[o.by].asksChildren() {
				add(g, s, started, 1)
			}
		}
	}
	for _, g := range a.groups {
		if !g.locks() || !g.stuck {
			continue
		}
		// Rather by one that waits for a lock itself.
		holders := func(locks bool) (n int) {
			for _, other := range a.groups {
				if other.stuck && (other != g || len(g.members) > 1) && other.locks() == locks && other.own(a.b) {
					add(g, other.members[len(other.members)-1], held, uint64(len(other.members)))
					n++
				}
			}
			return n
		}
		if holders(true) == 0 {
			holders(false)
		}
	}
	slices.SortStableFunc(a.edges, func(x, y finding.WaitsFor) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.Why, y.Why))
	})
}

// own reports whether a group's stack has a frame outside the standard library.
func (g *blockedGroup) own(b *Observer) bool {
	return slices.ContainsFunc(b.stacks.frames(g.stack), func(f event.Frame) bool { return !library(f) })
}

// library reports whether a frame is of the standard library: its file is below
// GOROOT, where that is written out, and its package's path begins without a dot.
func library(f event.Frame) bool {
	pkg, _, _ := strings.Cut(f.Func, "[")
	slash := strings.LastIndexByte(pkg, '/') + 1
	elem, _, _ := strings.Cut(pkg[slash:], ".")
	pkg = pkg[:slash] + elem
	first, _, _ := strings.Cut(pkg, "/")
	if pkg == "main" || strings.Contains(first, ".") {
		return false
	}
	folder := path.Dir(strings.ReplaceAll(f.File, `\`, "/"))
	return folder == pkg || strings.HasSuffix(folder, "/src/"+pkg)
}

func (g *blockedGroup) locks() bool { return g.kind == lock || g.kind == rlock }

func (g *blockedGroup) names() []string {
	out := []string{}
	for _, s := range g.members[:min(len(g.members), maxNames)] {
		out = append(out, s.name())
	}
	return out
}

func (a *assembly) show(g *blockedGroup) finding.Blocked {
	b := a.b
	first := g.members[0]
	out := finding.Blocked{
		Op: ops[g.kind], Reason: first.wait.reason, Site: finding.Frame(site(b.stacks.frames(g.stack))), Stack: b.stack(g.stack),
		Count: len(g.members), Goroutines: g.names(), Forever: g.kind == forever, Stuck: g.stuck,
	}
	out.Created, out.Creator = b.created(first.goroutine)
	for _, s := range g.members {
		out.Seconds = max(out.Seconds, seconds(b.now-s.wait.start))
		if s.wait.earlier {
			out.Earlier++
		}
		if s.passed() {
			out.Passed++
		}
	}
	if g.place != nil {
		out.Woken = g.place.all
	}
	return out
}
