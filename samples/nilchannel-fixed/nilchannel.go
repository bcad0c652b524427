// Nilchannel-fixed makes the channel where the worker is made.
//
// Expect: none
package main

import (
	"fmt"
	"sync"
)

type worker struct{ jobs chan int }

func newWorker() *worker { return &worker{make(chan int)} }

// run does what comes.
func (w *worker) run() {
	for range w.jobs {
		fmt.Println("done")
	}
}

func main() {
	w := newWorker()
	var wg sync.WaitGroup
	wg.Go(w.run)
	w.jobs <- 1
	close(w.jobs)
	wg.Wait()
}
