// Operations-fixed is operations with every step in order: a lock around what
// two goroutines read and write, a channel that hands over the allocation, and
// no use of a block after it was freed.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

type block struct {
	n int
}

var (
	mu      sync.Mutex
	balance int
	limit   int
	free    = make(chan *block, 1) // blocks that nobody uses any more
)

func main() {
	readWrite()
	allocate()
	reuse()
}

// readWrite reads and writes balance and limit from two goroutines, under the lock.
func readWrite() {
	var wg sync.WaitGroup
	wg.Go(func() {
		mu.Lock()
		defer mu.Unlock()
		balance = 100
		limit = 10
	})
	wg.Go(func() {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println("balance", balance, "limit", limit)
		limit = 20
	})
	wg.Wait()
}

// allocate hands a new block over a channel.
func allocate() {
	latest := make(chan *block, 1)
	go func() {
		b := new(block)
		b.n = 1
		latest <- b
	}()
	fmt.Println("latest", (<-latest).n)
}

// reuse gives a block back as the last thing that it does with it.
func reuse() {
	go func() {
		b := new(block)
		b.n = 1
		free <- b
	}()
	(<-free).n = 2
}
