// Leak leaves goroutines behind that nobody receives from.
package main

import (
	"os"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

// ask gives up before the answer comes, unless it has patience.
func ask(patience bool) int {
	answer := make(chan int)
	go func() {
		answer <- 42 // the leak
	}()
	if patience {
		return <-answer
	}
	return 0
}

func main() {
	if err := trace.Start(os.Stdout); err != nil {
		panic(err)
	}
	defer trace.Stop()
	var wg sync.WaitGroup
	for i := range 7 {
		wg.Go(func() { ask(i < 2) })
	}
	wg.Wait()
	idle := make(chan int)
	go func() {
		for range idle { // no leak: it waits for more
		}
	}()
	for i := range 3 {
		waiting("[chan receive", 1)
		idle <- i
	}
	waiting("[chan receive", 1)
	waiting("[chan send", 5)
}

// waiting returns once so many goroutines are in a state.
func waiting(state string, n int) {
	for buf := make([]byte, 1<<20); ; time.Sleep(time.Millisecond) {
		if strings.Count(string(buf[:runtime.Stack(buf, true)]), state) >= n {
			return
		}
	}
}
