// Closenil stops a worker whose channel has never been made.
//
// Expect: finding HB013 closenil.go:10
// Exits: 2
package main

type worker struct{ quit chan bool }

func (w *worker) stop() {
	close(w.quit)
}

func main() {
	w := new(worker)
	w.stop()
}
