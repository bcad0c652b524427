// Package recording reads recordings: execution traces that carry the records
// of an instrumented program. It brings the records of all goroutines into one
// legal order (see replay.go) and presents them as an [event.Source].
//
// A recording is read from the file as often as it is replayed; of the file
// only what cannot be replayed yet is in memory.
package recording

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/hindsight-go/hindsight/collect/record"
	"golang.org/x/exp/trace"
)

// ErrNotTrace means that the input is not an execution trace.
var ErrNotTrace = errors.New("not a Go execution trace")

// checkHeader looks at the beginning of the file.
func checkHeader(r io.ReaderAt) error {
	var head [16]byte
	n, err := r.ReadAt(head[:], 0)
	switch {
	case n == 0 && err == io.EOF:
		return errors.New("the file is empty")
	case n == 0:
		return err
	case !bytes.HasPrefix(head[:n], []byte("go 1.")):
		return ErrNotTrace
	case n < len(head):
		return errors.New("the trace is cut within its header")
	}
	return nil
}

// readerStats is what the trace reader saw in a trace without chunks.
type readerStats struct {
	events     uint64 // of all kinds
	goroutines int
	err        error // why it stopped before the end
	version    error // a chunk of another version
}

// readTrace reads an execution trace in which no chunk was found. The trace
// reader is not made for hostile input: a panic in it ends the reading like an
// error.
func readTrace(r io.ReaderAt) (stats readerStats) {
	gs := make(map[trace.GoID]bool)
	defer func() {
		stats.goroutines = len(gs)
		if p := recover(); p != nil {
			stats.err = fmt.Errorf("trace reader: %v", p)
		}
	}()
	tr, err := trace.NewReader(bufio.NewReaderSize(io.NewSectionReader(r, 0, 1<<62), 1<<20))
	if err != nil {
		stats.err = err
		return stats
	}
	for {
		ev, err := tr.ReadEvent()
		if err == io.EOF {
			return stats
		}
		if err != nil {
			stats.err = err
			return stats
		}
		stats.events++
		switch ev.Kind() {
		case trace.EventLog:
			if l := ev.Log(); l.Category == record.Category {
				if _, err := record.Parse([]byte(l.Message)); err != nil && !errors.Is(err, record.ErrDamaged) && !errors.Is(err, record.ErrNotChunk) {
					stats.version = err
				}
			}
		case trace.EventStateTransition:
			if st := ev.StateTransition(); st.Resource.Kind == trace.ResourceGoroutine {
				gs[st.Resource.Goroutine()] = true
			}
		}
	}
}
