// Nilchannel hands a job to a worker whose channel has never been made.
//
// Expect: finding HB050 nilchannel.go:14
// Expect: finding HB050 nilchannel.go:22
// Exits: 2
package main

import "fmt"

type worker struct{ jobs chan int }

// run does what comes.
func (w *worker) run() {
	for range w.jobs {
		fmt.Println("done")
	}
}

func main() {
	w := new(worker)
	go w.run()
	w.jobs <- 1
}
