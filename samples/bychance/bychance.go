// Bychance reports a total that a worker has computed. Both take the lock, but the
// total is written before the one section and read after the other: that the
// worker got the lock first is chance, and happens-before cannot tell.
//
// Expect: predicted main.total bychance.go:24 bychance.go:34
package main

import (
	"fmt"
	"sync"
	"time"
)

var (
	mu    sync.Mutex
	done  int
	polls int
	total int
)

func main() {
	var wg sync.WaitGroup
	wg.Go(func() {
		total = 42
		mu.Lock()
		done++
		mu.Unlock()
	})
	time.Sleep(20 * time.Millisecond) // the worker is surely through by now

	mu.Lock()
	polls++
	mu.Unlock()
	fmt.Println("total", total)
	wg.Wait()
	fmt.Println("turns", done+polls)
}
