// Abandoned-fixed tells the generator to stop, and waits until it has.
//
// Expect: none
package main

import "fmt"

func numbers(stop chan bool) chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for i := 0; ; i++ {
			select {
			case out <- i:
			case <-stop:
				return
			}
		}
	}()
	return out
}

func main() {
	stop := make(chan bool)
	n := numbers(stop)
	for range 3 {
		fmt.Println(<-n)
	}
	close(stop)
	for range n {
		fmt.Println("one more")
	}
}
