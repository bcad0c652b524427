// Addinside-fixed lets the WaitGroup start and count the work.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	wg.Go(func() { fmt.Println("work") })
	wg.Wait()
}
