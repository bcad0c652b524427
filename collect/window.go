package collect

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// Errors of [Start] and [Stop].
var (
	ErrRecording    = errors.New("collect: a window is open already")
	ErrNotRecording = errors.New("collect: no window is open")
)

// Instrumented reports whether the program was built with hindsight, so that a
// window holds all its accesses.
const Instrumented = instrumented

// A Window bounds what is recorded at once. The zero value has no bounds.
type Window struct {
	// MaxBytes, if positive, ends the window when about so many bytes have been
	// written. What the program has recorded by then is written still, so there
	// may be as much more as it records in a second.
	MaxBytes int64
	// MaxTime, if positive, ends the window after this time.
	MaxTime time.Duration
}

// Status is what is going on.
type Status struct {
	Recording bool          // a window is open
	Bytes     int64         // recorded in it so far
	Time      time.Duration // since it was opened
	Flight    bool          // a flight recorder runs
}

// window is the one that is open, or has been closed by its bounds and not yet
// by Stop.
type window struct {
	Window
	file  *os.File  // where the recording goes, or
	w     io.Writer // if there is no file
	close func() error
	sink  *sink
	begun time.Time

	stop  func()        // asks for the end; once is enough
	asked chan struct{} // is closed by stop
	done  chan struct{} // is closed when all is written; then
	err   error
}

// windowState is the program's: there is one recorder.
type windowState struct {
	sync.Mutex
	open   *window
	flight *Flight
}

var state windowState

// Start opens a window without bounds: see [Window.Start].
func Start(w io.Writer) error { return Window{}.Start(w) }

// Start opens a window: from now on the program is recorded, until [Stop], a
// bound, or an error of w. It fails with [ErrRecording] if a window is open, and if
// the recorder cannot start: in an ordinary program because somebody else has
// called [runtime/trace.Start].
//
// W is written to by one goroutine at a time, and not after Stop has returned.
// The program does not wait for it: up to 64 MB are kept for w, and if there would be more the
// window ends with [ErrSlow]. (A file that a program built with hindsight
// records into is written by the recorder, which has the program wait if it must.)
func (o Window) Start(w io.Writer) error {
	_, err := o.start(into(w))
	return err
}

// Record opens a window, as [Window.Start] does, and returns when it has ended:
// when ctx is done, by a bound, by an error of w or by [Stop].
func (o Window) Record(ctx context.Context, w io.Writer) error {
	win, err := o.start(into(w))
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-win.done:
	}
	return win.end()
}

func into(w io.Writer) *window {
	f, _ := w.(*os.File)
	return &window{file: f, w: w}
}

// StartFile is [Window.Start] into a new file, or one that it replaces. The
// file is closed when the window has ended; if the window cannot be opened, there is none.
func (o Window) StartFile(name string) error {
	state.Lock()
	busy := state.busy()
	state.Unlock()
	if busy {
		return ErrRecording // and do no harm to the file
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := o.start(&window{file: f, w: f, close: f.Close}); err != nil {
		f.Close()
		os.Remove(name)
		return err
	}
	return nil
}

// busy reports whether a window is open. One that a bound has closed is
// forgotten: its error stays for nobody. The state is locked.
func (s *windowState) busy() bool {
	if s.open == nil {
		return false
	}
	select {
	case <-s.open.done:
		return false
	default:
		return true
	}
}

func (o Window) start(w *window) (*window, error) {
	state.Lock()
	defer state.Unlock()
	if state.busy() {
		return nil, ErrRecording
	}
	w.Window, w.begun = o, time.Now()
	w.asked, w.done = make(chan struct{}), make(chan struct{})
	w.stop = sync.OnceFunc(func() { close(w.asked) })
	end, err := w.begin()
	if err != nil {
		return nil, err
	}
	state.open = w
	var timer <-chan time.Time
	if o.MaxTime > 0 {
		timer = time.After(o.MaxTime)
	}
	go func() {
		select {
		case <-w.asked:
		case <-timer:
		}
		w.err = end()
		if w.close != nil {
			w.err = errors.Join(w.err, w.close())
		}
		close(w.done)
	}()
	return w, nil
}

// end closes the window and waits until all of it has been written.
func (w *window) end() error {
	w.stop()
	<-w.done
	state.Lock()
	defer state.Unlock()
	if state.open == w {
		state.open = nil
	}
	return w.err
}

// Stop closes the window and returns when all of it has been written, or the
// error that has ended it. If a bound has closed the window before, Stop
// returns what came of it. It fails with [ErrNotRecording] if there has been no
// window since the last Stop.
func Stop() error {
	state.Lock()
	w := state.open
	state.Unlock()
	if w == nil {
		return ErrNotRecording
	}
	return w.end()
}

// Done returns a channel that is closed when the window that is open now has
// ended, by [Stop], a bound or an error. If none is open, it is closed already.
func Done() <-chan struct{} {
	state.Lock()
	defer state.Unlock()
	if state.open != nil {
		return state.open.done
	}
	none := make(chan struct{})
	close(none)
	return none
}

// Now returns what is going on.
func Now() Status {
	state.Lock()
	defer state.Unlock()
	s := Status{Flight: state.flight != nil}
	if state.busy() {
		s.Recording, s.Bytes, s.Time = true, state.open.sink.n.Load(), time.Since(state.open.begun)
	}
	return s
}
