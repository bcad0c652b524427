package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/hindsight-go/hindsight/analyze"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
	"golang.org/x/sync/errgroup"
)

func runAnalyze(a *app, args []string) (int, error) {
	if len(args) == 0 {
		return 0, usage("analyze needs a trace, an event script or a saved result")
	}
	format, err := a.reportFormat(report.Text)
	if err != nil {
		return 0, err
	}
	return a.analyzeAndReport(args, format)
}

// analyzeAndReport analyzes inputs and writes one report of them.
func (a *app) analyzeAndReport(args []string, format report.Format) (int, error) {
	result, problems := a.analyze(args)
	for _, err := range problems {
		a.note("%v", err)
	}
	if result == nil {
		return exitFailed, nil
	}
	if err := a.writeReport(result, format); err != nil {
		return 0, fmt.Errorf("writing the report: %w", err)
	}
	found := status(result)
	if len(problems) > 0 && found != exitFound {
		return exitFailed, nil
	}
	return found, nil
}

// oneAtATime is the size in bytes from which inputs are not analyzed at once.
const oneAtATime = 64 << 20

// analyze analyzes inputs together. It returns an error for each that is
// unreadable, and no result if all are.
func (a *app) analyze(names []string) (*finding.Result, []error) {
	a.sources = newSources(a.source)
	results := make([]*finding.Result, len(names))
	problems := make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(cmp.Or(a.jobs, runtime.GOMAXPROCS(0)))
	var large sync.Mutex
	for i, name := range names {
		group.Go(func() error {
			if info, err := os.Stat(name); err == nil && info.Size() > oneAtATime {
				large.Lock()
				defer large.Unlock()
			}
			results[i], problems[i] = a.analyzeInput(name)
			return nil
		})
	}
	group.Wait()
	results = slices.DeleteFunc(results, func(r *finding.Result) bool { return r == nil })
	problems = slices.DeleteFunc(problems, func(err error) bool { return err == nil })
	if len(results) == 0 {
		return nil, problems
	}
	result, err := analyze.Merge(results...)
	if err != nil {
		return nil, append(problems, err)
	}
	if result.Tool == "" { // not saved before
		result.Tool, _ = version()
	}
	a.sources.fill(result)
	if err := a.hide(result); err != nil {
		return nil, append(problems, err)
	}
	return result, problems
}
