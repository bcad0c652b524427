package collect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

// Errors of a [Flight].
var (
	ErrInstrumented = errors.New("collect: a program built with hindsight has no flight recorder: open a window")
	ErrFlying       = errors.New("collect: a flight recorder runs already")
	ErrNotFlying    = errors.New("collect: the flight recorder does not run")
)

// A Flight is a flight recorder: it keeps the last moments of the program in
// memory, as an execution trace with the program's annotations, on top of
// [runtime/trace.FlightRecorder]. One runs at a time; a window may be open besides.
//
// It is for ordinary programs. What a program built with hindsight records is
// too much to be thrown away all the time, and Start fails with
// [ErrInstrumented].
type Flight struct {
	// MinAge is how far back it reaches, if MaxBytes allow; 0 means 10 seconds.
	MinAge time.Duration
	// MaxBytes is about how much memory the trace may take; 0 means 10 MB.
	MaxBytes uint64

	mu sync.Mutex
	fr *trace.FlightRecorder // nil: it does not run
}

// Start begins to record.
func (f *Flight) Start() error {
	if Instrumented {
		return ErrInstrumented
	}
	state.Lock()
	defer state.Unlock()
	if state.flight != nil {
		return ErrFlying
	}
	fr := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: f.MinAge, MaxBytes: f.MaxBytes})
	if err := fr.Start(); err != nil {
		return fmt.Errorf("collect: cannot start the flight recorder: %w", err)
	}
	f.mu.Lock()
	f.fr = fr
	f.mu.Unlock()
	state.flight = f
	return nil
}

// Stop ends the recording and forgets it.
func (f *Flight) Stop() {
	state.Lock()
	defer state.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fr != nil {
		f.fr.Stop()
		f.fr, state.flight = nil, nil
	}
}

// Running returns the flight recorder that runs, or nil.
func Running() *Flight {
	state.Lock()
	defer state.Unlock()
	return state.flight
}

// WriteTo writes the trace of the last moments to w. The recording goes on.
func (f *Flight) WriteTo(w io.Writer) (int64, error) {
	// By way of memory: a slow writer must not keep others from what they need.
	var b bytes.Buffer
	if err := f.snapshot(&b); err != nil {
		return 0, err
	}
	return b.WriteTo(w)
}

func (f *Flight) snapshot(b *bytes.Buffer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fr == nil {
		return ErrNotFlying
	}
	describe()
	_, err := f.fr.WriteTo(b)
	return err
}

// WriteFile writes the trace of the last moments to a file. The file is there
// as a whole or not at all; one from before is replaced.
func (f *Flight) WriteFile(name string) error {
	t, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.WriteTo(t)
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), name)
	}
	if err != nil {
		os.Remove(t.Name())
	}
	return err
}

// OnPanic is to be deferred. If a panic passes, it writes the trace of the last
// moments to a file, as WriteFile does. The panic goes on as if nothing had been deferred:
// whoever recovers it, or the program's death, is as without it. It sees a
// panic of its own goroutine only, as all deferred functions do.
//
//	defer flight.OnPanic("panic.trace")
func (f *Flight) OnPanic(name string) {
	// Recovering would change what the runtime prints, so the stack tells: a
	// panic calls deferred functions, or the compiler's wrapper around one, itself.
	var pcs [4]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		fr, more := frames.Next()
		if fr.Function == "runtime.gopanic" {
			f.tell(name)
			return
		}
		if !more || !strings.Contains(fr.Function, ".deferwrap") {
			return
		}
	}
}

// When writes the trace of the last moments to a file, as WriteFile does,
// whenever the predicate has become true. It asks the predicate at intervals,
// until the function that it returns is called. A program that knows itself
// when the moment has come calls WriteFile.
func (f *Flight) When(predicate func() bool, every time.Duration, name string) (stop func()) {
	ticker := time.NewTicker(every)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for was := false; ; {
			select {
			case <-end:
				return
			case <-ticker.C:
			}
			is := predicate()
			if is && !was {
				f.tell(name)
			}
			was = is
		}
	}()
	return sync.OnceFunc(func() {
		ticker.Stop()
		close(end)
		<-ended
	})
}

// tell writes the file and says in one line on standard error if it cannot.
func (f *Flight) tell(name string) {
	if err := f.WriteFile(name); err != nil {
		fmt.Fprintln(os.Stderr, "collect: no trace of the last moments:", err)
	}
}
