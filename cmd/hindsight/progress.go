package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress shows what is going on in the last line of a terminal. On another
// writer it shows nothing. The zero value shows nothing either.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	every time.Duration // at least between two lines
	last  time.Time
	shown bool
	name  string // of the pass
	begun time.Time
	of    string // which of several inputs this is
}

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{w: w, every: 200 * time.Millisecond}
	}
	return &progress{}
}

// set replaces the line, but not too often.
func (p *progress) set(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil || time.Since(p.last) < p.every {
		return
	}
	fmt.Fprintf(p.w, "\r\033[K"+p.of+format, args...)
	p.last, p.shown = time.Now(), true
}

// count says that what follows is of one of several inputs.
func (p *progress) count(number, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of = ""; of > 1 {
		p.of = fmt.Sprintf("%d of %d: ", number, of)
	}
}

// pass shows how far a pass has got: the number of events so far and, unless size
// is 0, of how many bytes it has read how many.
func (p *progress) pass(name string, events uint64, read, size int64) {
	p.mu.Lock()
	if p.w == nil {
		p.mu.Unlock()
		return
	}
	if p.name != name {
		p.name, p.begun = name, time.Now()
	}
	took := time.Since(p.begun)
	p.mu.Unlock()
	p.set("%s", describePass(name, events, read, size, took))
}

// describePass is the line about a pass that has taken some time.
func describePass(name string, events uint64, read, size int64, took time.Duration) string {
	line := name
	if size > 0 {
		line += fmt.Sprintf(" %d %%", min(read*100/size, 100))
	}
	if events > 0 {
		line += fmt.Sprintf(", %d events", events)
		if s := took.Seconds(); s > 1 {
			line += fmt.Sprintf(", %.1f million a second", float64(events)/s/1e6)
		}
	}
	if read > 0 && size > read && took > time.Second {
		left := time.Duration(float64(took) / float64(read) * float64(size-read))
		line += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return line
}

// clear removes the line.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		io.WriteString(p.w, "\r\033[K")
		p.shown = false
	}
}
