// Windows records windows of its run, as its arguments say.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
	_ "unsafe"
)

//go:linkname windowStart github.com/hindsight-go/hindsight/collect.windowStart
func windowStart(fd uintptr, limit int64) (err string)

//go:linkname windowStop github.com/hindsight-go/hindsight/collect.windowStop
func windowStop() (bytes int64, err string)

//go:linkname windowStatus github.com/hindsight-go/hindsight/collect.windowStatus
func windowStatus() (recording bool, bytes int64, err string)

func main() {
	fails := func(what, err string) { fmt.Println(what+":", err) }
	switch os.Args[1] {
	case "sound":
		sound(os.Args[2])
	case "race":
		races(os.Args[2])
	case "pause":
		pause(os.Args[2])
	case "limit":
		limited(os.Args[2])
	case "long":
		both := race()
		both(&outside)
		// Until the trace has been begun anew, twice.
		for last, times := int64(0), 0; times < 2; {
			churn(100)
			recording, bytes, _ := windowStatus()
			if !recording {
				continue
			}
			if bytes < last {
				times++
			}
			last = bytes
		}
		both(&inside)
	case "pipe": // a window into descriptor 3
		both := race()
		if err := windowStart(3, 0); err != "" {
			panic(err)
		}
		for recording := true; recording; recording, _, _ = windowStatus() {
			both(&inside)
		}
		if _, err := windowStop(); err == "" {
			panic("the recording is said to be whole")
		}
	case "races":
		both := race()
		for range 100_000 {
			both(&inside)
		}
	case "own": // a window into a pipe that the program reads itself
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		copied := make(chan int64)
		go func() {
			n, _ := io.Copy(io.Discard, r)
			copied <- n
		}()
		if err := windowStart(w.Fd(), 0); err != "" {
			panic(err)
		}
		churn(500_000)
		n, failed := windowStop()
		w.Close()
		fmt.Printf("%q %v\n", failed, n == <-copied)
	case "some":
		both := race()
		both(&inside)
		churn(5_000)
	case "much":
		both := race()
		both(&inside)
		scatter(25_000_000)
		churn(100_000)
	case "accesses":
		scatter(25_000_000)
		fmt.Println("done")
	case "exit":
		start(os.Args[2]+"/0.trace", 0)
		both := race()
		both(&inside)
	case "killed":
		both := race()
		start(os.Args[2]+"/0.trace", 0)
		both(&inside)
		select {}
	case "errors":
		_, err := windowStop()
		fails("stop first", err)
		fails("start, no such descriptor", windowStart(1000, 0))
		fails("start, negative limit", windowStart(1, -1))
		trace.Start(io.Discard)
		fails("start, traced", windowStart(1, 0))
		trace.Stop()
		start(os.Args[2]+"/0.trace", 0)
		fails("start again", windowStart(1, 0))
		trace.Start(io.Discard)
		stop()
		trace.Stop()
		trace.Start(io.Discard)
		trace.Stop()
	case "whole":
		fails("start", windowStart(1, 0))
		_, err := windowStop()
		fails("stop", err)
	}
}

func start(name string, limit int64) {
	f, err := os.Create(name)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if err := windowStart(f.Fd(), limit); err != "" {
		panic(err)
	}
}

func stop() {
	if _, err := windowStop(); err != "" {
		panic(err)
	}
}

// shared is protected by everything that can: no schedule has a race.
type shared struct {
	mu     sync.Mutex
	rw     sync.RWMutex
	a, b   int
	token  chan int
	c      int
	hand   chan *int
	flag   atomic.Int32
	d      int
	cond   *sync.Cond
	ready  bool
	pool   sync.Pool
	m      sync.Map
	once   sync.Once
	e      int
	rounds atomic.Int64
}

func (s *shared) work(i int) {
	s.mu.Lock()
	s.a++
	s.mu.Unlock()
	if i%5 == 0 {
		s.rw.Lock()
		s.b++
		s.rw.Unlock()
	} else {
		s.rw.RLock()
		_ = s.b
		s.rw.RUnlock()
	}
	<-s.token
	s.c++
	s.token <- 1
	if s.flag.CompareAndSwap(0, 1) {
		s.d++
		s.flag.Store(0)
	}
	s.cond.L.Lock()
	if i%3 == 0 {
		s.ready = true
		s.cond.Broadcast()
	}
	s.cond.L.Unlock()
	buf, _ := s.pool.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	buf.Reset()
	fmt.Fprint(buf, i)
	s.pool.Put(buf)
	s.m.Store(i%7, &i)
	if p, ok := s.m.Load((i + 1) % 7); ok {
		_ = *p.(*int)
	}
	s.once.Do(func() { s.e = 1 })
	_ = s.e
	var wg sync.WaitGroup
	sum := make([]int, 4)
	for j := range sum {
		wg.Add(1)
		go func() {
			sum[j] = i
			wg.Done()
		}()
	}
	wg.Wait()
	_ = sum[0] + sum[1]
	s.rounds.Add(1)
}

