package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/rule"
)

// The page is one file: its style, its script and the result itself are in it.
// Style and script are the only values that the template takes unescaped, and
// both are ours; the content policy admits them by their hashes and nothing else.

//go:embed page.tmpl
var pageText string

//go:embed scheduling.tmpl
var schedulingTemplate string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Parse(diagramTemplate + schedulingTemplate + pageText))

// page is what the template shows. All strings in it are visible already.
type page struct {
	Policy     string
	CSS        template.CSS
	JS         template.JS
	Verdict    verdict
	Facts      [][2]string // of the verdict: what was recorded, with what
	Banner     []string    // what the recording lacks
	Redacted   string
	Runs       []runView
	Races      []*entryView
	Findings   []*entryView
	Suppressed []suppressedView
	Scheduling []*schedulingView
	Omitted    string
	Named      []finding.OmittedRace
	Coverage   []string
	Rules      []ruleView
	Result     *finding.Result
	Many       bool // so many that only those in sight are laid out
}

type runView struct {
	Title string
	Facts [][2]string
}

// An entryView is the article of a race or of another finding.
type entryView struct {
	Rank                           int // from 1
	ID, Anchor, Rule, Tier, Kind   string
	Race, Weak, Predicted, IsError bool
	Op, Object                     string    // "Write to", what; of a finding its message
	Title                          [2]string // the functions of the two accesses
	Sides                          []side    // the later access first, as the race detector has it
	Why, Missing, Ancestor, Common string    // Common: locks that both held
	Around                         []aroundRow
	Diagram                        *diagram
	NoDiagram                      string
	Events                         []eventRow
	Witness                        *witnessView
	ObjectFacts                    string
	Allocated                      []frameGroup
	AllocatedBy                    string
	Seen                           string
	Occurrences                    uint64
	Moments                        []string
	Fix, Suppression               string
	Detector, Ticket               string
}

type side struct {
	Heading, Name, Op, Place, Func string
	Write                          bool
	Unknown                        bool // whether it held locks
	Stack, Created                 []frameGroup
	Origin, Locks                  string // "Goroutine 9 (running) created by main goroutine"
	Source                         []sourceLine
	NoSource                       string
}

type sourceLine struct {
	Number int
	Text   string
	Hit    bool
}

// A frameGroup is a part of a stack, folded if none of it is the program's own.
type frameGroup struct {
	Folded  bool
	Summary string
	Frames  []frameView
}

type frameView struct {
	Func, Place string
	Own         bool
}

// An aroundRow says one thing of both sides.
type aroundRow struct {
	Label string
	Cells [2]string
}

// An eventRow is a row of the table that says the same as the diagram.
type eventRow struct {
	Number                  int
	Goroutine, Label, Place string
	After                   string
	Racing                  bool
}

// A witnessView is another schedule, step by step.
type witnessView struct {
	Checked     bool
	Steps       [][2]string // goroutine, what it does
	Assumptions []string
	Script      string
}

type suppressedView struct{ Rule, ID, Object, Places, Seen, By, Reason string }

type ruleView struct{ ID, Title, What, Why, Fix, Before, After string }

// maxFrames is how many frames of a stack a page shows, maxSteps how many steps of a
// witness, maxReason how many characters it proposes as a suppression's reason.
const (
	maxFrames = 60
	maxSteps  = 200
	maxReason = 100
)

func newPage(r *finding.Result) *page {
	css := pageCSS + diagramCSS
	p := &page{
		Policy:   policy(css, pageJS),
		CSS:      template.CSS(css),
		JS:       template.JS(pageJS),
		Verdict:  verdictOf(r),
		Facts:    verdictFacts(r),
		Coverage: visibleAll(runNotes(r)),
		Redacted: redactionText(r.Redaction),
		Result:   r,
		Many:     len(r.Races) > 20,

		Scheduling: schedulingViews(r),
	}
	if !r.Coverage.Complete || !r.Coverage.Instrumented || len(r.Coverage.NotInstrumented) > 0 {
		p.Banner = p.Coverage[:min(len(p.Coverage)-1, 4)]
	}
	for i, run := range r.Runs {
		p.Runs = append(p.Runs, newRunView(i+1, run))
	}
	before := 0
	if o := r.Omitted; o != nil {
		p.Omitted, before = omittedText(o), o.Before
		for _, race := range o.Named {
			p.Named = append(p.Named, finding.OmittedRace{ID: Visible(race.ID), Object: Visible(race.Object)})
		}
	}
	own, ids := modulesOf(r), numbersOf(r)
	used := map[string]bool{}
	for i := range r.Races {
		v := newRaceView(&r.Races[i], own, ids)
		v.Rank = before + i + 1
		p.Races = append(p.Races, v)
		used[v.Rule] = true
	}
	for i := range r.Findings {
		v := newFindingView(&r.Findings[i], own, r.Coverage.Instrumented)
		v.Rank = i + 1
		p.Findings = append(p.Findings, v)
		used[v.Rule] = true
	}
	for _, s := range r.Suppressed {
		p.Suppressed = append(p.Suppressed, newSuppressedView(s))
	}
	for _, known := range rule.All {
		if used[known.ID()] {
			p.Rules = append(p.Rules, ruleView{
				known.ID(), known.Title, known.What, known.Why, known.Fix,
				strings.TrimSpace(known.Before), strings.TrimSpace(known.After),
			})
		}
	}
	return p
}

