// Convoy has many goroutines wait for one lock, and for a place in one channel.
package main

import (
	"os"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

const many = 10

func main() {
	if err := trace.Start(os.Stdout); err != nil {
		panic(err)
	}
	defer trace.Stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	mu.Lock()
	for range many {
		wg.Go(func() {
			mu.Lock() // the convoy of a lock
			mu.Unlock()
		})
	}
	waiting("[sync.Mutex.Lock", many)
	mu.Unlock()
	wg.Wait()

	place := make(chan bool, 1)
	place <- true
	for range many {
		wg.Go(func() {
			place <- true // the convoy of a channel
			<-place
		})
	}
	waiting("[chan send", many)
	<-place
	wg.Wait()

	// No convoy: workers wait for jobs.
	jobs := make(chan int)
	for range many {
		wg.Go(func() {
			for range jobs {
			}
		})
	}
	waiting("[chan receive", many)
	for i := range many {
		jobs <- i
	}
	close(jobs)
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
