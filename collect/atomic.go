package collect

import (
	"sync/atomic"
	"unsafe"

	"github.com/hindsight-go/hindsight/collect/record"
)

// The atomic types have the operations of those of sync/atomic. While a trace
// runs an operation and its number are one: both happen with the counter locked.

// An Int64 is an [atomic.Int64] that says what it does.
type Int64 struct{ v atomic.Int64 }

// Load is as [atomic.Int64.Load].
func (x *Int64) Load() int64 {
	if !on() {
		v := x.v.Load()
		late(unsafe.Pointer(x), 8, "Int64")
		return v
	}
	return atomically(record.AtomicLoad, unsafe.Pointer(x), 8, "Int64", x.v.Load)
}

// Store is as [atomic.Int64.Store].
func (x *Int64) Store(v int64) {
	if !on() {
		x.v.Store(v)
		return
	}
	atomically(record.AtomicStore, unsafe.Pointer(x), 8, "Int64", func() int64 { x.v.Store(v); return 0 })
}

// Add is as [atomic.Int64.Add].
func (x *Int64) Add(delta int64) int64 {
	if !on() {
		v := x.v.Add(delta)
		late(unsafe.Pointer(x), 8, "Int64")
		return v
	}
	return atomically(record.AtomicRMW, unsafe.Pointer(x), 8, "Int64", func() int64 { return x.v.Add(delta) })
}

// Swap is as [atomic.Int64.Swap].
func (x *Int64) Swap(v int64) int64 {
	if !on() {
		r := x.v.Swap(v)
		late(unsafe.Pointer(x), 8, "Int64")
		return r
	}
	return atomically(record.AtomicRMW, unsafe.Pointer(x), 8, "Int64", func() int64 { return x.v.Swap(v) })
}

// CompareAndSwap is as [atomic.Int64.CompareAndSwap].
func (x *Int64) CompareAndSwap(old, v int64) bool {
	if !on() {
		r := x.v.CompareAndSwap(old, v)
		late(unsafe.Pointer(x), 8, "Int64")
		return r
	}
	return swapping(unsafe.Pointer(x), 8, "Int64", func() bool { return x.v.CompareAndSwap(old, v) })
}

// A Bool is an [atomic.Bool] that says what it does.
type Bool struct{ v atomic.Bool }

// Load is as [atomic.Bool.Load].
func (x *Bool) Load() bool {
	if !on() {
		v := x.v.Load()
		late(unsafe.Pointer(x), 4, "Bool")
		return v
	}
	return atomically(record.AtomicLoad, unsafe.Pointer(x), 4, "Bool", x.v.Load)
}

// Store is as [atomic.Bool.Store].
func (x *Bool) Store(v bool) {
	if !on() {
		x.v.Store(v)
		return
	}
	atomically(record.AtomicStore, unsafe.Pointer(x), 4, "Bool", func() bool { x.v.Store(v); return v })
}

// Swap is as [atomic.Bool.Swap].
func (x *Bool) Swap(v bool) bool {
	if !on() {
		r := x.v.Swap(v)
		late(unsafe.Pointer(x), 4, "Bool")
		return r
	}
	return atomically(record.AtomicRMW, unsafe.Pointer(x), 4, "Bool", func() bool { return x.v.Swap(v) })
}

// CompareAndSwap is as [atomic.Bool.CompareAndSwap].
func (x *Bool) CompareAndSwap(old, v bool) bool {
	if !on() {
		r := x.v.CompareAndSwap(old, v)
		late(unsafe.Pointer(x), 4, "Bool")
		return r
	}
	return swapping(unsafe.Pointer(x), 4, "Bool", func() bool { return x.v.CompareAndSwap(old, v) })
}

// A Pointer is an [atomic.Pointer] that says what it does.
type Pointer[T any] struct{ v atomic.Pointer[T] }

// Load is as [atomic.Pointer.Load].
func (x *Pointer[T]) Load() *T {
	if !on() {
		v := x.v.Load()
		late(unsafe.Pointer(x), 8, "Pointer")
		return v
	}
	return atomically(record.AtomicLoad, unsafe.Pointer(x), 8, "Pointer", x.v.Load)
}

// Store is as [atomic.Pointer.Store].
func (x *Pointer[T]) Store(p *T) {
	if !on() {
		x.v.Store(p)
		return
	}
	atomically(record.AtomicStore, unsafe.Pointer(x), 8, "Pointer", func() *T { x.v.Store(p); return p })
}

// Swap is as [atomic.Pointer.Swap].
func (x *Pointer[T]) Swap(p *T) *T {
	if !on() {
		v := x.v.Swap(p)
		late(unsafe.Pointer(x), 8, "Pointer")
		return v
	}
	return atomically(record.AtomicRMW, unsafe.Pointer(x), 8, "Pointer", func() *T { return x.v.Swap(p) })
}

// CompareAndSwap is as [atomic.Pointer.CompareAndSwap].
func (x *Pointer[T]) CompareAndSwap(old, p *T) bool {
	if !on() {
		v := x.v.CompareAndSwap(old, p)
		late(unsafe.Pointer(x), 8, "Pointer")
		return v
	}
	return swapping(unsafe.Pointer(x), 8, "Pointer", func() bool { return x.v.CompareAndSwap(old, p) })
}

// late stands behind an operation before which no trace ran. If one runs by now,
// what the operation has seen may be of the trace. It becomes a load that is
// behind it, and so acquires that, or more.
func late(p unsafe.Pointer, size uint64, name string) {
	if on() {
		atomically(record.AtomicLoad, p, size, name, func() bool { return true })
	}
}

// atomically does an operation on the word at p, which is 4 or 8 bytes wide
// as far as records tell, and writes it.
func atomically[R any](kind record.Atomic, p unsafe.Pointer, size uint64, name string, do func() R) R {
	addr, w, c := prepare(p, name)
	c.Lock()
	defer c.Unlock()
	v := do()
	w.atomic(c, kind, addr, size)
	return v
}

// swapping is atomically for a compare-and-swap.
func swapping(p unsafe.Pointer, size uint64, name string, do func() bool) bool {
	addr, w, c := prepare(p, name)
	c.Lock()
	defer c.Unlock()
	kind := record.AtomicCASFail
	ok := do()
	if ok {
		kind = record.AtomicRMW
	}
	w.atomic(c, kind, addr, size)
	return ok
}

func prepare(p unsafe.Pointer, name string) (addr uint64, w *writer, c *counter) {
	addr, w = uint64(uintptr(p)), newWriter()
	w.variable(addr, 1, name)
	return addr, w, &counters[record.Counter(0, addr)]
}

func (w *writer) atomic(c *counter, kind record.Atomic, addr, size uint64) {
	w.r = record.Record{Tag: record.TagAtomic, Atomic: kind, Addr: addr, Size: size, Num: c.next}
	c.next++
	w.write()
}
