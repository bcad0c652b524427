// Addinside counts each piece of work in the goroutine that does it: main may
// find that there is nothing to wait for.
//
// Expect: predicted HB030
package main

import (
	"fmt"
	"runtime"
	"sync"
)

func work(wg *sync.WaitGroup) {
	wg.Add(1)
	defer wg.Done()
	fmt.Println("work")
}

func main() {
	var wg sync.WaitGroup
	done := make(chan bool, 1) // its length orders nothing
	go func() {
		work(&wg)
		done <- true
	}()
	for len(done) == 0 {
		runtime.Gosched()
	}
	wg.Wait()
}
