//go:build !hindsight

package collect_test

import (
	"context"
	"io"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hindsight-go/hindsight/collect"
)

type account struct{ balance, count int }

// annotations are all of them, each as something to do again and again.
func annotations() []struct {
	name string
	do   func()
} {
	a := new(account)
	list := make([]account, 4)
	var (
		mu   collect.Mutex
		rw   collect.RWMutex
		wg   collect.WaitGroup
		once collect.Once
		n    collect.Int64
		b    collect.Bool
		p    collect.Pointer[account]
		v    collect.Var[int]
		c    = collect.NewChan[int](1)
		ctx  = context.Background()
		run  = func() {}
		inc  = func(i *int) { *i++ }
	)
	return []struct {
		name string
		do   func()
	}{
		{"Read", func() { collect.Read(a) }},
		{"Write", func() { collect.Write(&a.balance) }},
		{"ReadSlice", func() { collect.ReadSlice(list) }},
		{"WriteSlice", func() { collect.WriteSlice(list) }},
		{"Acquire", func() { collect.Acquire(a) }},
		{"Release", func() { collect.Release(a) }},
		{"ReleaseMerge", func() { collect.ReleaseMerge(a) }},
		{"Alloc+Free", func() { collect.Alloc(a); collect.Free(a) }},
		{"Mutex.Lock+Unlock", func() { mu.Lock(); a.count++; mu.Unlock() }},
		{"Mutex.TryLock+Unlock", func() { mu.TryLock(); mu.TryLock(); mu.Unlock() }},
		{"RWMutex.Lock+Unlock", func() { rw.Lock(); a.count++; rw.Unlock() }},
		{"RWMutex.RLock+RUnlock", func() { rw.RLock(); a.balance = a.count; rw.RUnlock() }},
		{"RWMutex.TryRLock", func() { rw.TryRLock(); rw.TryLock(); rw.RUnlock() }},
		{"RWMutex.TryLock", func() { rw.TryLock(); rw.Unlock() }},
		{"WaitGroup.Add+Done+Wait", func() { wg.Add(1); wg.Done(); wg.Wait() }},
		{"Once.Do", func() { once.Do(run) }},
		{"Int64.Load", func() { n.Load() }},
		{"Int64.Store", func() { n.Store(1) }},
		{"Int64.Add", func() { n.Add(1) }},
		{"Int64.Swap", func() { n.Swap(1) }},
		{"Int64.CompareAndSwap", func() { n.CompareAndSwap(1, 2) }},
		{"Bool", func() { b.Store(!b.Load()); b.Swap(true); b.CompareAndSwap(true, false) }},
		{"Pointer", func() { p.Store(a); p.Load(); p.Swap(nil); p.CompareAndSwap(nil, a) }},
		{"Var.Get", func() { v.Get() }},
		{"Var.Set", func() { v.Set(1) }},
		{"Var.Update", func() { v.Update(inc) }},
		{"Chan.Send+Recv", func() { c.Send(1); c.Recv() }},
		{"Chan.TrySend+TryRecv", func() { c.TrySend(1); c.TrySend(2); c.TryRecv(); c.TryRecv() }},
		{"Chan.SendContext+RecvContext", func() { c.SendContext(ctx, 1); c.RecvContext(ctx) }},
	}
}

// plain are the things that drop-ins stand for, by the names of theirs.
func plain() map[string]func() {
	var (
		a    account
		mu   sync.Mutex
		rw   sync.RWMutex
		wg   sync.WaitGroup
		once sync.Once
		n    atomic.Int64
		v    = new(int)
		c    = make(chan int, 1)
		run  = func() {}
	)
	return map[string]func(){
		"Read":                    func() {}, // the call of a function value, as all have it
		"Mutex.Lock+Unlock":       func() { mu.Lock(); a.count++; mu.Unlock() },
		"RWMutex.Lock+Unlock":     func() { rw.Lock(); a.count++; rw.Unlock() },
		"RWMutex.RLock+RUnlock":   func() { rw.RLock(); a.balance = a.count; rw.RUnlock() },
		"WaitGroup.Add+Done+Wait": func() { wg.Add(1); wg.Done(); wg.Wait() },
		"Once.Do":                 func() { once.Do(run) },
		"Int64.Load":              func() { n.Load() },
		"Int64.Add":               func() { n.Add(1) },
		"Var.Set":                 func() { *v = 1 },
		"Chan.Send+Recv":          func() { c <- 1; *v = <-c },
	}
}

// BenchmarkAnnotation is what annotations cost without a trace, and with one;
// and what is done without annotations. docs/annotations.md has a table of it.
func BenchmarkAnnotation(b *testing.B) {
	if trace.IsEnabled() {
		b.Skip("the benchmark itself is traced")
	}
	without := plain()
	measure := func(name string, do func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
	for _, a := range annotations() {
		if do := without[a.name]; do != nil {
			measure("plain/"+a.name, do)
		}
		measure("off/"+a.name, a.do)
		if err := trace.Start(io.Discard); err != nil {
			b.Fatal(err)
		}
		measure("on/"+a.name, a.do)
		trace.Stop()
	}
}
