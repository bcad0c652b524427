//go:build hindsight

package collect

import (
	"errors"
	"io"
	"os"
	"time"
)

const instrumented = true

// look is how often the recorder is asked whether the window has reached its
// bound.
const look = 20 * time.Millisecond

// begin has the recorder write into the window's file, or else into a pipe, from
// which a goroutine copies.
func (w *window) begin() (end func() error, err error) {
	w.sink = newSink(w.w, 0, w.stop)
	file, copied := w.file, func() {}
	var r *os.File
	if file == nil {
		if r, file, err = os.Pipe(); err != nil {
			w.sink.close()
			return nil, err
		}
		all := make(chan struct{})
		go func() {
			io.Copy(w.sink, r) // the sink takes all, at once
			close(all)
		}()
		copied = func() {
			file.Close()
			<-all
			r.Close()
		}
	}
	if text := windowStart(file.Fd(), w.MaxBytes); text != "" {
		copied()
		w.sink.close()
		return nil, errors.New("collect: cannot record: " + text)
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(look):
			}
			recording, n, _ := windowStatus()
			if r == nil {
				w.sink.n.Store(n)
			}
			if !recording {
				w.stop()
				return
			}
		}
	}()
	return func() error {
		close(ended)
		n, text := windowStop()
		copied()
		if r == nil {
			w.sink.n.Store(n)
		}
		err := w.sink.close()
		if text != "" {
			err = errors.Join(err, errors.New("collect: "+text))
		}
		return err
	}, nil
}
