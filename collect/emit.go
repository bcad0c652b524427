package collect

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/hindsight-go/hindsight/collect/record"
)

// An annotation is one log event of the running trace, with one chunk. Whose it
// is and where it stands is the tracer's business: an event of the trace names its
// goroutine and its call stack, and a goroutine's events keep their order. So an
// annotation need not know its goroutine, there is nothing to flush when one
// ends, and a trace holds all of them, whoever runs it.
//
// Order between goroutines is ours. An object has a counter, as in an
// instrumented program; its number is taken and the log event is written with
// the counter locked. So one comes after the other as the numbers do, even
// where a trace begins, a flight recorder forgets, or a generation ends: no
// number is missing between two that a trace holds.
//
// What an annotation looks at first is whether a trace runs, at the place in
// the program that docs/record-format.md demands for its number. The beginning
// of a trace is then no harm: who releases something before a trace has nothing
// in it to be ordered, and who acquires before it sees nothing of the trace.

// on reports whether annotations are written.
func on() bool { return !Instrumented && trace.IsEnabled() }

// counter numbers the operations of objects that share it.
type counter struct {
	sync.Mutex
	next uint64
}

var counters [1 << record.CounterBits]counter

// A writer encodes chunks of annotations. Each is used by one goroutine at a time.
type writer struct {
	enc *record.Encoder
	r   record.Record
	// names of bytes that a record needs; they outlive the call.
	name []byte
}

var writers = sync.Pool{New: func() any {
	w := &writer{name: make([]byte, 0, nameMax)}
	w.enc = record.NewEncoder(0, logChunk)
	return w
}}

// nameMax bounds names, in bytes: a chunk takes two.
const nameMax = 256

var background = context.Background()

// logChunk writes a chunk. The tracer copies it.
func logChunk(b []byte) { trace.Log(background, record.Category, unsafe.String(&b[0], len(b))) }

func newWriter() *writer { return writers.Get().(*writer) }

// write writes the record, with what names its memory, and gives w back.
func (w *writer) write() {
	w.enc.Write(&w.r)
	w.enc.Flush(record.FlagAnnotation)
	writers.Put(w)
}

// text is s as bytes that w keeps.
func (w *writer) text(s string) []byte {
	w.name = append(w.name[:0], s[:min(len(s), nameMax)]...)
	return w.name
}

// variable says what the memory at addr is called: by Name, else by name, if
// there is one.
func (w *writer) variable(addr, size uint64, name string) {
	if v := named(addr); v != nil {
		addr, size, name = v.addr, v.size, v.name
	} else if name == "" {
		return
	}
	w.r = record.Record{Tag: record.TagVar, Addr: addr, Size: size, Name: w.text(name)}
	w.enc.Write(&w.r)
}

// access writes an access of size bytes at addr, or a beginning or end of life.
func access(tag byte, addr, size uint64, typ, name string) {
	if size == 0 {
		return
	}
	w := newWriter()
	w.variable(addr, size, name)
	if typ != "" {
		w.r = record.Record{Tag: record.TagType, Type: 1, Size: size, Name: w.text(typ)}
		w.enc.Write(&w.r)
	}
	w.r = record.Record{Tag: tag, Addr: addr, Size: size, Count: 1, Type: 1}
	w.write()
}

// synchronize writes what has been done to the object at addr, or what is about to be done.
func synchronize(op record.Sync, addr uint64, name string) {
	w := newWriter()
	w.variable(addr, 1, name)
	c := &counters[record.Counter(0, addr)]
	c.Lock()
	w.r = record.Record{Tag: record.TagSync, Sync: op, Addr: addr, Num: c.next}
	c.next++
	w.write()
	c.Unlock()
}

// variables have names. The list is sorted and not changed, but replaced.
var variables atomic.Pointer[[]variable]

type variable struct {
	addr, size uint64
	name       string
}

// named returns the variable that addr lies in, if it has a name.
func named(addr uint64) *variable {
	list := variables.Load()
	if list == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(*list, addr, func(v variable, addr uint64) int {
		switch {
		case v.addr+v.size <= addr:
			return -1
		case v.addr > addr:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return &(*list)[i]
}

var namesLock sync.Mutex

// nameMemory gives the memory a name, instead of those that overlap it.
func nameMemory(addr, size uint64, name string) {
	namesLock.Lock()
	defer namesLock.Unlock()
	var list []variable
	if old := variables.Load(); old != nil {
		for _, v := range *old {
			if v.addr+v.size <= addr || addr+size <= v.addr {
				list = append(list, v)
			}
		}
	}
	list = append(list, variable{addr, size, name})
	slices.SortFunc(list, func(a, b variable) int {
		if a.addr < b.addr {
			return -1
		}
		return 1
	})
	variables.Store(&list)
}

// identities are given out to objects that need one of their own, for memory
// may be used again: addresses that no memory has.
var identities atomic.Uint64

const firstIdentity = 1 << 47

// identity returns the first of n addresses that are new, 16-byte aligned.
func identity(n uint64) uint64 {
	n = (n + 15) &^ 15
	return firstIdentity + identities.Add(n) - n
}

// describe writes what there is to say of the process.
func describe() {
	facts := [][2]string{
		{"program", os.Args[0]}, {"go", runtime.Version()}, {"goos", runtime.GOOS}, {"goarch", runtime.GOARCH},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		facts = append(facts, [2]string{"modinfo", info.String()})
	}
	w := newWriter()
	for _, f := range facts {
		for value := f[1]; ; {
			const most = 800
			n := min(len(value), most)
			w.enc.Write(&record.Record{Tag: record.TagFact, Name: []byte(f[0]), Value: []byte(value[:n])})
			w.enc.Flush(record.FlagAnnotation)
			if value = value[n:]; value == "" {
				break
			}
		}
	}
	writers.Put(w)
}
