package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
	"golang.org/x/term"
)

// page is the report that "test" and "run" write by themselves.
const page = "hindsight.html"

// writeOutput writes to --output or, if there is none, to w.
func (a *app) writeOutput(w io.Writer, write func(io.Writer) error) error {
	if a.output == "" || a.output == "-" {
		return write(w)
	}
	return writeFile(a.output, write)
}

// writeFile creates a file.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// writeReport writes a result in a format, to --output or standard output.
func (a *app) writeReport(r *finding.Result, f report.Format) error {
	o := a.reportOptions()
	if f == report.HTML && a.split {
		return report.WritePages(r, o, func(part int) (io.WriteCloser, error) { return os.Create(partName(a.output, part)) })
	}
	return a.writeOutput(a.stdout, func(w io.Writer) error {
		if a.output == "" {
			terminalOptions(w, &o)
		}
		return report.Write(w, f, r, o)
	})
}

// partName is the name of a page's part: "races.html", "races-2.html", ...
func partName(name string, part int) string {
	if part == 1 {
		return name
	}
	ext := filepath.Ext(name)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), part, ext)
}

// terminalOptions adds colour and width if text goes to a terminal.
func terminalOptions(w io.Writer, o *report.Options) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		o.Width = width
	}
	o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// writePage writes a page where the user will find it, and says where.
func (a *app) writePage(r *finding.Result) error {
	write := func(w io.Writer) error { return report.Write(w, report.HTML, r, a.reportOptions()) }
	name, err := filepath.Abs(page)
	if err == nil {
		err = writeFile(name, write)
	}
	if err != nil {
		name = filepath.Join(os.TempDir(), page)
		if writeFile(name, write) != nil {
			return err
		}
	}
	a.note("report written to %s", name)
	return nil
}

// status is the exit status for a result.
func status(r *finding.Result) int {
	switch r.Verdict {
	case finding.Races, finding.Findings:
		return exitFound
	case finding.None:
		if r.Coverage.Complete {
			return exitClean
		}
	}
	return exitInconclusive
}