// policy is the content policy of a page with this style and script.
func policy(css, js string) string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(css) + "; script-src " + hash(js) +
		"; img-src data:; base-uri 'none'; form-action 'none'"
}

// verdictFacts are what a reader asks first: how long, what, which version.
func verdictFacts(r *finding.Result) [][2]string {
	var facts [][2]string
	add := func(label, value string) {
		if value != "" && !slices.Contains(facts, [2]string{label, value}) {
			facts = append(facts, [2]string{label, value})
		}
	}
	add("Recorded", extent(r))
	runs := r.Runs[:min(len(r.Runs), 1)]
	for _, run := range runs {
		module := run.Module
		if run.Version != "" && run.Version != "(devel)" {
			module += " " + run.Version
		}
		add("Module", Visible(module))
		add("Revision", Visible(run.Revision))
		add("Go", Visible(goVersion(run)))
		add("At", Visible(moment(run.Start)))
	}
	if n := len(r.Runs) - len(runs); n > 0 {
		add("And", count(n, "more process")+", see the run details")
	}
	add("Hindsight", r.Tool)
	return facts
}

func goVersion(run finding.Run) string {
	return strings.TrimSpace(run.GoVersion + " " + strings.Trim(run.GOOS+"/"+run.GOARCH, "/"))
}

// moment is a time of RFC 3339 as people write it: UTC stays marked as such.
func moment(t string) string {
	return strings.Replace(strings.Replace(t, "T", " ", 1), "Z", " UTC", 1)
}

func newRunView(number int, run finding.Run) runView {
	v := runView{Title: fmt.Sprintf("Process %d", number)}
	add := func(label, value string) {
		if value != "" {
			v.Facts = append(v.Facts, [2]string{label, Visible(value)})
		}
	}
	add("Program", run.Program)
	add("Module", strings.TrimSpace(run.Module+" "+run.Version))
	add("Revision", run.Revision)
	add("Go", goVersion(run))
	add("Recorded", moment(run.Start))
	if run.Seconds > 0 {
		add("Duration", fmt.Sprintf("%.3g s", run.Seconds))
	}
	if run.Goroutines > 0 {
		add("Goroutines", fmt.Sprint(run.Goroutines))
	}
	if run.Events > 0 {
		add("Events", fmt.Sprint(run.Events))
	}
	add("Recorder", run.Settings)
	return v
}

func newRaceView(r *finding.Race, own modules, ids numbers) *entryView {
	earlier, later := r.Accesses[0], r.Accesses[1]
	id := Visible(r.ID)
	v := &entryView{
		ID: id, Anchor: "r-" + id, Rule: rule.Race(r.Tier), Tier: Visible(r.Tier), Kind: Visible(r.Kind),
		Race: true, Weak: r.Weak, Predicted: r.Tier != "observed",
		Object: objectName(r.Object), ObjectFacts: objectFacts(r.Object),
		Seen: count(r.Occurrences, "occurrence"), Occurrences: r.Occurrences,
		Why:       prose(r.Why),
		Allocated: groups(r.Object.Allocated, own),
		Sides:     []side{newSide(later, "", own), newSide(earlier, "Previous ", own)},
		Around:    aroundRows(r),
		Common:    cmp.Or(visibleList(common(r.Accesses[0].Locks, r.Accesses[1].Locks)), "none"),
		Moments:   moments(r),
		Title:     [2]string{title(later), title(earlier)},
	}
	write := later
	if !isWrite(later.Op) {
		write = earlier
	}
	v.Op = capital(opName(write.Op)) + preposition(write.Op)
	if r.Object.AllocatedBy != "" {
		v.AllocatedBy = goroutineName(r.Object.AllocatedBy)
	}
	if x := r.Explain; x != nil {
		v.Missing = missing(r)
		if x.Ancestor != nil {
			v.Ancestor = pointText(x.Ancestor) + " by " + goroutineName(x.Ancestor.Goroutine)
		}
	}
	v.Witness = newWitnessView(r.Steps, r.Witness)
	v.advise(rule.Race(r.Tier), fmt.Sprintf("%s: %s and %s", v.Object, v.Title[0], v.Title[1]))
	var b strings.Builder
	detectorBlock(&b, r, ids)
	v.Detector = b.String()
	v.Ticket = ticket(r, ids)
	v.draw(r.Graph, []finding.Race{*r})
	return v
}

