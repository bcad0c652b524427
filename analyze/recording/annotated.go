package recording

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hindsight-go/hindsight/collect/record"
	"golang.org/x/exp/trace"
)

// A trace with annotations is made into a recording as an instrumented program would
// have written it, in memory, and then read like one. The trace tells what a
// recording tells of itself: whose a chunk is, its call stack, which goroutine
// created which. What an annotation has, the others too, is its number.
//
// Memory is used again, and nobody says when. So what has no life of its own
// (see life) gets other addresses after each garbage collection.

// annotated is what is known of a trace with annotations besides.
type annotated struct {
	first [1 << record.CounterBits]uint64 // number of each counter
	err   error                           // why the trace could not be read to its end
	start time.Time                       // zero: not known
	ran   time.Duration
	lost  uint64 // chunks
	made  []byte // the recording
}

// annotation reads a trace with annotations.
type annotation struct {
	*annotated
	size  int64 // of the trace
	enc   *record.Encoder
	out   bytes.Buffer
	gs    map[trace.GoID]*annotator
	known uint64     // goroutines so far
	last  *annotator // whose slice is open
	sites map[trace.StackFrame]uint32
	names [2]map[string]uint64
	seen  [1 << record.CounterBits]bool
	facts map[string][]byte
	began trace.Time
	ended trace.Time
	count uint64

	cycle  uint32
	arenas map[arena]uint64
	moved  int             // how many there have been
	lives  map[uint64]life // by granule
	memory map[uint64]named
	held   map[uint64]int // locks: how often they are, as far as annotations tell
}

// annotator is a goroutine.
type annotator struct {
	id, goid uint64
	slice    uint32
	stack    []uint32 // calls told, outermost first
}

// An arena is a stretch of memory in one cycle of the garbage collector.
type arena struct {
	number uint64
	cycle  uint32
}

// Addresses: memory with a life of its own keeps its address, the rest is moved
// to arenas above firstArena, in the order of their first use.
const (
	arenaBits  = 26
	firstArena = 3 << 46
	// Package collect gives addresses from here on to what has no address.
	firstIdentity = 1 << 47

	granule    = 16
	maxTracked = 1 << 20 // bytes of an object of which the life is known
	maxLives   = 1 << 21 // granules of which it is
)

// life is that of an object between Alloc and Free.
type life struct {
	cycle uint32 // in which it began
	freed uint32 // in which it ended
	ended bool
}

// named is a stretch of memory with a name.
type named struct {
	size uint64
	name string
}

// readAnnotated makes the recording. It stops where the trace is damaged: what
// comes before is good.
func readAnnotated(r io.ReaderAt, size int64) *annotated {
	a := &annotation{
		annotated: &annotated{}, size: size,
		gs: make(map[trace.GoID]*annotator), sites: make(map[trace.StackFrame]uint32),
		facts: make(map[string][]byte), arenas: make(map[arena]uint64), lives: make(map[uint64]life),
		memory: make(map[uint64]named), held: make(map[uint64]int),
	}
	a.names[0], a.names[1] = make(map[string]uint64), make(map[string]uint64)
	a.out.WriteString("go 1.26 trace\x00\x00\x00")
	batch := uint64(0)
	a.enc = record.NewEncoder(1, func(chunk []byte) {
		batch++
		a.out.Write(record.AppendBatch(nil, batch, chunk))
	})
	if err := a.read(r); err != nil {
		a.err = err
	}
	a.finish()
	a.made = a.out.Bytes()
	return a.annotated
}

// read goes through the trace. The trace reader is not made for hostile input.
func (a *annotation) read(r io.ReaderAt) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("trace reader: %v", p)
		}
	}()
	tr, err := trace.NewReader(bufio.NewReaderSize(io.NewSectionReader(r, 0, 1<<62), 1<<20))
	if err != nil {
		return err
	}
	for first := true; ; {
		ev, err := tr.ReadEvent()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch ev.Kind() {
		case trace.EventSync:
			if c := ev.Sync().ClockSnapshot; c != nil && a.start.IsZero() {
				a.start = c.Wall
			}
			continue // its time is not of the trace
		case trace.EventLog:
			if l := ev.Log(); l.Category == record.Category {
				a.chunk(&ev, l.Message)
			}
		case trace.EventStateTransition:
			a.transition(&ev)
		case trace.EventRangeEnd:
			if ev.Range().Name == "GC concurrent mark phase" {
				a.cycle++
			}
		}
		if a.ended = ev.Time(); first {
			a.began, first = a.ended, false
		}
	}
}

