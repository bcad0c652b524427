package analyze

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// Merge makes one result of several, in any order and grouping the same.
// Occurrences add up; of what several inputs show for one race, that of the
// stronger kind is taken, then that whose content has the smallest hash.
func Merge(results ...*finding.Result) (*finding.Result, error) {
	if len(results) == 0 {
		return nil, errNothing
	}
	out := &finding.Result{
		Order: results[0].Order, Races: []finding.Race{}, Findings: []finding.Finding{}, Runs: []finding.Run{},
		Suppressed: []finding.Suppressed{},
		Coverage:   finding.Coverage{Complete: true, Instrumented: true, NotInstrumented: []string{}, Notes: []string{}},
	}
	races := map[string]int{}
	findings := map[string]int{}
	for _, r := range results {
		if r.Schema != finding.Schema {
			return nil, fmt.Errorf("a result of schema %q, not %q", r.Schema, finding.Schema)
		}
		if r.Order != out.Order {
			return nil, fmt.Errorf("results of different orders (%s and %s) cannot be merged", out.Order, r.Order)
		}
		for _, x := range r.Races {
			x.ID = "" // given anew
			key := raceKey(&x)
			if i, ok := races[key]; ok {
				out.Races[i] = mergeRace(&out.Races[i], &x)
			} else {
				races[key] = len(out.Races)
				out.Races = append(out.Races, x)
			}
		}
		for _, x := range r.Findings {
			x.ID = ""
			key := findingKey(&x)
			if i, ok := findings[key]; ok {
				out.Findings[i] = mergeFinding(&out.Findings[i], &x)
			} else {
				findings[key] = len(out.Findings)
				out.Findings = append(out.Findings, x)
			}
		}
		mergeCoverage(&out.Coverage, &r.Coverage)
		out.Prediction = mergePrediction(out.Prediction, r.Prediction)
		out.Suppressed = append(out.Suppressed, r.Suppressed...)
		out.Omitted = mergeOmitted(out.Omitted, r.Omitted)
		out.Tool = max(out.Tool, r.Tool)
		if out.Redaction != "public" && r.Redaction != "" {
			out.Redaction = r.Redaction
		}
		out.Runs = append(out.Runs, r.Runs...)
	}
	slices.SortFunc(out.Runs, func(a, b finding.Run) int { return bytes.Compare(content(a), content(b)) })
	out.Suppressed = mergeSuppressed(out.Suppressed)
	out.Finish()
	settle(out)
	return out, nil
}

// raceKey is what makes two races one: the object's name, where it was
// allocated, and the two lines.
func raceKey(r *finding.Race) string {
	a, b := line(r.Accesses[0].Site), line(r.Accesses[1].Site)
	return strings.Join([]string{r.Object.Name, allocated(&r.Object), min(a, b), max(a, b)}, "\x00")
}

func findingKey(f *finding.Finding) string {
	lines := make([]string, len(f.Events))
	for i := range f.Events {
		lines[i] = line(f.Events[i].Site)
	}
	slices.Sort(lines)
	return strings.Join(append(lines, f.Rule, f.Severity, f.Object), "\x00")
}

func line(f finding.Frame) string { return fmt.Sprintf("%s:%d", f.File, f.Line) }

func allocated(o *finding.Object) string {
	for _, f := range o.Allocated {
		if !strings.HasPrefix(f.Func, "runtime.") {
			return line(f)
		}
	}
	return ""
}

// content is what is hashed and compared of a part of a result.
func content(x any) []byte {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err) // results are plain data
	}
	return b
}

func hash(x any) string {
	sum := sha256.Sum256(content(x))
	return string(sum[:])
}

func mergeRace(a, b *finding.Race) finding.Race {
	occurrences := a.Occurrences + b.Occurrences
	bare := func(r *finding.Race) finding.Race {
		c := *r
		c.Occurrences, c.Weak = 0, false
		return c
	}
	x, y := bare(a), bare(b)
	if cmp.Or(
		cmp.Compare(a.Tier, b.Tier), // "observed" < "predicted"
		cmp.Compare(b.Kind, a.Kind), // "write-write" > "read-write"
		strings.Compare(hash(x), hash(y)),
	) > 0 {
		x = y
	}
	x.Occurrences = occurrences
	return x
}

