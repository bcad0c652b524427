package recording

import (
	"sync/atomic"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/collect/record"
)

// selection says what a replay delivers.
type selection struct {
	shards int                          // if not 0, runs of accesses
	want   func(addr, size uint64) bool // else events for accesses; nil: all
	every  bool                         // want is nil

	// How much the last block that was decoded had of each.
	ops, stacks, rows atomic.Int64
}

// decoded is what the chunks of one block hold, slice by slice. Accesses that are not
// wanted as events are only counted, or are in the runs; the rest are ops.
type decoded struct {
	number  int   // among the blocks, from 1
	weight  int64 // what it takes in memory, see waiting.go
	waiting int   // slices that have not been replayed to their end
	chunks  []decodedChunk
	slices  []slice
	ops     []op
	stacks  []uint32 // changes of the call stack: low, n, n pcs
	// Of each slice as many rows as it has ops, and two: how far the runs had
	// got at its begin, before each op, and at its end.
	rows []uint32
	runs [][]event.Access
}

// decodedChunk is a chunk's part of the slices.
type decodedChunk struct {
	chunkKey
	slices []slice
}

// slice is a stretch of a goroutine's records within one chunk.
type slice struct {
	of           *decoded
	g            uint64
	number, part uint32
	cycle        uint32
	op, ops      uint32 // its first and their number
	stack        uint32 // where its changes of the stack begin
	row          uint32
	skipped      uint32 // events after the last op
	bad          bool   // then comes something malformed
	ended        bool   // no further part of it comes
}

// op is a record that the replay looks at, without pointers.
type op struct {
	addr    uint64 // TagGo: the child
	size    uint64
	num     uint64
	pc, via uint32
	slot, n uint32 // TagCycle: slot is the cycle; accesses: stride and count
	typ     uint32
	stack   uint32 // where the changes of the stack before it end
	skipped uint32 // events between the last op and this one
	tag     byte
	code    byte // record.Sync or record.Atomic
	space   byte
}

// decoder decodes one block.
type decoder struct {
	sel     *selection
	out     *decoded
	d       record.Decoder
	r       record.Record
	open    bool // there is a slice
	skipped uint32
	cycle   uint32 // if cycled, of what comes next
	cycled  bool
	// The change of the stack since the last op, as one.
	changed bool
	low     uint64
	pcs     []uint32
}

// decode decodes the chunks of a block.
func (sel *selection) decode(b *block) *decoded {
	guess := func(last *atomic.Int64) int { return int(last.Load() * 9 / 8) }
	out := &decoded{
		ops:    make([]op, 0, guess(&sel.ops)),
		stacks: make([]uint32, 0, guess(&sel.stacks)),
		rows:   make([]uint32, 0, guess(&sel.rows)),
		runs:   make([][]event.Access, sel.shards),
	}
	d := decoder{sel: sel, out: out}
	for i := range out.runs {
		out.runs[i] = make([]event.Access, 0, b.size/8/sel.shards)
	}
	firsts := make([]int, 0, len(b.chunks)+1)
	for _, ch := range b.chunks {
		firsts = append(firsts, len(out.slices))
		d.chunk(ch)
	}
	firsts = append(firsts, len(out.slices))
	sel.ops.Store(int64(len(out.ops)))
	sel.stacks.Store(int64(len(out.stacks)))
	sel.rows.Store(int64(len(out.rows)))
	out.chunks = make([]decodedChunk, len(b.chunks))
	for i, ch := range b.chunks {
		out.chunks[i] = decodedChunk{chunkKey{ch.Stream, ch.Seq}, out.slices[firsts[i]:firsts[i+1]]}
	}
	return out
}

func (d *decoder) chunk(ch record.Chunk) {
	r := &d.r
	d.open = false
	var cycle uint32
	for d.d.Open(ch); d.d.Next(r); {
		if !d.open && r.Tag != record.TagSlice {
			continue // definitions, and what belongs to nobody
		}
		switch r.Tag {
		case record.TagRead, record.TagWrite:
			if d.access(); r.Count == 1 {
				d.out.weight += accessWeight
			} else {
				d.out.weight += opWeight
			}
			continue
		case record.TagStack:
			d.stack(r.Low, r.PCs)
			d.out.weight += stackWeight + pcWeight*int64(len(r.PCs))
			continue
		case record.TagSlice:
			d.close(false)
			cycle = r.Slice.Cycle
			d.begin(cycle)
			d.out.weight += sliceWeight
			continue
		case record.TagCycle:
			// It is the P's: whether the goroutine has come as far, its next
			// record tells.
			d.cycle, d.cycled = r.Slice.Cycle, true
		case record.TagAtomic:
			d.op(op{addr: r.Addr, size: r.Size, num: r.Num, pc: r.PC, code: byte(r.Atomic)})
		case record.TagSync:
			d.op(op{addr: r.Addr, num: r.Num, pc: r.PC, slot: r.Slot, n: r.N, code: byte(r.Sync), space: r.Space})
		case record.TagGo:
			d.op(op{addr: r.Child, pc: r.PC})
		case record.TagEnd:
			d.op(op{})
		case record.TagAlloc:
			d.op(op{addr: r.Addr, size: r.Size, pc: r.PC, typ: uint32(r.Type)})
		case record.TagFree:
			d.op(op{addr: r.Addr, size: r.Size, pc: r.PC})
		}
		d.out.weight += opWeight
	}
	d.close(d.d.Err() != nil)
}

