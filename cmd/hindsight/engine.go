package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/hindsight-go/hindsight/analyze"
	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/predict"
	"github.com/hindsight-go/hindsight/analyze/recording"
	"github.com/hindsight-go/hindsight/analyze/scheduling"
	"github.com/hindsight-go/hindsight/analyze/script"
	"github.com/hindsight-go/hindsight/analyze/witness"
	"github.com/hindsight-go/hindsight/report"
)

// An execution is what a trace or an event script holds.
type execution struct {
	event.Source
	*input
	recording *recording.Recording // nil: a script
	seen      *scheduling.Observer // of the trace's events, if it has no records
}

// plain reports whether it is a trace without records.
func (x *execution) plain() bool {
	return x.recording != nil && !x.recording.Instrumented() && !x.recording.Annotated()
}

// cut reports whether the end of the execution is missing.
func (x *execution) cut() bool {
	switch {
	case x.early:
		return true
	case x.recording == nil:
		return false
	case x.plain():
		return x.recording.Unread() != nil
	}
	return !x.recording.Ended()
}

// openExecution opens a trace or an event script.
func (a *app) openExecution(name string) (*execution, error) {
	in, err := a.openInput(name)
	if err != nil {
		return nil, err
	}
	x, err := a.readExecution(in)
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return x, nil
}

func (a *app) readExecution(in *input) (*execution, error) {
	switch in.kind {
	case scriptInput:
		s, err := a.parseScript(in)
		if err != nil {
			return nil, err
		}
		a.unfiltered(in)
		return &execution{s, in, nil, nil}, nil
	case traceInput:
		size := int64(1)
		if info, err := in.file.Stat(); err == nil {
			size = max(size, info.Size())
		}
		seen := scheduling.New(a.schedulingOptions())
		rec, err := recording.Read(in.file, recording.Options{Jobs: a.jobs, Stop: a.interrupted.Load, Plain: seen.Event, Progress: func(n int64) {
			a.progress.pass("reading", 0, n, size)
		}})
		a.progress.clear()
		if err != nil {
			return nil, err
		}
		x := &execution{rec, in, rec, seen}
		if !x.plain() {
			a.unfiltered(in)
		}
		return x, nil
	}
	return nil, errors.New("a saved result is no execution: want a trace or an event script")
}

// parseScript parses a script. Of one that was ended early, the last lines may be
// half of what they were to be.
func (a *app) parseScript(in *input) (*script.Script, error) {
	if !in.early {
		return script.Parse(in)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	s, err := script.Parse(bytes.NewReader(whole))
	if err != nil && len(whole) > 0 { // a send without its receive
		s, err = script.Parse(bytes.NewReader(whole[:bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1]))
	}
	return s, err
}

func runDump(a *app, args []string) (int, error) {
	if len(args) != 1 {
		return 0, usage("dump needs one trace")
	}
	x, err := a.openExecution(args[0])
	if err != nil {
		return 0, err
	}
	defer x.Close()
	if x.plain() {
		a.note("%s holds no records, only scheduling, which analyze and graph show", args[0])
		return exitInconclusive, nil
	}
	src := x.Source
	if a.witness != "" {
		if src, err = a.findWitness(x); err != nil {
			return 0, fmt.Errorf("%s: %w", args[0], err)
		}
	}
	if err := a.writeOutput(a.stdout, func(w io.Writer) error { return script.Print(w, src) }); err != nil {
		return 0, err
	}
	if x.cut() {
		a.note("the recording was cut short")
		return exitInconclusive, nil
	}
	return exitClean, nil
}

func runGraph(a *app, args []string) (int, error) {
	if len(args) != 1 {
		return 0, usage("graph needs one trace")
	}
	format, err := a.graphFormat()
	if err != nil {
		return 0, err
	}
	if a.race != "" {
		return a.drawRace(args[0], format)
	}
	a.whole = true
	x, err := a.openExecution(args[0])
	if err != nil {
		return 0, err
	}
	defer x.Close()
	whole, races, err := a.wholeGraph(x)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", args[0], err)
	}
	err = a.writeOutput(a.stdout, func(w io.Writer) error { return report.WriteGraph(w, format, whole, races) })
	if err != nil {
		return 0, err
	}
	if x.cut() {
		a.note("the recording was cut short")
		return exitInconclusive, nil
	}
	return exitClean, nil
}

// wholeGraph is the happens-before graph of an execution, with the races in it.
func (a *app) wholeGraph(x *execution) (*finding.Graph, []finding.Race, error) {
	if x.plain() {
		g, err := x.seen.Graph()
		return g, nil, err
	}
	result, err := a.find(x)
	if err != nil {
		return nil, nil, err
	}
	g, err := analyze.Graph(x, a.mode(), result.Races)
	return g, result.Races, err
}

