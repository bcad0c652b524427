// Pingpong has two goroutines that answer each other, until both wait for an answer.
package main

import (
	"os"
	"runtime"
	"runtime/trace"
	"strings"
	"time"
)

func main() {
	if err := trace.Start(os.Stdout); err != nil {
		panic(err)
	}
	defer trace.Stop()
	ping, pong := make(chan int), make(chan int)
	go func() {
		for {
			<-ping // the first of the cycle
			waiting("[chan receive", 1)
			pong <- 0
		}
	}()
	go func() {
		for i := range 4 {
			if i < 3 {
				waiting("[chan receive", 1)
				ping <- 0
			}
			<-pong // the second of the cycle
		}
	}()
	waiting("[chan receive", 2)
}

// waiting returns once so many goroutines are in a state.
func waiting(state string, n int) {
	for buf := make([]byte, 1<<20); ; time.Sleep(time.Millisecond) {
		if strings.Count(string(buf[:runtime.Stack(buf, true)]), state) >= n {
			return
		}
	}
}
