package main

import (
	"runtime"
	"strings"
	"sync"
)

// Most cases need their steps to come one after the other in time without being
// ordered by happens-before. What follows brings that about in every schedule.

// A moment is a point in time that one goroutine announces and others wait for.
// It orders nothing: a send is ordered before its receive, and nobody receives.
type moment chan int

func newMoment() moment { return make(moment, 1) }

// come announces the moment.
func (m moment) come() { m <- 0 }

// wait returns after the moment has come.
func (m moment) wait() {
	for len(m) == 0 {
		runtime.Gosched()
	}
}

// first runs a in a goroutine of its own, and returns when it is done.
// Nothing orders a before what the caller does next.
func first(a func()) {
	done := newMoment()
	go func() {
		a()
		done.come()
	}()
	done.wait()
}

// both runs a and b in goroutines of their own, in no order, and returns when
// both are done.
func both(a, b func()) {
	var wg sync.WaitGroup
	wg.Go(a)
	wg.Go(b)
	wg.Wait()
}

// parked returns when some goroutine is parked in the given state, as
// goroutine dumps call it ("chan receive", "sync.Mutex.Lock"). It orders nothing.
func parked(state string) {
	dump := make([]byte, 1<<16)
	for !strings.Contains(string(dump[:runtime.Stack(dump, true)]), " ["+state) {
		runtime.Gosched()
	}
}

// gone returns when no more than n goroutines are left. The exit of a
// goroutine orders nothing.
func gone(n int) {
	for runtime.NumGoroutine() > n {
		runtime.Gosched()
	}
}
