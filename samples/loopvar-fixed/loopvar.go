// Loopvar-fixed is loopvar as Go 1.22 and later understand it: every turn of
// the loop has a variable of its own.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	seen := make([]int, 3)
	for i := 0; i < 3; i++ {
		slot := &seen[i]
		wg.Go(func() { *slot = i })
	}
	wg.Wait()
	fmt.Println(seen)
}
