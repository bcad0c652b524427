// Locktwice-fixed does what needs the lock in functions that expect it to be held.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

type account struct {
	mu      sync.Mutex
	balance int
}

func (a *account) add(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.balance += n
	return a.balance
}

func main() {
	var a account
	fmt.Println(a.add(10))
}
