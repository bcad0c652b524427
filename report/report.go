// Package report renders what an analysis found. Every format is a function of
// one [finding.Result] and lives in a file of its own; none of them analyses
// anything. The same result gives the same bytes, and a result read back from
// JSON or from a page (see [ReadJSON], [ReadHTML]) renders as the original did.
package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/collect/machine"
)

// Format is one of the forms of a report.
type Format string

// The formats.
const (
	Text     Format = "text"
	JSON     Format = "json"
	HTML     Format = "html"
	Markdown Format = "markdown"
	SARIF    Format = "sarif"
	DOT      Format = "dot"
	SVG      Format = "svg"
)

// formats is the table behind everything that depends on a format. A render
// function gets a result in its normal form ([finding.Result.Normal]).
var formats = []struct {
	format Format
	ext    string
	render func(w io.Writer, r *finding.Result, o Options) error
}{
	{Text, ".txt", writeText},
	{JSON, ".json", writeJSON},
	{HTML, ".html", writeHTML},
	{Markdown, ".md", writeMarkdown},
	{SARIF, ".sarif", writeSARIF},
	{DOT, ".dot", writeDOT},
	{SVG, ".svg", writeSVG},
}

// Options are the limits of the formats that have some. The zero value stands
// for the defaults.
type Options struct {
	MaxRaces int   // on a page; 0 is 200, below 0 no limit
	MaxBytes int64 // of a page; 0 is 8 MiB, below 0 no limit

	Redact Redaction      // "" is the format's own
	Here   *machine.Names // of the machine that writes, which redaction takes out too

	Color bool // of text, for a terminal
	Width int  // of text's sentences, in characters; 0 is without end
}

func (o Options) maxRaces() int { return limit(o.MaxRaces, 200) }

func (o Options) maxBytes() int64 { return limit(o.MaxBytes, 8<<20) }

// limit returns n, the default def for 0, or the largest number for n < 0.
func limit[N int | int64](n, def N) N {
	switch {
	case n < 0:
		return 1<<31 - 1
	case n == 0:
		return def
	}
	return n
}

// Formats lists the formats in the order of the help text.
func Formats() []Format {
	var list []Format
	for _, f := range formats {
		list = append(list, f.format)
	}
	return list
}

// ByName returns the format of that name.
func ByName(name string) (Format, error) {
	var names []string
	for _, f := range formats {
		if string(f.format) == name {
			return f.format, nil
		}
		names = append(names, string(f.format))
	}
	return "", fmt.Errorf("unknown format %q: want one of %s", name, strings.Join(names, ", "))
}

// ByExtension returns the format that a file name's ending stands for. It
// reports false if the ending stands for none.
func ByExtension(file string) (Format, bool) {
	ext := strings.ToLower(filepath.Ext(file))
	for _, f := range formats {
		if f.ext == ext {
			return f.format, true
		}
	}
	return "", false
}

// Write renders r to w. Every error of w is returned.
func Write(w io.Writer, f Format, r *finding.Result, o Options) error {
	if r.Schema != finding.Schema {
		return fmt.Errorf("result has schema %q, want %q", r.Schema, finding.Schema)
	}
	for _, known := range formats {
		if known.format != f {
			continue
		}
		r = r.Normal()
		if f == HTML { // before it is redacted, since all could be much
			r = part(r, position{}, position{o.maxRaces(), len(r.Findings)}, 0)
		}
		level, search := o.level(f), newScrubber(r, o.Here)
		r = redact(r, level, search)
		b := bufio.NewWriter(w)
		if level == RedactNone {
			if err := known.render(b, r, o); err != nil {
				return err
			}
			return b.Flush()
		}
		var text bytes.Buffer
		if err := known.render(&text, r, o); err != nil {
			return err
		}
		b.WriteString(search.last(text.String()))
		return b.Flush()
	}
	return fmt.Errorf("unknown format %q", f)
}
