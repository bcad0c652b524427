// Missedsignal-fixed keeps what is waited for in a variable, under the lock.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

func main() {
	cond := sync.NewCond(new(sync.Mutex))
	ready := false
	var wg sync.WaitGroup
	wg.Go(func() {
		cond.L.Lock()
		ready = true
		cond.L.Unlock()
		cond.Signal()
	})
	cond.L.Lock()
	for !ready {
		cond.Wait()
	}
	cond.L.Unlock()
	wg.Wait()
	fmt.Println("ready")
}
