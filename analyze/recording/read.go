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
	events  uint64 // of all kinds
	err     error  // why it stopped before the end
	version error  // a chunk of another version
}

// maxOld is how large a trace of Go before 1.22 may be, in bytes: the trace reader
// holds all of it in memory.
const maxOld = 256 << 20

// errStopped is why a trace is not read to its end when the user has enough of it.
var errStopped = errors.New("reading was interrupted")

// readTrace reads an execution trace in which no chunk was found, and hands its
// events on, until it is told that no more are wanted. The trace reader is not
// made for hostile input: a panic in it ends the reading like an error.
func readTrace(r io.ReaderAt, opts *Options) (stats readerStats) {
	defer func() {
		if p := recover(); p != nil {
			stats.err = fmt.Errorf("trace reader: %v", p)
		}
	}()
	tr, err := trace.NewReader(bufio.NewReaderSize(&bounded{io.NewSectionReader(r, 0, 1<<62), old(r), opts.Progress}, 1<<20))
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
		if ev.Kind() == trace.EventLog {
			if l := ev.Log(); l.Category == record.Category {
				if _, err := record.Parse([]byte(l.Message)); err != nil && !errors.Is(err, record.ErrDamaged) && !errors.Is(err, record.ErrNotChunk) {
					stats.version = err
				}
			}
		}
		if opts.Plain != nil && !opts.Plain(&ev) {
			return stats
		}
		if opts.Stop != nil && stats.events%1024 == 0 && opts.Stop() {
			stats.err = errStopped
			return stats
		}
	}
}

// old reports whether a trace is of Go before 1.22.
func old(r io.ReaderAt) bool {
	var head [16]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return false
	}
	var minor int
	_, err := fmt.Sscanf(string(head[:]), "go 1.%d ", &minor)
	return err == nil && minor < 22
}

// A bounded reader refuses to read too much of an old trace, and tells how far it
// has got.
type bounded struct {
	*io.SectionReader
	old      bool
	progress func(bytes int64)
}

func (b *bounded) Read(p []byte) (int, error) {
	at, _ := b.Seek(0, io.SeekCurrent)
	if b.progress != nil {
		b.progress(at)
	}
	if b.old && at > maxOld {
		return 0, fmt.Errorf("traces of Go before 1.22 are read as a whole: this one has more than %d MB", maxOld>>20)
	}
	return b.SectionReader.Read(p)
}
