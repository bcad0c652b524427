// Closewhilesending-fixed closes the channel when all senders have ended.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

func main() {
	lines := make(chan string, 1)
	var senders sync.WaitGroup
	senders.Go(func() { lines <- "last words" })
	senders.Wait()
	close(lines)
	for line := range lines {
		fmt.Println(line)
	}
}
