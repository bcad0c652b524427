package collect

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/hindsight-go/hindsight/collect/record"
)

// A Var is a variable that says who reads and who writes it. It protects
// nothing: it is as safe, or not, as a plain variable in its place. The zero
// Var holds T's zero value, and is known by its type if [Name] gives it no name. It must not be copied
// after its first use.
type Var[T any] struct {
	_    noCopy
	v    T
	name string
	// id is its address in the recording, for that of its memory may be used
	// again; 0 until somebody asks.
	id atomic.Uint64
}

// NewVar returns a variable with a name for reports.
func NewVar[T any](name string, v T) *Var[T] { return &Var[T]{v: v, name: name} }

// Get returns the value.
func (x *Var[T]) Get() T {
	if on() {
		x.accessed(record.TagRead)
	}
	return x.v
}

// Set changes the value.
func (x *Var[T]) Set(v T) {
	if on() {
		x.accessed(record.TagWrite)
	}
	x.v = v
}

// Update has f change the value in place: a read and a write.
func (x *Var[T]) Update(f func(*T)) {
	if on() {
		x.accessed(record.TagRead)
		x.accessed(record.TagWrite)
	}
	f(&x.v)
}

func (x *Var[T]) accessed(tag byte) {
	size := uint64(max(unsafe.Sizeof(x.v), 1))
	id := x.id.Load()
	if id == 0 {
		x.id.CompareAndSwap(0, identity(size))
		id = x.id.Load()
	}
	name := x.name
	if name == "" {
		if v := named(uint64(uintptr(unsafe.Pointer(x)))); v != nil {
			name = v.name
		} else {
			name = reflect.TypeFor[T]().String()
		}
	}
	access(tag, id, size, "", name)
}

// noCopy has vet tell of copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
