package main

import "sync"

var locks = []litmus{
	{"18-unlock-lock-none", none, "", func() {
		var mu sync.Mutex
		turn := func() {
			mu.Lock()
			x++
			mu.Unlock()
		}
		both(turn, turn)
	}},
	{"19-failed-trylock-race", race, "main.x", func() {
		var mu sync.Mutex
		first(func() {
			x = 1 //19
			mu.Lock()
		})
		if mu.TryLock() {
			panic("locked twice")
		}
		x = 2 //19
	}},
	{"20-failed-tryrlock-race", race, "main.x", func() {
		var mu sync.RWMutex
		first(func() {
			x = 1 //20
			mu.Lock()
		})
		if mu.TryRLock() {
			panic("locked twice")
		}
		x = 2 //20
	}},
	{"21-reader-reader-race", race, "main.x", func() {
		var mu sync.RWMutex
		first(func() {
			mu.RLock()
			x = 1 //21
			mu.RUnlock()
		})
		mu.RLock()
		x = 2 //21
		mu.RUnlock()
	}},
	{"22-reader-writer-reader-none", none, "", func() {
		var mu sync.RWMutex
		first(func() {
			mu.RLock()
			x = 1
			mu.RUnlock()
		})
		first(func() {
			mu.Lock()
			//lint:ignore SA2001 nothing needs the lock here: its order is what counts
			mu.Unlock()
		})
		mu.RLock()
		x = 2
		mu.RUnlock()
	}},
	{"23a-unlock-by-third-none", none, "", func() {
		var mu sync.Mutex
		first(func() {
			mu.Lock()
			x = 1
			mu.Unlock()
		})
		first(mu.Lock)
		first(mu.Unlock)
		mu.Lock()
		x = 2
	}},
	{"23b-rwmutex-unlock-by-third-none", none, "", func() {
		var mu sync.RWMutex
		first(func() {
			mu.Lock()
			x = 1
			mu.Unlock()
		})
		first(mu.Lock)
		first(mu.Unlock)
		mu.RLock()
		x = 2
	}},
	{"24-parked-lock-attempt-race", race, "main.x", func() {
		var mu sync.Mutex
		mu.Lock()
		done := newMoment()
		go func() {
			x = 1 //24
			mu.Lock()
			done.come()
		}()
		parked("sync.Mutex.Lock")
		x = 2 //24
		mu.Unlock()
		done.wait()
	}},
}
