// Command calls makes calls in random order, again and again from one place or from
// another, some of which end by a panic. The innermost write a byte each, and say
// who called them.
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
)

const most = 1000

var (
	v   [most]byte
	n   int
	rng = rand.New(rand.NewPCG(1, 2))
	out strings.Builder
)

func main() {
	for n < most {
		outer(4)
		deep(rng.IntN(80))
	}
	os.Stdout.WriteString(out.String())
}

//go:noinline
func leaf() {
	if n == most {
		return
	}
	v[n] = 1
	fmt.Fprint(&out, n)
	n++
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		fmt.Fprintf(&out, " %s:%d", f.Function, f.Line)
		if !more || f.Function == "main.main" {
			break
		}
	}
	fmt.Fprintln(&out)
}

//go:noinline
func outer(depth int) {
	for range rng.IntN(5) {
		between(depth)
		for i := range 3 {
			perhaps(i == 2)
		}
		between(depth)
	}
}

//go:noinline
func between(depth int) {
	switch rng.IntN(4) {
	case 0:
		leaf()
	case 1:
		for i := range 4 {
			perhaps(i > 1)
		}
	case 2:
		if depth > 0 {
			outer(depth - 1)
		}
	default:
		caught(depth)
		leaf()
	}
}

//go:noinline
func deep(more int) {
	perhaps(more == 0)
	if more > 0 {
		deep(more - 1)
		perhaps(true)
	}
}

//go:noinline
func perhaps(call bool) {
	if call {
		leaf()
	}
}

//go:noinline
func caught(depth int) {
	defer func() { recover() }()
	thrown(depth)
}

//go:noinline
func thrown(depth int) {
	if depth > 0 {
		between(depth - 1)
	}
	if rng.IntN(2) == 0 {
		panic("for caught")
	}
	inlined()
}

func inlined() { leaf() }
