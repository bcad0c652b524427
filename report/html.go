package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// The page is one file: its style, its script and the result itself are in it.
// Style and script are the only values that the template takes unescaped, and
// both are ours; the content policy admits them by their hashes and nothing else.

//go:embed page.tmpl
var pageText string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.Must(template.New("page").Parse(diagramTemplate)).Parse(pageText))

// writeHTML writes a page that keeps to the limits of o: the races and then
// the findings of lowest rank are left out until it does.
func writeHTML(w io.Writer, r *finding.Result, o Options) error {
	shown := omit(r, o.maxRaces(), len(r.Findings))
	for {
		var b bytes.Buffer
		if err := pageTemplate.ExecuteTemplate(&b, "page", newPage(shown)); err != nil {
			return err
		}
		size, most := int64(b.Len()), o.maxBytes()
		races, findings := len(shown.Races), len(shown.Findings)
		if size <= most || races+findings == 0 {
			_, err := w.Write(b.Bytes())
			return err
		}
		// What remains is about proportional to the number of entries.
		if races > 0 {
			races = min(races-1, int(int64(races)*most/size))
		} else {
			findings = min(findings-1, int(int64(findings)*most/size))
		}
		shown = omit(shown, races, findings)
	}
}

// maxNamed is how many of the races that were left out a page names.
const maxNamed = 500

// omit returns r with its first races and findings only, the others counted.
func omit(r *finding.Result, races, findings int) *finding.Result {
	if races >= len(r.Races) && findings >= len(r.Findings) {
		return r
	}
	cut := *r
	var o finding.Omitted
	if r.Omitted != nil {
		o = *r.Omitted
	}
	var named []finding.OmittedRace
	for _, race := range r.Races[min(races, len(r.Races)):] {
		o.Races++
		o.Occurrences += race.Occurrences
		o.Observed += 1 - tierRank(race.Tier)
		named = append(named, finding.OmittedRace{ID: Visible(race.ID), Object: Visible(race.Object.Name)})
	}
	o.Findings += len(r.Findings) - min(findings, len(r.Findings))
	o.Named = append(named, o.Named...)
	o.Named = o.Named[:min(len(o.Named), maxNamed)]
	cut.Omitted = &o
	cut.Races = r.Races[:min(races, len(r.Races))]
	cut.Findings = r.Findings[:min(findings, len(r.Findings))]
	return &cut
}

// page is what the template shows. All strings in it are visible already.
type page struct {
	Policy   string
	CSS      template.CSS
	JS       template.JS
	Verdict  verdict
	Extent   string
	Banner   []string
	Runs     []runView
	Races    []raceView
	Findings []findingView
	Omitted  string
	Named    []finding.OmittedRace
	Coverage []string
	Result   *finding.Result
}

type runView struct{ Facts [][2]string }

type raceView struct {
	Rank                                    int // from 1
	ID, Tier, Kind, Op, Object, ObjectFacts string
	Seen                                    string
	Occurrences                             uint64
	Weak, Predicted                         bool
	Title                                   [2]string // the functions of the two accesses
	Sides                                   []side    // the later access first, as the race detector has it
	Why                                     string
	Allocated                               []frameGroup
	AllocatedBy                             string
	Diagram                                 *diagram
	NoDiagram                               string
	Steps                                   []step
	Detector                                string
}

