// Deadlock moves money between two accounts, in both directions, and locks the
// account that pays first. In this run the transfers come one after the other;
// in another each waits for the account that the other holds.
//
// Expect: predicted HB020
package main

import (
	"fmt"
	"sync"
	"time"
)

type account struct {
	mu      sync.Mutex
	balance int
}

func transfer(from, to *account, amount int) {
	from.mu.Lock()
	defer from.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	from.balance -= amount
	to.balance += amount
}

func main() {
	var a, b account
	var wg sync.WaitGroup
	wg.Go(func() { transfer(&a, &b, 10) })
	time.Sleep(20 * time.Millisecond)
	wg.Go(func() { transfer(&b, &a, 5) })
	wg.Wait()
	fmt.Println(a.balance, b.balance)
}