// begin opens a slice.
func (d *decoder) begin(cycle uint32) {
	s, out := &d.r.Slice, d.out
	d.open = true
	out.slices = append(out.slices, slice{
		of: out, g: s.G, number: s.Number, part: s.Part, cycle: cycle,
		op: uint32(len(out.ops)), stack: uint32(len(out.stacks)), row: uint32(len(out.rows)),
	})
	d.mark()
}

// close ends the slice that is open.
func (d *decoder) close(bad bool) {
	if !d.open {
		return
	}
	d.open, d.cycled = false, false
	if d.changed {
		d.append(op{tag: record.TagStack}) // what changed after the last record
	}
	s := &d.out.slices[len(d.out.slices)-1]
	s.ops = uint32(len(d.out.ops)) - s.op
	s.skipped, d.skipped = d.skipped, 0
	s.bad = bad
	d.mark()
}

// mark adds a row.
func (d *decoder) mark() {
	for _, run := range d.out.runs {
		d.out.rows = append(d.out.rows, uint32(len(run)))
	}
}

// op adds an op for the record just decoded.
func (d *decoder) op(o op) {
	if d.cycled {
		d.next()
	}
	o.tag = d.r.Tag
	d.append(o)
}

// next says that the next cycle begins.
func (d *decoder) next() {
	d.cycled = false
	d.append(op{tag: record.TagCycle, slot: d.cycle})
}

func (d *decoder) append(o op) {
	if d.changed {
		d.tell()
	}
	o.stack = uint32(len(d.out.stacks))
	o.skipped, d.skipped = d.skipped, 0
	d.out.ops = append(d.out.ops, o)
	d.mark()
}

// access is a plain access, or a run of them.
func (d *decoder) access() {
	r := &d.r
	if d.cycled {
		d.next()
	}
	if r.Count == 1 {
		a, ok := event.PackAccess(r.Addr, r.Size, r.Tag == record.TagWrite)
		switch {
		case !ok:
		case d.sel.shards == 0:
			if !d.sel.every && !d.sel.want(r.Addr, r.Size) {
				d.skipped++
				return
			}
		case r.Addr/event.Page == (r.Addr+r.Size-1)/event.Page:
			d.skipped++
			run := &d.out.runs[0]
			if d.sel.shards > 1 {
				run = &d.out.runs[event.Shard(r.Addr, d.sel.shards)]
			}
			*run = append(*run, a)
			return
		default:
			d.skipped++
			event.Split(r.Addr, r.Size, func(addr, size uint64) {
				a, _ := event.PackAccess(addr, size, r.Tag == record.TagWrite)
				run := &d.out.runs[event.Shard(addr, d.sel.shards)]
				*run = append(*run, a)
			})
			return
		}
	}
	d.op(op{addr: r.Addr, size: r.Size, pc: r.PC, via: r.Via, slot: uint32(r.Stride), n: uint32(r.Count)})
}

// stack notes a change of the call stack: the outermost low calls stay. Changes
// that follow each other become one.
func (d *decoder) stack(low uint64, pcs []uint32) {
	switch {
	case !d.changed || low < d.low:
		d.changed, d.low = true, low
		d.pcs = append(d.pcs[:0], pcs...)
	case low <= d.low+uint64(len(d.pcs)):
		d.pcs = append(d.pcs[:low-d.low], pcs...)
	default:
		d.tell() // calls in between are not known
		d.changed, d.low = true, low
		d.pcs = append(d.pcs[:0], pcs...)
	}
}

// tell writes the change of the stack down.
func (d *decoder) tell() {
	d.out.stacks = append(d.out.stacks, uint32(d.low), uint32(len(d.pcs)))
	d.out.stacks = append(d.out.stacks, d.pcs...)
	d.changed = false
	d.pcs = d.pcs[:0]
}