func mergeFinding(a, b *finding.Finding) finding.Finding {
	occurrences := a.Occurrences + b.Occurrences
	x, y := *a, *b
	x.Occurrences, y.Occurrences = 0, 0
	if cmp.Or(cmp.Compare(a.Tier, b.Tier), strings.Compare(hash(x), hash(y))) > 0 {
		x = y
	}
	x.Occurrences = occurrences
	return x
}

func mergeCoverage(to, c *finding.Coverage) {
	to.Complete = to.Complete && c.Complete
	to.Truncated = to.Truncated || c.Truncated
	to.Instrumented = to.Instrumented && c.Instrumented
	to.LostChunks += c.LostChunks
	to.LostRecords += c.LostRecords
	to.LostSync += c.LostSync
	to.Records += c.Records
	to.Foreign += c.Foreign
	to.NotInstrumented = union(to.NotInstrumented, c.NotInstrumented)
	to.Notes = union(to.Notes, c.Notes)
}

// mergePrediction adds up; of different levels, that of less effort counts.
func mergePrediction(to, p *finding.Prediction) *finding.Prediction {
	if to == nil || p == nil {
		return cmp.Or(to, p)
	}
	return &finding.Prediction{
		Level: max(to.Level, p.Level), // "deep" < "fast"
		Tried: to.Tried + p.Tried, Found: to.Found + p.Found, Undecided: to.Undecided + p.Undecided, Untried: to.Untried + p.Untried,
	}
}

func union(a, b []string) []string {
	all := slices.Concat([]string{}, a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// mergeSuppressed makes one of entries that differ in their occurrences only.
func mergeSuppressed(list []finding.Suppressed) []finding.Suppressed {
	index := map[string]int{}
	out := []finding.Suppressed{}
	for _, s := range list {
		bare := s
		bare.Occurrences = 0
		key := string(content(bare))
		if i, ok := index[key]; ok {
			out[i].Occurrences += s.Occurrences
			continue
		}
		index[key] = len(out)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b finding.Suppressed) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), bytes.Compare(content(a), content(b)))
	})
	return out
}

// mergeOmitted adds up what pages left out. What two parts of a page both name is
// one.
func mergeOmitted(a, b *finding.Omitted) *finding.Omitted {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	sum := &finding.Omitted{
		Races: a.Races + b.Races, Observed: a.Observed + b.Observed, Occurrences: a.Occurrences + b.Occurrences,
		Findings: a.Findings + b.Findings, Named: slices.Clone(a.Named),
	}
	for _, named := range b.Named {
		if slices.Contains(a.Named, named) {
			forget(sum, named)
		} else {
			sum.Named = append(sum.Named, named)
		}
	}
	slices.SortFunc(sum.Named, func(x, y finding.OmittedRace) int {
		return cmp.Or(cmp.Compare(x.ID, y.ID), bytes.Compare(content(x), content(y)))
	})
	return sum
}

// settle takes out of what pages left out what another page had.
func settle(out *finding.Result) {
	if out.Omitted == nil {
		return
	}
	shown := map[string]bool{}
	for _, e := range out.Entries() {
		shown[e.ID] = true
	}
	o := *out.Omitted
	o.Named = []finding.OmittedRace{}
	for _, named := range out.Omitted.Named {
		if shown[named.ID] {
			forget(&o, named)
		} else {
			o.Named = append(o.Named, named)
		}
	}
	if out.Omitted = &o; o.Races <= 0 && o.Findings <= 0 {
		out.Omitted = nil
	}
}

// forget counts a race or finding less.
func forget(o *finding.Omitted, named finding.OmittedRace) {
	if named.Finding {
		o.Findings--
		return
	}
	o.Races--
	o.Occurrences -= min(o.Occurrences, named.Occurrences)
	if named.Observed {
		o.Observed--
	}
}
