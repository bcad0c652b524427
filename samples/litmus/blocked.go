package main

import (
	"sync"
	"time"
)

// What goroutines wait for when the program ends. An error is what nobody could
// end, whatever main did next; all else is a note.
var blocked = []litmus{
	{"65-close-nil-misuse", misuse, "HB013", func() {
		defer func() { _ = recover() }()
		var c chan int
		close(c) //65
	}},
	{"66a-nil-channel-receive-misuse", misuse, "HB050", func() {
		var c chan int
		go func() {
			<-c //66a
		}()
		parked("chan receive (nil chan)")
	}},
	{"66b-nil-channel-send-misuse", misuse, "HB050", func() {
		var c chan int
		go func() {
			c <- 1 //66b
		}()
		parked("chan send (nil chan)")
	}},
	{"66c-select-without-cases-misuse", misuse, "HB050", func() {
		go func() {
			select {} //66c
		}()
		parked("select (no cases)")
	}},
	{"67a-lock-twice-misuse", misuse, "HB050", func() {
		var mu sync.Mutex
		go func() {
			mu.Lock()
			mu.Lock() //67a
		}()
		parked("sync.Mutex.Lock")
	}},
	{"67b-read-lock-of-own-lock-misuse", misuse, "HB050", func() {
		var mu sync.RWMutex
		go func() {
			mu.Lock()
			mu.RLock() //67b
		}()
		parked("sync.RWMutex.RLock")
	}},
	{"67c-lock-of-own-read-lock-misuse", misuse, "HB050", func() {
		var mu sync.RWMutex
		go func() {
			mu.RLock()
			mu.Lock() //67c
		}()
		parked("sync.RWMutex.Lock")
	}},
	{"67d-lock-of-ended-misuse", misuse, "HB050", func() {
		var mu sync.RWMutex
		first(func() { mu.Lock() })
		gone(1)
		go func() {
			mu.Lock() //67d
		}()
		parked("sync.Mutex.Lock")
	}},
	{"69a-send-at-exit-note", note, "HB051", func() {
		c := make(chan int)
		go func() {
			c <- 1 //69a
		}()
		parked("chan send")
	}},
	{"69b-receive-at-exit-note", note, "HB051", func() {
		c := make(chan int, 1)
		go func() {
			<-c //69b
		}()
		parked("chan receive")
	}},
	{"69c-select-at-exit-note", note, "HB051", func() {
		c, d := make(chan int), make(chan int, 1)
		d <- 1
		go func() {
			select {
			case <-c: //69c
			case d <- 2: //69c
			}
		}()
		parked("select")
	}},
	{"69d-wait-at-exit-note", note, "HB051", func() {
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			wg.Wait() //69d
		}()
		parked("sync.WaitGroup.Wait")
	}},
	{"69e-cond-at-exit-note", note, "HB051", func() {
		c := sync.NewCond(new(sync.Mutex))
		go func() {
			c.L.Lock()
			c.Wait() //69e
		}()
		parked("sync.Cond.Wait")
	}},
	{"69f-lock-at-exit-note", note, "HB051", func() {
		var mu sync.Mutex
		mu.Lock()
		go func() {
			mu.Lock() //69f
		}()
		parked("sync.Mutex.Lock")
	}},
	{"70a-waited-and-went-on-none", none, "", func() {
		c := make(chan int)
		go func() { <-c }()
		parked("chan receive")
		c <- 1
		gone(1)
	}},
	{"70b-waits-for-time-none", none, "", func() {
		go func() { <-time.After(time.Hour) }()
		parked("chan receive")
	}},
}
