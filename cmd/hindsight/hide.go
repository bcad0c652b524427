package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
)

// hide lists apart what the user's suppressions and baseline name, and tells
// which of their entries named nothing.
func (a *app) hide(r *finding.Result) error {
	for _, name := range a.suppress {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("--suppress: %w", err)
		}
		list, err := finding.ParseSuppressions(f, name)
		f.Close()
		if err != nil {
			return fmt.Errorf("--suppress: %w", err)
		}
		for _, s := range r.Suppress(list) {
			a.note("%s: suppresses nothing", s.By)
		}
	}
	if a.baseline == "" {
		return nil
	}
	known, problems := a.analyzeAll([]string{a.baseline})
	if len(problems) > 0 {
		return fmt.Errorf("--baseline: %w", errors.Join(problems...))
	}
	for _, e := range r.SuppressKnown(known, a.baseline) {
		a.note("%s: %s (%s %s) was not seen", a.baseline, report.Visible(e.ID), e.Rule, report.Visible(e.Object))
	}
	return nil
}
