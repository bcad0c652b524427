// Shared reads a variable at two lines while another goroutine writes it.
package main

import "sync"

var x, sum int

func main() {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		x = 1
	}()
	sum += x
	sum -= x
	wg.Wait()
}
