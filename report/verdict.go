package report

import (
	"fmt"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// verdict is what a report says first.
type verdict struct {
	Kind     string // a finding verdict, with None lowered to Inconclusive where coverage asks for it
	Headline string // one line, no full stop
	Detail   string // what may and may not be concluded; one or more sentences
}

// scope is what the verdict is about.
func scope(r *finding.Result) string {
	switch len(r.Coverage.Windows) {
	case 0:
		return "this execution"
	case 1:
		return "this window"
	}
	return "these windows"
}

// verdictOf words the verdict of r. It is careful in one direction only: no
// result whose recording was incomplete reads as the absence of races.
func verdictOf(r *finding.Result) verdict {
	v := verdict{Kind: r.Verdict}
	if v.Kind == finding.None && !r.Coverage.Complete {
		v.Kind = finding.Inconclusive
	}
	switch v.Kind {
	case finding.Races:
		v.Headline, v.Detail = raceVerdict(r)
	case finding.Findings:
		if plain(r) {
			v.Headline = "Found: " + findingCount(r) + "; of races this trace tells nothing"
			v.Detail = plainDetail
			break
		}
		v.Headline = "No data race found, but " + findingCount(r)
		v.Detail = "A finding of this kind is an error of the program even where no data race is."
		if !r.Coverage.Complete {
			v.Detail += " The recording is incomplete, so races may have been missed."
		}
	case finding.None:
		if r.Coverage.Instrumented && len(r.Suppressed) > 0 {
			v.Headline = fmt.Sprintf("Nothing found in %s beyond %s", scope(r), count(len(r.Suppressed), "suppressed entry"))
			v.Detail = "Other conflicting accesses that the instrumented code made are ordered. Another execution may take other paths."
		} else if r.Coverage.Instrumented {
			v.Headline = "No data race in " + scope(r)
			v.Detail = "Every two conflicting accesses that the instrumented code made are ordered. Another execution may take other paths."
		} else {
			v.Headline = "Nothing found among the recorded accesses"
			v.Detail = "All recorded conflicting accesses are ordered. Accesses that the program did not name were not recorded, so this is no statement about them."
		}
		if len(r.Findings) > 0 {
			v.Headline += "; " + findingCount(r)
		}
	default:
		v.Kind = finding.Inconclusive
		if plain(r) {
			v.Headline, v.Detail = "Inconclusive: of races this trace tells nothing", plainDetail
			if len(r.Findings) > 0 {
				v.Headline += "; " + findingCount(r)
			}
			break
		}
		v.Headline = "Inconclusive: nothing found, but the recording does not allow a verdict"
		v.Detail = "Something that should have been recorded was not. This is not the absence of races: see what the run could not see."
		if len(r.Findings) > 0 {
			v.Headline += "; " + findingCount(r)
		}
	}
	if n := len(r.Suppressed); n > 0 && v.Kind != finding.None {
		v.Headline += fmt.Sprintf("; %d suppressed", n)
	}
	if r.Order != "" && r.Order != "model" {
		v.Detail += fmt.Sprintf(" Happens-before order: %s.", Visible(r.Order))
	}
	return v
}

// plainDetail is what may be concluded from traces without records.
const plainDetail = "An execution trace without instrumentation holds scheduling only: who started, blocked and woke whom. Which memory was accessed, and what synchronized without blocking, is not in it."

// raceVerdict words a verdict of races.
func raceVerdict(r *finding.Result) (headline, detail string) {
	observed, predicted, unchecked := 0, 0, 0
	var occurrences uint64
	for _, race := range r.Races {
		occurrences += race.Occurrences
		switch {
		case race.Tier == "observed":
			observed++
		case race.Witness == "checked":
			predicted++
		default:
			predicted++
			unchecked++
		}
	}
	total := observed + predicted
	if o := r.Omitted; o != nil {
		observed += o.Observed
		predicted += o.Races - o.Observed
		total += o.Races
		occurrences += o.Occurrences
	}

	var details []string
	switch {
	case observed == 0:
		headline = count(total, "predicted data race")
	case r.Coverage.Instrumented:
		headline = count(total, "distinct data race")
	default:
		headline = count(total, "pair") + " of accesses unordered as far as recorded"
	}
	if observed > 0 {
		headline += fmt.Sprintf(" (%s)", count(occurrences, "occurrence"))
		if r.Coverage.Instrumented {
			details = append(details, "Two goroutines accessed the same memory, at least one of them writing, and nothing ordered one access before the other.")
		} else {
			details = append(details, "No recorded synchronization orders these accesses. Synchronization that the program did not name was not recorded and may order them.")
		}
	}
	if predicted > 0 && observed > 0 {
		headline += fmt.Sprintf(", %d of them predicted", predicted)
	}
	if predicted > 0 {
		s := "A predicted race did not happen in this execution; another schedule of the same events shows it."
		if unchecked == 0 {
			s = "A predicted race did not happen in this execution; another schedule of the same events, which was replayed and checked, shows it."
		}
		details = append(details, s)
	}
	if len(r.Findings) > 0 {
		headline += "; " + findingCount(r)
	}
	if !r.Coverage.Complete {
		details = append(details, "The recording is incomplete: there may be more.")
	}
	return headline, strings.Join(details, " ")
}

// findingCount counts the findings of other rules.
func findingCount(r *finding.Result) string {
	errors := 0
	for _, f := range r.Findings {
		if f.Severity == "error" {
			errors++
		}
	}
	notes := len(r.Findings) - errors
	noun := "other finding"
	if plain(r) { // there is no more than these
		noun = "error"
	}
	switch {
	case notes == 0:
		return count(errors, noun)
	case errors == 0:
		return count(notes, "note")
	}
	return count(errors, noun) + " and " + count(notes, "note")
}

// extent says how long the recording was and how much it holds, or "".
func extent(r *finding.Result) string {
	var seconds float64
	goroutines, events := 0, uint64(0)
	for _, run := range r.Runs {
		seconds += run.Seconds
		goroutines += run.Goroutines
		events += run.Events
	}
	var parts []string
	if seconds > 0 {
		parts = append(parts, fmt.Sprintf("%.3g s", seconds))
	}
	if goroutines > 0 {
		parts = append(parts, count(goroutines, "goroutine"))
	}
	if events > 0 {
		parts = append(parts, count(events, "event"))
	}
	if len(r.Runs) > 1 {
		parts = append(parts, count(len(r.Runs), "process"))
	}
	return strings.Join(parts, ", ")
}

// maxListed is how many packages a coverage note names.
const maxListed = 20

// runNotes says, a sentence each, what the recording and its analysis could not see.
func runNotes(r *finding.Result) []string {
	return append(coverageNotes(r), scheduleNote(r.Prediction))
}

// coverageNotes says, a sentence each, what the recording could not see. They
// are not yet made visible, since every format escapes in its own way after that.
func coverageNotes(r *finding.Result) []string {
	c := r.Coverage
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, w := range c.Windows {
		add("Recorded from %s to %s only.", w.From, w.To)
	}
	if c.Truncated {
		moment := ""
		if len(r.Runs) == 1 && r.Runs[0].Seconds > 0 {
			moment = fmt.Sprintf(" %.3g s after its start,", r.Runs[0].Seconds)
		}
		add("The recording breaks off%s before its end mark; what happened after the last flush is unknown.", moment)
	}
	if plain(r) {
		add("The trace was not made by an instrumented program: memory accesses are not in it, nor locks, channels and atomics that did not block.")
		add("It does not say which lock or channel a goroutine waits for: that is concluded from stacks, from who ended other waits, and from who started whom.")
	} else if !c.Instrumented {
		add("The program was not built with instrumentation: only what it recorded itself could be examined.")
	}
	if c.LostSync > 0 {
		add("Lost: %s. Orderings may be missing, so nothing found is no verdict.", count(c.LostSync, "synchronization operation"))
	}
	if c.LostRecords > 0 {
		share := 100 * float64(c.LostRecords) / (float64(c.LostRecords) + float64(c.Records))
		add("Lost: %s (%.2g %% of the recording); races in them went unseen.", count(c.LostRecords, "record"), share)
	}
	if c.LostChunks > 0 {
		add("Damaged or missing: %s of the recording.", count(c.LostChunks, "chunk"))
	}
	if c.Foreign > 0 {
		add("Not recorded: %s to memory outside Go's (C, mmap).", count(c.Foreign, "plain access"))
	}
	if n := len(c.NotInstrumented); n > 0 {
		names := c.NotInstrumented[:min(n, maxListed)]
		more := ""
		if n > len(names) {
			more = fmt.Sprintf(" and %d more", n-len(names))
		}
		add("Built without instrumentation, so their accesses, and atomics that were inlined there, went unseen: %s%s.", strings.Join(names, ", "), more)
	}
	notes = append(notes, c.Notes...)
	if len(notes) == 0 && c.Complete {
		add("Nothing that should have been recorded is missing.")
	} else if !c.Complete && len(notes) == 0 {
		add("The recording is incomplete.")
	}
	return notes
}

// scheduleNote says how far races of other schedules were looked for.
func scheduleNote(p *finding.Prediction) string {
	if p == nil {
		return "Races of other schedules of the same events were not looked for."
	}
	note := fmt.Sprintf("Races of other schedules of the same events were looked for (%s): %s tried, %d found",
		p.Level, count(p.Tried, "pair")+" of places", p.Found)
	if p.Undecided > 0 {
		note += fmt.Sprintf(", %d undecided when the budget ended", p.Undecided)
	}
	if p.Untried > 0 {
		note += fmt.Sprintf("; %s of accesses were beyond its bounds", count(p.Untried, "pair"))
	}
	return note + "."
}
