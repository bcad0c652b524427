// Earlyunlock-fixed locks before the goroutine starts that unlocks.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

func main() {
	var mu sync.Mutex
	mu.Lock()
	go mu.Unlock()
	mu.Lock()
	fmt.Println("again")
	mu.Unlock()
}
