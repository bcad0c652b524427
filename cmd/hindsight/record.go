package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/collect/toolchain"
	"github.com/hindsight-go/hindsight/report"
)

// goOptions are those for the go command.
func (a *app) goOptions(args []string) toolchain.Options {
	return toolchain.Options{
		Args: args, Packages: a.packages, Full: a.options.record == "full",
		Limit: int64(a.traceLimit), Drop: a.whenSlow == "drop",
		Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr,
		Notes: func(s string) { a.note("%s", s) },
	}
}

func runBuild(a *app, args []string) (int, error) {
	return toolchain.Build(a.goOptions(args))
}

func runTest(a *app, args []string) (int, error) {
	return a.record(args, toolchain.Test)
}

func runRun(a *app, args []string) (int, error) {
	return a.record(args, toolchain.Run)
}

// record runs something that records, and reports.
func (a *app) record(args []string, run func(toolchain.Options) (toolchain.Outcome, error)) (int, error) {
	format, err := a.reportFormat(report.Text)
	if err != nil {
		return 0, err
	}
	if a.output == "" && format != report.Text || a.output == "-" {
		return 0, usage("standard output is the program's: a report other than text needs --output=FILE")
	}
	// The traces are made next to the place where they are kept, so that they
	// need not be copied.
	keep := ""
	if a.trace != "" {
		if keep, err = filepath.Abs(a.trace); err != nil {
			return 0, err
		}
	}
	var parent string
	if keep != "" {
		parent = filepath.Dir(keep)
	}
	dir, err := a.temp.dir(parent, ".hindsight-*")
	if err != nil {
		return 0, err
	}
	o := a.goOptions(args)
	o.Traces = dir
	var out toolchain.Outcome
	err = a.temp.hold(func() error {
		out, err = run(o)
		return err
	})
	if err != nil {
		return 0, err
	}
	traces, err := traceFiles(dir)
	if err != nil {
		return 0, err
	}
	if keep != "" {
		if traces, err = keepTraces(traces, out.Pid, keep); err != nil {
			return 0, err
		}
	}
	if !out.Started && len(traces) == 0 {
		return out.Status, nil
	}
	result, problems := a.analyze(traces)
	if result == nil {
		if len(problems) > 0 {
			return 0, errors.Join(problems...)
		}
		a.note("no process was recorded")
		return cmp.Or(out.Status, exitInconclusive), nil
	}
	a.tellSilent(result, out)
	if err := a.reportRecorded(result, format); err != nil {
		return 0, err
	}
	for _, err := range problems {
		a.note("%v", err)
	}
	found := status(result)
	if found == exitFound {
		return exitFound, nil
	}
	if out.Status == 0 && len(problems) > 0 {
		return exitFailed, nil
	}
	return cmp.Or(out.Status, found), nil
}

// reportRecorded writes the report of a recorded command.
func (a *app) reportRecorded(r *finding.Result, format report.Format) error {
	o := a.reportOptions()
	terminalOptions(a.stderr, &o)
	if err := report.Write(a.stderr, report.Text, r, o); err != nil {
		return err
	}
	if a.output != "" {
		if err := a.writeReport(r, format); err != nil {
			return err
		}
		a.note("report written to %s", a.output)
		return nil
	}
	if status(r) == exitFound {
		return a.writePage(r)
	}
	return nil
}

// tellSilent says which packages' tests left no trace: about them there is no
// verdict.
func (a *app) tellSilent(r *finding.Result, out toolchain.Outcome) {
	recorded := make(map[string]bool)
	for _, m := range a.sources.metas {
		recorded[m.Main] = true
	}
	for _, path := range out.Linked {
		if recorded[path] {
			continue
		}
		r.Coverage.Notes = append(r.Coverage.Notes, "the test of "+strings.TrimSuffix(path, ".test")+" ran no process that was recorded")
		r.Coverage.Complete = false
		if r.Verdict == finding.None {
			r.Verdict = finding.Inconclusive
		}
	}
}

// traceFiles lists the traces in a directory, in the order of the process
// numbers that they are named after.
func traceFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".trace") || strings.HasSuffix(e.Name(), ".trace"+older) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(processNumber(a), processNumber(b)), cmp.Compare(len(a), len(b)))
	})
	return list, nil
}

// older is what the recorder appends to a trace's name when it begins the next
// because of --trace-limit.
const older = ".old"

func processNumber(trace string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSuffix(filepath.Base(trace), older), ".trace"))
	return n
}

// keepTraces moves traces to where the user wants them: that of the program
// itself, or of the first test, gets the name, the others that name and the
// number of their process. The older part of a trace is the same with ".old".
func keepTraces(traces []string, first int, name string) ([]string, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "trace")
	}
	if !slices.ContainsFunc(traces, func(t string) bool { return processNumber(t) == first }) && len(traces) > 0 {
		first = processNumber(traces[0])
	}
	// Traces of an earlier run do not belong to this one.
	earlier, err := filepath.Glob(globQuote(name) + ".[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, old := range append(earlier, name, name+older) {
		_, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(old, name+"."), older))
		if old != name && old != name+older && err != nil {
			continue
		}
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	var kept []string
	for _, t := range traces {
		to := name
		if n := processNumber(t); n != first {
			to += "." + strconv.Itoa(n)
		}
		if strings.HasSuffix(t, older) {
			to += older
		}
		if err := os.Rename(t, to); err != nil {
			return nil, err
		}
		kept = append(kept, to)
	}
	return kept, nil
}

// globQuote makes a name stand for itself in a pattern.
func globQuote(name string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(name)
}
