// Sharedappend-fixed clips the slice, so that each append makes its own copy.
//
// Expect: none
package main

import (
	"fmt"
	"slices"
	"sync"
)

func main() {
	base := make([]string, 1, 4)
	results := make([][]string, 2)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			results[i] = append(slices.Clip(base), fmt.Sprint("from ", i))
		})
	}
	wg.Wait()
	fmt.Println(results[0], results[1])
}
