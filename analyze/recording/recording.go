package recording

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
	"golang.org/x/exp/trace"
)

// Options say how to read.
type Options struct {
	// Progress, if set, is called with the number of bytes read so far.
	Progress func(bytes int64)
	// Stop, if set, is asked now and then whether to stop reading: then the
	// recording ends where the reading does.
	Stop func() bool
	// Jobs is how many goroutines may decode at once; 0 means as many as there
	// are processors.
	Jobs int
	// Plain, if set, is called with the events of a trace without records, until
	// it returns false.
	Plain func(*trace.Event) bool
}

// A Recording is one process's. It implements [event.Batched].
type Recording struct {
	file      io.ReaderAt
	size      int64
	jobs      int
	read      atomic.Int64 // bytes, by the replay that is going on
	chunks    bool         // there are any
	ends      map[seenKey]*ends
	oldest    []uint32 // GC cycle of the oldest record from each block on
	reader    readerStats
	gs        []*goroutine          // in order of first appearance in the replay
	byID      map[uint64]*goroutine // recorder's number to goroutine
	low       []*goroutine          // those of small numbers, by number
	symbols   map[uint32][]record.Frame
	names     [2]map[uint64]string // functions, files
	types     map[uint64]*typ
	vars      []variable // sorted by address
	facts     map[string][]byte
	before    uint64 // the greatest number of a goroutine that was there before the recording began
	status    record.Status
	last      *record.Status // of the end marker
	lost      struct{ chunks, records, sync uint64 }
	records   uint64
	abandoned int   // goroutines that could not be replayed to their end
	givenUp   int   // of these, for want of memory
	mostWaits int64 // see mostWaits
	replays   int32
	frames    map[uint32][]event.Frame // symbols, resolved

	flagged, unflagged bool       // whether there are chunks of annotations, and others
	annotated          *annotated // the recording was made of annotations

	stacks stacks
	allocs allocs
	class  classes
}

var (
	_ event.Batched  = (*Recording)(nil)
	_ event.Recorded = (*Recording)(nil)
)

