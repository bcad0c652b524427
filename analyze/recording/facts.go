package recording

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// Coverage says what the recording could see. It is complete after a replay.
func (rec *Recording) Coverage() finding.Coverage {
	chunks, records, sync := rec.Lost()
	c := finding.Coverage{
		Instrumented: rec.Instrumented(),
		Truncated:    !rec.Ended() && (rec.Instrumented() || rec.reader.err != nil) || rec.abandoned > 0,
		LostChunks:   chunks, LostRecords: records, LostSync: sync,
		Records: rec.records, Foreign: rec.Foreign(),
	}
	if a := rec.annotated; a != nil {
		c.Truncated = a.err != nil || rec.abandoned > 0
		c.Notes = append(c.Notes, unseen...)
		if a.err != nil {
			c.Notes = append(c.Notes, "the execution trace ends early: "+a.err.Error())
		}
	}
	c.Complete = c.Instrumented && !c.Truncated && chunks == 0 && records == 0 && sync == 0
	if b := rec.build(); b != nil {
		c.NotInstrumented = b.NotInstrumented
		for _, u := range b.Unapplied {
			c.Notes = append(c.Notes, "edit of the standard library not made: "+u)
		}
	}
	if rec.last != nil && !orderly(rec.last.Reason) {
		c.Notes = append(c.Notes, "the process ended by "+reason(rec.last.Reason))
	}
	if w, ok := rec.window(); ok {
		c.Windows = []finding.Window{w}
	}
	if rec.abandoned > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("the last operations of %d goroutines are left out: what came before them is missing", rec.abandoned))
	}
	if rec.givenUp > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%d of them had waited for it while more than %d MB of the recording came in", rec.givenUp, mostWaits>>20))
	}
	if n := rec.lost.records; n > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%d accesses are left out: large accesses touch more than %d MB", n, maxExtent*extentPage>>20))
	}
	if rec.reader.err != nil {
		why, _, _ := strings.Cut(rec.reader.err.Error(), "\n") // dumps of the reader's state follow
		c.Notes = append(c.Notes, "The execution trace could not be read to its end: "+why)
	}
	return c
}

// orderly reports whether the recorder ended the recording itself, with the
// world stopped: at the program's end, a window's, or its limit.
func orderly(reason uint64) bool { return reason == 0 || reason == 5 || reason == 7 }

// window is the time that was recorded, unless that was all.
func (rec *Recording) window() (w finding.Window, ok bool) {
	start, err := strconv.ParseInt(rec.Fact("start"), 10, 64)
	began, err2 := strconv.ParseUint(rec.Fact("nanotime"), 10, 64)
	whole := rec.facts["window"] == nil && (rec.last == nil || rec.last.Reason == 0 || !orderly(rec.last.Reason))
	if whole || err != nil || err2 != nil {
		return w, false
	}
	at := func(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z") }
	return finding.Window{From: at(start), To: at(start + int64(max(rec.status.Nanotime, began)-began))}, true
}

// unseen is what a recording made of annotations does not show.
var unseen = []string{
	"made of annotations: what is found is unordered as far as recorded",
	"not seen: accesses and synchronization that no annotation names, but for the creation of goroutines; what came before the trace began",
	"accesses to memory without a name are not compared across a garbage collection, which may have handed the memory out again",
}

// reason says why a recording ended, from the end marker.
func reason(r uint64) string {
	switch {
	case r == 1:
		return "a panic or fatal error"
	case r == 3:
		return "syscall.Exit"
	}
	return "signal " + strconv.FormatUint(r/2, 10)
}

// build is the metadata of the link step; nil if there is none.
func (rec *Recording) build() *buildFacts {
	var b buildFacts
	if json.Unmarshal(rec.facts["build"], &b) != nil {
		return nil
	}
	return &b
}

// buildFacts are the parts of the link step's metadata that matter here.
type buildFacts struct {
	NotInstrumented []string `json:"notInstrumented"`
	Unapplied       []string `json:"unapplied"`
}

// PlainRun describes the process of a trace without records, of which little is
// known.
func (rec *Recording) PlainRun() finding.Run {
	return finding.Run{Events: rec.reader.events, Settings: "execution trace, format of " + rec.Format()}
}

// Run describes the recorded process.
func (rec *Recording) Run() finding.Run {
	r := finding.Run{
		Program: rec.Fact("program"), GoVersion: rec.Fact("go"), GOOS: rec.Fact("goos"), GOARCH: rec.Fact("goarch"),
		Settings: "record=" + rec.Fact("record"),
	}
	for _, g := range rec.gs {
		if g.goid != 0 && !g.system {
			r.Goroutines++
		}
	}
	if bi, err := debug.ParseBuildInfo(rec.Fact("modinfo")); err == nil {
		r.Module, r.Version = bi.Main.Path, bi.Main.Version
		for _, s := range bi.Settings {
			if s.Key == "vcs.revision" {
				r.Revision = s.Value
			}
		}
	}
	if ns, err := strconv.ParseInt(rec.Fact("start"), 10, 64); err == nil {
		r.Start = time.Unix(0, ns).UTC().Format(time.RFC3339)
	}
	if t0, err := strconv.ParseUint(rec.Fact("nanotime"), 10, 64); err == nil && rec.status.Nanotime > t0 {
		r.Seconds = float64(rec.status.Nanotime-t0) / 1e9
	}
	return r
}
