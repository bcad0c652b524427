package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/recording"
	"github.com/hindsight-go/hindsight/analyze/script"
	"github.com/hindsight-go/hindsight/report"
)

// An execution is what a trace or an event script holds.
type execution struct {
	event.Source
	*input
	recording *recording.Recording // nil: a script
}

// cut reports whether the end of the execution is missing.
func (x *execution) cut() bool { return x.recording != nil && !x.recording.Ended() }

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
		s, err := script.Parse(in)
		if err != nil {
			return nil, err
		}
		return &execution{s, in, nil}, nil
	case traceInput:
		size := int64(1)
		if info, err := in.file.Stat(); err == nil {
			size = max(size, info.Size())
		}
		rec, err := recording.Read(in, recording.Options{Progress: func(n int64) {
			a.progress.set("reading %d %%", n*100/size)
		}})
		a.progress.clear()
		if err != nil {
			return nil, err
		}
		return &execution{rec, in, rec}, nil
	}
	return nil, errors.New("a saved result is no execution: want a trace or an event script")
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
	if err := a.writeOutput(a.stdout, func(w io.Writer) error { return script.Print(w, x) }); err != nil {
		return 0, err
	}
	if x.cut() {
		a.note("the recording was cut short")
		return exitInconclusive, nil
	}
	return exitClean, nil
}

// analyzeInput gives the result of one input.
func (a *app) analyzeInput(name string) (*finding.Result, error) {
	in, err := a.openInput(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	switch in.kind {
	case jsonInput:
		return report.ReadJSON(in)
	case pageInput:
		return report.ReadHTML(in)
	case traceInput:
		rec, err := recording.Read(in, recording.Options{})
		if err != nil {
			return nil, err
		}
		a.sources.add(rec.Fact("build"))
	}
	return &finding.Result{Schema: finding.Schema, Verdict: finding.Inconclusive}, nil
}

func (a *app) merge(rs []*finding.Result) *finding.Result { return rs[0] }

func runGraph(a *app, args []string) (int, error) {
	if len(args) != 1 {
		return 0, usage("graph needs one trace")
	}
	return 0, errors.New("not available yet")
}
