package report

import (
	"fmt"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// schedulingView is what a report shows of a trace's goroutines. All strings in it
// are visible already.
type schedulingView struct {
	Title   string
	Summary []string // sentences
	Cycles  []cycleView
	Blocked []blockedView
	Edges   []edgeView
	Convoys []convoyView
	Waits   []waitView
	Places  []placeView
	Tree    []branchView
	Left    []string // what the lists' bounds left out
}

type cycleView struct{ Who, Why string }

type blockedView struct {
	Number                   int // from 1
	Count                    int
	What, Place, Func, Names string
	For                      string // how long
	Signs                    []string
	Stuck                    bool
	Stack                    []frameGroup
	Frames                   []finding.Frame
	Origin                   string
	Created                  []frameGroup
}

type edgeView struct{ From, To, Why string }

type convoyView struct {
	What, Place, Func, Text, First string
	Stack                          []frameGroup
}

type waitView struct {
	For, Who, What, Place, Func, At, By string
	Stack, ByStack                      []frameGroup
}

type placeView struct {
	What, Place, Func     string
	Waits                 uint64
	Total, Longest, Wakes string
	Open                  int
	Stack                 []frameGroup
}

type branchView struct {
	Depth                    int
	Text, Place, Who, States string
	Created                  []frameGroup
}

// waiting says what goroutines do that wait: one of them, several.
var waiting = map[string][2]string{
	"block-recv":      {"waits to receive", "wait to receive"},
	"block-send":      {"waits to send", "wait to send"},
	"block-select":    {"waits in a select", "wait in a select"},
	"block-lock":      {"waits for a lock", "wait for a lock"},
	"block-rlock":     {"waits for a lock, to read", "wait for a lock, to read"},
	"block-wait":      {"waits for a WaitGroup", "wait for a WaitGroup"},
	"block-once":      {"waits for a Once", "wait for a Once"},
	"cond-wait":       {"waits for a Cond", "wait for a Cond"},
	"block-semaphore": {"waits for a semaphore of the runtime’s", "wait for a semaphore of the runtime’s"},
	"block-forever":   {"waits for ever", "wait for ever"},
	"block-sleep":     {"sleeps", "sleep"},
	"block-network":   {"waits for the network", "wait for the network"},
	"block-coroutine": {"is parked as an iterator", "are parked as iterators"},
	"block-other":     {"waits for the runtime", "wait for the runtime"},
}

// waits is what n goroutines do.
func waits(op string, n int) string {
	words, ok := waiting[op]
	switch {
	case !ok:
		return opName(op)
	case n == 1:
		return words[0]
	}
	return words[1]
}

// How many rows a report shows of what a result has more of.
const (
	maxRows  = 40
	maxWords = 6 // goroutines by name
)

func newSchedulingView(s *finding.Scheduling, own modules) *schedulingView {
	v := &schedulingView{Title: "Goroutines", Summary: schedulingSummary(s)}
	for _, c := range s.Cycles {
		v.Cycles = append(v.Cycles, cycleView{namesText(c.Goroutines, len(c.Goroutines)), prose(c.Why)})
	}
	for i, b := range s.Blocked[:min(len(s.Blocked), maxRows)] {
		v.Blocked = append(v.Blocked, newBlockedView(i, &b, own))
	}
	for _, e := range s.WaitsFor[:min(len(s.WaitsFor), maxRows)] {
		if row, ok := newEdgeView(s, e); ok {
			v.Edges = append(v.Edges, row)
		}
	}
	for _, c := range s.Convoys {
		v.Convoys = append(v.Convoys, convoyView{
			What: fmt.Sprintf("%s %s in turn", count(c.Goroutines, "goroutine"), waits(c.Op, c.Goroutines)),
			Text: fmt.Sprintf("%s one after the other, at most %d at once; %s from the first turn to the last, %s of waiting together",
				count(c.Turns, "turn"), c.Width, duration(c.Seconds), duration(c.Waited)),
			Place: place(c.Site), Func: shortFrameFunc(c.Site), First: namesText(c.First, c.Goroutines), Stack: groups(c.Stack, own),
		})
	}
	for _, w := range s.Waits {
		row := waitView{
			For: duration(w.Seconds), Who: capital(goroutineName(w.Goroutine)), What: waits(w.Op, 1), Place: place(w.Site), Func: shortFrameFunc(w.Site),
			At: duration(w.Start), By: "the runtime", Stack: groups(w.Stack, own),
		}
		if w.Earlier {
			row.For, row.At = "over "+row.For, "before the trace"
		}
		if w.By != "" {
			row.By, row.ByStack = goroutineName(w.By), groups(w.ByStack, own)
			if len(w.ByStack) > 0 {
				row.By += " at " + place(callerOf(w.ByStack))
			}
		}
		v.Waits = append(v.Waits, row)
	}
	for _, p := range s.Places[:min(len(s.Places), maxRows)] {
		row := placeView{
			What: waits(p.Op, 2), Place: place(p.Site), Func: shortFrameFunc(p.Site), Waits: p.Waits, Open: p.Open,
			Total: duration(p.Seconds), Longest: duration(p.Longest), Stack: groups(p.Stack, own),
		}
		var wakes []string
		for _, w := range p.Wakers {
			wakes = append(wakes, fmt.Sprintf("%s (%d×)", place(w.Site), w.Count))
		}
		row.Wakes = strings.Join(wakes, ", ")
		v.Places = append(v.Places, row)
	}
	for _, b := range s.Tree {
		v.Tree = append(v.Tree, newBranchView(&b, own))
	}
	v.leave(s)
	return v
}

// leave counts what is not shown.
func (v *schedulingView) leave(s *finding.Scheduling) {
	add := func(n uint64, noun string) {
		if n > 0 {
			v.Left = append(v.Left, count(n, noun))
		}
	}
	add(uint64(s.Left.Blocked+len(s.Blocked)-len(v.Blocked)), "group of waiting goroutines")
	add(s.Left.Waits, "shorter wait")
	add(uint64(s.Left.Places+len(s.Places)-len(v.Places)), "waiting place")
	add(uint64(s.Left.Convoys), "shorter convoy")
	add(uint64(s.Left.Branches), "go statement")
	add(s.Left.Stacks, "stack")
}

func schedulingSummary(s *finding.Scheduling) []string {
	var out []string
	span := fmt.Sprintf("the %s of the trace", duration(s.To))
	if s.From > 0 {
		span = fmt.Sprintf("the trace from %s to %s after its beginning", duration(s.From), duration(s.To))
	}
	out = append(out, fmt.Sprintf("In %s: %s at the beginning, %d started, %d ended.", span, count(s.Existed, "goroutine"), s.Started, s.Ended))
	var states []string
	add := func(n int, words string) {
		if n > 0 {
			states = append(states, fmt.Sprintf("%d %s", n, words))
		}
	}
	e := s.AtEnd
	add(e.Running, "running")
	add(e.Runnable, "ready to run")
	add(e.Syscall, "in a system call")
	add(e.Network, "waiting for the network")
	add(e.Sleep, "sleeping")
	add(e.Waiting, "waiting for another goroutine")
	add(e.Other, "waiting for something else")
	if states != nil {
		out = append(out, "At the end: "+strings.Join(states, ", ")+".")
	}
	return out
}

func newBlockedView(i int, b *finding.Blocked, own modules) blockedView {
	v := blockedView{
		Number: i + 1, Count: b.Count, What: waits(b.Op, b.Count), Place: place(b.Site), Func: shortFrameFunc(b.Site), Names: namesText(b.Goroutines, b.Count),
		For: duration(b.Seconds), Stuck: b.Stuck, Stack: groups(b.Stack, own), Frames: b.Stack, Created: groups(b.Created, own),
	}
	if b.Earlier > 0 {
		v.For = "over " + v.For
	}
	switch {
	case b.Forever:
		v.Signs = append(v.Signs, "nothing can end it, says the runtime")
	case b.Woken == 0:
		v.Signs = append(v.Signs, "nobody was woken here")
	default:
		v.Signs = append(v.Signs, fmt.Sprintf("woken here before: %d×", b.Woken))
	}
	if b.Passed > 0 {
		v.Signs = append(v.Signs, fmt.Sprintf("passed by later ones: %d", b.Passed))
	}
	if b.Earlier > 0 {
		v.Signs = append(v.Signs, fmt.Sprintf("since before the trace: %d", b.Earlier))
	}
	if len(b.Created) > 0 {
		v.Origin = "Started"
		if b.Creator != "" {
			v.Origin += " by " + goroutineName(b.Creator)
		}
	}
	return v
}

// newEdgeView reports false for an edge that no group has.
func newEdgeView(s *finding.Scheduling, e finding.WaitsFor) (edgeView, bool) {
	if e.From < 0 || e.From >= len(s.Blocked) || e.To >= len(s.Blocked) {
		return edgeView{}, false
	}
	v := edgeView{From: groupText(s, e.From), To: goroutineName(e.By)}
	if e.To >= 0 {
		v.To = groupText(s, e.To)
	}
	switch e.Why {
	case "woke":
		v.Why = fmt.Sprintf("%s ended waits here before (%d×)", goroutineName(e.By), e.Count)
	case "started":
		v.Why = "started by it, and not ended"
		if e.To < 0 {
			v.Why = fmt.Sprintf("started by it, and not ended (%s)", count(e.Count, "goroutine"))
		}
	case "lock":
		v.Why = "may hold the lock: it has not gone on either"
	default:
		v.Why = Visible(e.Why)
	}
	return v, true
}

// groupText names a group of blocked goroutines.
func groupText(s *finding.Scheduling, i int) string {
	b := &s.Blocked[i]
	return fmt.Sprintf("%s, %s at %s", namesText(b.Goroutines, b.Count), waits(b.Op, b.Count), place(b.Site))
}

func newBranchView(b *finding.Branch, own modules) branchView {
	v := branchView{Depth: min(max(b.Depth, 0), 24), Text: shortFunc(b.Func), Who: namesText(b.Goroutines, b.Count), Created: groups(b.Created, own)}
	if v.Text == "" {
		v.Text = "not known"
	}
	if b.Count != 1 {
		v.Text = fmt.Sprintf("%d × %s", b.Count, v.Text)
	}
	if len(b.Created) > 0 {
		v.Place = place(callerOf(b.Created))
	}
	var states []string
	if b.Ended > 0 {
		states = append(states, fmt.Sprintf("%d ended", b.Ended))
	}
	if b.Waiting > 0 {
		states = append(states, fmt.Sprintf("%d waiting", b.Waiting))
	}
	v.States = strings.Join(states, ", ")
	return v
}

// namesText names some of n goroutines.
func namesText(names []string, n int) string {
	var shown []string
	for _, name := range names[:min(len(names), maxWords)] {
		shown = append(shown, goroutineName(name))
	}
	text := strings.Join(shown, ", ")
	if more := n - len(shown); more > 0 {
		text = fmt.Sprintf("%s and %d more", text, more)
	}
	return text
}

// callerOf is the first frame outside the runtime and package sync.
func callerOf(stack []finding.Frame) finding.Frame {
	for _, f := range stack {
		switch packageOf(f.Func) {
		case "runtime", "sync", "internal/sync", "sync/atomic", "internal/poll":
		default:
			return f
		}
	}
	return stack[0]
}

// shortFrameFunc is a site's function, or "".
func shortFrameFunc(f finding.Frame) string { return shortFunc(f.Func) }

// duration is a time in seconds, as people write it.
func duration(seconds float64) string {
	switch {
	case seconds == 0:
		return "0"
	case seconds >= 1:
		return fmt.Sprintf("%.3g s", seconds)
	case seconds >= 1e-3:
		return fmt.Sprintf("%.3g ms", seconds*1e3)
	}
	return fmt.Sprintf("%.3g µs", seconds*1e6)
}

// schedulingViews are those of a result, one for each plain trace.
func schedulingViews(r *finding.Result) []*schedulingView {
	own := modulesOf(r)
	var list []*schedulingView
	for i := range r.Runs {
		if s := r.Runs[i].Scheduling; s != nil {
			v := newSchedulingView(s, own)
			if len(r.Runs) > 1 {
				v.Title = fmt.Sprintf("Goroutines of process %d", i+1)
			}
			list = append(list, v)
		}
	}
	return list
}

// plain reports whether a result is of traces without records only.
func plain(r *finding.Result) bool {
	for i := range r.Runs {
		if r.Runs[i].Scheduling == nil {
			return false
		}
	}
	return len(r.Runs) > 0
}
