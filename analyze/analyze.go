// Package analyze turns an execution into a result: what was found in it, and
// what may be said of it.
package analyze

import (
	"errors"
	"fmt"

	"github.com/hindsight-go/hindsight/analyze/detect"
	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/predict"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

// Options say how to analyze, and what is known of the execution besides its
// events.
type Options struct {
	Order hb.Mode
	// Coverage is asked once the events have been replayed.
	Coverage func() finding.Coverage
	Run      finding.Run // its goroutines and events are counted here
	// Progress, if set, is called now and then with the pass and the number of
	// events seen in it.
	Progress func(pass string, events uint64)
	// Unfinished says that the execution went on after its last event: what waits
	// then may have been woken later.
	Unfinished bool
	// Jobs, Stop and MaxGraph: see detect.Options.
	Jobs     int
	Stop     func() bool
	MaxGraph int
	// Predict, PredictStrict and PredictBudget are for races of other
	// schedules: see predict.Options.
	Predict       predict.Level
	PredictStrict bool
	PredictBudget uint64
	// Witness, if set, is called with every witness of the result.
	Witness func(*finding.Steps, *witness.Witness)
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
	ends := predict.NewEnds(src)
	look := detect.Options{
		Watch: ends.Add,
		Mode:  o.Order, Progress: o.Progress, Jobs: o.Jobs, Stop: o.Stop, MaxGraph: o.MaxGraph,
	}
	foresee := predict.Options{
		Level: o.Predict, Strict: o.PredictStrict, Budget: o.PredictBudget, Mode: o.Order, Progress: o.Progress, Stop: o.Stop,
	}
	if o.Predict != predict.Off {
		foresee.Sharing = predict.NewSharing(src.Collected(), foresee)
		look.Runs = foresee.Sharing.Run
		look.Watch = func(e *event.Event) {
			ends.Add(e)
			foresee.Sharing.Add(e)
		}
	}
	found, err := detect.Run(src, look)
	if err != nil {
		return nil, err
	}
	r := &finding.Result{
		Order: o.Order.String(), Races: found.Races, Findings: found.Findings,
		Coverage: o.Coverage(), Runs: []finding.Run{o.Run},
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
	c := &r.Coverage
	if found.Capped {
		c.Notes = append(c.Notes, "some races occurred more often than is told: not all of the many goroutines that use a location without order were compared")
	}
	c.Notes = append(c.Notes, found.Notes...)
	if found.Stopped {
		c.Complete, c.Truncated = false, true
		c.Notes = append(c.Notes, fmt.Sprintf("the analysis was interrupted: only the first %d events were looked at", found.Events))
	} else if len(c.Windows) > 0 || !c.Instrumented {
		// What locks and channels held when the window opened is not known, nor
		// what others than those who did something in it could still do.
		c.Notes = append(c.Notes, "other schedules, and who waits at the end, are not looked at in a part of a run")
	} else {
		if !o.Unfinished {
			blocked, err := ends.Findings()
			if err != nil {
				return nil, err
			}
			r.Findings = append(r.Findings, blocked...)
		}
		if err := predictRaces(src, r, &o, foresee); err != nil {
			return nil, err
		}
	}
	r.Finish()
	return r, nil
}

// predictRaces adds to a result what other schedules would have shown.
func predictRaces(src event.Source, r *finding.Result, o *Options, how predict.Options) error {
	if how.Level == predict.Off {
		return nil
	}
	found, err := predict.Run(src, r.Races, r.Findings, how)
	if errors.Is(err, predict.ErrStopped) {
		r.Coverage.Notes = append(r.Coverage.Notes, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	r.Races = append(r.Races, found.Races...)
	r.Findings = append(r.Findings, found.Findings...)
	r.Prediction = &found.Summary
	if o.Witness != nil {
		for steps, w := range found.Witnesses {
			o.Witness(steps, w)
		}
	}
	return nil
}

var errNothing = errors.New("no results to merge")
