// Bychance-fixed waits for the worker before it reads what that has computed.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

var (
	mu    sync.Mutex
	done  int
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
	wg.Wait()
	fmt.Println("total", total, "turns", done)
}
