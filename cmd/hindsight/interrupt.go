package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/script"
)

// interrupt is what an interrupt does while inputs are read and analyzed: those
// that are being copied, from standard input say, end where they are; if there is none,
// the analysis ends. It reports whether the next interrupt is for it as well.
func (a *app) interrupt() (again bool) {
	if a.copies.end(func() {
		a.note("interrupted: the input ends here, and what was read follows; another interrupt ends the analysis")
	}) {
		return true
	}
	a.interrupted.Store(true)
	a.note("interrupted: what was found so far follows; another interrupt ends at once")
	return false
}

// copies are the inputs that are being copied. The zero value is ready for use.
type copies struct {
	mu   sync.Mutex
	open []*endable
}

// begin returns a reader of r that ends early if the copies are ended.
func (c *copies) begin(r io.Reader) *endable {
	e := &endable{blocks: make(chan []byte), ended: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, e)
	go e.fill(r)
	return e
}

// done says that e is not read any more, and reports whether it was ended early.
func (c *copies) done(e *endable) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.open, e)
	if i < 0 {
		return true
	}
	c.open = slices.Delete(c.open, i, i+1)
	close(e.ended)
	return false
}

// end ends all copies, and reports whether there were any. Then it calls first
// beforehand: when they have ended, so may have the process.
func (c *copies) end(first func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) == 0 {
		return false
	}
	first()
	for _, e := range c.open {
		close(e.ended)
	}
	c.open = nil
	return true
}

// endable is a reader that can be ended while it waits.
type endable struct {
	blocks chan []byte // closed where what is read ends
	ended  chan struct{}
	rest   []byte
	err    error // why it ends, once blocks is closed
}

// fill reads r. If that waits when the reader is ended, it waits on alone.
func (e *endable) fill(r io.Reader) {
	defer close(e.blocks)
	for {
		block := make([]byte, 1<<16)
		n, err := r.Read(block)
		if n > 0 {
			select {
			case e.blocks <- block[:n]:
			case <-e.ended:
				return
			}
		}
		if err != nil {
			e.err = err
			return
		}
	}
}

func (e *endable) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		select {
		case <-e.ended:
			return 0, io.EOF
		default:
		}
		select {
		case <-e.ended:
			return 0, io.EOF
		case block, ok := <-e.blocks:
			if !ok {
				return 0, e.err
			}
			e.rest = block
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// errEarly says that an input was ended before it could be made out.
var errEarly = errors.New("was interrupted before enough of it was read")

// nothingRead is the result of an input that was ended too early.
func (a *app) nothingRead() (*finding.Result, error) {
	nothing, err := script.Parse(strings.NewReader(""))
	if err != nil {
		return nil, err
	}
	return a.find(&execution{Source: nothing, input: &input{early: true}})
}

// endedEarly makes coverage that of an input which was ended early.
func endedEarly(coverage func() finding.Coverage) func() finding.Coverage {
	return func() finding.Coverage {
		c := coverage()
		c.Complete, c.Truncated = false, true
		c.Notes = append(c.Notes, "reading was interrupted: only the beginning of the input was looked at")
		return c
	}
}
