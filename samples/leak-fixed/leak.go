// Leak-fixed gives the channel room for all answers, so that nobody waits.
//
// Expect: none
package main

import (
	"fmt"
	"runtime"
)

func ask(server int) int { return server }

func first() int {
	answers := make(chan int, 2)
	for server := range 2 {
		go func() {
			answers <- ask(server)
		}()
	}
	return <-answers
}

func main() {
	first()
	for runtime.NumGoroutine() > 1 {
		runtime.Gosched()
	}
	fmt.Println("goroutines:", runtime.NumGoroutine())
}
