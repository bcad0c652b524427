package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/hindsight-go/hindsight/collect/record"
)

// A scanner finds the chunks of a recording wherever they stand in the file, by
// their header, the length before it and the checksum. Nothing else of the
// execution trace need be whole: the trace reader gives only complete
// generations, and a process that is killed leaves an incomplete one behind.
// A chunk that was written twice is found once.
type scanner struct {
	r       io.ReaderAt
	off     int64
	blocks  uint
	rest    []byte // bytes before off that have not been searched, or may begin a chunk
	pieces  record.Pieces
	seen    map[seenKey]*seenSet
	streams map[uint32]*stream
	damaged []chunkKey // chunks with a wrong checksum
	spare   chan []byte
	err     error
}

// stream is what is known of a stream's chunks.
type stream struct {
	count uint64
	last  uint32 // greatest number
}

// A chunkKey is a chunk's place in the recording.
type chunkKey struct{ stream, seq uint32 }

// seenKey and seenSet say something of each chunk, of 512 of a stream together.
type (
	seenKey struct{ stream, seq uint32 }
	seenSet [8]uint64
)

// place says which set, word and bit are k's.
func (k chunkKey) place() (key seenKey, word int, bit uint64) {
	return seenKey{k.stream, k.seq / 512}, int(k.seq % 512 / 64), 1 << (k.seq % 64)
}

// Blocks grow from firstBlock bytes of the file to blockSize.
const (
	firstBlock = 1 << 16
	blockSize  = 1 << 20
	// A record takes 2 to 3 bytes, but many that are as expected take only one together.
	blockRecords = 1 << 19
)

// A block is a part of the file with the chunks that end in it, no more than blockSize
// bytes of records and blockRecords records but for the last chunk's.
type block struct {
	bytes  []byte         // to be used again
	chunks []record.Chunk // whole, in file order; payloads may be parts of the file's bytes
	size   int            // of their records, in bytes
	packed int            // records of those that are packs
	end    int64          // offset in the file
}

func newScanner(r io.ReaderAt) *scanner {
	return &scanner{
		r: r, seen: make(map[seenKey]*seenSet), streams: make(map[uint32]*stream),
		spare: make(chan []byte, 16),
	}
}

// first reports whether a chunk is found for the first time.
func (s *scanner) first(k chunkKey) bool {
	key, word, bit := k.place()
	set := s.seen[key]
	if set == nil {
		set = new(seenSet)
		s.seen[key] = set
	}
	if set[word]&bit != 0 {
		return false
	}
	set[word] |= bit
	st := s.streams[k.stream]
	if st == nil {
		st = new(stream)
		s.streams[k.stream] = st
	}
	st.count++
	st.last = max(st.last, k.seq)
	return true
}

// next returns the next block, nil at the end of the file.
func (s *scanner) next() *block {
	if s.err != nil && len(s.rest) == 0 {
		return nil
	}
	size := min(firstBlock<<min(s.blocks, 10), blockSize)
	s.blocks++
	b := new(block)
	buf := s.rest
	if s.err == nil && len(buf) < 2*record.MaxChunk {
		select {
		case b.bytes = <-s.spare:
		default:
		}
		if len(b.bytes) < size {
			b.bytes = make([]byte, size)
		}
		kept := copy(b.bytes, buf)
		n, err := s.r.ReadAt(b.bytes[kept:size], s.off)
		s.off += int64(n)
		s.err = err
		buf = b.bytes[:kept+n]
	}
	at := 0
	for b.size < blockSize && b.packed < blockRecords {
		i := bytes.Index(buf[at:], []byte{'H', 'S', record.Version})
		if i < 0 {
			at = max(at, len(buf)-2)
			break
		}
		i += at
		if len(buf)-i < record.MaxChunk && s.err == nil {
			at = i
			break // it may end in the next block
		}
		at = i + 1
		size, ok := lengthBefore(buf[:i])
		if !ok || size < record.HeaderSize || i+size > len(buf) {
			continue
		}
		ch, err := record.Parse(buf[i : i+size])
		switch {
		case err == nil:
			at = i + size
			s.found(b, ch)
		case errors.Is(err, record.ErrDamaged):
			k := chunkKey{binary.LittleEndian.Uint32(buf[i+4:]), binary.LittleEndian.Uint32(buf[i+8:])}
			s.damaged = append(s.damaged, k)
		}
	}
	b.end = s.off - int64(len(buf)-at)
	switch rest := buf[max(0, at-2):]; { // a length is at most two bytes
	case s.err != nil && len(buf)-at < record.HeaderSize:
		s.rest = nil
	case s.err == nil && len(rest) < 2*record.MaxChunk:
		s.rest = bytes.Clone(rest)
	default:
		s.rest, b.bytes = rest, nil // which are not over
	}
	return b
}

// found adds a chunk to the block, if it is new and whole.
func (s *scanner) found(b *block, ch record.Chunk) {
	if !s.first(chunkKey{ch.Stream, ch.Seq}) {
		return
	}
	ch, whole := s.pieces.Add(ch)
	if !whole {
		return
	}
	b.chunks = append(b.chunks, ch)
	if ch.Pieces > 0 {
		size, records, _ := record.PackSize(ch.Payload)
		b.size += size
		b.packed += records
	} else {
		b.size += len(ch.Payload)
	}
}

// done gives a block's memory back.
func (s *scanner) done(b *block) {
	if b.bytes == nil {
		return
	}
	select {
	case s.spare <- b.bytes:
	default:
	}
}

// missing returns the number of chunks that are known to be missing: gaps in
// the streams' numbers, what else there is of the packs with these gaps, and
// damaged chunks at streams' ends. If reading was stopped, packs that it has cut are not.
func (s *scanner) missing(stopped bool) (n uint64) {
	if !stopped {
		n = s.pieces.Lost()
	}
	for _, st := range s.streams {
		n += uint64(st.last) + 1 - st.count
	}
	tail := make(map[chunkKey]bool)
	for _, k := range s.damaged {
		if st := s.streams[k.stream]; st != nil && k.seq > st.last && k.seq-st.last < 1<<16 && !tail[k] {
			tail[k] = true
			n++
		}
	}
	return n
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

// overBlocks calls do for all blocks, by up to jobs goroutines at once, and take
// for what it returned, in order, until take returns false.
func overBlocks[T any](s *scanner, jobs int, do func(*block) T, take func(*block, T) bool) error {
	if jobs <= 1 {
		for b := s.next(); b != nil; b = s.next() {
			x := do(b)
			s.done(b)
			if !take(b, x) {
				return nil
			}
		}
		return s.failure()
	}
	type job struct {
		b   *block
		out chan T
	}
	work := make(chan job)
	order := make(chan job, jobs+2) // bounds what is decoded and not yet taken
	stop := make(chan struct{})
	for range jobs {
		go func() {
			for j := range work {
				x := do(j.b)
				s.done(j.b)
				j.out <- x
			}
		}()
	}
	go func() {
		defer close(order)
		defer close(work)
		for b := s.next(); b != nil; b = s.next() {
			j := job{b, make(chan T, 1)}
			select {
			case order <- j:
			case <-stop:
				return
			}
			work <- j
		}
	}()
	going := true
	for j := range order {
		x := <-j.out
		if going && !take(j.b, x) {
			going = false
			close(stop)
		}
	}
	if !going {
		return nil
	}
	return s.failure()
}

// failure is why the file could not be read to its end.
func (s *scanner) failure() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}