// newFindingView is a finding's; of locks that nobody recorded it says nothing.
func newFindingView(f *finding.Finding, own modules, locks bool) *entryView {
	id := Visible(f.ID)
	v := &entryView{
		ID: id, Anchor: "f-" + id, Rule: Visible(f.Rule), Tier: Visible(f.Tier), Kind: Visible(f.Severity),
		IsError: f.Severity == "error", Predicted: f.Tier == "predicted",
		Op: capital(prose(f.Message)), Seen: count(f.Occurrences, "occurrence"), Occurrences: f.Occurrences,
		Why: prose(f.Why), Object: Visible(f.Object),
	}
	for _, a := range f.Events {
		event := newSide(a, "", own)
		event.Write = false // tells the sides of a race apart
		event.Unknown = !locks
		v.Sides = append(v.Sides, event)
	}
	v.Witness = newWitnessView(f.Steps, f.Witness)
	v.advise(f.Rule, v.Op)
	v.Ticket = findingTicket(f)
	v.draw(f.Graph, nil)
	return v
}

// advise says what to do: about it, and to hear no more of it.
func (v *entryView) advise(id, what string) {
	if known, ok := rule.Get(id); ok {
		v.Fix = known.Fix
	}
	if short := cut(what, maxReason); short != what {
		what = short + "…"
	}
	v.Suppression = finding.BaseID(v.ID) + "  # " + what
}

// aroundRows are what the two goroutines did next to the accesses, later side first.
func aroundRows(r *finding.Race) []aroundRow {
	var rows []aroundRow
	add := func(label, none string, cell func(i int) string) {
		row := aroundRow{Label: label}
		for i := range row.Cells {
			row.Cells[i] = cmp.Or(cell(1-i), none)
		}
		if row.Cells != [2]string{none, none} || label == "Locks held" {
			rows = append(rows, row)
		}
	}
	if x := r.Explain; x != nil {
		add("Started by", "the program’s start", func(i int) string { return ancestry(x.Sides[i].Ancestry) })
		add("Last synchronization before", "none", func(i int) string { return pointText(x.Sides[i].Previous) })
	}
	add("Locks held", "none", func(i int) string { return visibleList(r.Accesses[i].Locks) })
	if x := r.Explain; x != nil {
		add("First synchronization after", "none", func(i int) string { return pointText(x.Sides[i].Next) })
	}
	return rows
}

// common is what two lists have in common.
func common(a, b []string) []string {
	var both []string
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}

// ancestry is the chain of go statements that led to a goroutine.
func ancestry(points []finding.Point) string {
	var parts []string
	for _, p := range points[:min(len(points), 6)] {
		parts = append(parts, fmt.Sprintf("%s (%s)", goroutineName(p.Goroutine), place(p.Site)))
	}
	if n := len(points) - len(parts); n > 0 {
		parts = append(parts, count(n, "more"))
	}
	return strings.Join(parts, " ← ")
}

// moments say which of the recorded pairs were first and last.
func moments(r *finding.Race) []string {
	var list []string
	tell := func(which string, m *finding.Moment) {
		s := fmt.Sprintf("%s: event %d of %s and event %d of %s; event %d of the replay", which,
			m.Events[0], goroutineName(r.Accesses[0].Goroutine), m.Events[1], goroutineName(r.Accesses[1].Goroutine), m.Position)
		list = append(list, s+fmt.Sprintf(", %s between the two", count(m.Distance, "event")))
	}
	switch {
	case r.First == nil:
	case r.Last == nil || *r.Last == *r.First:
		tell("Seen", r.First)
	default:
		tell("First", r.First)
		tell("Last", r.Last)
	}
	return list
}

