package main

import (
	"os"
	"runtime"
	"unsafe"
)

type (
	pair  struct{ a, b int }
	block [64]int
)

var (
	bytes [8]byte
	point pair
	value any
	text  string
)

// Sinks keep what the compiler would leave out.
//
//lint:file-ignore U1000 they are written, and never read
var (
	boolSink   bool
	intSink    int
	pairSink   pair
	sliceSinks [2][]byte
)

var memory = []litmus{
	{"45a-map-different-keys-race", race, "heap", func() {
		m := make(map[int]int)
		first(func() {
			m[1] = 1 //45a
		})
		m[2] = 2 //45a
	}},
	{"45b-slice-different-elements-none", none, "", func() {
		s := make([]int, 2)
		both(
			func() { s[0] = 1 },
			func() { s[1] = 2 },
		)
	}},
	{"49-address-reused-none", none, "", func() {
		const n = 1000
		old := make(chan uintptr, n)
		goroutines := runtime.NumGoroutine()
		go func() {
			for range n {
				old <- fill()
			}
		}()
		gone(goroutines)
		runtime.GC()
		var now []uintptr
		for range n {
			now = append(now, fill())
		}
		if !common(old, now) {
			os.Exit(3) // nothing was reused: nothing was tried
		}
	}},
	{"50-byte-neighbours-none", none, "", func() {
		both(
			func() { bytes[0] = 1 },
			func() { bytes[1] = 2 },
		)
	}},
	{"51a-overlapping-copy-race", race, "main.bytes", func() {
		source := make([]byte, 4)
		both(
			func() { copy(bytes[:4], source) }, //51a
			func() { copy(bytes[3:], source) }, //51a
		)
	}},
	{"51b-append-shared-room-race", race, "heap", func() {
		s := make([]byte, 1, 8)
		both(
			func() { sliceSinks[0] = append(s, 1) }, //51b
			func() { sliceSinks[1] = append(s, 2) }, //51b
		)
	}},
	{"51c-slices-side-by-side-none", none, "", func() {
		source := make([]byte, 4)
		both(
			func() { copy(bytes[:4], source) },
			func() { copy(bytes[4:], source) },
		)
	}},
	{"51d-copy-onto-itself-race", race, "main.bytes", func() {
		s := bytes[:4]
		both(
			func() { copy(s, s) },              //51d
			func() { intSink = int(bytes[1]) }, //51d
		)
	}},
	{"52-struct-copy-field-write-race", race, "main.point.b", func() {
		both(
			func() { point.b = 1 },      //52
			func() { pairSink = point }, //52
		)
	}},
	{"53a-interface-word-race", race, "main.value", func() {
		value = pair{}
		both(
			func() { value = &pair{} },         //53a
			func() { boolSink = value == nil }, //53a
		)
	}},
	{"53b-interface-data-race", race, "heap", func() {
		p := &pair{a: 1}
		value = p
		both(
			func() { p.a = 2 },                   //53b
			func() { intSink = value.(*pair).a }, //53b
		)
	}},
	{"54-string-header-race", race, "main.text", func() {
		both(
			func() { text = "longer" },         //54
			func() { intSink = len(text) + 1 }, //54
		)
	}},
}

// fill writes to a new block of the heap and returns its address, which keeps
// nothing alive.
func fill() uintptr {
	b := newBlock()
	b[1] = 1
	return uintptr(unsafe.Pointer(b))
}

//go:noinline
func newBlock() *block { return new(block) }

// common reports whether the addresses that old holds and now have one in common.
func common(old chan uintptr, now []uintptr) bool {
	seen := make(map[uintptr]bool)
	for range len(old) {
		seen[<-old] = true
	}
	for _, a := range now {
		if seen[a] {
			return true
		}
	}
	return false
}
