package main

import (
	"fmt"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

func runAnalyze(a *app, args []string) (int, error) {
	if len(args) == 0 {
		return 0, usage("analyze needs a trace, an event script or a saved result")
	}
	format, err := a.reportFormat()
	if err != nil {
		return 0, err
	}
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

// analyze analyzes inputs together. It returns an error for each that is
// unreadable, and no result if all are.
func (a *app) analyze(names []string) (*finding.Result, []error) {
	var results []*finding.Result
	var problems []error
	a.sources = newSources(a.source)
	for _, name := range names {
		r, err := a.analyzeInput(name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		results = append(results, r)
	}
	if len(results) == 0 {
		return nil, problems
	}
	result := a.merge(results)
	return result, problems
}
