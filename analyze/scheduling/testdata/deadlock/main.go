// Deadlock takes two locks in opposite order.
package main

import (
	"os"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

type account struct {
	mu    sync.Mutex
	money int
}

func move(from, to *account, both *sync.WaitGroup) {
	from.mu.Lock()
	defer from.mu.Unlock()
	both.Done()
	both.Wait()
	to.mu.Lock() // the deadlock
	defer to.mu.Unlock()
	from.money--
	to.money++
}

func main() {
	if err := trace.Start(os.Stdout); err != nil {
		panic(err)
	}
	go func() {
		waiting("[sync.Mutex.Lock", 2)
		waiting("[sync.WaitGroup.Wait", 1)
		trace.Stop()
		os.Exit(0)
	}()
	var a, b account
	var both, wg sync.WaitGroup
	both.Add(2)
	wg.Go(func() { move(&a, &b, &both) })
	wg.Go(func() { move(&b, &a, &both) })
	wg.Wait()
}

// waiting returns once so many goroutines are in a state.
func waiting(state string, n int) {
	for buf := make([]byte, 1<<20); ; time.Sleep(time.Millisecond) {
		if strings.Count(string(buf[:runtime.Stack(buf, true)]), state) >= n {
			return
		}
	}
}
