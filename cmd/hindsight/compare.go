package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
)

func runDiff(a *app, args []string) (int, error) {
	if len(args) != 2 {
		return 0, usage("diff needs two results or recordings, the earlier one first")
	}
	var sides [2]*finding.Result
	for i, name := range args {
		result, problems := a.analyze([]string{name})
		if len(problems) > 0 {
			return 0, problems[0]
		}
		sides[i] = result
	}
	changes := finding.Compare(sides[0], sides[1])
	var b bytes.Buffer
	found := exitClean
	for _, side := range sides {
		if status(side) == exitInconclusive {
			found = exitInconclusive
		}
	}
	for i := range changes {
		c := &changes[i]
		fmt.Fprintf(&b, "%-11s  %-12s  %s\n", c.State, report.Visible(c.ID), report.Line(&c.Entry))
		if c.State == finding.New && !c.Note {
			found = exitFound
		}
	}
	return found, a.writeOutput(a.stdout, func(w io.Writer) error {
		_, err := b.WriteTo(w)
		return err
	})
}

func runMerge(a *app, args []string) (int, error) {
	if len(args) == 0 {
		return 0, usage("merge needs results")
	}
	// A recording among them is analyzed as by default.
	a.order, a.predict = "model", "fast"
	format, err := a.reportFormat(report.JSON)
	if err != nil {
		return 0, err
	}
	return a.analyzeAndReport(args, format)
}
