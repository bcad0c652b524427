//go:build go1.21

// Loopvar captures the variable of a loop in goroutines. The build constraint
// makes it a file of Go 1.21, when all turns of a loop shared one variable: the
// loop's i++ races with the goroutines' reads.
//
// Expect: race heap@loopvar.go:25 loopvar.go:25 loopvar.go:27
package main

import (
	"fmt"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	start := func(f func()) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f()
		}()
	}
	seen := make([]int, 3)
	for i := 0; i < 3; i++ {
		slot := &seen[i]
		start(func() { *slot = i })
	}
	wg.Wait()
	fmt.Println(seen)
}
