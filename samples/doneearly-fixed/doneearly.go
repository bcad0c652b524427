// Doneearly-fixed counts the work before it begins.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		fmt.Println("begun")
		wg.Done()
	}()
	wg.Wait()
	fmt.Println("done")
}
