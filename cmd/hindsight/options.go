package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/predict"
	"github.com/hindsight-go/hindsight/collect/machine"
	"github.com/hindsight-go/hindsight/report"
	"github.com/spf13/pflag"
)

// options are what the flags of all commands set.
type options struct {
	format   string
	output   string
	order    string
	source   string
	jobs     int
	trace    string
	packages []string
	predict  string
	strict   bool   // --predict-strict
	budget   uint64 // --predict-budget
	witness  string
	record   string
	// traceLimit and whenSlow are --trace-limit and --when-slow.
	traceLimit size
	whenSlow   string
	suppress   []string
	baseline   string
	redact     string
	maxSize    size
	split      bool
	race       string

	// Of plain traces.
	since, until time.Duration
	goroutines   goroutines
	whole        bool // the whole graph is to be drawn

	// Of record.
	seconds   float64
	headers   []string
	cert, key string
	caCert    string
	timeout   time.Duration
	maxTrace  size
}

// Flags that commands share.
var (
	buildFlags  = []string{"packages", "record", "trace-limit", "when-slow"}
	recordFlags = slices.Concat([]string{"trace"}, buildFlags)
	fetchFlags  = []string{"seconds", "trace", "max-trace", "timeout", "header", "cert", "key", "cacert"}
	reportFlags = slices.Concat([]string{"format", "output", "order", "predict", "predict-strict", "predict-budget", "source", "jobs"}, outputFlags)
	chooseFlags = []string{"since", "until", "goroutine"} // in plain traces
	outputFlags = []string{"suppress", "baseline", "redact", "max-size", "split"}
)

// define adds the flags of a command.
func (o *options) define(flags *pflag.FlagSet, c *command) {
	for _, name := range c.flags {
		switch name {
		case "format":
			o.defineFormat(flags, c)
		case "output":
			text := "write to `FILE`, whose ending decides the format"
			if c.name == "dump" || c.name == "diff" {
				text = "write to `FILE`"
			}
			flags.StringVar(&o.output, name, "", text)
		case "order":
			flags.StringVar(&o.order, name, "model", "which `ORDER` holds: model, strict or tsan")
		case "source":
			flags.StringVar(&o.source, name, "", "look for source files in `DIR` as well")
		case "jobs":
			flags.IntVar(&o.jobs, name, 0, "analyze with `N` threads (default: as many as there are processors)")
		case "predict":
			flags.StringVar(&o.predict, name, "fast", "`MODE` of the search for races of other schedules: off, fast or deep")
		case "predict-strict":
			flags.BoolVar(&o.strict, name, false, "predict nothing that rests on what a racy read saw")
		case "predict-budget":
			flags.Uint64Var(&o.budget, name, 0, "take at most `N` steps to predict (default: 30 million, deep 300 million)")
		case "witness":
			flags.StringVar(&o.witness, name, "", "write the schedule that shows the race or finding of this `ID`")
		case "record":
			flags.StringVar(&o.record, name, "shared", "`MODE` of recording: shared (in long recordings an access is recorded once between two synchronizations, whatever line makes it) or full")
		case "trace":
			text := "keep the trace as `FILE`, those of further processes as FILE.PID"
			if c.name == "record" {
				text = "keep the trace as `FILE` (default: HOST-DATE-TIME.trace in the working directory)"
			}
			flags.StringVar(&o.trace, name, "", text)
		case "trace-limit":
			flags.Var(&o.traceLimit, name, "keep of a process's trace the newest part, of at most about `SIZE`: the older half of it as FILE.old")
		case "when-slow":
			flags.StringVar(&o.whenSlow, name, "wait", "what a program does that records faster than can be written, `MODE` wait, or drop: accesses are left out and counted")
		case "suppress":
			flags.StringArrayVar(&o.suppress, name, nil, "list apart what the suppressions in `FILE` name; may be given again")
		case "baseline":
			flags.StringVar(&o.baseline, name, "", "list apart what the earlier result `FILE` has as well")
		case "redact":
			flags.StringVar(&o.redact, name, "", "take out what a report need not tell: `LEVEL` none, team or public (default: team for html and markdown, else none)")
		case "max-size":
			o.maxSize = 8 << 20
			flags.Var(&o.maxSize, name, "leave the last races out of a page larger than `SIZE`; 0 is no limit")
		case "split":
			flags.BoolVar(&o.split, name, false, "write what does not fit on a page to further ones: FILE-2.html and so on")
		case "race":
			flags.StringVar(&o.race, name, "", "draw what lies around the race or finding of this `ID` only")
		case "since":
			flags.DurationVar(&o.since, name, 0, "of a trace without records, leave out what ended before this `TIME` after its beginning, such as 1.5s")
		case "until":
			flags.DurationVar(&o.until, name, 0, "take such a trace to end at this `TIME` after its beginning")
		case "goroutine":
			flags.Var(&o.goroutines, name, "of such a trace, tell only of goroutines `N,...` and what they started; may be given again")
		case "seconds":
			flags.Float64Var(&o.seconds, name, 5, "record for `N` seconds")
		case "max-trace":
			o.maxTrace = 1 << 30
			flags.Var(&o.maxTrace, name, "fetch at most `SIZE` of a trace; 0 is no limit")
		case "timeout":
			flags.DurationVar(&o.timeout, name, 30*time.Second, "give up when a service is silent for this `TIME` beyond what it records")
		case "header":
			flags.StringArrayVar(&o.headers, name, nil, "send a `HEADER`, 'NAME: VALUE', with the request; may be given again")
		case "cert":
			flags.StringVar(&o.cert, name, "", "show the service the certificate in `FILE`; needs --key")
		case "key":
			flags.StringVar(&o.key, name, "", "the certificate's private key is in `FILE`")
		case "cacert":
			flags.StringVar(&o.caCert, name, "", "trust services whose certificate an authority in `FILE` has signed, and no others")
		case "packages":
			flags.StringSliceVar(&o.packages, name, nil, "record memory accesses only in packages that match a `PATTERN,...`")
		}
	}
}

