package recording

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
)

// Options say how to read.
type Options struct {
	// Progress, if set, is called with the number of bytes read so far.
	Progress func(bytes int64)
}

// A Recording is one process's. It implements [event.Source].
type Recording struct {
	chunks    *chunks
	reader    readerStats
	gs        []*goroutine          // in order of first appearance in the replay
	byID      map[uint64]*goroutine // recorder's number to goroutine
	symbols   map[uint32][]record.Frame
	names     [2]map[uint64]string // functions, files
	types     map[uint64]*typ
	vars      []variable // sorted by address
	facts     map[string][]byte
	status    record.Status
	last      *record.Status // of the end marker
	lost      struct{ chunks, records, sync uint64 }
	records   uint64
	abandoned int // goroutines that could not be replayed to their end
	replays   int
	frames    map[uint32][]event.Frame // symbols, resolved

	stacks stacks
	allocs allocs
	class  classes
}

// goroutine is a goroutine or context of the recording and where its records are.
type goroutine struct {
	id      uint64
	goid    uint64
	index   event.G // -1 until it has done something
	slices  []slice
	child   bool // a go record names it
	parent  event.G
	created event.Stack
	system  bool
	ended   bool
	begun   int // the replay, counted from 1, that has reached its go statement
	name    string
}

// slice is a stretch of a goroutine's records within one chunk.
type slice struct {
	number, part uint32
	cycle        uint32
	chunk        int32
	pos          int16 // of the record after the slice's own, in the payload
}

type typ struct {
	name   string
	size   uint64
	fields []field // sorted by offset
}

type field struct {
	off, size uint64
	path      string
}

type variable struct {
	addr, size uint64
	name       string
}

// Read reads a recording. An execution trace without records is no error:
// see [Recording.Instrumented].
func Read(r io.ReadSeeker, opts Options) (*Recording, error) {
	c, stats, err := readChunks(r, opts.Progress)
	if err != nil {
		return nil, err
	}
	if len(c.list) == 0 && stats.events == 0 && stats.err != nil {
		return nil, fmt.Errorf("cannot read the trace: %w", stats.err)
	}
	rec := &Recording{
		chunks: c, reader: stats,
		byID:    make(map[uint64]*goroutine),
		symbols: make(map[uint32][]record.Frame),
		types:   make(map[uint64]*typ),
		facts:   make(map[string][]byte),
		frames:  make(map[uint32][]event.Frame),
	}
	rec.names[0], rec.names[1] = make(map[uint64]string), make(map[uint64]string)
	rec.index()
	return rec, nil
}

// index decodes all chunks once: definitions, and where each goroutine's
// slices are.
func (rec *Recording) index() {
	var d record.Decoder
	var r record.Record
	var prev record.Chunk
	for i, ch := range rec.chunks.list {
		switch {
		case i == 0 || ch.Stream != prev.Stream:
			rec.lost.chunks += uint64(ch.Seq)
		default:
			rec.lost.chunks += uint64(ch.Seq - prev.Seq - 1)
		}
		prev = ch
		var g *goroutine
		var orphans bool // records that belong to nobody
		for d.Reset(ch.Payload, 0); d.Next(&r); {
			switch r.Tag {
			case record.TagSlice:
				g = rec.goroutine(r.Slice.G)
				if r.Slice.Goid != 0 {
					g.goid = r.Slice.Goid
				}
				g.slices = append(g.slices, slice{r.Slice.Number, r.Slice.Part, r.Slice.Cycle, int32(i), int16(d.Pos())})
			case record.TagCycle, record.TagStack:
			case record.TagSymbol:
				rec.symbols[r.PC] = slices.Clone(r.Frames)
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
			default:
				rec.records++
				orphans = orphans || g == nil
				if r.Tag == record.TagGo {
					rec.goroutine(r.Child).child = true
				}
			}
		}
		if d.Err() != nil || orphans {
			rec.chunks.malformed++
		}
	}
	// A chunk whose bytes have changed is missing from its stream, unless it
	// was the stream's last.
	rec.lost.chunks = max(rec.lost.chunks, rec.chunks.damaged) + rec.chunks.malformed
	for _, g := range rec.byID {
		slices.SortFunc(g.slices, func(a, b slice) int {
			return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.part, b.part))
		})
	}
	slices.SortFunc(rec.vars, func(a, b variable) int { return cmp.Compare(a.addr, b.addr) })
	for _, t := range rec.types {
		slices.SortStableFunc(t.fields, func(a, b field) int { return cmp.Compare(a.off, b.off) })
	}
	rec.name()
}

func (rec *Recording) goroutine(id uint64) *goroutine {
	g := rec.byID[id]
	if g == nil {
		g = &goroutine{id: id, index: -1, parent: -1}
		rec.byID[id] = g
	}
	return g
}