type side struct {
	Heading, Name, Op, Place, Func string
	Write                          bool
	Stack, Created                 []frameGroup
	Origin, Locks                  string // "Goroutine 9 (running) created by main goroutine"
	Source                         []sourceLine
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

// A step is a row of the witness graph's table.
type step struct {
	Number                  int
	Goroutine, Label, Place string
	After                   string
	Racing                  bool
}

type findingView struct {
	Rule, ID, Severity, Message, Tier, Seen string
	Events                                  []side
}

// maxDrawn is how many events a diagram on a page has at most, and maxFrames how many frames a stack.
const (
	maxDrawn  = 200
	maxFrames = 60
)

func newPage(r *finding.Result) *page {
	css := pageCSS + diagramCSS
	p := &page{
		Policy:   policy(css, pageJS),
		CSS:      template.CSS(css),
		JS:       template.JS(pageJS),
		Verdict:  verdictOf(r),
		Extent:   extent(r),
		Coverage: visibleAll(coverageNotes(r.Coverage)),
		Result:   r,
	}
	if !r.Coverage.Complete || !r.Coverage.Instrumented {
		p.Banner = p.Coverage[:min(len(p.Coverage), 4)]
	}
	for _, run := range r.Runs {
		p.Runs = append(p.Runs, newRunView(run))
	}
	own, ids := modulesOf(r), numbersOf(r)
	for i := range r.Races {
		v := newRaceView(&r.Races[i], own, ids)
		v.Rank = i + 1
		p.Races = append(p.Races, v)
	}
	for _, f := range r.Findings {
		view := findingView{
			Rule: Visible(f.Rule), ID: Visible(f.ID), Severity: Visible(f.Severity), Tier: Visible(f.Tier),
			Message: capital(visibleText(f.Message)), Seen: count(f.Occurrences, "occurrence"),
		}
		for _, a := range f.Events {
			event := newSide(a, "", own)
			event.Write = false // tells the sides of a race apart
			view.Events = append(view.Events, event)
		}
		p.Findings = append(p.Findings, view)
	}
	if o := r.Omitted; o != nil {
		p.Omitted = omittedText(o)
		for _, race := range o.Named {
			p.Named = append(p.Named, finding.OmittedRace{ID: Visible(race.ID), Object: Visible(race.Object)})
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

func newRunView(run finding.Run) runView {
	var v runView
	add := func(label, value string) {
		if value != "" {
			v.Facts = append(v.Facts, [2]string{label, Visible(value)})
		}
	}
	module := run.Module
	if run.Version != "" {
		module += " " + run.Version
	}
	add("Program", run.Program)
	add("Module", module)
	add("Revision", run.Revision)
	add("Go", strings.TrimSpace(run.GoVersion+" "+strings.Trim(run.GOOS+"/"+run.GOARCH, "/")))
	add("Recorded", run.Start)
	if run.Seconds > 0 {
		add("Duration", fmt.Sprintf("%.3g s", run.Seconds))
	}
	add("Recorder", run.Settings)
	return v
}

func newRaceView(r *finding.Race, own modules, ids numbers) raceView {
	earlier, later := r.Accesses[0], r.Accesses[1]
	v := raceView{
		ID: Visible(r.ID), Tier: Visible(r.Tier), Kind: Visible(r.Kind), Weak: r.Weak,
		Predicted: r.Tier != "observed",
		Object:    objectName(r.Object), ObjectFacts: objectFacts(r.Object),
		Seen: count(r.Occurrences, "occurrence"), Occurrences: r.Occurrences,
		Why:       visibleText(r.Why),
		Allocated: groups(r.Object.Allocated, own),
		Sides:     []side{newSide(later, "", own), newSide(earlier, "Previous ", own)},
	}
	write := later
	if !isWrite(later.Op) {
		write = earlier
	}
	v.Op = capital(opName(write.Op)) + preposition(write.Op)
	v.Title = [2]string{title(later), title(earlier)}
	if r.Object.AllocatedBy != "" {
		v.AllocatedBy = goroutineName(r.Object.AllocatedBy)
	}
	var b strings.Builder
	detectorBlock(&b, r, ids)
	v.Detector = b.String()
	v.draw(r)
	return v
}

func preposition(op string) string {
	if isWrite(op) {
		return " to"
	}
	return " of"
}

// title is an access in the fewest words: its function, else its place.
func title(a finding.Access) string {
	if a.Site.Func == "" {
		return place(a.Site)
	}
	short := shortFunc(a.Site.Func)
	if _, method, ok := strings.Cut(short, "."); ok && packageOf(a.Site.Func) != "main" {
		return method
	}
	return short
}

// draw makes the diagram of r's graph and the table that says the same.
func (v *raceView) draw(r *finding.Race) {
	if r.Graph == nil || len(r.Graph.Nodes) == 0 {
		return
	}
	if n := len(r.Graph.Nodes); n > maxDrawn {
		v.NoDiagram = fmt.Sprintf("The graph has %d events, too many for this page; the JSON and DOT forms hold it.", n)
		return
	}
	w, err := newWitness(r.Graph)
	if err != nil {
		v.NoDiagram = "The graph cannot be drawn: " + visibleText(err.Error()) + "."
		return
	}
	d := newDiagram(w, []finding.Race{*r})
	d.Title = fmt.Sprintf("Space-time diagram of race %s: a lane per goroutine, time downwards", v.ID)
	v.Diagram = &d
	after := map[int][]string{}
	for _, e := range w.edges {
		if !e.program() {
			after[e.to] = append(after[e.to], fmt.Sprintf("%d (%s)", w.row[e.from]+1, e.label()))
		}
	}
	for i, n := range w.nodes {
		s := step{
			Number: i + 1, Goroutine: goroutineName(n.Goroutine), Label: nodeLabel(n), Place: place(n.Site),
			After: strings.Join(after[n.ID], ", "), Racing: n.Racing,
		}
		if n.Elided > 0 {
			s.Label = fmt.Sprintf("(%s left out) %s", count(n.Elided, "event"), s.Label)
		}
		v.Steps = append(v.Steps, s)
	}
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