func (o *options) defineFormat(flags *pflag.FlagSet, c *command) {
	names := formatNames(c)
	flags.StringVar(&o.format, "format", "", "write in this `FORMAT`: "+strings.Join(names[:len(names)-1], ", ")+" or "+names[len(names)-1])
}

// formatNames are the formats that a command writes.
func formatNames(c *command) []string {
	var names []string
	for _, f := range report.Formats() {
		if f == report.SVG == (c.name == "graph") || f == report.DOT {
			names = append(names, string(f))
		}
	}
	return names
}

// check refuses values that no command accepts.
func (o *options) check() error {
	if _, err := hb.ParseMode(o.order); o.order != "" && err != nil {
		return usage("--order: %v", err)
	}
	if _, err := predict.ParseLevel(o.predict); o.predict != "" && err != nil {
		return usage("--predict: %v", err)
	}
	if o.record != "" && o.record != "full" && o.record != "shared" {
		return usage("--record=%s: want shared or full", o.record)
	}
	if o.whenSlow != "" && o.whenSlow != "wait" && o.whenSlow != "drop" {
		return usage("--when-slow=%s: want wait or drop", o.whenSlow)
	}
	if _, err := report.ParseRedaction(o.redact); o.redact != "" && err != nil {
		return usage("--redact: %v", err)
	}
	if o.split && (o.output == "" || o.output == "-") {
		return usage("--split needs --output=FILE")
	}
	if o.since < 0 || o.until < 0 || o.until != 0 && o.until <= o.since {
		return usage("--since=%v --until=%v: want times after the beginning, the second after the first", o.since, o.until)
	}
	if o.jobs < 0 {
		return usage("--jobs=%d: want a positive number", o.jobs)
	}
	return nil
}

