package recording

import (
	"bytes"
	"cmp"
	"io"
	"math"
	"slices"

	"github.com/hindsight-go/hindsight/collect/record"
)

// The index is what must be known before anything is replayed: the definitions,
// which may stand later in the file than their first use; which goroutines have
// records, and which are named by a go record; and where in the file the last
// records of each GC cycle are. Of the records themselves nothing is kept.

// blockIndex is a block's part of it.
type blockIndex struct {
	chunks      []chunkEnds
	definitions []definition
	goroutines  []goroutineSeen
	children    []uint64
	records     uint64
	malformed   uint64
	cycle       uint32 // the smallest
	// Whether there are chunks of annotations, and others.
	flagged, unflagged bool
}

// chunkEnds is how a chunk begins and ends: whether it has slices, whether the
// first is a further part of the last slice before it in its stream, and
// whether it says that its last has none. Of the pieces of a pack the first is how
// it begins, the last how it ends.
type chunkEnds struct {
	chunkKey
	pieces                int
	slices, goesOn, ended bool
}

// ends is that of 512 chunks of a stream.
type ends struct{ found, slices, goesOn, ended seenSet }

// definition is a record that belongs to no goroutine.
type definition struct {
	chunkKey
	r record.Record
}

// maxDefined bounds what definitions take in memory, in bytes. A recorder defines
// what there is in a program, once.
const (
	maxDefined       = 1 << 30
	definitionWeight = 300
)

type goroutineSeen struct{ id, goid uint64 }

// indexBlock indexes the chunks of a block.
func indexBlock(b *block) (x blockIndex) {
	x.cycle = math.MaxUint32
	var d record.Decoder
	var r record.Record
	seen := make(map[goroutineSeen]bool)
	for _, ch := range b.chunks {
		if ch.Flags&record.FlagAnnotation != 0 {
			x.flagged = true
			continue
		}
		x.unflagged = true
		var inSlice, orphans bool
		about := chunkEnds{chunkKey: chunkKey{ch.Stream, ch.Seq}, pieces: max(ch.Pieces, 1), ended: ch.Flags&record.FlagEnded != 0}
		d.Open(ch)
		for more := true; more; {
			var others uint64
			others, more = d.Skim(&r)
			x.records += others
			orphans = orphans || others > 0 && !inSlice
			switch {
			case !more:
			case r.Tag == record.TagSlice:
				if !inSlice {
					inSlice, about.slices, about.goesOn = true, true, r.Slice.Part > 0
				}
				x.cycle = min(x.cycle, r.Slice.Cycle)
				if s := (goroutineSeen{r.Slice.G, r.Slice.Goid}); !seen[s] {
					seen[s] = true
					x.goroutines = append(x.goroutines, s)
				}
			case r.Tag == record.TagCycle:
				x.cycle = min(x.cycle, r.Slice.Cycle)
			case r.Tag == record.TagGo:
				x.records++
				orphans = orphans || !inSlice
				x.children = append(x.children, r.Child)
			default:
				c := r
				c.Name, c.Value, c.Frames, c.PCs = bytes.Clone(r.Name), bytes.Clone(r.Value), slices.Clone(r.Frames), nil
				x.definitions = append(x.definitions, definition{about.chunkKey, c})
			}
		}
		if d.Err() != nil || orphans {
			x.malformed++
		}
		x.chunks = append(x.chunks, about)
	}
	return x
}

