package collect

import (
	"sync"
	"unsafe"

	"github.com/hindsight-go/hindsight/collect/record"
)

// A Mutex is a [sync.Mutex] that says what it does.
type Mutex struct{ mu sync.Mutex }

// Lock is as [sync.Mutex.Lock].
func (m *Mutex) Lock() {
	m.mu.Lock()
	if on() {
		drop(record.Lock, unsafe.Pointer(m), "Mutex")
	}
}

// TryLock is as [sync.Mutex.TryLock].
func (m *Mutex) TryLock() bool {
	ok := m.mu.TryLock()
	if on() {
		drop(locked(ok, record.Lock), unsafe.Pointer(m), "Mutex")
	}
	return ok
}

// Unlock is as [sync.Mutex.Unlock].
func (m *Mutex) Unlock() {
	if on() {
		drop(record.Unlock, unsafe.Pointer(m), "Mutex")
	}
	m.mu.Unlock()
}

// An RWMutex is a [sync.RWMutex] that says what it does.
type RWMutex struct{ mu sync.RWMutex }

// Lock is as [sync.RWMutex.Lock].
func (m *RWMutex) Lock() {
	m.mu.Lock()
	if on() {
		drop(record.Lock, unsafe.Pointer(m), "RWMutex")
	}
}

// TryLock is as [sync.RWMutex.TryLock].
func (m *RWMutex) TryLock() bool {
	ok := m.mu.TryLock()
	if on() {
		drop(locked(ok, record.Lock), unsafe.Pointer(m), "RWMutex")
	}
	return ok
}

// Unlock is as [sync.RWMutex.Unlock].
func (m *RWMutex) Unlock() {
	if on() {
		drop(record.Unlock, unsafe.Pointer(m), "RWMutex")
	}
	m.mu.Unlock()
}

// RLock is as [sync.RWMutex.RLock].
func (m *RWMutex) RLock() {
	m.mu.RLock()
	if on() {
		drop(record.RLock, unsafe.Pointer(m), "RWMutex")
	}
}

// TryRLock is as [sync.RWMutex.TryRLock].
func (m *RWMutex) TryRLock() bool {
	ok := m.mu.TryRLock()
	if on() {
		drop(locked(ok, record.RLock), unsafe.Pointer(m), "RWMutex")
	}
	return ok
}

// RUnlock is as [sync.RWMutex.RUnlock].
func (m *RWMutex) RUnlock() {
	if on() {
		drop(record.RUnlock, unsafe.Pointer(m), "RWMutex")
	}
	m.mu.RUnlock()
}

// RLocker is as [sync.RWMutex.RLocker].
func (m *RWMutex) RLocker() sync.Locker { return (*rlocker)(m) }

type rlocker RWMutex

func (l *rlocker) Lock()   { (*RWMutex)(l).RLock() }
func (l *rlocker) Unlock() { (*RWMutex)(l).RUnlock() }

func locked(ok bool, how record.Sync) record.Sync {
	if ok {
		return how
	}
	return record.TryLockFail
}

// A WaitGroup is a [sync.WaitGroup] that says what it does.
type WaitGroup struct{ wg sync.WaitGroup }

// Add is as [sync.WaitGroup.Add].
func (g *WaitGroup) Add(delta int) {
	if delta < 0 && on() {
		drop(record.ReleaseMerge, unsafe.Pointer(g), "WaitGroup")
	}
	g.wg.Add(delta)
}

// Done is as [sync.WaitGroup.Done].
func (g *WaitGroup) Done() { g.Add(-1) }

// Go is as [sync.WaitGroup.Go].
//
//go:noinline
func (g *WaitGroup) Go(f func()) {
	g.wg.Go(func() {
		defer func() {
			if on() {
				drop(record.ReleaseMerge, unsafe.Pointer(g), "WaitGroup")
			}
		}()
		f()
	})
}

// Wait is as [sync.WaitGroup.Wait].
func (g *WaitGroup) Wait() {
	g.wg.Wait()
	if on() {
		drop(record.Acquire, unsafe.Pointer(g), "WaitGroup")
	}
}

// A Once is a [sync.Once] that says what it does.
type Once struct{ once sync.Once }

// Do is as [sync.Once.Do].
//
//go:noinline
func (o *Once) Do(f func()) {
	ran := false
	o.once.Do(func() {
		ran = true
		defer func() {
			if on() {
				drop(record.Release, unsafe.Pointer(o), "Once")
			}
		}()
		f()
	})
	if !ran && on() {
		drop(record.Acquire, unsafe.Pointer(o), "Once")
	}
}

// Go and Do are not inlined, for a function literal is named after the function
// that it has been inlined into: stacks would tell of ours.

// drop writes what a drop-in does.
func drop(op record.Sync, p unsafe.Pointer, name string) {
	synchronize(op, uint64(uintptr(p)), name)
}