// transition follows the births and deaths of goroutines.
func (a *annotation) transition(ev *trace.Event) {
	t := ev.StateTransition()
	if t.Resource.Kind != trace.ResourceGoroutine {
		return
	}
	id := t.Resource.Goroutine()
	switch from, to := t.Goroutine(); {
	case to == trace.GoNotExist:
		if g := a.gs[id]; g != nil && g.slice > 0 {
			a.of(g)
			a.write(&record.Record{Tag: record.TagEnd})
		}
		delete(a.gs, id)
	case from == trace.GoNotExist && ev.Goroutine() != trace.NoGoroutine && ev.Goroutine() != id:
		child := a.goroutine(id)
		a.of(a.goroutine(ev.Goroutine()))
		a.write(&record.Record{Tag: record.TagGo, Child: child.id, PC: a.at(ev)})
	}
}

func (a *annotation) goroutine(id trace.GoID) *annotator {
	g := a.gs[id]
	if g == nil {
		a.known++
		g = &annotator{id: a.known, goid: uint64(id)}
		a.gs[id] = g
	}
	return g
}

// of makes g the one whose records follow.
func (a *annotation) of(g *annotator) {
	if a.last == g {
		return
	}
	a.last = g
	g.slice++
	a.enc.Write(&record.Record{Tag: record.TagSlice, Slice: record.Slice{G: g.id, Number: g.slice, Goid: g.goid}})
}

func (a *annotation) write(r *record.Record) {
	a.count++
	a.enc.Write(r)
}

// chunk takes in the chunk of a log event.
func (a *annotation) chunk(ev *trace.Event, message string) {
	ch, err := record.Parse([]byte(message))
	if err != nil || ch.Flags&record.FlagAnnotation == 0 || ev.Goroutine() == trace.NoGoroutine {
		if !errors.Is(err, record.ErrNotChunk) {
			a.lost++
		}
		return
	}
	var d record.Decoder
	var r record.Record
	var typ, variable named
	var base uint64
	for d.Reset(ch.Payload); d.Next(&r); {
		switch r.Tag {
		case record.TagType:
			typ = named{r.Size, string(r.Name)}
		case record.TagVar:
			variable, base = named{r.Size, string(r.Name)}, r.Addr
		case record.TagFact:
			a.fact(string(r.Name), r.Value)
		case record.TagSync, record.TagAtomic:
			a.number(&r)
			a.call(base, variable)
			a.tell(ev, r)
		case record.TagRead, record.TagWrite, record.TagAlloc, record.TagFree:
			if variable.name != "" {
				a.call(base, variable)
				a.tell(ev, r)
				break
			}
			// Arena by arena.
			for rest := min(r.Size, 1<<32); rest > 0; rest -= r.Size {
				r.Size = min(rest, 1<<arenaBits-r.Addr&(1<<arenaBits-1))
				out := r
				out.Addr = a.place(&r)
				a.call(out.Addr, typ)
				a.tell(ev, out)
				r.Addr += r.Size
			}
		}
	}
	if d.Err() != nil {
		a.lost++
	}
}

// call gives memory a name, if there is one; one for more of it stays.
func (a *annotation) call(addr uint64, n named) {
	if old, ok := a.memory[addr]; n.name != "" && (!ok || old.size < n.size) {
		a.memory[addr] = named{n.size, n.name[:min(len(n.name), longest)]}
	}
}

// tell writes what the event's goroutine did.
func (a *annotation) tell(ev *trace.Event, r record.Record) {
	r.PCs, r.Name, r.Value, r.Frames, r.Type, r.Via = nil, nil, nil, nil, 0, 0
	a.of(a.goroutine(ev.Goroutine()))
	r.PC = a.at(ev)
	a.write(&r)
}

// longest is how long a name may become, in bytes.
const longest = 900

// number notes a counter's first number, and whether a lock is held. An Unlock
// of which the trace does not have the Lock still releases.
func (a *annotation) number(r *record.Record) {
	space := r.Space
	if r.Tag == record.TagAtomic {
		space = 0
	}
	if c := record.Counter(space, r.Addr); !a.seen[c] || r.Num < a.first[c] {
		a.seen[c], a.first[c] = true, r.Num
	}
	if r.Tag == record.TagAtomic {
		return
	}
	switch r.Sync {
	case record.Lock, record.RLock:
		a.held[r.Addr]++
	case record.Unlock, record.RUnlock:
		if a.held[r.Addr]--; a.held[r.Addr] < 0 {
			r.Sync = record.ReleaseMerge
		}
		if a.held[r.Addr] <= 0 {
			delete(a.held, r.Addr)
		}
	}
}

