package collect_test

import (
	"fmt"

	"github.com/hindsight-go/hindsight/collect"
)

type session struct {
	user string
	hits int
}

var (
	lock     collect.Mutex
	sessions = map[string]*session{}
)

// Accesses and synchronization of a program that is not built with hindsight.
// What a map holds is named as a whole here: it is one variable to whoever races for it.
func ExampleWrite() {
	collect.Name(&sessions, "sessions")

	lock.Lock()
	collect.Write(&sessions)
	sessions["1"] = &session{user: "gopher"}
	lock.Unlock()

	lock.Lock()
	collect.Read(&sessions)
	s := sessions["1"]
	lock.Unlock()

	collect.Read(&s.user)
	fmt.Println(s.user)
	// Output: gopher
}

// Order that comes from elsewhere: a queue in shared memory, a lock-free
// structure, another language. The annotations stand where the order is made.
func ExampleRelease() {
	type job struct{ result int }
	queue := make(chan *job, 1) // stands for something that Go does not know

	go func() {
		j := &job{result: 42}
		collect.Write(&j.result)
		collect.Release(j) // before it can be taken
		queue <- j
	}()

	j := <-queue
	collect.Acquire(j) // after it has been taken
	collect.Read(&j.result)
	fmt.Println(j.result)
	// Output: 42
}

// A pool of the program's own. An access between Free and the next Alloc is a finding.
func ExampleFree() {
	var free []*session
	get := func() *session {
		if n := len(free); n > 0 {
			s := free[n-1]
			free = free[:n-1]
			collect.Alloc(s)
			return s
		}
		s := new(session)
		collect.Alloc(s)
		return s
	}
	put := func(s *session) {
		collect.Free(s)
		free = append(free, s)
	}

	s := get()
	collect.Write(&s.hits)
	s.hits++
	put(s)
	fmt.Println(get() == s)
	// Output: true
}

// A variable that is watched. It is as safe as a plain one: here the WaitGroup
// makes it so.
func ExampleVar() {
	answer := collect.NewVar("answer", 0)
	var wg collect.WaitGroup
	wg.Go(func() { answer.Set(42) })
	wg.Wait()
	fmt.Println(answer.Get())
	// Output: 42
}

func ExampleChan() {
	c := collect.NewChan[string](1)
	go func() {
		defer c.Close()
		c.Send("hello")
		c.Send("world")
	}()
	for s := range c.All() {
		fmt.Println(s)
	}
	// Output:
	// hello
	// world
}
