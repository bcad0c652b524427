package record

import (
	"encoding/binary"
	"errors"
	"slices"
)

// A pack is the records that the recorder compresses together. What comes of it
// is cut into pieces, each in a chunk of its own.

const (
	// MaxPack is how many bytes of records a pack may have.
	MaxPack = 1 << 18
	// MaxPiece is how many bytes of a compressed pack a chunk takes. All pieces but
	// the last have as many.
	MaxPiece = MaxChunk - HeaderSize - pieceHeader

	pieceHeader = 4
	// maxPacked bounds what a pack takes compressed.
	maxPacked = 8 + MaxPack + MaxPack/255 + 256
	maxPieces = (maxPacked + MaxPiece - 1) / MaxPiece
)

var errPack = errors.New("malformed pack")

// PackSize returns how many bytes of records, and how many records, a compressed
// pack says that it has. Where the pack begins to be compressed is the offset, 0 if it
// is malformed.
func PackSize(packed []byte) (bytes, records, offset int) {
	size, n := binary.Uvarint(packed)
	if n <= 0 || size > MaxPack {
		return 0, 0, 0
	}
	count, m := binary.Uvarint(packed[n:])
	if m <= 0 || count > 16*size || size > 255*uint64(len(packed)) {
		return 0, 0, 0
	}
	return int(size), int(count), n + m
}

// unpack expands a pack: its sizes, and sequences of literals and a match. It returns
// what could be expanded, in buf if that is large enough, and how many records that is.
func unpack(buf, packed []byte) (records []byte, count int, err error) {
	size, count, n := PackSize(packed)
	if n == 0 {
		return nil, 0, errPack
	}
	if cap(buf) < size {
		buf = make([]byte, MaxPack)
	}
	out, in := buf[:size], packed[n:]
	d := 0
	// long adds to a length of 15 the bytes that go on with it.
	long := func(v int) int {
		for v >= 15 && v <= MaxPack {
			if len(in) == 0 {
				return -1
			}
			more := in[0]
			in = in[1:]
			v += int(more)
			if more < 255 {
				break
			}
		}
		return v
	}
	for len(in) > 0 {
		token := int(in[0])
		in = in[1:]
		literals := long(token >> 4)
		if literals < 0 || literals > len(in) || literals > len(out)-d {
			return out[:d], count, errPack
		}
		d += copy(out[d:], in[:literals])
		in = in[literals:]
		if len(in) == 0 {
			break // the last sequence has no match
		}
		if len(in) < 2 {
			return out[:d], count, errPack
		}
		away := int(binary.LittleEndian.Uint16(in))
		in = in[2:]
		if away >= 1<<15 {
			if len(in) == 0 {
				return out[:d], count, errPack
			}
			away = away&(1<<15-1) | int(in[0])<<15
			in = in[1:]
		}
		match := long(token&15) + 4
		if away == 0 || away > d || match < 4 || match > len(out)-d {
			return out[:d], count, errPack
		}
		// What has been copied repeats what it was copied from.
		for from, end := d-away, d+match; d < end; {
			d += copy(out[d:end], out[from:d])
		}
	}
	if d < len(out) {
		return out[:d], count, errPack
	}
	return out, count, nil
}

// Pieces puts the pieces of packs together, in whatever order they come.
type Pieces struct {
	parts map[partKey]*part
	order []partKey // as they have begun
	held  int       // bytes
	lost  uint64
}

type partKey struct{ stream, seq uint32 } // of the first piece

// part is what there is of a pack.
type part struct {
	pieces [][]byte
	found  int
	held   int // bytes
}

// maxHeld bounds what incomplete packs take in memory, in bytes: more than a thousand
// Ps write at once. Then the oldest are given up.
const maxHeld = 64 << 20

// Add takes in a chunk. If that is whole, or makes a pack so, Add returns what
// decodes alone: the chunk, or one that stands for all pieces, of the first one's
// number. A piece may come once.
func (p *Pieces) Add(c Chunk) (whole Chunk, ok bool) {
	if c.Pieces == 0 {
		return c, true
	}
	if p.parts == nil {
		p.parts = make(map[partKey]*part)
	}
	key := partKey{c.Stream, c.Seq - uint32(c.Piece)}
	x := p.parts[key]
	if x == nil {
		x = &part{pieces: make([][]byte, c.Pieces)}
		p.parts[key] = x
		p.order = append(p.order, key)
		p.hold(x, 24*c.Pieces)
	}
	if len(x.pieces) != c.Pieces || x.pieces[c.Piece] != nil {
		p.lost++
		return Chunk{}, false
	}
	x.pieces[c.Piece] = slices.Clone(c.Payload)
	if x.found++; x.found < c.Pieces {
		p.hold(x, len(c.Payload))
		return Chunk{}, false
	}
	p.drop(key, x)
	c.Seq, c.Piece, c.Payload = key.seq, 0, slices.Concat(x.pieces...)
	return c, true
}

// hold says that a part takes so many bytes more. The oldest are given up if there
// is too much.
func (p *Pieces) hold(x *part, bytes int) {
	x.held += bytes
	p.held += bytes
	for p.held > maxHeld {
		if oldest := p.parts[p.order[0]]; oldest != nil {
			p.lost += uint64(oldest.found)
			p.drop(p.order[0], oldest)
		}
		p.order = p.order[1:]
	}
	if len(p.order) > 2*len(p.parts)+1000 {
		p.order = slices.DeleteFunc(p.order, func(k partKey) bool { return p.parts[k] == nil })
	}
}

func (p *Pieces) drop(key partKey, x *part) {
	p.held -= x.held
	delete(p.parts, key)
}

// Lost returns how many pieces have come for nothing so far.
func (p *Pieces) Lost() uint64 {
	n := p.lost
	for _, x := range p.parts {
		n += uint64(x.found)
	}
	return n
}
