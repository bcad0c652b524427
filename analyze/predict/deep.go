package predict

import (
	"cmp"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// deepen searches windows around the attempts for which recorded order gave no
// witness, through schedules in any order.
func (p *predictor) deepen() error {
	var open []*quest
	for _, q := range p.quests {
		if q.found == nil {
			open = append(open, q)
		}
	}
	if len(open) == 0 {
		return nil
	}
	jobs := p.jobs(open)
	if err := p.fetch(jobs); err != nil {
		return err
	}
	for _, swaps := range []bool{false, true} {
		if swaps && p.opts.Strict {
			break
		}
		var tried []*quest
		for _, j := range jobs {
			if q := j.quest; q.found == nil && !slices.Contains(tried, q) && p.hunt(j, swaps) {
				tried = append(tried, q)
			}
		}
		if err := p.check(tried); err != nil {
			return err
		}
	}
	return nil
}

// job is an attempt and the window in which it is searched for.
type job struct {
	quest   *quest
	attempt attempt
	base    uint64
	last    uint64 // position of the last target
	events  []event.Event
}

// jobs are the windows to search, in recorded order.
func (p *predictor) jobs(open []*quest) []*job {
	var out []*job
	for _, q := range open {
		q.undecided = true
		for _, a := range q.attempts {
			j := &job{quest: q, attempt: a, base: 1<<64 - 1}
			for i := range a.events {
				j.base, j.last = min(j.base, a.events[i].pos), max(j.last, a.events[i].pos)
			}
			if j.last < windowMost {
				j.base = 0
			} else {
				j.base -= min(j.base, windowBefore)
			}
			if j.base >= p.c.start && j.last-j.base < windowMost && j.last < p.c.horizon {
				out = append(out, j)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *job) int { return cmp.Compare(a.base, b.base) })
	return out
}

// after is how many events after its last target a window holds: what frees a
// lock or a buffer may come there.
const after = 300

// fetch replays the recording for the events of all windows.
func (p *predictor) fetch(jobs []*job) error {
	var pos uint64
	first := 0
	var all []event.Event // shared by the windows that begin at 0
	return p.replay("windows", func(e *event.Event) {
		for first < len(jobs) && pos > jobs[first].last+after {
			first++
		}
		if pos < windowMost+after {
			all = append(all, *e)
		}
		for _, j := range jobs[first:] {
			if j.base > pos {
				break
			}
			if pos > j.last+after {
				continue
			}
			if j.base == 0 {
				j.events = all
			} else {
				j.events = append(j.events, *e)
			}
		}
		pos++
	})
}

// hunt searches the window of a job.
func (p *predictor) hunt(j *job, swaps bool) bool {
	if p.closure.steps >= p.closure.limit {
		j.quest.cut = true
		return false
	}
	w := p.newWindow(j.base, j.events, swaps)
	if w == nil {
		return false
	}
	var targets []int32
	for i := range j.attempt.events {
		a := &j.attempt.events[i]
		for k := range w.moves {
			if m := &w.moves[k]; m.id.G == a.g && m.id.Index == a.index {
				targets = append(targets, int32(k))
			}
		}
	}
	if len(targets) != len(j.attempt.events) {
		return false
	}
	most := min(windowStates, int((p.closure.limit-p.closure.steps)/uint64(len(w.gs)))+1)
	path, complete, states := w.find(targets, p.wanted(w, targets), j.attempt.goal, most)
	p.closure.steps += uint64(states) * uint64(len(w.gs)+len(w.start.last)+len(w.start.objects))
	if path == nil {
		j.quest.undecided = j.quest.undecided && !(complete && j.base == 0)
		return false
	}
	q := j.quest
	q.proposed, q.attempt, q.old = w.witness(path, j.attempt), j.attempt, nil
	q.racy = p.racyIn(q.proposed)
	return !p.opts.Strict || q.racy == 0
}

// wanted are the moves that every schedule makes before the targets.
func (p *predictor) wanted(w *window, targets []int32) []int32 {
	out := make([]int32, len(w.gs))
	var take func(g, n int32)
	takeMove := func(i int32) {
		if i >= 0 {
			take(w.moves[i].g, w.place(i)+1)
		}
	}
	births := map[int32]int32{}
	for i := range w.moves {
		if w.moves[i].op == event.Go {
			births[w.moves[i].child] = int32(i)
		}
	}
	take = func(g, n int32) {
		if n <= out[g] {
			return
		}
		from := out[g]
		out[g] = n
		if b, ok := births[g]; ok {
			takeMove(b)
		}
		for _, i := range w.own[g][from:n] {
			m := &w.moves[i]
			for _, r := range m.reads {
				takeMove(r)
			}
			if m.op == event.Recv && !w.swaps || m.op == event.Send && m.cap == 0 {
				takeMove(m.pair)
			}
		}
	}
	for _, t := range targets {
		g := w.moves[t].g
		if b, ok := births[g]; ok {
			takeMove(b)
		}
		take(g, w.place(t))
	}
	return out
}

// witness makes a witness of a path of moves.
func (w *window) witness(path []int32, a attempt) *witness.Witness {
	out := &witness.Witness{Base: w.base, Cut: w.base, Ends: map[event.G]uint64{}, Goal: a.goal}
	for _, i := range path {
		id := w.moves[i].id
		out.Ends[id.G] = id.Index + 1
		if n := len(out.Order); n > 0 && out.Order[n-1].G == id.G {
			out.Order[n-1] = id
		} else {
			out.Order = append(out.Order, id)
		}
	}
	for i := range a.events {
		out.Next = append(out.Next, witness.ID{G: a.events[i].g, Index: a.events[i].index})
	}
	return out
}

// racyIn counts the racy reads that a witness holds.
func (p *predictor) racyIn(w *witness.Witness) int {
	before := p.c.since(p.c.racy, w.Base)
	n := p.c.racyBefore + before
	for _, i := range p.c.racy[before:] {
		e := p.c.entries.at(i)
		if e.index < w.Ends[e.g] {
			n++
		}
	}
	return n
}
