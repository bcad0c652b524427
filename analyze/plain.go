package analyze

import (
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/scheduling"
)

// Plain is the result of an execution trace without records, all of which has been
// seen. It has no races, and its verdict is never that there are none.
func Plain(seen *scheduling.Observer, order hb.Mode, run finding.Run, coverage finding.Coverage) *finding.Result {
	s, found := seen.Result()
	run.Scheduling = s
	run.Seconds, run.Goroutines = s.To, s.Existed+s.Started
	if start, ok := seen.Start(); ok {
		run.Start = start.UTC().Format(time.RFC3339)
	}
	r := &finding.Result{
		Order: order.String(), Races: []finding.Race{}, Findings: found, Runs: []finding.Run{run}, Coverage: coverage,
	}
	c := &r.Coverage
	c.Complete, c.Instrumented = false, false
	if c.NotInstrumented == nil {
		c.NotInstrumented = []string{}
	}
	if c.Notes == nil {
		c.Notes = []string{}
	}
	r.Finish()
	return r
}
