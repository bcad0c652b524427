package recording

import (
	"bytes"
	"cmp"
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
	chunks      []chunkBegin
	definitions []definition
	goroutines  []goroutineSeen
	children    []uint64
	records     uint64
	malformed   uint64
	cycle       uint32 // the smallest
}

// chunkBegin is how a chunk begins: whether it has slices, and whether the first
// is a further part of the last slice before it in its stream.
type chunkBegin struct {
	chunkKey
	slices, goesOn bool
}

// begins is that of 512 chunks of a stream.
type begins struct{ found, slices, goesOn seenSet }

// definition is a record that belongs to no goroutine.
type definition struct {
	chunkKey
	r record.Record
}

type goroutineSeen struct{ id, goid uint64 }

// indexBlock indexes the chunks of a block.
func indexBlock(b *block) (x blockIndex) {
	x.cycle = math.MaxUint32
	var d record.Decoder
	var r record.Record
	seen := make(map[goroutineSeen]bool)
	for _, ch := range b.chunks {
		var inSlice, orphans bool
		begin := chunkBegin{chunkKey: chunkKey{ch.Stream, ch.Seq}}
		d.Reset(ch.Payload, 0)
		for more := true; more; {
			var others uint64
			others, more = d.Skim(&r)
			x.records += others
			orphans = orphans || others > 0 && !inSlice
			switch {
			case !more:
			case r.Tag == record.TagSlice:
				if !inSlice {
					inSlice, begin.slices, begin.goesOn = true, true, r.Slice.Part > 0
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
				x.definitions = append(x.definitions, definition{begin.chunkKey, c})
			}
		}
		if d.Err() != nil || orphans {
			x.malformed++
		}
		x.chunks = append(x.chunks, begin)
	}
	return x
}

// index reads the whole file once.
func (rec *Recording) index(progress func(int64)) error {
	s := newScanner(rec.file)
	var definitions []definition
	var malformed uint64
	err := overBlocks(s, rec.jobs, indexBlock, func(b *block, x blockIndex) bool {
		for _, c := range x.chunks {
			rec.begin(c)
		}
		definitions = append(definitions, x.definitions...)
		malformed += x.malformed
		rec.records += x.records
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
		if progress != nil {
			progress(b.end)
		}
		return true
	})
	if err != nil {
		return err
	}
	rec.chunks = len(s.seen) > 0
	// From a block's own cycle to the smallest of all blocks from it on.
	for i := len(rec.oldest) - 2; i >= 0; i-- {
		rec.oldest[i] = min(rec.oldest[i], rec.oldest[i+1])
	}
	rec.lost.chunks = s.missing() + malformed
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

func (rec *Recording) begin(c chunkBegin) {
	key, word, bit := c.place()
	set := rec.begins[key]
	if set == nil {
		set = new(begins)
		rec.begins[key] = set
	}
	set.found[word] |= bit
	if c.slices {
		set.slices[word] |= bit
	}
	if c.goesOn {
		set.goesOn[word] |= bit
	}
}

// ends reports whether the last slice of a chunk is known to have no further
// part: the stream goes on with another slice, or ends and nothing is missing.
func (rec *Recording) ends(k chunkKey) bool {
	for {
		k.seq++
		key, word, bit := k.place()
		set := rec.begins[key]
		switch {
		case set == nil || set.found[word]&bit == 0:
			return rec.whole()
		case set.slices[word]&bit != 0:
			return set.goesOn[word]&bit == 0
		}
	}
}
