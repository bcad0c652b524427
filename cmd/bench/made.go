package main

import (
	"bufio"
	"context"
	"math/rand/v2"
	"os"
	"runtime/trace"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
)

// makeTrace writes a recording of about n records: goroutines which start one
// after the other, work on memory of their own and on words that they share
// under locks, and are waited for. At most 1,000 of them live at once.
func makeTrace(name string, n, goroutines int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := trace.Start(w); err != nil {
		return err
	}
	m := maker{n: n, goroutines: goroutines, rand: rand.New(rand.NewPCG(1, uint64(goroutines)))}
	for i := range m.streams {
		m.streams[i] = record.NewEncoder(uint32(i+1), func(c []byte) {
			trace.Log(context.Background(), record.Category, string(c))
		})
	}
	m.make()
	for i, e := range m.streams {
		if i > 0 {
			e.Flush(0)
		}
	}
	m.streams[0].Write(&record.Record{Tag: record.TagLast, Status: record.Status{Records: m.records, Streams: 2, Nanotime: 1}})
	m.streams[0].Flush(record.FlagLast)
	trace.Stop()
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// maker makes the records.
type maker struct {
	n, goroutines int
	rand          *rand.Rand
	streams       [2]*record.Encoder
	records       uint64
	counters      [1 << record.CounterBits]uint64
	slices        []uint32
	cycle         uint32
	names         int
}

const (
	madeAtOnce = 1000
	madeLocks  = 64
	madeData   = 0xc000000000
	madePC     = 1000
)

func (m *maker) write(g int, stream *record.Encoder, r record.Record) {
	if r.Tag == record.TagRead || r.Tag == record.TagWrite {
		r.Count, r.Size = 1, 8
	}
	stream.Write(&r)
	if r.Tag != record.TagStack {
		m.records++
	}
}

// slice begins a slice of a goroutine, on one processor or the other.
func (m *maker) slice(g int) *record.Encoder {
	e := m.streams[m.rand.IntN(len(m.streams))]
	m.slices[g]++
	e.Write(&record.Record{Tag: record.TagSlice, Slice: record.Slice{G: uint64(g + 1), Number: m.slices[g], Goid: uint64(g + 1), Cycle: m.cycle}})
	return e
}

func (m *maker) sync(g int, e *record.Encoder, op record.Sync, addr uint64, pc uint32) {
	k := record.Counter(uint8(event.SpaceAddr), addr)
	m.write(g, e, record.Record{Tag: record.TagSync, Sync: op, Addr: addr, PC: pc, Num: m.counters[k]})
	m.counters[k]++
}

// symbol defines a function of package main.
func (m *maker) symbol(e *record.Encoder, pc uint32, function string) {
	m.names++
	id := uint64(m.names)
	e.Write(&record.Record{Tag: record.TagString, Table: 0, ID: id, Name: []byte(function)})
	e.Write(&record.Record{Tag: record.TagString, Table: 1, ID: id, Name: []byte("made.go")})
	e.Write(&record.Record{Tag: record.TagSymbol, PC: pc, Frames: []record.Frame{{Func: id, File: id, Line: int(pc)}}})
}

func (m *maker) make() {
	const lockPC, unlockPC, donePC, waitPC, mainPC = madePC - 5, madePC - 4, madePC - 3, madePC - 2, madePC - 1
	m.slices = make([]uint32, m.goroutines+1)
	e := m.slice(0)
	m.symbol(e, lockPC, "internal/sync.(*Mutex).Lock")
	m.symbol(e, unlockPC, "internal/sync.(*Mutex).Unlock")
	m.symbol(e, donePC, "sync.(*WaitGroup).Done")
	m.symbol(e, waitPC, "sync.(*WaitGroup).Wait")
	m.symbol(e, mainPC, "main.main")
	for i := range uint32(100) {
		m.symbol(e, madePC+i, "main.work")
	}
	const waitGroup, locks, shared = madeData, madeData + 64, madeData + 1<<16
	lives := min(m.goroutines, madeAtOnce)
	rounds := m.goroutines / lives
	turns := max(m.n/m.goroutines/turnRecords, 1)
	for round := range rounds {
		e := m.slice(0)
		for i := range lives {
			m.write(0, e, record.Record{Tag: record.TagGo, Child: uint64(1 + round*lives + i + 1), PC: mainPC})
		}
		// Turn by turn, each in an order of its own.
		for turn := range turns {
			for _, i := range m.rand.Perm(lives) {
				g := 1 + round*lives + i
				m.turn(g, i, turn == turns-1, waitGroup, locks, shared, lockPC, unlockPC, donePC)
			}
		}
		m.sync(0, m.slice(0), record.Acquire, waitGroup, waitPC)
		m.cycle++
	}
}

// turnRecords is how many records a turn has, about.
const turnRecords = 64

func (m *maker) turn(g, i int, last bool, waitGroup, locks, shared uint64, lockPC, unlockPC, donePC uint32) {
	e := m.slice(g)
	own := madeData + 1<<24 + uint64(i)<<14
	for k := range uint64(6) {
		pc := madePC + uint32(m.rand.IntN(90))
		m.write(g, e, record.Record{Tag: record.TagStack, Low: k % 3, PCs: []uint32{pc, pc + 1}})
		at := own + uint64(m.rand.IntN(1000))*8
		for j := range uint64(4) {
			m.write(g, e, record.Record{Tag: record.TagWrite, Addr: at + j*8, PC: pc + 2})
			m.write(g, e, record.Record{Tag: record.TagRead, Addr: at + j*8, PC: pc + 3})
		}
	}
	l := m.rand.Uint64N(madeLocks)
	m.sync(g, e, record.Acquire, locks+l*8, lockPC)
	for j := range uint64(4) {
		m.write(g, e, record.Record{Tag: record.TagWrite, Addr: shared + l*64 + j*8, PC: madePC + uint32(j)})
	}
	m.sync(g, e, record.ReleaseMerge, locks+l*8, unlockPC)
	if last {
		m.sync(g, e, record.ReleaseMerge, waitGroup, donePC)
		m.write(g, e, record.Record{Tag: record.TagEnd})
	}
}
