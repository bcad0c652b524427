package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

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

// analyze analyzes inputs together, and all files of those that are directories.
// It returns an error for each that is unreadable, and no result if all are.
func (a *app) analyze(names []string) (*finding.Result, []error) {
	a.sources = newSources(a.source)
	result, problems := a.analyzeAll(names)
	if result == nil {
		return nil, problems
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

// analyzeAll is analyze without what is the same for all inputs. In memory are the
// results of as many inputs as are analyzed at once, and what has been merged.
func (a *app) analyzeAll(names []string) (*finding.Result, []error) {
	inputs, problems := a.expand(names)
	unreadable := make([]error, len(inputs))
	skipped := 0
	var group errgroup.Group
	group.SetLimit(cmp.Or(a.jobs, runtime.GOMAXPROCS(0)))
	var large, merging sync.Mutex
	var merger analyze.Merger
	merge := func(r *finding.Result) error {
		merging.Lock()
		defer merging.Unlock()
		return merger.Add(r)
	}
	var done atomic.Int64
	stop := a.temp.yield(a.interrupt)
	for i, name := range inputs {
		a.progress.count(int(done.Load())+1, len(inputs))
		group.Go(func() error {
			defer done.Add(1)
			if i > 0 && a.interrupted.Load() {
				merging.Lock()
				skipped++
				merging.Unlock()
				return nil
			}
			if info, err := os.Stat(name); err == nil && info.Size() > oneAtATime {
				large.Lock()
				defer large.Unlock()
			}
			result, err := a.analyzeInput(name)
			if err == nil {
				err = merge(result)
			}
			unreadable[i] = err
			return nil
		})
	}
	group.Wait()
	stop()
	a.progress.count(0, 0)
	unreadable = slices.DeleteFunc(unreadable, func(err error) bool { return err == nil })
	if len(inputs) > len(names) {
		a.note("%d files, of which %d could not be read", len(inputs), len(unreadable))
	}
	problems = append(problems, unreadable...)
	if len(unreadable)+skipped == len(inputs) {
		return nil, problems
	}
	result, err := merger.Result()
	if err != nil {
		return nil, append(problems, err)
	}
	if skipped > 0 {
		c := &result.Coverage
		c.Complete, c.Truncated = false, true
		c.Notes = append(c.Notes, fmt.Sprintf("the analysis was interrupted: %d of %d files were not looked at", skipped, len(inputs)))
		result.Settle()
	}
	return result, problems
}
