// Sharedappend appends to one slice from two goroutines. Each keeps its own
// result, but the slice has room left, so both write the same element.
//
// Expect: race heap@sharedappend.go:13 sharedappend.go:18 sharedappend.go:18
package main

import (
	"fmt"
	"sync"
)

func main() {
	base := make([]string, 1, 4)
	results := make([][]string, 2)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			results[i] = append(base, fmt.Sprint("from ", i))
		})
	}
	wg.Wait()
	fmt.Println(results[0], results[1])
}