// place returns where memory without a name of its own is in the recording.
func (a *annotation) place(r *record.Record) uint64 {
	if r.Addr >= firstIdentity {
		return r.Addr
	}
	cycle := a.cycle
	first, last := r.Addr/granule, (r.Addr+max(r.Size, 1)-1)/granule
	if l, ok := a.lives[first]; ok && r.Tag != record.TagAlloc {
		if l.ended && l.freed != a.cycle {
			delete(a.lives, first)
		} else {
			cycle = l.cycle
		}
	}
	if r.Size <= maxTracked && (r.Tag == record.TagAlloc || r.Tag == record.TagFree) {
		for g := first; g <= last && len(a.lives) < maxLives; g++ {
			a.lives[g] = life{cycle, a.cycle, r.Tag == record.TagFree}
		}
	}
	key := arena{r.Addr >> arenaBits, cycle}
	at, ok := a.arenas[key]
	if !ok {
		at = firstArena>>arenaBits + uint64(a.moved)
		a.moved++
		a.arenas[key] = at
	}
	return at<<arenaBits | r.Addr&(1<<arenaBits-1)
}

// fact takes in a fact. Who starts to describe the process begins with its program.
func (a *annotation) fact(key string, value []byte) {
	if key == "program" {
		clear(a.facts)
	}
	a.facts[key] = append(a.facts[key], value...)
}

// at tells the event's call stack and returns the site of the event itself.
func (a *annotation) at(ev *trace.Event) uint32 {
	const deepest = 128
	var sites []uint32 // innermost first
	for f := range ev.Stack().Frames() {
		if ours(f.Func) {
			continue
		}
		sites = append(sites, a.site(f))
		if len(sites) == deepest || int64(a.out.Len()) > 64<<20+8*a.size {
			break // few bytes of a trace can name a large stack, again and again
		}
	}
	if len(sites) == 0 {
		return record.NoPC
	}
	calls := sites[1:]
	slices.Reverse(calls)
	g := a.last
	low := 0
	for low < len(calls) && low < len(g.stack) && calls[low] == g.stack[low] {
		low++
	}
	if low < len(calls) || low < len(g.stack) {
		a.enc.Write(&record.Record{Tag: record.TagStack, Low: uint64(low), PCs: calls[low:]})
		g.stack = append(g.stack[:low], calls[low:]...)
	}
	return sites[0]
}

// ours reports whether a function belongs to what an annotation does.
func ours(fn string) bool {
	const collect = "github.com/hindsight-go/hindsight/collect"
	return strings.HasPrefix(fn, collect+".") || strings.HasPrefix(fn, collect+"/record.") || strings.HasPrefix(fn, "runtime/trace.")
}

// site numbers places in the program.
func (a *annotation) site(f trace.StackFrame) uint32 {
	f.PC = 0
	n, ok := a.sites[f]
	if !ok {
		n = uint32(len(a.sites)) + 1
		a.sites[f] = n
		frame := record.Frame{Func: a.name(0, f.Func), File: a.name(1, f.File), Line: int(uint32(f.Line))}
		a.enc.Write(&record.Record{Tag: record.TagSymbol, PC: n, Frames: []record.Frame{frame}})
	}
	return n
}

func (a *annotation) name(table byte, s string) uint64 {
	s = s[:min(len(s), longest)]
	n, ok := a.names[table][s]
	if !ok {
		n = uint64(len(a.names[table])) + 1
		a.names[table][s] = n
		a.enc.Write(&record.Record{Tag: record.TagString, Table: table, ID: n, Name: []byte(s)})
	}
	return n
}

// finish writes what is known at the end: names and facts.
func (a *annotation) finish() {
	if a.ended > a.began {
		a.ran = a.ended.Sub(a.began)
	}
	var end uint64
	for _, addr := range slices.Sorted(maps.Keys(a.memory)) {
		m := a.memory[addr]
		if addr < end {
			continue // a part of what has a name
		}
		end = addr + m.size
		a.enc.Write(&record.Record{Tag: record.TagVar, Addr: addr, Size: m.size, Name: []byte(m.name)})
	}
	if m := a.facts["modinfo"]; m != nil {
		// As the toolchain has it, see [Recording.Fact].
		a.facts["modinfo"] = slices.Concat(make([]byte, 16), m, make([]byte, 16))
	}
	if !a.start.IsZero() { // traces before Go 1.25 do not tell
		a.facts["start"] = strconv.AppendInt(nil, a.start.UnixNano(), 10)
	}
	a.facts["nanotime"] = []byte("1")
	a.facts["window"] = []byte("0")
	a.facts["record"] = []byte("annotations")
	for _, key := range slices.Sorted(maps.Keys(a.facts)) {
		for value := a.facts[key]; len(value) > 0; {
			const most = 400
			n := min(len(value), most)
			a.enc.Write(&record.Record{Tag: record.TagFact, Name: []byte(key[:min(len(key), most)]), Value: value[:n]})
			value = value[n:]
		}
	}
	a.enc.Write(&record.Record{Tag: record.TagLast, Status: record.Status{
		Streams: 1, Records: a.count, Nanotime: 1 + uint64(a.ran),
	}})
	a.enc.Flush(record.FlagLast | record.FlagEnded)
}
