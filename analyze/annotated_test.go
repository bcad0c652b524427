package analyze_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/analyze"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/predict"
	"github.com/hindsight-go/hindsight/analyze/recording"
	"github.com/hindsight-go/hindsight/analyze/script"
	"github.com/hindsight-go/hindsight/collect"
	"github.com/hindsight-go/hindsight/collect/record"
)

// annotated records what do says of itself, and analyzes that.
func annotated(t *testing.T, do func()) *finding.Result {
	t.Helper()
	if trace.IsEnabled() {
		t.Skip("the test itself is traced")
	}
	var b bytes.Buffer
	if err := collect.Start(&b); err != nil {
		t.Fatal(err)
	}
	do()
	if err := collect.Stop(); err != nil {
		t.Fatal(err)
	}
	return analyzed(t, b.Bytes())
}

func analyzed(t *testing.T, b []byte) *finding.Result {
	t.Helper()
	rec, err := recording.Read(bytes.NewReader(b), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze.Source(rec, analyze.Options{Coverage: rec.Coverage, Run: rec.Run(), Predict: predict.Off})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict == finding.None {
		t.Error("annotations are said to show that there is no race")
	}
	if c := &r.Coverage; c.Instrumented || c.Complete || c.LostChunks+c.LostRecords+c.LostSync > 0 {
		t.Errorf("coverage %+v", *c)
	}
	return r
}

// found tells what was found in few words.
func found(r *finding.Result) (out []string) {
	for _, x := range r.Races {
		out = append(out, fmt.Sprintf("%s %s", x.Kind, x.Object.Name))
	}
	for _, f := range r.Findings {
		out = append(out, f.Rule)
	}
	slices.Sort(out)
	return out
}

// inTurn runs goroutines one after the other, without an annotation telling so.
func inTurn(fs ...func()) {
	for _, f := range fs {
		done := make(chan bool)
		go func() { defer close(done); f() }()
		<-done
	}
}

// collectOnly has no garbage collected but by runtime.GC.
func collectOnly(t *testing.T) {
	percent := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	runtime.GC() // one that goes on ends before it
}

func hold(l sync.Locker) {
	l.Lock()
	defer l.Unlock()
}

type entry struct{ key, value int }

// What a drop-in orders is ordered, and what none orders is not.
func TestAnnotatedOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		// make returns what comes behind the first write and before the second.
		make func() (after, before func())
		race bool
	}{
		{"nothing", func() (func(), func()) { return func() {}, func() {} }, true},
		{"Acquire", func() (func(), func()) {
			e := new(entry)
			return func() { collect.Release(e) }, func() { collect.Acquire(e) }
		}, false},
		{"ReleaseMerge", func() (func(), func()) {
			e := new(entry)
			return func() { collect.ReleaseMerge(e); collect.ReleaseMerge(e) }, func() { collect.Acquire(e) }
		}, false},
		{"other object", func() (func(), func()) {
			e, f := new(entry), new(entry)
			return func() { collect.Release(e) }, func() { collect.Acquire(f) }
		}, true},
		{"Mutex", func() (func(), func()) {
			m := new(collect.Mutex)
			return func() { hold(m) }, func() { hold(m) }
		}, false},
		{"TryLock", func() (func(), func()) {
			m := new(collect.Mutex)
			return func() { hold(m) }, func() { m.TryLock(); m.TryLock() }
		}, false},
		{"RWMutex", func() (func(), func()) {
			m := new(collect.RWMutex)
			return func() { hold(m) }, func() { hold(m.RLocker()) }
		}, false},
		{"RWMutex for writing", func() (func(), func()) {
			m := new(collect.RWMutex)
			return func() { hold(m.RLocker()) }, func() { hold(m) }
		}, false},
		{"readers", func() (func(), func()) {
			m := new(collect.RWMutex)
			return func() { m.TryRLock(); m.RUnlock() }, func() { hold(m.RLocker()) }
		}, true},
		{"WaitGroup", func() (func(), func()) {
			g := new(collect.WaitGroup)
			g.Add(1)
			return g.Done, g.Wait
		}, false},
		{"Once", func() (func(), func()) {
			o := new(collect.Once)
			return func() { o.Do(func() {}) }, func() { o.Do(func() {}) }
		}, false},
		{"Int64", func() (func(), func()) {
			n := new(collect.Int64)
			return func() { n.Store(1) }, func() { n.Load() }
		}, false},
		{"Int64.Add", func() (func(), func()) {
			n := new(collect.Int64)
			return func() { n.Add(1) }, func() { n.Swap(1) }
		}, false},
		{"Int64.CompareAndSwap", func() (func(), func()) {
			n := new(collect.Int64)
			return func() { n.CompareAndSwap(0, 1) }, func() { n.CompareAndSwap(0, 1) }
		}, false},
		{"loads", func() (func(), func()) {
			n := new(collect.Int64)
			return func() { n.Load() }, func() { n.Load() }
		}, true},
		{"failed CompareAndSwap", func() (func(), func()) {
			n := new(collect.Int64)
			return func() { n.CompareAndSwap(7, 8) }, func() { n.Load() }
		}, true},
		{"Bool", func() (func(), func()) {
			b := new(collect.Bool)
			return func() { b.Store(true) }, func() { b.Load() }
		}, false},
		{"Pointer", func() (func(), func()) {
			p := new(collect.Pointer[entry])
			return func() { p.Store(new(entry)) }, func() { p.Load() }
		}, false},
		{"Chan", func() (func(), func()) {
			c := collect.NewChan[int](1)
			return func() { c.Send(1) }, func() { c.Recv() }
		}, false},
		{"Chan as a semaphore", func() (func(), func()) {
			c := collect.NewChan[int](1)
			c.Send(1)
			return func() { c.Recv() }, func() { c.TrySend(1) }
		}, false},
		{"Chan.Close", func() (func(), func()) {
			c := collect.NewChan[int](0)
			return c.Close, func() {
				for range c.All() {
				}
			}
		}, false},
		{"Chan, the other way", func() (func(), func()) {
			c := collect.NewChan[int](2)
			c.Send(1)
			return func() { c.TryRecv() }, func() { c.RecvContext(canceled()) }
		}, true},
		{"two senders", func() (func(), func()) {
			c := collect.NewChan[int](2)
			return func() { c.Send(1) }, func() { c.SendContext(context.Background(), 2) }
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := collect.NewVar("x", 0)
			r := annotated(t, func() {
				after, before := c.make()
				inTurn(func() { x.Set(1); after() }, func() { before(); x.Set(2) })
			})
			want := []string(nil)
			if c.race {
				want = []string{"write-write x"}
			}
			if got := found(r); !slices.Equal(got, want) {
				t.Errorf("found %q, want %q", got, want)
			}
			for _, race := range r.Races {
				for _, a := range race.Accesses {
					if !strings.HasPrefix(filepath.Base(a.Site.File), "annotated_test") {
						t.Errorf("an access is in %s", a.Site.File)
					}
					if len(a.Created) == 0 || !strings.Contains(a.Created[0].Func, "inTurn") {
						t.Errorf("a goroutine was created by %v", a.Created)
					}
				}
			}
		})
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Creation orders without any annotation, the end of a goroutine does not.
func TestAnnotatedCreation(t *testing.T) {
	x, y := collect.NewVar("x", 0), collect.NewVar("y", 0)
	r := annotated(t, func() {
		x.Set(1)
		inTurn(func() { x.Set(2); y.Set(1) })
		y.Get()
	})
	if got, want := found(r), []string{"read-write y"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

var global entry

// Memory may be used again after a collection, but that of variables with a name.
func TestAnnotatedCollection(t *testing.T) {
	collectOnly(t)
	e := new(entry)
	collect.Name(&global, "global")
	r := annotated(t, func() {
		inTurn(
			func() { collect.Write(&e.key); collect.Write(&e.value) },
			func() { collect.Write(e) }, // before the collection
			func() { collect.Write(&global.value) },
			runtime.GC,
			func() { collect.Write(e) },
			func() { collect.Read(&global) },
		)
	})
	got := found(r)
	if want := []string{"read-write global", "write-write analyze_test.entry"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	for _, x := range r.Races {
		if x.Kind == "write-write" && x.Occurrences != 2 {
			t.Errorf("%d occurrences, want the two before the collection", x.Occurrences)
		}
	}
	if i := slices.IndexFunc(r.Coverage.Notes, func(n string) bool { return strings.Contains(n, "garbage collection") }); i < 0 {
		t.Error("it is not said that accesses across a collection are not compared")
	}
}

// A life of an object has nothing to do with the one before.
func TestAnnotatedLives(t *testing.T) {
	collectOnly(t)
	e := new(entry)
	use := func() { collect.Alloc(e); collect.Write(e); collect.Free(e) }
	if got := found(annotated(t, func() { inTurn(use, use) })); got != nil {
		t.Errorf("two lives: found %q", got)
	}
	// The life goes on over a collection, and it is the same object.
	got := found(annotated(t, func() {
		inTurn(func() { collect.Alloc(e); collect.Write(e) }, runtime.GC, func() { collect.Write(e) })
	}))
	if !slices.Contains(got, "write-write analyze_test.entry") {
		t.Errorf("across a collection: found %q", got)
	}
	got = found(annotated(t, func() { use(); collect.Read(e) }))
	if want := []string{"HB040"}; !slices.Equal(got, want) {
		t.Errorf("after Free: found %q, want %q", got, want)
	}
}

// Windows one after the other, each in the middle of things.
func TestAnnotatedWindows(t *testing.T) {
	var m collect.Mutex
	x := collect.NewVar("x", 0)
	m.Lock()
	for range 3 {
		r := annotated(t, func() {
			m.Unlock()
			inTurn(func() { m.Lock(); x.Set(1); m.Unlock() }, func() { m.Lock(); x.Set(2) })
		})
		if got := found(r); got != nil {
			t.Errorf("found %q", got)
		}
	}
	if r := annotated(t, func() { x.Set(1) }); r.Verdict != finding.Inconclusive {
		t.Errorf("verdict %s", r.Verdict)
	}
}

// Whoever runs the trace: of one that collect did not start the program is not known.
func TestAnnotatedForeign(t *testing.T) {
	var b bytes.Buffer
	if err := trace.Start(&b); err != nil {
		t.Skip(err)
	}
	x := collect.NewVar("x", 0)
	inTurn(func() { x.Set(1) }, func() { x.Set(2) })
	trace.Log(context.Background(), "hindsight", "somebody else's category")
	trace.Stop()
	r := analyzed(t, b.Bytes())
	if got, want := found(r), []string{"write-write x"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if r.Runs[0].Program != "" || r.Coverage.Windows == nil {
		t.Errorf("run %+v", r.Runs[0])
	}
}

// What is dumped has the same races.
func TestAnnotatedDump(t *testing.T) {
	collectOnly(t)
	var b bytes.Buffer
	if err := collect.Start(&b); err != nil {
		t.Fatal(err)
	}
	var (
		m    collect.RWMutex
		n    collect.Int64
		e, f = new(entry), new(entry)
		x    = collect.NewVar("x", 0)
		c    = collect.NewChan[int](1)
	)
	use := func() {
		m.TryLock()
		m.TryLock()
		collect.Alloc(e)
		n.Add(1)
		collect.Free(e)
		m.Unlock()
		hold(m.RLocker())
		x.Set(1)
		c.Send(1)
		c.Recv()
		collect.Write(&f.value)
	}
	inTurn(use, runtime.GC, func() { use(); collect.Read(e) })
	if err := collect.Stop(); err != nil {
		t.Fatal(err)
	}
	rec, err := recording.Read(bytes.NewReader(b.Bytes()), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := found(analyzed(t, b.Bytes()))
	if !slices.Equal(want, []string{"HB040", "write-write x"}) {
		t.Errorf("found %q", want)
	}
	var text bytes.Buffer
	if err := script.Print(&text, rec); err != nil {
		t.Fatal(err)
	}
	s, err := script.Parse(&text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze.Source(s, analyze.Options{Coverage: func() finding.Coverage { return analyze.Whole(0) }, Predict: predict.Off})
	if err != nil {
		t.Fatal(err)
	}
	if got := found(r); !slices.Equal(got, want) {
		t.Errorf("the dump has %q, the recording %q\n%s", got, want, &text)
	}
}

// Goroutines at once: the numbers are in the order of what happened.
func TestAnnotatedConcurrency(t *testing.T) {
	var (
		m     collect.Mutex
		ready collect.Int64
		x     = collect.NewVar("x", 0)
		c     = collect.NewChan[*collect.Var[int]](3)
		wg    collect.WaitGroup
	)
	r := annotated(t, func() {
		for range 4 {
			wg.Go(func() {
				for i := range 200 {
					m.Lock()
					x.Set(x.Get() + 1)
					m.Unlock()
					v := collect.NewVar("handed over", i)
					v.Set(i)
					c.Send(v)
					w, _ := c.Recv()
					w.Set(w.Get())
					ready.Add(1)
				}
			})
		}
		wg.Wait()
		x.Get()
	})
	if got := found(r); got != nil {
		t.Errorf("found %q", got)
	}
	if r.Coverage.Truncated || r.Coverage.Records < 4*200*9 {
		t.Errorf("coverage %+v", r.Coverage)
	}
}

// A flight recorder begins anywhere.
func TestAnnotatedFlight(t *testing.T) {
	f := collect.Flight{MinAge: time.Hour}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	var m collect.Mutex
	var wg sync.WaitGroup
	x, y := collect.NewVar("x", 0), collect.NewVar("y", 0)
	for range 2 {
		wg.Go(func() {
			for range 100 {
				m.Lock()
				x.Set(1)
				m.Unlock()
			}
			y.Set(1)
		})
	}
	wg.Wait()
	var b bytes.Buffer
	if _, err := f.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := found(analyzed(t, b.Bytes())), []string{"write-write y"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// A trace that is cut gives what it has, and says so.
func TestAnnotatedCut(t *testing.T) {
	var b bytes.Buffer
	if err := collect.Start(&b); err != nil {
		t.Fatal(err)
	}
	x := collect.NewVar("x", 0)
	inTurn(func() { x.Set(1) }, func() { x.Set(2) })
	if err := collect.Stop(); err != nil {
		t.Fatal(err)
	}
	for n := b.Len() - 1; n > 16; n -= 37 {
		rec, err := recording.Read(bytes.NewReader(b.Bytes()[:n]), recording.Options{})
		if err != nil || !rec.Annotated() {
			continue // so much is missing that there is no annotation
		}
		r, err := analyze.Source(rec, analyze.Options{Coverage: rec.Coverage})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict == finding.None || !r.Coverage.Truncated {
			t.Errorf("of %d bytes %d: verdict %s, coverage %+v", b.Len(), n, r.Verdict, r.Coverage)
		}
	}
}

// Damage to a trace is told, and leads to no verdict.
func TestAnnotatedDamaged(t *testing.T) {
	var b bytes.Buffer
	if err := collect.Start(&b); err != nil {
		t.Fatal(err)
	}
	var m collect.Mutex
	x := collect.NewVar("x", 0)
	set := func() { hold(&m); x.Set(1); hold(&m) }
	inTurn(set, set)
	if err := collect.Stop(); err != nil {
		t.Fatal(err)
	}
	told := 0
	for i := 16; i < b.Len(); i += 13 {
		damaged := bytes.Clone(b.Bytes())
		damaged[i] ^= 0x15
		rec, err := recording.Read(bytes.NewReader(damaged), recording.Options{})
		if err != nil {
			told++
			continue
		}
		r, err := analyze.Source(rec, analyze.Options{Coverage: rec.Coverage, Predict: predict.Off})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict == finding.None {
			t.Errorf("byte %d changed: verdict %s", i, r.Verdict)
		}
		if c := &r.Coverage; c.Truncated || c.LostChunks+c.LostSync > 0 {
			told++
		}
	}
	if told == 0 {
		t.Error("no damage is told")
	}
}

// Chunks that no annotation writes, with checksums that are right.
func TestAnnotatedHostile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tags := []byte{
		record.TagRead | record.TagSized, record.TagWrite | record.TagSized, record.TagWrite | record.TagRun, record.TagAlloc, record.TagFree,
		record.TagSync, record.TagAtomic | 4, record.TagType, record.TagVar, record.TagFact, record.TagSlice, record.TagGo, record.TagEnd, record.TagLast,
	}
	var b bytes.Buffer
	if err := trace.Start(&b); err != nil {
		t.Skip(err)
	}
	for range 3000 {
		chunk := make([]byte, record.HeaderSize, record.MaxChunk)
		copy(chunk, []byte{'H', 'S', record.Version, record.FlagAnnotation})
		for len(chunk) < record.HeaderSize+40 {
			chunk = append(chunk, tags[random.IntN(len(tags))])
			for range random.IntN(6) {
				chunk = binary.AppendUvarint(chunk, random.Uint64()>>random.IntN(64))
			}
		}
		binary.LittleEndian.PutUint32(chunk[12:], record.Sum(chunk))
		trace.Log(context.Background(), record.Category, string(chunk))
	}
	trace.Stop()
	rec, err := recording.Read(bytes.NewReader(b.Bytes()), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze.Source(rec, analyze.Options{Coverage: rec.Coverage, Run: rec.Run(), Predict: predict.Off})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict == finding.None || r.Coverage.LostChunks == 0 {
		t.Errorf("verdict %s, coverage %+v", r.Verdict, r.Coverage)
	}
}
