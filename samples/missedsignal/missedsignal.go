// Missedsignal waits for a signal without asking whether it has come already.
//
// Expect: finding HB050 missedsignal.go:20
// Exits: 2
package main

import (
	"fmt"
	"sync"
)

func main() {
	ready := sync.NewCond(new(sync.Mutex))
	var wg sync.WaitGroup
	wg.Go(func() {
		ready.Signal() // nobody waits yet
	})
	wg.Wait()
	ready.L.Lock()
	ready.Wait()
	ready.L.Unlock()
	fmt.Println("ready")
}
