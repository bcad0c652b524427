// Forgottendone-fixed lets the WaitGroup count the goroutines that return.
//
// Expect: none
package main

import (
	"errors"
	"fmt"
	"sync"
)

func work(i int) error {
	if i == 2 {
		return errors.New("cannot do that")
	}
	return nil
}

func main() {
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { _ = work(i) })
	}
	wg.Wait()
	fmt.Println("done")
}
