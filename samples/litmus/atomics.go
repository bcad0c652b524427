package main

import (
	"runtime"
	"sync/atomic"
)

// word is shared by atomic and plain accesses.
var word uint32

var atomics = []litmus{
	{"36-store-load-none", none, "", func() {
		var a atomic.Int32
		go func() {
			x = 1
			a.Store(1)
		}()
		for a.Load() != 1 {
			yield()
		}
		x = 2
	}},
	{"37-store-store-race", race, "main.x", func() {
		var a atomic.Int32
		first(func() {
			x = 1 //37
			a.Store(1)
		})
		a.Store(2)
		x = 2 //37
	}},
	{"38-load-store-race", race, "main.x", func() {
		var a atomic.Int32
		first(func() {
			x = 1 //38
			a.Load()
		})
		a.Store(1)
		x = 2 //38
	}},
	{"39-overwritten-store-load-race", race, "main.x", func() {
		var a atomic.Int32
		first(func() {
			x = 1 //39
			a.Store(1)
		})
		first(func() { a.Store(2) })
		if a.Load() != 2 {
			panic("not stored")
		}
		x = 2 //39
	}},
	{"40a-failed-cas-acquires-none", none, "", func() {
		var a atomic.Int32
		first(func() {
			x = 1
			a.Store(1)
		})
		if a.CompareAndSwap(0, 2) {
			panic("swapped")
		}
		x = 2
	}},
	{"40b-failed-cas-does-not-release-race", race, "main.x", func() {
		var a atomic.Int32
		first(func() {
			x = 1 //40b
			if a.CompareAndSwap(1, 2) {
				panic("swapped")
			}
		})
		a.Load()
		x = 2 //40b
	}},
	{"41-add-add-none", none, "", func() {
		var a atomic.Int32
		first(func() {
			x = 1
			a.Add(1)
		})
		a.Add(1)
		x = 2
	}},
	{"42-plain-and-atomic-race", race, "main.word", func() {
		first(func() {
			atomic.StoreUint32(&word, 1) //42
		})
		word = 2 //42
	}},
}

func yield() { runtime.Gosched() }