// sound opens and closes windows while goroutines synchronize in all ways.
func sound(dir string) {
	s := &shared{token: make(chan int, 2), hand: make(chan *int)}
	s.token = make(chan int, 1)
	s.token <- 1
	s.cond = sync.NewCond(&sync.Mutex{})
	for g := range 8 {
		go func() {
			for i := g; ; i++ {
				s.work(i)
			}
		}()
	}
	go func() {
		for {
			x := new(int)
			*x = 1
			s.hand <- x
		}
	}()
	go func() {
		for x := range s.hand {
			*x = 2
		}
	}()
	go func() {
		s.cond.L.Lock()
		for {
			for !s.ready {
				s.cond.Wait()
			}
			s.ready = false
		}
	}()
	go func() {
		tick := time.NewTicker(time.Millisecond)
		for range tick.C {
			s.mu.Lock()
			s.a++
			s.mu.Unlock()
		}
	}()
	for w := range 5 {
		start(fmt.Sprintf("%s/%d.trace", dir, w), 0)
		for from := s.rounds.Load(); s.rounds.Load() < from+200; {
			time.Sleep(time.Millisecond)
		}
		if w == 2 {
			runtime.GC()
		}
		stop()
		for from := s.rounds.Load(); s.rounds.Load() < from+200; {
			time.Sleep(time.Millisecond)
		}
	}
}

var (
	outside int // raced for, but not in a window
	inside  int
)

// races has a race before, in and after a window, by goroutines that were
// there before.
func races(dir string) {
	both := race()
	both(&outside)
	start(dir+"/0.trace", 0)
	both(&inside)
	stop()
	both(&outside)
}

// race starts two goroutines, and returns what has both write to a variable.
func race() (both func(*int)) {
	step := make(chan *int)
	done := make(chan bool)
	for range 2 {
		go outer(step, done)
	}
	return func(p *int) {
		step <- p
		step <- p
		<-done
		<-done
	}
}

//go:noinline
func outer(step chan *int, done chan bool) {
	for {
		inner(<-step)
		done <- true
	}
}

//go:noinline
func inner(p *int) { *p++ }

// pause prints the longest time that the world was stopped while windows
// opened and closed, with many goroutines.
func pause(dir string) {
	var wg sync.WaitGroup
	end := make(chan bool)
	for range 20_000 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-end
		}()
	}
	before := pauses()
	for w := range 3 {
		start(fmt.Sprintf("%s/%d.trace", dir, w), 0)
		stop()
	}
	close(end)
	wg.Wait()
	var longest float64
	after := pauses()
	for i, n := range after.Counts {
		if n > before.Counts[i] {
			longest = after.Buckets[i+1]
		}
	}
	fmt.Printf("longest stop of the world: %.2f ms", 1000*longest)
}

// pauses counts the stops of the world that were not the collector's.
func pauses() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/pauses/total/other:seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

// churn records some dozen bytes, n times 25.
func churn(n int) {
	x := make([]int, 1<<16)
	fences := make([]atomic.Int64, 1<<12)
	at := uint64(1)
	for range 25 * n {
		at = elsewhere(at)
		x[at>>48]++
		fences[at>>52].Add(1)
	}
}

// scatter makes n accesses that do not repeat each other.
func scatter(n int) {
	x := make([]int, 1<<20)
	at := uint64(1)
	for range n {
		at = elsewhere(at)
		touch(x, int(at>>44))
	}
}

// elsewhere goes through all numbers in an order that nobody can tell in less
// than the numbers themselves: a recording of it is long.
func elsewhere(at uint64) uint64 { return at*6364136223846793005 + 1442695040888963407 }

//go:noinline
func touch(x []int, i int) { x[i]++ }

// limited records more than fits.
func limited(dir string) {
	start(dir+"/0.trace", 1<<20)
	for recording := true; recording; recording, _, _ = windowStatus() {
		churn(40)
	}
	bytes, err := windowStop()
	fmt.Println(bytes, err)
}