// index reads the whole file once, or up to where it is stopped.
func (rec *Recording) index(opts *Options) error {
	s := newScanner(rec.file)
	var definitions []definition
	var malformed uint64
	defined := 0
	stopped := false
	err := overBlocks(s, rec.jobs, indexBlock, func(b *block, x blockIndex) bool {
		for _, c := range x.chunks {
			rec.note(c)
		}
		for i := range x.definitions {
			if r := &x.definitions[i].r; defined < maxDefined {
				defined += definitionWeight + len(r.Name) + len(r.Value) + 24*len(r.Frames)
				definitions = append(definitions, x.definitions[i])
			} else {
				malformed++
			}
		}
		malformed += x.malformed
		rec.records += x.records
		rec.flagged = rec.flagged || x.flagged
		rec.unflagged = rec.unflagged || x.unflagged
		rec.oldest = append(rec.oldest, x.cycle)
		for _, seen := range x.goroutines {
			g := rec.goroutine(seen.id)
			g.records = true
			if seen.goid != 0 {
				g.goid = seen.goid
			}
		}
		for _, id := range x.children {
			rec.goroutine(id).child = true
		}
		rec.size = b.end
		if opts.Progress != nil {
			opts.Progress(b.end)
		}
		stopped = opts.Stop != nil && opts.Stop()
		return !stopped
	})
	if err != nil {
		return err
	}
	rec.chunks = len(s.seen) > 0
	// From a block's own cycle to the smallest of all blocks from it on.
	for i := len(rec.oldest) - 2; i >= 0; i-- {
		rec.oldest[i] = min(rec.oldest[i], rec.oldest[i+1])
	}
	rec.lost.chunks = s.missing(stopped) + malformed
	slices.SortStableFunc(definitions, func(a, b definition) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.seq, b.seq))
	})
	for i := range definitions {
		rec.define(&definitions[i].r)
	}
	slices.SortFunc(rec.vars, func(a, b variable) int { return cmp.Compare(a.addr, b.addr) })
	for _, t := range rec.types {
		slices.SortStableFunc(t.fields, func(a, b field) int { return cmp.Compare(a.off, b.off) })
	}
	rec.name()
	if stopped {
		rec.file, rec.last = io.NewSectionReader(rec.file, 0, rec.size), nil
	}
	return nil
}

// define takes in one definition.
func (rec *Recording) define(r *record.Record) {
	switch r.Tag {
	case record.TagSymbol:
		rec.symbols[r.PC] = r.Frames
	case record.TagString:
		rec.names[r.Table&1][r.ID] = string(r.Name)
	case record.TagType:
		rec.typ(r.Type).name, rec.typ(r.Type).size = string(r.Name), r.Size
	case record.TagField:
		t := rec.typ(r.Type)
		t.fields = append(t.fields, field{r.Addr, r.Size, string(r.Name)})
	case record.TagVar:
		rec.vars = append(rec.vars, variable{r.Addr, r.Size, string(r.Name)})
	case record.TagFact:
		rec.facts[string(r.Name)] = append(rec.facts[string(r.Name)], r.Value...)
	case record.TagStatus, record.TagLast:
		if r.Status.Nanotime >= rec.status.Nanotime {
			rec.status = r.Status
		}
		if r.Tag == record.TagLast {
			s := r.Status
			rec.last = &s
		}
	}
}

func (rec *Recording) note(c chunkEnds) {
	for i := range c.pieces {
		key, word, bit := chunkKey{c.stream, c.seq + uint32(i)}.place()
		set := rec.ends[key]
		if set == nil {
			set = new(ends)
			rec.ends[key] = set
		}
		set.found[word] |= bit
		if c.slices && i == 0 {
			set.slices[word] |= bit
		}
		if c.goesOn && i == 0 {
			set.goesOn[word] |= bit
		}
		if c.ended && i == c.pieces-1 {
			set.ended[word] |= bit
		}
	}
}

// ended reports whether the last slice of a chunk is known to have no further
// part: the chunk says so, or the stream goes on with another slice, or it ends
// and nothing is missing.
func (rec *Recording) ended(k chunkKey) bool {
	for first := true; ; first = false {
		key, word, bit := k.place()
		set := rec.ends[key]
		switch {
		case set == nil || set.found[word]&bit == 0:
			return rec.whole()
		case !first && set.slices[word]&bit != 0:
			return set.goesOn[word]&bit == 0
		case set.ended[word]&bit != 0:
			return true
		}
		k.seq++
	}
}
