// Leak asks two servers and takes the answer that comes first. Who comes second
// sends to nobody: its goroutine stays for ever.
//
// Expect: finding HB051 leak.go:19
package main

import (
	"fmt"
	"runtime"
	"strings"
)

func ask(server int) int { return server }

func first() int {
	answers := make(chan int)
	for server := range 2 {
		go func() {
			answers <- ask(server)
		}()
	}
	return <-answers
}

func main() {
	first()
	// The program ends when the other one is seen to wait.
	dump := make([]byte, 1<<16)
	for !strings.Contains(string(dump[:runtime.Stack(dump, true)]), "[chan send]") {
		runtime.Gosched()
	}
	fmt.Println("goroutines:", runtime.NumGoroutine())
}
