// Earlier has goroutines that wait since before the trace, and others that wait at the
// same places since later.
package main

import (
	"net"
	"os"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

func main() {
	var mu sync.Mutex
	mu.Lock()
	var wg sync.WaitGroup
	wg.Add(1)
	for n := range 2 {
		if n == 1 {
			if err := trace.Start(os.Stdout); err != nil {
				panic(err)
			}
			defer trace.Stop()
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go func() { make(chan int) <- 0 }() // a send
		go func() { <-make(chan int) }()    // a receive
		go func() {
			select { // a select
			case <-make(chan int):
			case <-make(chan bool):
			}
		}()
		go func() { mu.Lock() }()         // a lock
		go func() { wg.Wait() }()         // a WaitGroup
		go func() { listener.Accept() }() // the network
		for _, state := range []string{"chan send", "chan receive", "select", "sync.Mutex.Lock", "sync.WaitGroup.Wait"} {
			waiting("["+state, n+1)
		}
		waiting("[IO wait", n+1)
	}
}

// waiting returns once so many goroutines are in a state.
func waiting(state string, n int) {
	for buf := make([]byte, 1<<20); ; time.Sleep(time.Millisecond) {
		if strings.Count(string(buf[:runtime.Stack(buf, true)]), state) >= n {
			return
		}
	}
}
