package main

import (
	"iter"
	"os"
	"runtime"
	"time"
)

var answer int

var others = []litmus{
	{"43-goroutine-exit-race", race, "main.x", func() {
		n := runtime.NumGoroutine()
		go func() {
			x = 1 //43
		}()
		gone(n)
		x = 2 //43
	}},
	{"43b-same-line-before-and-after-go-race", race, "main.x", func() {
		done := make(chan bool)
		for i := range 2 {
			x = i //43b
			if i == 0 {
				go func() {
					intSink = x //43b
					done <- true
				}()
			}
		}
		<-done
	}},
	{"44a-afterfunc-none", none, "", func() {
		done := newMoment()
		x = 1
		time.AfterFunc(1, func() {
			x = 2
			done.come()
		})
		done.wait()
	}},
	{"44b-timer-channel-none", none, "", func() {
		timer := time.NewTimer(time.Hour)
		go func() {
			timer.Stop()
			x = 1
			timer.Reset(1)
		}()
		<-timer.C
		x = 2
	}},
	{"44c-two-timers-race", race, "main.x", func() {
		early, late := newMoment(), newMoment()
		time.AfterFunc(time.Millisecond, func() {
			x = 1 //44c
			early.come()
		})
		time.AfterFunc(2*time.Millisecond, func() {
			x = 2 //44c
			late.come()
		})
		early.wait()
		late.wait()
	}},
	{"46a-255-goroutines-between-race", race, "main.x", func() {
		first(func() {
			x = 1 //46a
		})
		between(255)
		x = 2 //46a
	}},
	{"46b-1000-goroutines-between-race", race, "main.x", func() {
		first(func() {
			x = 1 //46b
		})
		between(1000)
		x = 2 //46b
	}},
	{"46c-100000-goroutines-between-race", race, "main.x", func() {
		first(func() {
			x = 1 //46c
		})
		between(100_000)
		x = 2 //46c
	}},
	{"47a-finalizer-unrelated-write-race", race, "main.x", func() {
		ran := newMoment()
		runtime.SetFinalizer(new([64]int), func(*[64]int) {
			x = 1 //47a
			ran.come()
		})
		for len(ran) == 0 {
			runtime.GC()
		}
		x = 2 //47a
	}},
	{"47b-cleanup-unrelated-write-race", race, "main.x", func() {
		ran := newMoment()
		runtime.AddCleanup(new([64]int), func(int) {
			x = 1 //47b
			ran.come()
		}, 0)
		for len(ran) == 0 {
			runtime.GC()
		}
		x = 2 //47b
	}},
	{"47c-finalizer-setter-none", none, "", func() {
		ran := newMoment()
		x = 1
		runtime.SetFinalizer(new([64]int), func(*[64]int) {
			x = 2
			ran.come()
		})
		for len(ran) == 0 {
			runtime.GC()
		}
	}},
	{"47d-finalizer-of-the-object-none", none, "", func() {
		ran := newMoment()
		object := new([64]int)
		runtime.SetFinalizer(object, func(object *[64]int) {
			x = object[0]
			ran.come()
		})
		object[0] = 1
		for len(ran) == 0 {
			runtime.GC()
		}
	}},
	{"48-million-calls-between-race", race, "main.x", func() {
		first(func() {
			x = 1 //48
			var sum int
			for range 1_000_000 {
				add(&sum)
			}
			scratch[0] = sum
		})
		x = 2 //48
	}},
	{"56-global-init-race", race, "main.answer", func() {
		look := func() {
			if answer == 0 { //56
				answer = 42 //56
			}
		}
		first(look)
		look()
	}},
	{"57a-panic-recover-none", none, "", func() {
		c := make(chan int)
		go func() {
			defer close(c)
			x = 1
			recovered(func() {
				defer func() { x++ }()
				panic("expected")
			})
			x++
		}()
		<-c
		x = 2
	}},
	{"57b-goexit-none", none, "", func() {
		c := make(chan int)
		go func() {
			defer close(c)
			defer func() { x++ }()
			x = 1
			runtime.Goexit()
		}()
		<-c
		x = 2
	}},
	{"57c-after-recover-race", race, "main.x", func() {
		first(func() {
			for range 100 {
				recovered(func() { panic("expected") })
			}
			x = 1 //57c
		})
		x = 2 //57c
	}},
	{"58a-range-over-func-none", none, "", func() {
		for i := range count(3) {
			x = i
		}
		x = 4
	}},
	{"58b-pull-none", none, "", func() {
		next, stop := iter.Pull(count(3))
		for i, ok := next(); ok; i, ok = next() {
			x = i
		}
		stop()
		x = 4
	}},
	{"58c-pull-stopped-none", none, "", func() {
		next, stop := iter.Pull(count(3))
		next()
		x = 4
		stop()
		x = 5
	}},
}

// between starts n goroutines, one after the other, and waits for each.
func between(n int) {
	c := make(chan int)
	for range n {
		go func() { c <- 0 }()
		<-c
	}
}

var scratch [1]int

//go:noinline
func add(sum *int) { *sum++ }

func recovered(f func()) {
	defer func() {
		if recover() == nil {
			os.Exit(3)
		}
	}()
	f()
}

// count writes x in turns with its caller.
func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer func() { x++ }()
		for i := range n {
			x++
			if !yield(i) {
				return
			}
		}
	}
}
