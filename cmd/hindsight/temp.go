package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// temp keeps track of temporary files, so that none is left behind when the
// command ends, be it by an interrupt. The zero value is ready for use.
type temp struct {
	mu    sync.Mutex
	names []string
	held  bool // interrupts are for the program that is running
	soft  int  // how many want to be told of an interrupt
	tell  func() (again bool)
	stop  func()
}

// hold leaves interrupts to a program that is running until f returns.
func (t *temp) hold(f func() error) error {
	set := func(held bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.held = held
	}
	set(true)
	defer set(false)
	return f()
}

// yield has interrupts only call f until the function that it returns is called,
// or f has said that the next is not for it. Of several at once the last f counts.
func (t *temp) yield(f func() (again bool)) (done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch()
	t.soft++
	t.tell = f
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.soft--; t.soft == 0 {
			t.tell = nil
		}
	}
}

// again has the next interrupt call f too, if somebody still wants to be told.
func (t *temp) again(f func() bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.soft > 0 && t.tell == nil {
		t.tell = f
	}
}

// dir makes a directory that clean removes: in parent or, if that is empty,
// where temporary files go.
func (t *temp) dir(parent, pattern string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch()
	name, err := os.MkdirTemp(parent, pattern)
	if err == nil {
		t.names = append(t.names, name)
	}
	return name, err
}

// file makes a file that clean removes.
func (t *temp) file() (*os.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch()
	f, err := os.CreateTemp("", "hindsight-*")
	if err == nil {
		t.names = append(t.names, f.Name())
	}
	return f, err
}

// watch makes an interrupt clean before it ends the process.
func (t *temp) watch() {
	if t.stop != nil {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	t.stop = sync.OnceFunc(func() {
		signal.Stop(signals)
		close(done)
	})
	go func() {
		for {
			select {
			case s := <-signals:
				t.mu.Lock()
				if tell := t.tell; tell != nil && s == os.Interrupt {
					t.tell = nil
					t.mu.Unlock()
					if tell() {
						t.again(tell)
					}
					continue
				}
				if !t.held {
					t.remove()
					status := 128 + 2
					if n, ok := s.(syscall.Signal); ok {
						status = 128 + int(n)
					}
					os.Exit(status)
				}
				t.mu.Unlock()
			case <-done:
				return
			}
		}
	}()
}

func (t *temp) remove() {
	for _, name := range t.names {
		os.RemoveAll(name)
	}
	t.names = nil
}

// clean removes everything.
func (t *temp) clean() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove()
	if t.stop != nil {
		t.stop()
	}
}
