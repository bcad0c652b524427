// Package recording reads recordings: execution traces that carry the records
// of an instrumented program. It brings the records of all goroutines into one
// legal order (see replay.go) and presents them as an [event.Source].
package recording

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hindsight-go/hindsight/collect/record"
	"golang.org/x/exp/trace"
)

// ErrNotTrace means that the input is not an execution trace.
var ErrNotTrace = errors.New("not a Go execution trace")

// A chunkKey is a chunk's place in the recording.
type chunkKey struct{ stream, seq uint32 }

// chunks collects the chunks of one recording, each once.
type chunks struct {
	list    []record.Chunk
	seen    map[chunkKey]bool
	last    bool   // the end marker has been seen
	damaged uint64 // chunks with a wrong checksum
	// malformed counts chunks that hold what no recorder writes.
	malformed uint64
	version   error // a chunk of another version
	spool     spool
}

// add takes a copy of the message of a log event.
func (c *chunks) add(message []byte) {
	ch, err := record.Parse(message)
	switch {
	case err == nil:
		k := chunkKey{ch.Stream, ch.Seq}
		if !c.seen[k] {
			c.seen[k] = true
			ch.Payload = c.spool.add(ch.Payload)
			c.list = append(c.list, ch)
			c.last = c.last || ch.Last
		}
	case errors.Is(err, record.ErrDamaged):
		c.damaged++
	case !errors.Is(err, record.ErrNotChunk):
		c.version = err
	}
}

// readChunks returns the chunks of an execution trace, sorted by stream and
// number. The trace reader gives those of complete generations; where it stops
// short of the end marker (a killed process, a cut or damaged file) the rest is
// salvaged from the file's bytes.
func readChunks(r io.ReadSeeker, progress func(bytes int64)) (*chunks, readerStats, error) {
	c := &chunks{seen: make(map[chunkKey]bool)}
	var head [16]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		if n == 0 {
			return nil, readerStats{}, errors.New("the file is empty")
		}
		if !bytes.HasPrefix(head[:n], []byte("go 1.")) {
			return nil, readerStats{}, ErrNotTrace
		}
		return nil, readerStats{}, errors.New("the trace is cut within its header")
	}
	if !bytes.HasPrefix(head[:], []byte("go 1.")) {
		return nil, readerStats{}, ErrNotTrace
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, readerStats{}, err
	}
	stats := c.fromEvents(&counter{r: bufio.NewReaderSize(r, 1<<20), f: progress})
	if c.version != nil {
		return nil, stats, c.version
	}
	if !c.last {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return nil, stats, err
		}
		if err := c.salvage(bufio.NewReaderSize(r, 1<<20)); err != nil {
			return nil, stats, err
		}
		if c.version != nil {
			return nil, stats, c.version
		}
	}
	slices.SortFunc(c.list, func(a, b record.Chunk) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Seq, b.Seq))
	})
	return c, stats, nil
}

// readerStats is what the trace reader saw.
type readerStats struct {
	events     uint64 // of all kinds
	goroutines int
	err        error // why it stopped before the end
}

// fromEvents takes the chunks out of the log events. The trace reader is not
// made for hostile input: a panic in it ends the reading like an error.
func (c *chunks) fromEvents(r io.Reader) (stats readerStats) {
	defer func() {
		if p := recover(); p != nil {
			stats.err = fmt.Errorf("trace reader: %v", p)
		}
	}()
	tr, err := trace.NewReader(r)
	if err != nil {
		stats.err = err
		return stats
	}
	gs := make(map[trace.GoID]bool)
	var message []byte
	for {
		ev, err := tr.ReadEvent()
		if err == io.EOF {
			stats.goroutines = len(gs)
			return stats
		}
		if err != nil {
			stats.goroutines = len(gs)
			stats.err = err
			return stats
		}
		stats.events++
		switch ev.Kind() {
		case trace.EventLog:
			if l := ev.Log(); l.Category == record.Category {
				message = append(message[:0], l.Message...)
				c.add(message)
			}
		case trace.EventStateTransition:
			if st := ev.StateTransition(); st.Resource.Kind == trace.ResourceGoroutine {
				gs[st.Resource.Goroutine()] = true
			}
		}
	}
}

// salvage finds chunks wherever they stand in the file, by their header, the
// length before it and the checksum: nothing else of the trace need be whole.
func (c *chunks) salvage(r *bufio.Reader) error {
	// Chunks are at most MaxChunk bytes: a window of two buffers holds any of
	// them whole. A string is its length as a varint, then its bytes.
	buf := make([]byte, 0, 1<<20)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		at := 0
		for {
			i := bytes.Index(buf[at:], []byte{'H', 'S', record.Version})
			if i < 0 {
				break
			}
			i += at
			if len(buf)-i < record.MaxChunk && err == nil {
				break
			}
			at = i + 1
			if size, ok := lengthBefore(buf[:i]); ok && size >= record.HeaderSize && i+size <= len(buf) {
				if ch, perr := record.Parse(buf[i : i+size]); perr == nil && !c.seen[chunkKey{ch.Stream, ch.Seq}] {
					c.add(buf[i : i+size])
					at = i + size
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		keep := min(len(buf), record.MaxChunk+4)
		buf = buf[:copy(buf, buf[len(buf)-keep:])]
	}
}

// lengthBefore reads the varint that ends at the end of b: a string's length, at
// most MaxChunk.
func lengthBefore(b []byte) (int, bool) {
	if len(b) >= 2 && b[len(b)-2] >= 0x80 {
		if v, n := binary.Uvarint(b[len(b)-2:]); n == 2 && v <= record.MaxChunk {
			return int(v), true
		}
	}
	if len(b) >= 1 && b[len(b)-1] < 0x80 {
		return int(b[len(b)-1]), true
	}
	return 0, false
}

// counter reports how much has been read.
type counter struct {
	r io.Reader
	n int64
	f func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.f != nil {
		c.f(c.n)
	}
	return n, err
}
