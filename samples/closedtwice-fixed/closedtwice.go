// Closedtwice-fixed may be stopped as often as one likes.
//
// Expect: none
package main

import "sync"

type worker struct {
	once sync.Once
	quit chan bool
}

func (w *worker) stop() {
	w.once.Do(func() { close(w.quit) })
}

func main() {
	w := &worker{quit: make(chan bool)}
	defer w.stop()
	w.stop()
}
