// Closenil-fixed makes the channel where the worker is made.
//
// Expect: none
package main

type worker struct{ quit chan bool }

func newWorker() *worker { return &worker{make(chan bool)} }

func (w *worker) stop() {
	close(w.quit)
}

func main() {
	newWorker().stop()
}
