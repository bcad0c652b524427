package collect

import (
	"io"
	"sync"
	"sync/atomic"
)

// A sink passes on what is written until that fails. It accepts everything,
// for neither the tracer nor the recorder can do anything about an error; but
// it asks for the end of the window.
type sink struct {
	w     io.Writer
	limit int64  // bytes; 0: none
	full  func() // is called when an error or the limit ends the window; may be called again
	n     atomic.Int64

	mu  sync.Mutex
	err error
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return len(b), nil
	}
	n, err := s.w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	written := s.n.Add(int64(n))
	if s.err = err; err != nil || s.limit > 0 && written >= s.limit {
		s.full()
	}
	return len(b), nil
}

// failure is why not all has been written.
func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
