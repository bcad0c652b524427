// Locktwice calls, with the lock held, a method that takes it.
//
// Expect: finding HB050 locktwice.go:19
// Exits: 2
package main

import (
	"fmt"
	"sync"
)

type account struct {
	mu      sync.Mutex
	balance int
}

// read returns the balance.
func (a *account) read() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.balance
}

func (a *account) add(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.balance += n
	return a.read()
}

func main() {
	var a account
	fmt.Println(a.add(10))
}