func (rec *Recording) typ(id uint64) *typ {
	t := rec.types[id]
	if t == nil {
		t = new(typ)
		rec.types[id] = t
	}
	return t
}

// name names the goroutines: as tracebacks do, and contexts of the runtime that
// share a goroutine's number or have none so that each has its own.
func (rec *Recording) name() {
	ids := make([]uint64, 0, len(rec.byID))
	for id := range rec.byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	taken := make(map[string]int)
	for _, id := range ids {
		g := rec.byID[id]
		g.name = "g" + strconv.FormatUint(g.goid, 10)
		if g.goid == 0 {
			g.name = "timer" + strconv.FormatUint(g.id, 10)
		}
		if taken[g.name]++; taken[g.name] > 1 {
			g.name += "." + strconv.Itoa(taken[g.name])
		}
	}
}

// Instrumented reports whether the trace holds any records.
func (rec *Recording) Instrumented() bool { return len(rec.chunks.list) > 0 }

// Ended reports whether the recorder wrote its end marker.
func (rec *Recording) Ended() bool { return rec.last != nil }

// Reader returns what the execution trace reader saw: the number of events, of
// goroutines, and why it stopped early, if it did.
func (rec *Recording) Reader() (events uint64, goroutines int, err error) {
	return rec.reader.events, rec.reader.goroutines, rec.reader.err
}

// Records is the number of records, definitions not counted.
func (rec *Recording) Records() uint64 { return rec.records }

// Lost returns what is known to be missing: chunks, records (at least), and
// synchronization operations. The last two are complete after a replay.
func (rec *Recording) Lost() (chunks, records, sync uint64) {
	records = rec.status.Lost + rec.lost.records
	if rec.last != nil && rec.last.Records > rec.records {
		records += rec.last.Records - rec.records
	}
	return rec.lost.chunks, records, rec.status.LostSync + rec.lost.sync
}

// Foreign is the number of plain accesses outside Go's memory, which are not recorded.
func (rec *Recording) Foreign() uint64 { return rec.status.Foreign }

// Fact returns what the recorder said about the process: "go", "goos",
// "goarch", "program", "start" (nanoseconds since 1970), "modinfo", "build"
// (JSON of the link step), "record".
func (rec *Recording) Fact(key string) string {
	if key == "modinfo" {
		// The toolchain puts 16 bytes of magic around it.
		b := rec.facts[key]
		if len(b) >= 32 {
			return string(bytes.TrimSpace(b[16 : len(b)-16]))
		}
	}
	return string(rec.facts[key])
}

// Collected is true: the garbage collector frees.
func (rec *Recording) Collected() bool { return true }

// NumGoroutines is the number of goroutines that did something, after a replay.
func (rec *Recording) NumGoroutines() int { return len(rec.gs) }

// Goroutine describes a goroutine.
func (rec *Recording) Goroutine(g event.G) event.Goroutine {
	if g < 0 || int(g) >= len(rec.gs) {
		return event.Goroutine{Parent: -1}
	}
	r := rec.gs[g]
	return event.Goroutine{Name: r.name, Parent: r.parent, Created: r.created, System: r.system}
}

// SyncName names a synchronization object: by the variable or the allocated type
// that it is or lies in.
func (rec *Recording) SyncName(o event.Obj) string {
	switch o.Space {
	case event.SpaceAddr, event.SpaceChan, event.SpacePool:
		ob := rec.Object(o.Addr, 1<<32-1)
		switch {
		case ob.Kind == "unknown":
		case o.Space == event.SpaceChan && ob.Kind == "heap":
			fs := rec.Frames(ob.Alloc)
			if len(fs) > 0 {
				f := fs[event.Site(fs)]
				return fmt.Sprintf("chan@%s:%d", path.Base(f.File), f.Line)
			}
		case o.Space == event.SpacePool && ob.Type != "":
			return ob.Type
		default:
			return primitive(ob.Name)
		}
	}
	return fmt.Sprintf("%s#%x", spaceNames[o.Space%event.Space(len(spaceNames))], o.Addr)
}

// primitive cuts the fields inside a primitive off a name: what people know is
// the Mutex, not its state.
func primitive(name string) string {
	for _, inner := range []string{".w.mu.state", ".mu.state", ".state.v", ".done.v", ".writerSem", ".readerSem", ".noCopy"} {
		if s, ok := strings.CutSuffix(name, inner); ok {
			return s
		}
	}
	return name
}

var spaceNames = [...]string{"sync", "chan", "pool", "map", "cond", "timer", "finalizer", "io", "coroutine", "bubble"}
