// Death does things that a recorder must survive, or whose end it must. What it
// races on is main.x, and nothing else.
package main

import (
	"os"
	"runtime"
	"sync"
	"time"
)

var x int

func main() {
	cases[os.Args[1]]()
}

var cases = map[string]func(){
	"memory": func() {
		race()
		var keep [][]byte
		for {
			keep = append(keep, make([]byte, 1<<20))
			clear(keep[len(keep)-1])
		}
	},
	"threads": threads,
	"annotated": func() {
		race()
		annotated()
	},
	"busy": busy,
	"leaving": func() {
		go func() {
			time.Sleep(100 * time.Millisecond)
			os.Stdout.WriteString("leaving\n")
			os.Exit(0)
		}()
		busy()
	},
}

// race writes to x without order.
func race() {
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			x++
		}()
	}
	wg.Wait()
}

// threads has goroutines that own threads, some of which end with their goroutine.
func threads() {
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			x++
			for range 10 {
				runtime.Gosched()
			}
			if i%2 == 0 {
				runtime.UnlockOSThread()
			}
		}()
	}
	wg.Wait()
}

// busy never ends, and records as much as it can: no access is like another, and
// some are in the order that a mutex gives them.
func busy() {
	var mu sync.Mutex
	turns := 0
	for i := range uint32(8) {
		go func() {
			own := make([]byte, 1<<22)
			for r := i + 1; ; {
				r ^= r << 13
				r ^= r >> 17
				r ^= r << 5
				own[r%uint32(len(own))]++
				if r%1024 == 0 {
					mu.Lock()
					turns++
					mu.Unlock()
				}
			}
		}()
	}
	select {}
}