// checkFetch refuses values that record does not accept.
func (o *options) checkFetch() error {
	if !(o.seconds > 0 && o.seconds <= maxSeconds) { // not a number, either
		return usage("--seconds=%v: want a number above 0 and at most %d", o.seconds, maxSeconds)
	}
	if o.timeout <= 0 {
		return usage("--timeout=%v: want a time such as 30s or 2m", o.timeout)
	}
	if (o.cert == "") != (o.key == "") {
		return usage("--cert and --key belong together")
	}
	for _, h := range o.headers {
		if !headerForm.MatchString(h) {
			return usage("--header: want 'NAME: VALUE'") // which may be a secret
		}
	}
	return nil
}

// headerForm is a header: its name is a token of RFC 9110, its value on one line.
var headerForm = regexp.MustCompile("^[0-9A-Za-z!#$%&'*+.^_`|~-]+:[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$")

// reportFormat decides the format of a report; standard is that of an output
// that decides nothing.
func (o *options) reportFormat(standard report.Format) (report.Format, error) {
	if o.format != "" {
		f, err := report.ByName(o.format)
		if err != nil {
			return "", usage("--format: %v", err)
		}
		if f == report.SVG {
			return "", usage("--format=svg is for graph: want another format")
		}
		return f, nil
	}
	if f, ok := report.ByExtension(o.output); ok && f != report.SVG {
		return f, nil
	}
	return standard, nil
}

// graphFormat decides the format of a graph.
func (o *options) graphFormat() (report.Format, error) {
	f := report.DOT
	if o.format != "" {
		var err error
		if f, err = report.ByName(o.format); err != nil || f != report.DOT && f != report.SVG {
			return "", usage("--format=%s: a graph has the forms dot and svg", o.format)
		}
	} else if known, ok := report.ByExtension(o.output); ok {
		if f = known; f != report.DOT && f != report.SVG {
			return "", usage("--output=%s: a graph has the forms dot and svg", o.output)
		}
	}
	return f, nil
}

// reportOptions are the report's.
func (o *options) reportOptions() report.Options {
	redact, err := report.ParseRedaction(o.redact)
	if err != nil && o.redact != "" {
		panic(err) // check has seen to it
	}
	options := report.Options{Redact: redact, MaxBytes: int64(o.maxSize), Here: machine.This("here")}
	if options.MaxBytes == 0 {
		options.MaxRaces, options.MaxBytes = -1, -1
	}
	return options
}

// flagValues are the words that a flag of a command takes.
func flagValues(c *command, flag string) []string {
	switch flag {
	case "format":
		return formatNames(c)
	case "order":
		return []string{"model", "strict", "tsan"}
	case "redact":
		return report.Redactions()
	case "when-slow":
		return []string{"wait", "drop"}
	}
	return nil
}

// goroutines are numbers of goroutines, as a flag: 7, or g7,g9.
type goroutines struct{ ids []uint64 }

func (g *goroutines) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		id, err := strconv.ParseUint(strings.TrimPrefix(name, "g"), 10, 63)
		if err != nil || id == 0 {
			return fmt.Errorf("want numbers of goroutines, such as 7 or g7,g9")
		}
		g.ids = append(g.ids, id)
	}
	return nil
}

func (g *goroutines) String() string {
	var names []string
	for _, id := range g.ids {
		names = append(names, strconv.FormatUint(id, 10))
	}
	return strings.Join(names, ",")
}

func (g *goroutines) Type() string { return "numbers" }

// size is a number of bytes, as a flag: 500000, 800KB, 8MiB.
type size int64

var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"B", 1}}

func (s *size) Set(text string) error {
	number, factor := text, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, factor = rest, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<40/factor {
		return fmt.Errorf("want a size such as 500000, 800KB or 8MiB")
	}
	*s = size(n * factor)
	return nil
}

func (s *size) String() string {
	if *s > 0 && *s%(1<<30) == 0 {
		return fmt.Sprintf("%dGiB", *s>>30)
	}
	if *s > 0 && *s%(1<<20) == 0 {
		return fmt.Sprintf("%dMiB", *s>>20)
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *size) Type() string { return "size" }
