package report

import (
	"fmt"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		`The last is "go g19" by g1 at a.go:3. g19 holds mu, g1 none (g19).`: `The last is "go g19" by the main goroutine at a.go:3. Goroutine 19 holds mu, the main goroutine none (goroutine 19).`,
		"starts g2 at g1:0":     "starts goroutine 2 at g1:0",
		"g7":                    "Goroutine 7",
		"write main.g2 by g x2": "write main.g2 by g x2",
		"g1 g2 g3":              "The main goroutine goroutine 2 goroutine 3",
		"":                      "",
	} {
		if got := prose(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Of many recorded processes text names the first, and equal ones once.
func TestRunLines(t *testing.T) {
	r := &finding.Result{}
	for i := range 100 {
		r.Runs = append(r.Runs, finding.Run{Program: fmt.Sprint("p", i/4)}, finding.Run{})
	}
	lines := runLines(r)
	if len(lines) != maxRunLines+1 || lines[0] != "p0 (4 processes)" || lines[maxRunLines] != "and 20 more processes" {
		t.Errorf("%q", lines)
	}
	if lines := runLines(&finding.Result{Runs: r.Runs[:5]}); len(lines) != 1 || lines[0] != "p0 (3 processes)" {
		t.Errorf("%q", lines)
	}
}
