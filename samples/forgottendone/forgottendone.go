// Forgottendone waits for work that does not say that it is done where it fails.
//
// Expect: finding HB050 forgottendone.go:29
// Exits: 2
package main

import (
	"errors"
	"fmt"
	"sync"
)

func work(i int, wg *sync.WaitGroup) error {
	if i == 2 {
		return errors.New("cannot do that")
	}
	wg.Done()
	return nil
}

func main() {
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			_ = work(i, &wg)
		}()
	}
	wg.Wait()
	fmt.Println("done")
}
