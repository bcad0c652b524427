// Sendafterclose-fixed lets who sends close the channel.
//
// Expect: none
package main

import "fmt"

func main() {
	lines := make(chan string, 1)
	go func() {
		defer close(lines)
		lines <- "last words"
	}()
	for line := range lines {
		fmt.Println(line)
	}
}