// schedulingOptions say what of traces without records is looked at.
func (a *app) schedulingOptions() scheduling.Options {
	return scheduling.Options{Since: a.since, Until: a.until, Goroutines: a.goroutines.ids, Graph: a.whole}
}

// unfiltered tells that the flags about parts of plain traces do nothing to an input.
func (a *app) unfiltered(in *input) {
	if a.since != 0 || a.until != 0 || len(a.goroutines.ids) > 0 {
		a.note("%s: --since, --until and --goroutine choose in traces without records only: all of this is looked at", in.file.Name())
	}
}

// findWitness is the schedule of a race or finding, as an execution.
func (a *app) findWitness(x *execution) (event.Source, error) {
	witnesses := map[*finding.Steps]*witness.Witness{}
	a.took = func(s *finding.Steps, w *witness.Witness) { witnesses[s] = w }
	result, err := a.find(x)
	if err != nil {
		return nil, err
	}
	steps, found := (*finding.Steps)(nil), false
	for i := range result.Races {
		if r := &result.Races[i]; r.ID == a.witness {
			steps, found = r.Steps, true
		}
	}
	for i := range result.Findings {
		if f := &result.Findings[i]; f.ID == a.witness {
			steps, found = f.Steps, true
		}
	}
	switch w := witnesses[steps]; {
	case !found:
		return nil, fmt.Errorf("no race or finding has the id %s", a.witness)
	case w == nil:
		return nil, fmt.Errorf("%s has no witness", a.witness)
	default:
		return witness.Source(x.Source, w), nil
	}
}

// mode is what orders; check has seen to it that it is known.
func (o *options) mode() hb.Mode {
	mode, err := hb.ParseMode(o.order)
	if err != nil {
		panic(err)
	}
	return mode
}

// find analyzes one execution.
func (a *app) find(x *execution) (*finding.Result, error) {
	if x.plain() {
		coverage := x.recording.Coverage
		if x.early {
			coverage = endedEarly(coverage)
		}
		return analyze.Plain(x.seen, a.mode(), x.recording.PlainRun(), coverage()), nil
	}
	level, err := predict.ParseLevel(a.predict)
	if err != nil && a.predict != "" {
		return nil, err
	}
	o := analyze.Options{
		Order:         a.mode(),
		Jobs:          a.jobs,
		Predict:       level,
		PredictStrict: a.strict,
		PredictBudget: a.budget,
		Witness:       a.took,
		Stop:          a.interrupted.Load,
	}
	if x.recording == nil {
		var events uint64
		if err := x.Replay(func(*event.Event) bool { events++; return true }); err != nil {
			return nil, err
		}
		o.Coverage = func() finding.Coverage { return analyze.Whole(events) }
		o.Progress = func(pass string, events uint64) { a.progress.pass(pass, events, 0, 0) }
	} else {
		// What is missing from a recording is known once it has been replayed.
		o.Coverage = x.recording.Coverage
		o.Progress = func(pass string, events uint64) {
			read, size := x.recording.Position()
			a.progress.pass(pass, events, read, size)
		}
	}
	if x.early {
		o.Unfinished, o.Coverage = true, endedEarly(o.Coverage)
	}
	defer a.temp.yield(a.interrupt)()
	result, err := analyze.Source(x.Source, o)
	a.progress.clear()
	if err != nil || x.recording == nil {
		return result, err
	}
	events := result.Runs[0].Events
	result.Runs[0] = x.recording.Run()
	result.Runs[0].Events = events
	if program := &result.Runs[0].Program; *program != "" {
		*program = path.Base(*program) // "run" has put it into a temporary directory
	}
	if meta, ok := a.sources.add(x.recording.Fact("build")); ok {
		describe(&result.Runs[0], meta)
	}
	result.Finish()
	return result, nil
}

// analyzeInput gives the result of one input.
func (a *app) analyzeInput(name string) (*finding.Result, error) {
	defer a.temp.yield(a.interrupt)()
	in, err := a.openInput(name)
	if errors.Is(err, errEarly) {
		a.note("%v", err)
		return a.nothingRead()
	}
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var result *finding.Result
	switch in.kind {
	case jsonInput:
		result, err = report.ReadJSON(in)
	case pageInput:
		result, err = report.ReadHTML(in)
	default:
		var x *execution
		if x, err = a.readExecution(in); err == nil {
			result, err = a.find(x)
		}
	}
	if err != nil && in.early {
		a.note("%s: %v", name, err)
		return a.nothingRead()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return result, nil
}
