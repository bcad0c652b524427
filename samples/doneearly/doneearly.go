// Doneearly counts a piece of work in the goroutine that does it, while another
// one says that it is done.
//
// Expect: predicted HB031
package main

import (
	"runtime"
	"sync"
)

var stats struct {
	sync.Mutex
	begun, done int
}

func work(wg *sync.WaitGroup) {
	wg.Add(1)
	stats.Lock()
	stats.begun++
	stats.Unlock()
}

func main() {
	var wg sync.WaitGroup
	added := make(chan bool, 1) // its length orders nothing
	go func() {
		work(&wg)
		added <- true
	}()
	for len(added) == 0 {
		runtime.Gosched()
	}
	stats.Lock()
	stats.done++
	stats.Unlock()
	wg.Done()
	wg.Wait()
}
