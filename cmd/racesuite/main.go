// Racesuite runs the Go race detector's own tests through hindsight.
//
// The tests are those of GOROOT/src/runtime/race/testdata, used where they are.
// Each of their functions says in its name what a race detector must say of it:
// TestRace… has a race, TestNoRace… has none. Racesuite builds them
// instrumented, records every function in a process of its own, analyzes the
// recording, and compares. Differences that the Go memory model justifies are
// listed in docs/race-suite.md.
//
// Usage:
//
//	go run ./cmd/racesuite [--order model|strict|tsan] [--go GOROOT] [--run REGEXP]
//
// The exit status is 0 if every difference is a listed one, 66 if some are not,
// 1 if the suite could not be run, and 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
)

// options are the command line's.
type options struct {
	order  string // happens-before mode of the analysis
	goroot string // of the Go whose suite is run; empty: the go command's
	known  string // file that lists the differences; empty: docs/race-suite.md
	run    string // regular expression for the functions to run
	jobs   int    // processes at a time
	keep   string // folder for the recordings; empty: a temporary one
}

// errDifferent is returned when there are differences that are not listed.
var errDifferent = errors.New("differences that docs/race-suite.md does not list")

// errUsage wraps what is wrong with the command line.
type errUsage struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Stdout, os.Stderr, os.Args[1:])
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "racesuite:", err)
	os.Exit(exitStatus(err))
}

func exitStatus(err error) int {
	if errors.Is(err, errDifferent) {
		return 66
	}
	if errors.As(err, new(errUsage)) {
		return 2
	}
	return 1
}

func run(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var opt options
	flags := pflag.NewFlagSet("racesuite", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&opt.order, "order", "model", "what orders what: model, strict or tsan")
	flags.StringVar(&opt.goroot, "go", "", "`GOROOT` whose suite is run (default: the go command's)")
	flags.StringVar(&opt.known, "known", "", "`FILE` that lists the differences (default: docs/race-suite.md)")
	flags.StringVar(&opt.run, "run", "", "run only functions that match `REGEXP`")
	flags.IntVar(&opt.jobs, "jobs", runtime.NumCPU(), "processes at a time")
	flags.StringVar(&opt.keep, "keep", "", "keep the recordings in `DIR`")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return err
		}
		return errUsage{err}
	}
	if flags.NArg() > 0 {
		return errUsage{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	only, err := regexp.Compile(opt.run)
	if err != nil {
		return errUsage{err}
	}
	if !slices.Contains([]string{"model", "strict", "tsan"}, opt.order) {
		return errUsage{fmt.Errorf("unknown order %q", opt.order)}
	}
	return compare(ctx, stdout, stderr, &opt, only)
}

// compare builds the suite, runs it, and prints what differs.
func compare(ctx context.Context, stdout, stderr io.Writer, opt *options, only *regexp.Regexp) error {
	dir, err := os.MkdirTemp("", "racesuite")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := build(ctx, stderr, dir, opt)
	if err != nil {
		return err
	}
	known, err := readKnown(s.known, opt.order)
	if err != nil {
		return err
	}
	cases, err := s.cases(ctx, only)
	if err != nil {
		return err
	}

	outcomes := make([]outcome, len(cases))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(opt.jobs, 1))
	for i, c := range cases {
		group.Go(func() error {
			var err error
			outcomes[i], err = s.record(ctx, c, filepath.Join(s.traces, c.name))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return printTable(stdout, s.version, opt.order, outcomes, known)
}
