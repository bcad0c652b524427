package predict

import (
	"fmt"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/rule"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// report puts what was found into words.
func (p *predictor) report() (*Report, error) {
	r := &Report{Races: []finding.Race{}, Findings: []finding.Finding{}, Witnesses: map[*finding.Steps]*witness.Witness{}}
	sum := &r.Summary
	sum.Level = p.opts.Level.String()
	told, err := p.tell()
	if err != nil {
		return nil, err
	}
	sum.Untried = p.c.lost + uint64(p.c.misuse.more) + uint64(p.c.cycles.more)
	for _, q := range p.quests {
		predicted := q.spot != nil || q.claim != nil
		if predicted {
			sum.Tried++
		}
		if q.found == nil {
			if predicted && (q.cut || q.undecided || !q.tried && !p.reaches(q)) {
				sum.Undecided++
			}
			if q.race != nil {
				q.race.Why = strings.TrimSpace(q.race.Why + " " + p.notAdjacent(q))
			}
			continue
		}
		steps := told[q]
		r.Witnesses[steps] = q.found
		if q.plan != nil {
			r.Witnesses[steps] = q.plan
		}
		switch {
		case q.race != nil:
			q.race.Witness, q.race.Steps = "checked", steps
		case q.finding != nil:
			q.finding.Witness, q.finding.Steps = "checked", steps
		case q.spot != nil:
			sum.Found++
			r.Races = append(r.Races, p.race(q, steps))
		default:
			sum.Found++
			r.Findings = append(r.Findings, p.misused(q, steps))
		}
	}
	return r, nil
}

// notAdjacent says why an observed race has no witness.
func (p *predictor) notAdjacent(q *quest) string {
	switch {
	case q.cut || !q.tried && !p.reaches(q):
		return "Whether another schedule brings the two together was not decided."
	case q.proposed != nil:
		return "No schedule was found in which both are next at once, yet nothing orders them."
	}
	return "In every schedule that keeps the recorded order of synchronization, something between the two keeps them apart in time, yet nothing orders them."
}

func (p *predictor) race(q *quest, steps *finding.Steps) finding.Race {
	a, b := &q.attempt.events[0], &q.attempt.events[1]
	out := finding.Race{
		Tier: "predicted", Witness: "checked", Kind: "read-write", Occurrences: uint64(len(q.attempts) + q.spot.more),
		Object:   p.Memory(max(a.addr, b.addr), b.cycle),
		Accesses: [2]finding.Access{p.access(a), p.access(b)},
		Steps:    steps,
	}
	if writes(a.op) && writes(b.op) {
		out.Kind = "write-write"
	}
	out.Why = fmt.Sprintf("In this run %s came before %s only by the order in which the goroutines got to their synchronization. %s",
		p.deed(a), p.deed(b), "Another schedule of the same events brings both together.")
	return out
}

// words for the events of a misuse, by rule, in the order of its witness.
var deeds = map[int][]string{11: {"close", "send"}, 30: {"add", "wait"}, 31: {"done"}, 21: {"unlock"}}

func (p *predictor) misused(q *quest, steps *finding.Steps) finding.Finding {
	out := finding.Finding{
		Rule: rule.ID(q.claim.rule), Severity: "error", Tier: "predicted", Witness: "checked",
		Object: p.src.SyncName(q.claim.obj), Occurrences: uint64(len(q.attempts) + q.claim.more),
		Events: []finding.Access{}, Steps: steps,
	}
	var did []string
	for i := range q.attempt.events {
		a := &q.attempt.events[i]
		x := p.access(a)
		if words := deeds[q.claim.rule]; i < len(words) {
			x.Op = words[i]
		}
		out.Events = append(out.Events, x)
		did = append(did, p.deed(a))
	}
	switch q.claim.rule {
	case 11:
		out.Message = fmt.Sprintf("in another schedule %s comes before %s, which then panics", did[0], did[1])
	case 21:
		out.Message = fmt.Sprintf("in another schedule %s finds %s unlocked", did[0], out.Object)
	case 30:
		out.Message = fmt.Sprintf("in another schedule %s and %s happen at once", did[0], did[1])
	case 31:
		out.Message = fmt.Sprintf("in another schedule %s makes the counter of %s negative", did[0], out.Object)
	case 22:
		out.Message = fmt.Sprintf("in another schedule %s waits for %s, which waits for the lock that the former holds for reading", did[0], did[1])
	default:
		out.Message = "in another schedule each waits for a lock that the next one holds: " + strings.Join(did, ", ")
	}
	return out
}

// deed is a short description of an event: "lock by g2 at a.go:4".
func (p *predictor) deed(a *access) string {
	return a.verb() + " by " + p.Goroutine(a.g) + p.At(a.stack)
}

func (p *predictor) access(a *access) finding.Access {
	g := p.src.Goroutine(a.g)
	out := finding.Access{
		Op: a.verb(), Goroutine: p.Goroutine(a.g), Event: a.index, Site: p.Site(a.stack),
		Stack: p.Stack(a.stack), Created: p.Stack(g.Created), Running: true,
	}
	if p.c != nil {
		out.Running = !p.c.ended[a.g]
	}
	if g.Parent >= 0 {
		out.Creator = p.Goroutine(g.Parent)
	}
	for _, l := range a.locks {
		out.Locks = append(out.Locks, p.src.SyncName(l.obj))
	}
	return out
}

// label is what an event does, for people: "write x at a.go:31".
func (p *predictor) label(a *access) string {
	name := p.src.SyncName(a.obj)
	if isAtomic(a.op) || writes(a.op) || reads(a.op) {
		name = p.src.Object(a.addr, a.cycle).Name
	}
	return strings.TrimSpace(a.verb()+" "+name) + p.At(a.stack)
}

// assumptions are what a witness takes for granted.
func (p *predictor) assumptions(q *quest) []string {
	var out []string
	switch q.racy {
	case 0:
		out = append(out, "No racy read comes before them.")
	case 1:
		out = append(out, "1 racy read comes before them, and reads what it read in this run.")
	default:
		out = append(out, fmt.Sprintf("%d racy reads come before them, and read what they read in this run.", q.racy))
	}
	switch q.swapped {
	case 0:
	case 1:
		out = append(out, "1 receive gets what another send sent, and its goroutine goes on as in this run.")
	default:
		out = append(out, fmt.Sprintf("%d receives get what another send sent, and their goroutines go on as in this run.", q.swapped))
	}
	if q.plan == nil {
		out = append(out, "Each goroutine goes as far as its step says; among themselves their events keep the recorded order.")
	}
	if r, ok := p.src.(event.Recorded); !ok || !r.Defaults() {
		out = append(out, "Where a select took default is not recorded: it might have found a case ready instead.")
	}
	return append(out, "Time, random numbers and input are as in this run.")
}
