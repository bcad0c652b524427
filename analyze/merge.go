package analyze

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// Merge makes one result of several: see [Merger].
func Merge(results ...*finding.Result) (*finding.Result, error) {
	var m Merger
	for _, r := range results {
		if err := m.Add(r); err != nil {
			return nil, err
		}
	}
	return m.Result()
}

// A Merger makes one result of several. In any order and grouping it is the same to
// the byte: whether results are added one by one, or merged in groups that are
// saved, read back and then added. Occurrences add up; of what several show for one
// race, that of the stronger kind is taken, then that whose content has the
// smallest hash. In memory it holds what differs, not every result. The zero
// value is empty.
type Merger struct {
	inputs     int
	orders     []string // sorted
	races      map[string]merged[finding.Race]
	findings   map[string]merged[finding.Finding]
	suppressed map[string]finding.Suppressed
	coverage   finding.Coverage
	prediction *finding.Prediction
	runs       []finding.Run
	tool       string
	redaction  string
	omitted    omitted
}

// merged is what has been chosen for a key so far, and its rank.
type merged[T any] struct {
	chosen      T
	rank        []string // compared in order, the smallest is chosen
	occurrences uint64
}

// Add adds a result, which stays as it is.
func (m *Merger) Add(r *finding.Result) error {
	if r.Schema != finding.Schema {
		return fmt.Errorf("a result of schema %q, not %q", r.Schema, finding.Schema)
	}
	r = r.Normal()
	if slices.ContainsFunc(r.Entries(), func(e finding.Entry) bool { return e.ID == "" }) {
		r.Finish() // made by others
	}
	if m.inputs++; m.inputs == 1 {
		m.races, m.findings, m.suppressed = map[string]merged[finding.Race]{}, map[string]merged[finding.Finding]{}, map[string]finding.Suppressed{}
		m.coverage = finding.Coverage{Complete: true, Instrumented: true}
	}
	m.orders = union(m.orders, []string{r.Order})
	for _, x := range r.Races {
		n := x.Occurrences
		x.ID, x.Occurrences = finding.BaseID(x.ID), 0
		choose(m.races, raceKey(&x), merged[finding.Race]{x, raceRank(x), n})
	}
	for _, x := range r.Findings {
		n := x.Occurrences
		x.ID, x.Occurrences = finding.BaseID(x.ID), 0
		choose(m.findings, findingKey(&x), merged[finding.Finding]{x, findingRank(x), n})
	}
	for _, s := range r.Suppressed {
		n := s.Occurrences
		s.ID, s.Occurrences = finding.BaseID(s.ID), 0
		key := string(content(s))
		s.Occurrences = m.suppressed[key].Occurrences + n
		m.suppressed[key] = s
	}
	mergeCoverage(&m.coverage, &r.Coverage)
	m.prediction = mergePrediction(m.prediction, r.Prediction)
	m.runs = append(m.runs, r.Runs...)
	m.tool = max(m.tool, r.Tool)
	m.redaction = strongerRedaction(m.redaction, r.Redaction)
	m.omitted.add(r.Omitted)
	return nil
}

// choose keeps the one of smaller rank of what is there and what comes, and adds
// their occurrences up.
func choose[T any](to map[string]merged[T], key string, x merged[T]) {
	if before, ok := to[key]; ok {
		sum := before.occurrences + x.occurrences
		if slices.Compare(before.rank, x.rank) <= 0 {
			x = before
		}
		x.occurrences = sum
	}
	to[key] = x
}

// Result is that of all that have been added.
func (m *Merger) Result() (*finding.Result, error) {
	switch len(m.orders) {
	case 0:
		return nil, errNothing
	case 1:
	default:
		return nil, fmt.Errorf("results of different orders (%s) cannot be merged", strings.Join(m.orders, ", "))
	}
	out := &finding.Result{
		Order: m.orders[0], Races: []finding.Race{}, Findings: []finding.Finding{}, Runs: slices.Clone(m.runs),
		Coverage: m.coverage, Prediction: m.prediction, Tool: m.tool, Redaction: m.redaction,
	}
	for _, key := range slices.Sorted(maps.Keys(m.races)) {
		x := m.races[key]
		x.chosen.Occurrences = x.occurrences
		out.Races = append(out.Races, x.chosen)
	}
	for _, key := range slices.Sorted(maps.Keys(m.findings)) {
		x := m.findings[key]
		x.chosen.Occurrences = x.occurrences
		out.Findings = append(out.Findings, x.chosen)
	}
	out.Suppressed = []finding.Suppressed{}
	for _, key := range slices.Sorted(maps.Keys(m.suppressed)) {
		out.Suppressed = append(out.Suppressed, m.suppressed[key])
	}
	sortByContent(out.Runs)
	out.Settle()
	out.Omitted = m.omitted.result(m.inputs, out)
	return out, nil
}

// sortByContent sorts a list of plain data.
func sortByContent[T any](list []T) {
	type keyed struct {
		key   []byte
		value T
	}
	all := make([]keyed, len(list))
	for i, x := range list {
		all[i] = keyed{content(x), x}
	}
	slices.SortFunc(all, func(a, b keyed) int { return bytes.Compare(a.key, b.key) })
	for i := range all {
		list[i] = all[i].value
	}
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

// raceRank orders what several results show for one race. Source lines decide
// last: the same execution may be shown with them or without.
func raceRank(r finding.Race) []string {
	stronger := "1"
	if r.Kind == "write-write" {
		stronger = "0"
	}
	with := hash(r)
	for i := range r.Accesses {
		r.Accesses[i].Source, r.Accesses[i].NoSource = nil, ""
	}
	return []string{r.Tier, stronger, hash(r), with} // "observed" < "predicted"
}

func findingRank(f finding.Finding) []string {
	with := hash(f)
	f.Events = slices.Clone(f.Events)
	for i := range f.Events {
		f.Events[i].Source, f.Events[i].NoSource = nil, ""
	}
	return []string{f.Tier, hash(f), with}
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
	to.Windows = slices.Concat(to.Windows, c.Windows)
	slices.SortFunc(to.Windows, func(a, b finding.Window) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
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

// strongerRedaction is what has been taken out of two results together.
func strongerRedaction(a, b string) string {
	if a == "public" || b == "" {
		return a
	}
	if b == "public" || a == "" {
		return b
	}
	return max(a, b)
}
