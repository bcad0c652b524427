// Readtwice-fixed takes the lock once, and reads what it guards.
//
// Expect: none
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

func (t *table) sum() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.rows[0] + t.rows[1]
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
