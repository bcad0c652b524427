// Lostupdate counts in two goroutines without a lock. Each increment is a read
// and a write, so one goroutine can overwrite what the other has just counted.
//
// Expect: race main.counter lostupdate.go:20 lostupdate.go:20
package main

import (
	"fmt"
	"sync"
)

var counter int

func main() {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 1000 {
				// Two goroutines, one counter, nothing between them.
				counter++
			}
		})
	}
	wg.Wait()
	fmt.Println("counted to", counter, "of 2000")
}
