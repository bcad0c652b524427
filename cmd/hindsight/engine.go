package main

import (
	"errors"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/recording"
	"github.com/hindsight-go/hindsight/report"
)

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

func runGraph(a *app, args []string) (int, error) { return 0, errors.New("not available yet") }
func runDump(a *app, args []string) (int, error)  { return 0, errors.New("not available yet") }
