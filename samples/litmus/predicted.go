package main

import (
	"runtime"
	"sync"
)

// What comes first in these cases does so by chance only: another schedule of
// the same events is a race, which the analysis predicts.
var predictions = []litmus{
	{"P1-lock-order-predicted", predicted, "main.x", func() {
		var mu sync.Mutex
		first(func() {
			x = 1 //P1
			turn(&mu)
		})
		turn(&mu)
		x = 2 //P1
	}},
	{"P2-semaphore-predicted", predicted, "main.x", func() {
		sem := make(chan bool, 1)
		first(func() {
			x = 1 //P2
			sem <- true
			<-sem
		})
		sem <- true
		<-sem
		x = 2 //P2
	}},
	{"P3-rwmutex-predicted", predicted, "main.x", func() {
		var mu sync.RWMutex
		first(func() {
			x = 1 //P3
			turn(&mu)
		})
		turn(mu.RLocker())
		x = 2 //P3
	}},
	{"P4-value-handed-over-none", none, "", func() {
		var mu sync.Mutex
		ready := false
		first(func() {
			x = 1
			mu.Lock()
			ready = true
			mu.Unlock()
		})
		mu.Lock()
		ok := ready
		mu.Unlock()
		if ok {
			x = 2
		}
	}},
	{"P5-lock-reversal-deep", deep, "main.x", func() {
		var mu sync.Mutex
		first(func() {
			mu.Lock()
			x = 1 //P5
			mu.Unlock()
		})
		turn(&mu)
		x = 2 //P5
	}},
	{"P6-send-reversal-deep", deep, "main.x", func() {
		c := make(chan bool, 2)
		first(func() {
			x = 1 //P6
			c <- true
		})
		first(func() { c <- true })
		<-c
		runtime.KeepAlive(x) //P6
	}},
	{"P7-wait-before-add-predicted", predicted, "main.x", func() {
		var wg sync.WaitGroup
		first(func() {
			wg.Add(1)
			x = 1 //P7
			wg.Done()
		})
		wg.Wait()
		runtime.KeepAlive(x) //P7
	}},
	{"P16-default-forced-none", none, "", func() {
		var mu sync.Mutex
		c := make(chan int, 1)
		first(func() {
			x = 1
			c <- 1
			turn(&mu)
		})
		turn(&mu)
		select {
		case c <- 2:
		default: // full in every schedule in which this is taken
			x = 2
		}
	}},
	{"P17-default-elsewhere-predicted", predicted, "main.x", func() {
		var mu sync.Mutex
		c, d := make(chan int), make(chan int, 1)
		poll := func() {
			select {
			case <-c:
			default:
			}
			select {
			case <-c:
			case <-d:
			default:
			}
		}
		first(func() {
			x = 1 //P17
			poll()
			turn(&mu)
		})
		poll()
		turn(&mu)
		x = 2 //P17
	}},
}

// turn locks and unlocks.
func turn(mu sync.Locker) {
	mu.Lock()
	//lint:ignore SA2001 nothing needs the lock here: its order is what counts
	mu.Unlock()
}
