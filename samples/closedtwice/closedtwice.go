// Closedtwice stops a worker twice: by hand, and by defer.
//
// Expect: finding HB012 closedtwice.go:10 closedtwice.go:10
// Exits: 2
package main

type worker struct{ quit chan bool }

func (w *worker) stop() {
	close(w.quit)
}

func main() {
	w := &worker{quit: make(chan bool)}
	defer w.stop()
	w.stop()
}