// goroutine is a goroutine or context of the recording.
type goroutine struct {
	id      uint64
	goid    uint64
	index   event.G // -1 until it has done something
	parent  event.G
	created event.Stack
	number  int32 // of those with its goid, from 1
	begun   int32 // the replay, counted from 1, that has reached its go statement
	child   bool  // a go record names it
	records bool  // it has some
	system  bool
	ended   bool
	cursor  *cursor // during a replay
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

// Read reads a recording, which must stay as it is as long as the recording is
// used. An execution trace without records is no error: see
// [Recording.Instrumented].
func Read(r io.ReaderAt, opts Options) (*Recording, error) {
	if err := checkHeader(r); err != nil {
		return nil, err
	}
	rec := &Recording{
		file: r, jobs: cmp.Or(opts.Jobs, runtime.GOMAXPROCS(0)), mostWaits: mostWaits,
		ends:    make(map[seenKey]*ends),
		byID:    make(map[uint64]*goroutine),
		symbols: make(map[uint32][]record.Frame),
		types:   make(map[uint64]*typ),
		facts:   make(map[string][]byte),
		frames:  make(map[uint32][]event.Frame),
	}
	rec.names[0], rec.names[1] = make(map[uint64]string), make(map[uint64]string)
	if err := rec.index(&opts); err != nil {
		return nil, err
	}
	if rec.flagged && !rec.unflagged {
		a := readAnnotated(r, rec.size)
		made, err := Read(bytes.NewReader(a.made), Options{Jobs: opts.Jobs})
		if err != nil {
			return nil, err
		}
		made.annotated = a
		made.lost.chunks += a.lost
		return made, nil
	}
	rec.before, _ = strconv.ParseUint(rec.Fact("window"), 10, 64)
	if !rec.chunks {
		rec.reader = readTrace(rec.file, &opts)
		if rec.reader.version != nil {
			return nil, rec.reader.version
		}
		if rec.reader.events == 0 && rec.reader.err != nil {
			return nil, fmt.Errorf("cannot read the trace: %w", rec.reader.err)
		}
	}
	return rec, nil
}

// Position is how far the current replay has got, and the whole, in bytes of
// the file. Any goroutine may call it.
func (rec *Recording) Position() (read, size int64) { return rec.read.Load(), rec.size }

// goroutine returns the goroutine of a number, a new one if there is none. Numbers
// are given one after the other: most are found without the map.
func (rec *Recording) goroutine(id uint64) *goroutine {
	if id < uint64(len(rec.low)) && rec.low[id] != nil {
		return rec.low[id]
	}
	g := rec.byID[id]
	if g == nil {
		g = &goroutine{id: id, index: -1, parent: -1}
		rec.byID[id] = g
		if most := uint64(4*len(rec.byID) + 1024); id < most {
			for uint64(len(rec.low)) <= id {
				rec.low = append(rec.low, nil)
			}
			rec.low[id] = g
		}
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

// name numbers goroutines that share a number of the runtime's, or have none, so
// that each can have a name of its own.
func (rec *Recording) name() {
	taken := make(map[uint64]int32)
	for _, id := range sortedKeys(rec.byID) {
		g := rec.byID[id]
		goid := g.goid
		if goid == 0 {
			continue
		}
		taken[goid]++
		g.number = taken[goid]
	}
}

// name names a goroutine as tracebacks do.
func (g *goroutine) name() string {
	if g.goid == 0 {
		return "timer" + strconv.FormatUint(g.id, 10)
	}
	name := "g" + strconv.FormatUint(g.goid, 10)
	if g.number > 1 {
		name += "." + strconv.Itoa(int(g.number))
	}
	return name
}

// Instrumented reports whether the trace holds any records of a program that
// was built to be recorded.
func (rec *Recording) Instrumented() bool { return rec.chunks && rec.annotated == nil }

// Annotated reports whether the trace holds annotations instead: what it says
// is what the program has said of itself.
func (rec *Recording) Annotated() bool { return rec.annotated != nil }

// Ended reports whether the recorder wrote its end marker.
func (rec *Recording) Ended() bool { return rec.last != nil }

// Killed implements [event.Recorded]: it reports whether the process ended by a signal.
func (rec *Recording) Killed() bool {
	return rec.last != nil && rec.last.Reason > 0 && rec.last.Reason%2 == 0
}

// Defaults implements [event.Recorded].
func (rec *Recording) Defaults() bool { return rec.Fact("select") == "default" }

// Unread is why a trace without records could not be read to its end, nil if it
// could.
func (rec *Recording) Unread() error { return rec.reader.err }

// Format is the version of Go whose trace format it is, such as "go1.26". Between
// two formats, versions of Go write the older one.
func (rec *Recording) Format() string {
	var head [16]byte
	if _, err := rec.file.ReadAt(head[:], 0); err != nil {
		return ""
	}
	version, _, _ := strings.Cut(string(head[3:]), " ")
	return "go" + version
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
// (JSON of the link step), "record", "window", "select".
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

// Collected is true, for the garbage collector frees, unless annotations do.
func (rec *Recording) Collected() bool { return rec.annotated == nil }

// NumGoroutines is the number of goroutines that did something, after a replay.
func (rec *Recording) NumGoroutines() int { return len(rec.gs) }

// Goroutine describes a goroutine.
func (rec *Recording) Goroutine(g event.G) event.Goroutine {
	if g < 0 || int(g) >= len(rec.gs) {
		return event.Goroutine{Parent: -1}
	}
	r := rec.gs[g]
	return event.Goroutine{Name: r.name(), Parent: r.parent, Created: r.created, System: r.system || r.goid == 0}
}

// SyncName names a synchronization object: by the variable or the allocated type
// that it is or lies in.
func (rec *Recording) SyncName(o event.Obj) string {
	switch o.Space {
	case event.SpaceAddr, event.SpaceChan, event.SpacePool, event.SpaceCond:
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
	for _, inner := range []string{".w.mu.state", ".mu.state", ".state.v", ".done.v", ".writerSem", ".readerSem", ".noCopy", ".notify.wait.value", ".notify.wait"} {
		if s, ok := strings.CutSuffix(name, inner); ok {
			return s
		}
	}
	return name
}

var spaceNames = [...]string{"sync", "chan", "pool", "map", "cond", "timer", "finalizer", "io", "coroutine", "bubble"}
