// Checkthenact-fixed checks and acts under one lock.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

var (
	mu     sync.Mutex
	prices = make(map[string]int)
)

func price(item string) {
	mu.Lock()
	defer mu.Unlock()
	if _, ok := prices[item]; !ok {
		prices[item] = len(item)
	}
}

func main() {
	var wg sync.WaitGroup
	for _, item := range []string{"tea", "coffee"} {
		wg.Go(func() { price(item) })
	}
	wg.Wait()
	fmt.Println("priced", len(prices), "items")
}
