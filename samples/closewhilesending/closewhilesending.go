// Closewhilesending closes a channel without knowing whether all has been sent.
//
// Expect: finding HB010 closewhilesending.go:15 closewhilesending.go:21
package main

import (
	"fmt"
	"runtime"
)

func main() {
	lines := make(chan string, 1)
	sent := make(chan bool, 1) // its length orders nothing
	go func() {
		lines <- "last words"
		sent <- true
	}()
	for len(sent) == 0 {
		runtime.Gosched()
	}
	close(lines)
	for line := range lines {
		fmt.Println(line)
	}
}
