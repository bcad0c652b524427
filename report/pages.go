package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// writeHTML writes a page that keeps to the limits of o: the races and then
// the findings of lowest rank are left out until it does.
func writeHTML(w io.Writer, r *finding.Result, o Options) error {
	page, _, err := fit(r, position{}, position{o.maxRaces(), len(r.Findings)}, 0, o)
	if err != nil {
		return err
	}
	_, err = w.Write(page)
	return err
}

// WritePages writes a result as one or more pages, each within the limits of o.
// Each part is written to what create returns for its number, from 1.
func WritePages(r *finding.Result, o Options, create func(part int) (io.WriteCloser, error)) error {
	if r.Schema != finding.Schema {
		return fmt.Errorf("result has schema %q, want %q", r.Schema, finding.Schema)
	}
	r = r.Normal()
	search := newScrubber(r, o.Here)
	r = redact(r, o.level(HTML), search)
	var at position
	for number := 1; number == 1 || at.races < len(r.Races) || at.findings < len(r.Findings); number++ {
		page, n, err := fit(r, at, position{o.maxRaces(), len(r.Findings)}, number, o)
		if err != nil {
			return err
		}
		if n == (position{}) && len(r.Races)+len(r.Findings) > 0 {
			return fmt.Errorf("a page of %d bytes has no room for a race", o.maxBytes())
		}
		at.races, at.findings = at.races+n.races, at.findings+n.findings
		w, err := create(number)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, search.last(string(page)))
		if e := w.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// position counts races and findings.
type position struct{ races, findings int }

// fit renders what of r begins at a position, as much as the limits admit and
// no more than most, as part number of several or, if that is 0, the only one. It
// returns the page and how much is on it.
func fit(r *finding.Result, from, most position, number int, o Options) ([]byte, position, error) {
	n := position{
		max(0, min(most.races, len(r.Races)-from.races)),
		max(0, min(most.findings, len(r.Findings)-from.findings)),
	}
	schedules := len(r.Runs) // of so many the page tells all that is known of goroutines
	for {
		var b bytes.Buffer
		if err := pageTemplate.ExecuteTemplate(&b, "page", newPage(part(brief(r, schedules), from, n, number))); err != nil {
			return nil, n, err
		}
		size, limit := int64(b.Len()), o.maxBytes()
		told := slices.ContainsFunc(r.Runs[:schedules], func(run finding.Run) bool { return run.Scheduling != nil })
		if size <= limit || n == (position{}) && !told {
			return b.Bytes(), n, nil
		}
		// What remains is about proportional to the number of entries.
		if told {
			schedules = min(schedules-1, int(int64(schedules)*limit/size))
		} else if n.races > 0 {
			n.races = min(n.races-1, int(int64(n.races)*limit/size))
		} else {
			n.findings = min(n.findings-1, int(int64(n.findings)*limit/size))
		}
	}
}

// brief returns r with all that is known of goroutines for the first runs only.
func brief(r *finding.Result, schedules int) *finding.Result {
	if schedules == len(r.Runs) {
		return r
	}
	cut := *r
	cut.Runs = slices.Clone(r.Runs)
	o := finding.Omitted{Named: []finding.OmittedRace{}}
	if r.Omitted != nil {
		o = *r.Omitted
	}
	for i := range cut.Runs[schedules:] {
		if run := &cut.Runs[schedules+i]; run.Scheduling != nil {
			run.Scheduling = run.Scheduling.Brief()
			o.Schedules++
		}
	}
	cut.Omitted = &o
	return &cut
}

// maxNamed is how many of what was left out a page names.
const maxNamed = 500

// part returns r with n of its races and findings from a position on, the others
// counted.
func part(r *finding.Result, from, n position, number int) *finding.Result {
	races := r.Races[min(from.races, len(r.Races)):min(from.races+n.races, len(r.Races))]
	findings := r.Findings[min(from.findings, len(r.Findings)):min(from.findings+n.findings, len(r.Findings))]
	if len(races) == len(r.Races) && len(findings) == len(r.Findings) {
		return r
	}
	cut := *r
	var o finding.Omitted
	if r.Omitted != nil {
		o = *r.Omitted
	}
	var named []finding.OmittedRace
	for i, race := range r.Races {
		if i >= from.races && i < from.races+len(races) {
			continue
		}
		o.Races++
		o.Occurrences += race.Occurrences
		o.Observed += 1 - tierRank(race.Tier)
		named = append(named, finding.OmittedRace{
			ID: Visible(race.ID), Object: Visible(race.Object.Name), Occurrences: race.Occurrences, Observed: tierRank(race.Tier) == 0,
		})
	}
	for i, f := range r.Findings {
		if i >= from.findings && i < from.findings+len(findings) {
			continue
		}
		o.Findings++
		named = append(named, finding.OmittedRace{ID: Visible(f.ID), Object: Visible(f.Object), Occurrences: f.Occurrences, Finding: true})
	}
	o.Named = append(named, o.Named...)
	o.Named = o.Named[:min(len(o.Named), maxNamed)]
	if o.Before += from.races; number > 0 {
		o.Part = number
	}
	cut.Omitted, cut.Races, cut.Findings = &o, races, findings
	return &cut
}

func tierRank(tier string) int {
	if tier == "observed" {
		return 0
	}
	return 1
}
