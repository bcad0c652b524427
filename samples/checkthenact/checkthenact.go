// Checkthenact looks into a map without the lock and takes the lock only to
// fill it in: the look races with the other goroutine's filling in.
//
// Expect: race heap@checkthenact.go:15 checkthenact.go:19 checkthenact.go:21
package main

import (
	"fmt"
	"runtime"
	"sync"
)

var (
	mu     sync.Mutex
	prices = make(map[string]int)
)

func price(item string) {
	if _, ok := prices[item]; !ok { // the check, unlocked
		mu.Lock()
		prices[item] = len(item) // the act
		mu.Unlock()
	}
}

func main() {
	done := make(chan bool, 2)
	go func() {
		price("tea")
		done <- true
	}()
	// A map that is read while it is written kills the program, so wait until
	// the first goroutine is through. Polling orders nothing: the race stays.
	for len(done) == 0 {
		runtime.Gosched()
	}
	go func() {
		price("coffee")
		done <- true
	}()
	for len(done) == 1 {
		runtime.Gosched()
	}
	fmt.Println("priced 2 items")
}
