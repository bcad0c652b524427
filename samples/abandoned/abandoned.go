// Abandoned takes three numbers of a generator that nobody tells to stop.
//
// Expect: finding HB051 abandoned.go:17 abandoned.go:18
package main

import (
	"fmt"
	"runtime"
	"strings"
)

func numbers(stop chan bool) chan int {
	out := make(chan int)
	go func() {
		for i := 0; ; i++ {
			select {
			case out <- i:
			case <-stop:
				return
			}
		}
	}()
	return out
}

func main() {
	n := numbers(make(chan bool))
	for range 3 {
		fmt.Println(<-n)
	}
	// The program ends when the generator is seen to wait.
	dump := make([]byte, 1<<16)
	for !strings.Contains(string(dump[:runtime.Stack(dump, true)]), "[select]") {
		runtime.Gosched()
	}
}
