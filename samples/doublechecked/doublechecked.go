// Doublechecked creates a value on first use and looks for it before it takes
// the lock, to save the lock. That look is not ordered after the creation, and
// neither is the use of what it finds.
//
// Expect: race main.instance doublechecked.go:26 doublechecked.go:29
// Expect: race main.instance doublechecked.go:33 doublechecked.go:29
// Expect: race heap@doublechecked.go:29 doublechecked.go:29 doublechecked.go:47
package main

import (
	"fmt"
	"runtime"
	"sync"
)

type config struct{ name string }

var (
	mu       sync.Mutex
	instance *config
)

//go:noinline
func get() *config {
	// The first check, without the lock.
	if instance == nil {
		mu.Lock()
		if instance == nil {
			instance = &config{name: "default"}
		}
		mu.Unlock()
	}
	return instance
}

func main() {
	done := make(chan bool, 1)
	go func() {
		get()
		done <- true
	}()
	for len(done) == 0 { // time passes, but len orders nothing
		runtime.Gosched()
	}

	// Created by the other goroutine, complete only by luck.
	fmt.Println(get().name)
}
