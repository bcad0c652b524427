package collect

import (
	"reflect"
	"unsafe"

	"github.com/hindsight-go/hindsight/collect/record"
)

// What is annotated is on the heap or global: the functions here keep what they are given from being
// on a stack, where another goroutine could come to use its address.

// Read says that *p is read here, in whole.
func Read[T any](p *T) {
	if on() {
		touch(record.TagRead, unsafe.Pointer(p), unsafe.Sizeof(*p), reflect.TypeFor[T])
	}
}

// Write says that *p is written here, in whole.
func Write[T any](p *T) {
	if on() {
		touch(record.TagWrite, unsafe.Pointer(p), unsafe.Sizeof(*p), reflect.TypeFor[T])
	}
}

// ReadSlice says that all elements of s are read here.
func ReadSlice[T any](s []T) {
	if on() {
		touch(record.TagRead, unsafe.Pointer(unsafe.SliceData(s)), unsafe.Sizeof(*new(T))*uintptr(len(s)), reflect.TypeFor[[]T])
	}
}

// WriteSlice says that all elements of s are written here.
func WriteSlice[T any](s []T) {
	if on() {
		touch(record.TagWrite, unsafe.Pointer(unsafe.SliceData(s)), unsafe.Sizeof(*new(T))*uintptr(len(s)), reflect.TypeFor[[]T])
	}
}

// Alloc says that *p begins a life: a pool of the program's own hands it out.
// What is done to it from now on has nothing to do with its life before.
func Alloc[T any](p *T) {
	if on() {
		touch(record.TagAlloc, unsafe.Pointer(p), unsafe.Sizeof(*p), reflect.TypeFor[T])
	}
}

// Free says that the life of *p is over: it goes back to a pool of the program's
// own. An access that comes after it, and before the next Alloc, is a finding.
// What the garbage collector frees needs no annotation.
func Free[T any](p *T) {
	if on() {
		touch(record.TagFree, unsafe.Pointer(p), unsafe.Sizeof(*p), reflect.TypeFor[T])
	}
}

// Name gives the variable *p, which must not be freed as long as the program
// runs, a name for reports. Memory without a name is known by its type, and as
// the garbage collector may hand it out again, what happened to it before a
// collection is not compared with what happened after.
func Name[T any](p *T, name string) {
	if !Instrumented && unsafe.Sizeof(*p) > 0 {
		keep(unsafe.Pointer(p))
		nameMemory(uint64(uintptr(unsafe.Pointer(p))), uint64(unsafe.Sizeof(*p)), name)
	}
}

// Acquire says that the goroutine has seen here what was released to *p: all
// that came before the releases happens before all that comes after this. It stands
// behind what acquires, as a lock's annotation stands behind Lock.
func Acquire[T any](p *T) {
	if passed(record.Acquire, unsafe.Pointer(p)) {
		return
	}
	if on() {
		order(record.Acquire, unsafe.Pointer(p))
	}
}

// Release says that the goroutine releases to *p what it has done so far, in
// place of what was released before. It stands before what releases, as a
// lock's annotation stands before Unlock.
func Release[T any](p *T) {
	if passed(record.Release, unsafe.Pointer(p)) {
		return
	}
	if on() {
		order(record.Release, unsafe.Pointer(p))
	}
}

// ReleaseMerge is [Release], but what was released before stays released: as for
// a counter that several goroutines count down and one waits for.
func ReleaseMerge[T any](p *T) {
	if passed(record.ReleaseMerge, unsafe.Pointer(p)) {
		return
	}
	if on() {
		order(record.ReleaseMerge, unsafe.Pointer(p))
	}
}

// touch writes an access. The type is asked for its name here, so that an annotation that
// is off stays small.
func touch(tag byte, p unsafe.Pointer, size uintptr, typ func() reflect.Type) {
	keep(p)
	access(tag, uint64(uintptr(p)), uint64(size), typ().String(), "")
}

func order(op record.Sync, p unsafe.Pointer) {
	keep(p)
	synchronize(op, uint64(uintptr(p)), "")
}

// escape is never set. That the compiler cannot know.
var escape func(unsafe.Pointer)

func keep(p unsafe.Pointer) {
	if escape != nil {
		escape(p)
	}
}
