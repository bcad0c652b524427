package collect

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// ErrSlow ends a window whose writer takes less than the program records.
var ErrSlow = errors.New("collect: the window has ended early: its writer is too slow")

// mostWaiting is how many bytes may wait for a writer. The tracer would keep
// any number, and the recorder of an instrumented program would have that wait.
const mostWaiting = 64 << 20

// A sink passes on what is written, in a goroutine of its own, until that fails
// or too much waits. It accepts everything at once, for neither the tracer nor
// the recorder can do anything about an error; but it asks for the end of the
// window.
type sink struct {
	w     io.Writer
	limit int64  // bytes; 0: none
	most  int    // that may wait
	full  func() // is called when an error or the limit ends the window; may be called again
	n     atomic.Int64

	mu      sync.Mutex
	change  sync.Cond
	waiting []byte
	closed  bool
	err     error
	done    chan struct{} // is closed when all has been passed on
}

func newSink(w io.Writer, limit int64, full func()) *sink {
	s := &sink{w: w, limit: limit, most: mostWaiting, full: full, done: make(chan struct{})}
	s.change.L = &s.mu
	go s.pass()
	return s
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return len(b), nil
	}
	if len(s.waiting)+len(b) > s.most {
		s.fail(ErrSlow)
		return len(b), nil
	}
	s.waiting = append(s.waiting, b...)
	s.change.Signal()
	if n := s.n.Add(int64(len(b))); s.limit > 0 && n >= s.limit {
		s.full()
	}
	return len(b), nil
}

// fail gives up. The sink is locked.
func (s *sink) fail(err error) {
	s.err, s.waiting = err, nil
	s.full()
}

// pass passes on what waits.
func (s *sink) pass() {
	defer close(s.done)
	var b []byte
	for {
		s.mu.Lock()
		for len(s.waiting) == 0 && !s.closed {
			s.change.Wait()
		}
		b, s.waiting = s.waiting, b[:0]
		s.mu.Unlock()
		if len(b) == 0 {
			return
		}
		n, err := s.w.Write(b)
		if err == nil && n < len(b) {
			err = io.ErrShortWrite
		}
		if err != nil {
			s.mu.Lock()
			if s.err == nil {
				s.fail(err)
			}
			s.mu.Unlock()
		}
	}
}

// close returns when all has been passed on, or why it has not.
func (s *sink) close() error {
	s.mu.Lock()
	s.closed = true
	s.change.Signal()
	s.mu.Unlock()
	<-s.done
	return s.err
}
