// Earlyunlock lets a goroutine unlock what main locks, if main is fast enough. In
// this run it is.
//
// Expect: predicted HB021
package main

import (
	"fmt"
	"runtime"
	"sync"
)

func main() {
	var mu sync.Mutex
	locked := make(chan bool, 1) // its length orders nothing
	go func() {
		for len(locked) == 0 {
			runtime.Gosched()
		}
		mu.Unlock()
	}()
	mu.Lock()
	locked <- true
	mu.Lock()
	fmt.Println("again")
	mu.Unlock()
}
