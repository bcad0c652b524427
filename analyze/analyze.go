// Package analyze turns an execution into a result: what was found in it, and
// what may be said of it.
package analyze

import (
	"errors"

	"github.com/hindsight-go/hindsight/analyze/detect"
	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// Options say how to analyze, and what is known of the execution besides its
// events.
type Options struct {
	Order    hb.Mode
	Coverage finding.Coverage
	Run      finding.Run // its goroutines and events are counted here
	// Progress, if set, is called now and then with the pass and the number of
	// events seen in it.
	Progress func(pass string, events uint64)
	// Jobs, Stop and MaxGraph: see detect.Options.
	Jobs     int
	Stop     func() bool
	MaxGraph int
}

// Whole is the coverage of an execution of which all is known, such as an
// event script.
func Whole(events uint64) finding.Coverage {
	return finding.Coverage{
		Complete: true, Instrumented: true, Records: events,
		NotInstrumented: []string{}, Notes: []string{},
	}
}

// Source analyzes one execution.
func Source(src event.Source, o Options) (*finding.Result, error) {
	found, err := detect.Run(src, detect.Options{
		Mode: o.Order, Progress: o.Progress, Jobs: o.Jobs, Stop: o.Stop, MaxGraph: o.MaxGraph,
	})
	if err != nil {
		return nil, err
	}
	r := &finding.Result{
		Order: o.Order.String(), Races: found.Races, Findings: found.Findings,
		Coverage: o.Coverage, Runs: []finding.Run{o.Run},
	}
	run := &r.Runs[0]
	run.Goroutines, run.Events = 0, found.Events
	for g := range src.NumGoroutines() {
		if !src.Goroutine(event.G(g)).System {
			run.Goroutines++
		}
	}
	if r.Coverage.NotInstrumented == nil {
		r.Coverage.NotInstrumented = []string{}
	}
	if r.Coverage.Notes == nil {
		r.Coverage.Notes = []string{}
	}
	r.Finish()
	return r, nil
}

var errNothing = errors.New("no results to merge")
