// Operations shares the four operations on memory between two goroutines: a
// read against a write, a write against a write, an allocation that is handed
// over without synchronization, and a block that is used after it was freed
// for the next user.
//
// Expect: race main.balance operations.go:41 operations.go:47
// Expect: race main.limit operations.go:42 operations.go:48
// Expect: race main.latest operations.go:59 operations.go:66
// Expect: race heap@operations.go:57 operations.go:58 operations.go:66
// Expect: race heap@operations.go:74 operations.go:77 operations.go:81
package main

import (
	"fmt"
	"runtime"
	"sync"
)

type block struct {
	n int
}

var (
	balance int
	limit   int
	latest  *block
	free    = make(chan *block, 1) // blocks that nobody uses any more
)

func main() {
	readWrite()
	allocate()
	reuse()
	fmt.Println("limit", limit)
}

// readWrite reads and writes balance, and writes limit twice, from two goroutines.
func readWrite() {
	var wg sync.WaitGroup
	wg.Go(func() {
		balance = 100
		limit = 10
	})
	// Nothing waits for the goroutine here.

	wg.Go(func() {
		fmt.Println("balance", balance)
		limit = 20
	})
	wg.Wait()
}

// allocate publishes a new block through a plain pointer.
func allocate() {
	published := make(chan bool, 1)
	go func() {
		b := new(block)
		b.n = 1
		latest = b
		published <- true
	}()
	for len(published) == 0 { // time passes, but len orders nothing
		runtime.Gosched()
	}

	fmt.Println("latest", latest.n)
}

// reuse writes to a block after giving it back.
func reuse() {
	done := make(chan bool)
	freed := make(chan bool)
	go func() {
		b := new(block)
		free <- b
		freed <- true
		b.n = 1 // not ours any more
		done <- true
	}()
	<-freed
	(<-free).n = 2
	<-done
}
