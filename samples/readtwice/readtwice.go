// Readtwice calls, with the lock held for reading, a method that takes it once
// more. A writer that comes in between stops both; in this run it comes later.
//
// Expect: predicted HB022
package main

import (
	"fmt"
	"runtime"
	"sync"
)

type table struct {
	mu   sync.RWMutex
	rows [2]int
}

func (t *table) get(i int) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.rows[i]
}

func (t *table) sum() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.get(0) + t.get(1)
}

func (t *table) touch() {
	t.mu.Lock()
	defer t.mu.Unlock()
}

func main() {
	var t table
	summed := make(chan bool, 1) // its length orders nothing
	go func() {
		fmt.Println(t.sum())
		summed <- true
	}()
	for len(summed) == 0 {
		runtime.Gosched()
	}
	t.touch()
}
