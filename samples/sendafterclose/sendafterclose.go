// Sendafterclose closes a channel on which a goroutine still sends, if that
// comes late. In this run it does not.
//
// Expect: predicted HB011
package main

import (
	"fmt"
	"runtime"
	"sync"
)

var stats struct {
	sync.Mutex
	sent, closed int
}

func main() {
	lines := make(chan string, 1)
	sent := make(chan bool, 1) // its length orders nothing
	go func() {
		lines <- "last words"
		stats.Lock()
		stats.sent++
		stats.Unlock()
		sent <- true
	}()
	for len(sent) == 0 {
		runtime.Gosched()
	}
	stats.Lock()
	stats.closed++
	stats.Unlock()
	close(lines)
	for line := range lines {
		fmt.Println(line)
	}
}
