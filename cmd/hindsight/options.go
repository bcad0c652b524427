package main

import (
	"strings"

	"github.com/hindsight-go/hindsight/analyze/hb"
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
	record   string
}

// Flags that commands share.
var (
	recordFlags = []string{"trace", "packages", "record"}
	reportFlags = []string{"format", "output", "order", "predict", "source", "jobs"}
)

// define adds the flags of a command.
func (o *options) define(flags *pflag.FlagSet, c *command) {
	for _, name := range c.flags {
		switch name {
		case "format":
			o.defineFormat(flags, c)
		case "output":
			text := "write to `FILE`, whose ending decides the format"
			if c.name == "dump" {
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
			flags.StringVar(&o.predict, name, "off", "`MODE` of the search for races of other schedules: off")
		case "record":
			flags.StringVar(&o.record, name, "full", "`MODE` of recording: full")
		case "trace":
			flags.StringVar(&o.trace, name, "", "keep the trace as `FILE`, those of further processes as FILE.PID")
		case "packages":
			flags.StringSliceVar(&o.packages, name, nil, "record memory accesses only in packages that match a `PATTERN,...`")
		}
	}
}

func (o *options) defineFormat(flags *pflag.FlagSet, c *command) {
	var names []string
	for _, f := range report.Formats() {
		if f == report.SVG == (c.name == "graph") || f == report.DOT {
			names = append(names, string(f))
		}
	}
	flags.StringVar(&o.format, "format", "", "write in this `FORMAT`: "+strings.Join(names[:len(names)-1], ", ")+" or "+names[len(names)-1])
}

// check refuses values that no command accepts.
func (o *options) check() error {
	if _, err := hb.ParseMode(o.order); o.order != "" && err != nil {
		return usage("--order: %v", err)
	}
	for _, later := range [...]struct{ flag, value, known string }{{"predict", o.predict, "off"}, {"record", o.record, "full"}} {
		if later.value != "" && later.value != later.known {
			return usage("--%s=%s is not available yet: want %s", later.flag, later.value, later.known)
		}
	}
	if o.jobs < 0 {
		return usage("--jobs=%d: want a positive number", o.jobs)
	}
	return nil
}

// reportFormat decides the format of a report.
func (o *options) reportFormat() (report.Format, error) {
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
	return report.Text, nil
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
