// Soak strains a recorder: many goroutines, stacks that grow and shrink, and
// a long time. It has no race.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	switch os.Args[1] {
	case "goroutines":
		fmt.Println(goroutines(n))
	case "stacks":
		for range n {
			stacks()
		}
	case "steady":
		steady(time.Duration(n) * time.Second)
	}
}

// goroutines has n of them alive at once, each of which does a little, and
// returns what they count together.
func goroutines(n int) int {
	var mu sync.Mutex
	total := 0
	ready, end := make(chan int, 100), make(chan bool)
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.Lock()
			total += deep(i%20, new([10]int))
			mu.Unlock()
			ready <- i
			<-end
		}()
	}
	for range n {
		<-ready
	}
	close(end)
	wg.Wait()
	return total
}

// stacks grows stacks in calls that synchronize and access memory, and lets the
// collector shrink them while their goroutines wait.
func stacks() {
	var mu sync.Mutex
	shared := make([]int, 100)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 4 {
				deep(100<<j, new([10]int))
				mu.Lock()
				shared[i]++
				mu.Unlock()
				if i == 0 {
					runtime.GC()
				}
				runtime.Gosched()
			}
		}()
	}
	wg.Wait()
}

//go:noinline
func deep(n int, x *[10]int) int {
	x[n%10]++
	if n == 0 {
		return 1
	}
	var frame [20]int
	frame[n%20] = n
	return deep(n-1, x) + frame[(n+1)%20]
}

// steady works evenly for a time, and fails if it needs more and more memory.
func steady(d time.Duration) {
	begin := time.Now()
	early := 0
	for time.Since(begin) < d {
		stacks()
		goroutines(1000)
		if early == 0 && time.Since(begin) > d/4 {
			early = resident()
		}
	}
	late := resident()
	fmt.Printf("resident after a quarter of the time: %d MB, at its end: %d MB\n", early>>10, late>>10)
	if late > early*5/4+10<<10 {
		os.Exit(1)
	}
}

// resident is the process's memory in kilobytes.
func resident() int {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}
