package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/rule"
	"github.com/hindsight-go/hindsight/report"
)

func runExplain(a *app, args []string) (int, error) {
	var text strings.Builder
	switch len(args) {
	case 0:
		for _, r := range rule.All {
			fmt.Fprintf(&text, "%s  %s\n", r.ID(), r.Title)
		}
	case 1:
		r, ok := rule.Get(args[0])
		if !ok {
			return 0, usage("there is no rule %q: 'hindsight explain' lists them", args[0])
		}
		text.WriteString(report.Rule(r))
	default:
		return 0, usage("explain takes one rule")
	}
	_, err := io.WriteString(a.stdout, text.String())
	return exitClean, err
}
