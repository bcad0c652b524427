//go:build unix

package collect

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// patience is how long SIGQUIT waits for the trace: what hangs must not keep
// the program from dying of it.
const patience = 10 * time.Second

// OnQuit has SIGQUIT write the trace of the last moments to a file, as WriteFile
// does. Then the program dies of the signal as it would have without: the
// runtime prints all goroutines, and the exit status is 2. A program that
// handles SIGQUIT itself calls WriteFile there instead.
//
// The function that it returns ends this.
func (f *Flight) OnQuit(name string) (stop func(), err error) {
	signals := make(chan os.Signal, 1)
	end := make(chan struct{})
	signal.Notify(signals, syscall.SIGQUIT)
	go func() {
		select {
		case <-end:
			return
		case <-signals:
		}
		written := make(chan struct{})
		go func() {
			defer close(written)
			f.tell(name)
		}()
		select {
		case <-written:
		case <-time.After(patience):
		}
		signal.Stop(signals)
		syscall.Kill(os.Getpid(), syscall.SIGQUIT)
	}()
	return sync.OnceFunc(func() {
		signal.Stop(signals)
		close(end)
	}), nil
}
