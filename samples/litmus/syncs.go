package main

import (
	"runtime"
	"sync"
)

var syncs = []litmus{
	{"25-done-wait-none", none, "", func() {
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			x = 1
			wg.Done()
		}()
		wg.Wait()
		x = 2
	}},
	{"26-done-done-race", race, "main.x", func() {
		var wg sync.WaitGroup
		wg.Add(2)
		first(func() {
			x = 1 //26
			wg.Done()
		})
		wg.Done()
		x = 2 //26
		wg.Wait()
	}},
	{"27-add-wait-race", race, "main.x", func() {
		var wg sync.WaitGroup
		wg.Add(1) // the first Add is ordered before Wait, as it must be
		first(func() {
			x = 1 //27
			wg.Add(1)
		})
		wg.Done()
		wg.Done()
		wg.Wait()
		x = 2 //27
	}},
	{"28-add-concurrent-with-wait-misuse", misuse, "HB03", func() {
		var wg sync.WaitGroup
		first(func() {
			wg.Add(1) //28
		})
		go func() {
			parked("sync.WaitGroup.Wait")
			wg.Done()
		}()
		wg.Wait() //28
	}},
	{"29-once-winner-loser-none", none, "", func() {
		var once sync.Once
		first(func() {
			once.Do(func() { x = 1 })
		})
		once.Do(func() { panic("done twice") })
		x = 2
	}},
	{"30-once-loser-later-do-race", race, "main.x", func() {
		var once sync.Once
		once.Do(func() {})
		first(func() {
			x = 1 //30
			once.Do(func() {})
		})
		once.Do(func() {})
		x = 2 //30
	}},
	{"31-signal-without-lock-none", none, "", func() {
		c := sync.NewCond(new(sync.Mutex))
		go func() {
			parked("sync.Cond.Wait")
			x = 1
			c.Signal()
		}()
		c.L.Lock()
		c.Wait()
		c.L.Unlock()
		x = 2
	}},
	{"32-signal-with-lock-none", none, "", func() {
		c := sync.NewCond(new(sync.Mutex))
		c.L.Lock()
		go func() {
			c.L.Lock() // the waiter waits, since it has let go of the lock
			x = 1
			c.Signal()
			c.L.Unlock()
		}()
		c.Wait()
		c.L.Unlock()
		x = 2
	}},
	{"33-pool-put-get-none", none, "", func() {
		// On one processor Get finds what was Put, unless Put dropped it.
		runtime.GOMAXPROCS(1)
		var pool sync.Pool
		for {
			first(func() {
				shared := new([64]int)
				shared[1] = 1
				pool.Put(shared)
			})
			if got := pool.Get(); got != nil {
				got.(*[64]int)[1] = 2
				return
			}
		}
	}},
	{"34a-map-store-load-none", none, "", func() {
		var m sync.Map
		first(func() {
			x = 1
			m.Store("key", 1)
		})
		if _, ok := m.Load("key"); !ok {
			panic("not stored")
		}
		x = 2
	}},
	{"34b-map-delete-load-none", none, "", func() {
		var m sync.Map
		m.Store("key", 1)
		first(func() {
			x = 1
			m.Delete("key")
		})
		if _, ok := m.Load("key"); ok {
			panic("not deleted")
		}
		x = 2
	}},
	{"35-map-different-keys-race", race, "main.x", func() {
		var m sync.Map
		m.Store("mine", 1)
		first(func() {
			x = 1 //35
			m.Store("theirs", 1)
		})
		m.Load("mine")
		m.Store("mine", 2)
		x = 2 //35
	}},
}
