package predict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// longest is how many steps a plan may have.
const longest = 400

// plan returns the witness of a quest in an order of few steps, each goroutine
// going on as long as it can; nil if there is none.
func (p *predictor) plan(q *quest) *witness.Witness {
	last := uint64(0)
	for i := range q.attempt.events {
		last = max(last, q.attempt.events[i].pos)
	}
	if q.proposed.Cut != witness.NoCut || last-q.proposed.Base > farthest {
		return nil
	}
	w := *q.proposed
	w.Cut = w.Base
	w.Order = p.serial(&w)
	if len(w.Order) > longest {
		return nil
	}
	return &w
}

// serial orders the events of a witness after its base anew: a goroutine
// goes on until it needs what another one has not yet done. Operations on one
// object keep their order.
func (p *predictor) serial(w *witness.Witness) []witness.ID {
	t := p.c.trace
	own := map[event.G][]int32{}
	object := map[int32][]int32{}
	done := map[event.G]uint64{}
	var all []int32
	for i := 1 + t.sinceAll(w.Base); i < t.entries.n; i++ {
		e := t.entries.at(int32(i))
		if e.index >= w.Ends[e.g] {
			continue
		}
		x := int32(i)
		all = append(all, x)
		own[e.g] = append(own[e.g], x)
		if e.obj >= 0 {
			object[e.obj] = append(object[e.obj], x)
		}
	}
	did := make(map[int32]bool, len(all))
	place := map[event.G]int{}
	var out []witness.ID
	step := func(x int32) {
		e := t.entries.at(x)
		did[x] = true
		place[e.g]++
		done[e.g] = e.index + 1
		if e.obj >= 0 {
			object[e.obj] = object[e.obj][1:]
		}
		out = through(out, e.g, e.index)
	}
	// advance lets g act up to an event that is no entry.
	advance := func(g event.G, end uint64) {
		if done[g] < end {
			done[g] = end
			out = through(out, g, end-1)
		}
	}
	ready := func(x int32) bool {
		e := t.entries.at(x)
		if e.op == event.IORead || e.op == event.Send && t.objects[e.obj].cap == 0 {
			return false
		}
		if s := t.starts[e.g]; s != 0 && t.entries.at(s).pos >= w.Base && !did[s] {
			return false
		}
		return (e.obj < 0 || object[e.obj][0] == x) && (e.from < w.Base || done[e.needG] >= e.need)
	}
	first := 0
	var current event.G = -1
	for {
		for first < len(all) && did[all[first]] {
			first++
		}
		if first == len(all) {
			break
		}
		if current >= 0 && place[current] < len(own[current]) && ready(own[current][place[current]]) {
			step(own[current][place[current]])
			continue
		}
		// The first in recorded order can always go on.
		x := all[first]
		e := t.entries.at(x)
		if e.need > 0 && e.from >= w.Base && e.op != event.Send {
			advance(e.needG, e.need)
		}
		step(x)
		current = e.g
		if e.op == event.Send && t.objects[e.obj].cap == 0 && e.pair != 0 {
			step(e.pair)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(w.Ends)) {
		advance(g, w.Ends[g]) // may all be before the base: then it does nothing
	}
	return out
}

// stretch is a step of a witness while it is being told.
type stretch struct {
	g       event.G
	upto    uint64 // index of its last event, or above it
	last    event.Event
	started []string
}

// tell words all witnesses. It replays the recording once for what happens last
// in each step.
func (p *predictor) tell() (map[*quest]*finding.Steps, error) {
	told := map[*quest]*finding.Steps{}
	stretches := map[*quest][]*stretch{}
	own := map[event.G][]*stretch{}
	for _, q := range p.quests {
		if q.found == nil {
			continue
		}
		var ids []witness.ID
		if q.plan != nil {
			ids = q.plan.Order
		}
		if q.plan == nil {
			for _, g := range slices.Sorted(maps.Keys(q.found.Ends)) {
				ids = append(ids, witness.ID{G: g, Index: q.found.Ends[g] - 1})
			}
		}
		for _, id := range ids {
			s := &stretch{g: id.G, upto: id.Index}
			stretches[q] = append(stretches[q], s)
			own[id.G] = append(own[id.G], s)
		}
	}
	if len(stretches) == 0 && len(own) == 0 && !slices.ContainsFunc(p.quests, func(q *quest) bool { return q.found != nil }) {
		return told, nil
	}
	for _, list := range own {
		slices.SortFunc(list, func(a, b *stretch) int { return cmp.Compare(a.upto, b.upto) })
	}
	at := map[event.G]int{}
	last := map[event.G]event.Event{}
	close := func(g event.G, index uint64) { // what ends before an event of this index
		list := own[g]
		for at[g] < len(list) && list[at[g]].upto < index {
			list[at[g]].last = last[g]
			at[g]++
		}
	}
	err := p.replay("witnesses", func(e *event.Event) {
		list := own[e.G]
		if list == nil {
			return
		}
		close(e.G, e.Index)
		last[e.G] = *e
		if e.Op == event.Go {
			for _, s := range list[at[e.G]:] {
				s.started = append(s.started, p.Goroutine(e.Child))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for g := range own {
		close(g, 1<<63)
	}
	for _, q := range p.quests {
		if q.found != nil {
			told[q] = p.words(q, stretches[q])
		}
	}
	return told, nil
}

// words are a witness's steps and what it assumes.
func (p *predictor) words(q *quest, stretches []*stretch) *finding.Steps {
	out := &finding.Steps{Steps: []finding.Step{}, Assumptions: p.assumptions(q)}
	add := func(g event.G, index uint64, label string) {
		out.Steps = append(out.Steps, finding.Step{Goroutine: p.Goroutine(g), Event: index, Label: label})
	}
	started := map[string]bool{}
	for _, s := range stretches {
		e := &s.last
		var fresh []string
		for _, name := range s.started {
			if !started[name] {
				started[name] = true
				fresh = append(fresh, name)
			}
		}
		did := p.label(&access{op: e.Op, g: e.G, n: e.N, addr: e.Addr, cycle: e.Cycle, stack: e.Stack, obj: e.Obj})
		switch n := len(fresh); {
		case n > 6:
			did = fmt.Sprintf("starts %s and %d others", strings.Join(fresh[:5], ", "), n-5)
		case n > 0:
			did = "starts " + strings.Join(fresh, ", ")
		}
		add(s.g, e.Index, fmt.Sprintf("runs to event %d (%s)", e.Index, did))
	}
	for i := range q.attempt.events {
		a := &q.attempt.events[i]
		label := "then: " + p.label(a)
		switch last := i == len(q.attempt.events)-1; {
		case q.attempt.goal == witness.Deadlock:
			label += ", and waits"
		case last && q.attempt.goal == witness.Race:
			label += ", in either order"
		}
		add(a.g, a.index, label)
	}
	return out
}