// draw makes the diagram of a graph and the table that says the same.
func (v *entryView) draw(g *finding.Graph, races []finding.Race) {
	if g == nil || len(g.Nodes) == 0 {
		return
	}
	w, err := newWitness(g)
	if err != nil {
		v.NoDiagram = "The graph cannot be drawn: " + visibleText(err.Error()) + "."
		return
	}
	w = w.condense(maxDrawn)
	d := newDiagram(w, races)
	d.Title = fmt.Sprintf("Space-time diagram of %s: a lane per goroutine, time downwards", v.ID)
	v.Diagram = &d
	after := map[int][]string{}
	for _, e := range w.edges {
		if !e.program() {
			after[e.to] = append(after[e.to], fmt.Sprintf("%d (%s)", w.row[e.from]+1, e.label()))
		}
	}
	for i, n := range w.nodes {
		row := eventRow{
			Number: i + 1, Goroutine: goroutineName(n.Goroutine), Label: nodeLabel(n), Place: place(n.Site),
			After: strings.Join(after[n.ID], ", "), Racing: n.Racing,
		}
		if n.Elided > 0 {
			row.Label = fmt.Sprintf("(%s left out) %s", count(n.Elided, "event"), row.Label)
		}
		v.Events = append(v.Events, row)
	}
}

func newWitnessView(s *finding.Steps, witness string) *witnessView {
	if s == nil {
		return nil
	}
	w := &witnessView{Checked: witness == "checked", Assumptions: visibleAll(s.Assumptions)}
	for i, step := range s.Steps {
		if i == maxSteps {
			w.Steps = append(w.Steps, [2]string{"…", "and " + count(len(s.Steps)-i, "more step")})
			break
		}
		w.Steps = append(w.Steps, [2]string{goroutineName(step.Goroutine), visibleText(step.Label)})
	}
	for line := range strings.Lines(s.Script) {
		w.Script += visibleText(strings.TrimSuffix(line, "\n")) + "\n"
	}
	return w
}

func newSide(a finding.Access, prefix string, own modules) side {
	op := opName(a.Op)
	if prefix == "" {
		op = capital(op)
	}
	s := side{
		Heading: prefix + op, Name: goroutineName(a.Goroutine), Op: opName(a.Op), Place: place(a.Site), Func: title(a),
		Write: isWrite(a.Op),
		Stack: groups(a.Stack, own), Created: groups(a.Created, own), Locks: visibleList(a.Locks),
		NoSource: visibleText(a.NoSource),
	}
	if len(a.Stack) == 0 {
		s.Stack = groups([]finding.Frame{a.Site}, own)
	}
	s.Origin = fmt.Sprintf("%s (%s) created", capital(s.Name), state(a))
	if a.Creator != "" {
		s.Origin += " by " + goroutineName(a.Creator)
	}
	if a.Source != nil {
		for i, text := range a.Source.Text {
			number := a.Source.Start + i
			s.Source = append(s.Source, sourceLine{number, visibleSource(text), number == a.Site.Line})
		}
	}
	return s
}

func newSuppressedView(s finding.Suppressed) suppressedView {
	var places []string
	for _, f := range s.Sites {
		places = append(places, place(f))
	}
	return suppressedView{
		Visible(s.Rule), Visible(s.ID), Visible(s.Object), strings.Join(places, ", "),
		count(s.Occurrences, "occurrence"), Visible(s.By), visibleText(s.Reason),
	}
}

// groups folds the runs of library frames in a stack, but never its first frame.
func groups(stack []finding.Frame, own modules) []frameGroup {
	var all []frameGroup
	for i, f := range stack {
		if i == maxFrames {
			all = append(all, frameGroup{Frames: []frameView{{Func: fmt.Sprintf("… and %s more", count(len(stack)-i, "frame"))}}})
			break
		}
		view := frameView{Func: shortFrame(f), Place: fmt.Sprintf("%s:%d", Visible(f.File), f.Line), Own: own.own(f.Func)}
		folded := i > 0 && own.library(f.Func)
		if n := len(all); n > 0 && all[n-1].Folded == folded {
			all[n-1].Frames = append(all[n-1].Frames, view)
			continue
		}
		all = append(all, frameGroup{Folded: folded, Frames: []frameView{view}})
	}
	for i := range all {
		if g := &all[i]; g.Folded {
			g.Summary = folding(g.Frames)
		}
	}
	return all
}

// folding is what stands for folded frames: how many, of which packages.
func folding(frames []frameView) string {
	var packages []string
	for _, f := range frames {
		if p := packageOf(f.Func); !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
	}
	return count(len(frames), "frame") + " of " + strings.Join(packages[:min(len(packages), 3)], ", ")
}

// shortFrame is a frame's function, which a script's event lacks.
func shortFrame(f finding.Frame) string {
	if f.Func == "" {
		return "event of the script"
	}
	return Visible(f.Func)
}

func visibleAll(texts []string) []string {
	shown := make([]string, len(texts))
	for i, s := range texts {
		shown[i] = visibleText(s)
	}
	return shown
}
