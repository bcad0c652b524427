//go:build !hindsight

package collect_test

import (
	"context"
	"io"
	"runtime/trace"
	"testing"

	"github.com/hindsight-go/hindsight/collect"
)

type account struct{ balance, limit int }

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
		{"Mutex.Lock+Unlock", func() { mu.Lock(); mu.Unlock() }},
		{"Mutex.TryLock+Unlock", func() { mu.TryLock(); mu.TryLock(); mu.Unlock() }},
		{"RWMutex.Lock+Unlock", func() { rw.Lock(); rw.Unlock() }},
		{"RWMutex.RLock+RUnlock", func() { rw.RLock(); rw.RUnlock() }},
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

// Nothing is allocated, whether a trace runs or not.
func TestAllocations(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("the test itself is traced")
	}
	for _, a := range annotations() {
		if n := testing.AllocsPerRun(100, a.do); n != 0 {
			t.Errorf("%s without a trace: %v allocations", a.name, n)
		}
	}
	if err := trace.Start(io.Discard); err != nil {
		t.Fatal(err)
	}
	defer trace.Stop()
	for _, a := range annotations() {
		if n := testing.AllocsPerRun(1000, a.do); n != 0 {
			t.Errorf("%s with a trace: %v allocations", a.name, n)
		}
	}
}

// BenchmarkAnnotation is what annotations cost without a trace, and with one.
func BenchmarkAnnotation(b *testing.B) {
	for _, a := range annotations() {
		b.Run("off/"+a.name, func(b *testing.B) {
			for b.Loop() {
				a.do()
			}
		})
	}
	if err := trace.Start(io.Discard); err != nil {
		b.Fatal(err)
	}
	defer trace.Stop()
	for _, a := range annotations() {
		b.Run("on/"+a.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.do()
			}
		})
	}
}
