package collect_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hindsight-go/hindsight/collect"
)

func work() {}

// A window around what is to be looked at. In a program built with hindsight it
// holds every access.
func ExampleStart() {
	var trace bytes.Buffer
	if err := collect.Start(&trace); err != nil {
		fmt.Println(err)
		return
	}
	work()
	if err := collect.Stop(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(bytes.HasPrefix(trace.Bytes(), []byte("go 1.")))
	// Output: true
}

// A window into a file that is not to become larger than some 100 MB, nor last
// longer than a minute.
func ExampleWindow_StartFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "checkout.trace")
	w := collect.Window{MaxBytes: 100 << 20, MaxTime: time.Minute}
	if err := w.StartFile(name); err != nil {
		fmt.Println(err)
		return
	}
	work()
	fmt.Println(collect.Stop())
	_, err = os.Stat(name)
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}

// A window of a tenth of a second, or less if the context ends before.
func ExampleWindow_Record() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	var trace bytes.Buffer
	fmt.Println(collect.Window{}.Record(ctx, &trace))
	// Output: <nil>
}

// A flight recorder, looked at when something took too long.
func ExampleFlight() {
	flight := collect.Flight{MinAge: 5 * time.Second}
	if err := flight.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer flight.Stop()
	stop, err := flight.OnQuit("quit.trace") // kill -QUIT writes it too
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	defer flight.OnPanic("panic.trace")

	begun := time.Now()
	work()
	if time.Since(begun) >= 0 { // say, a second
		var trace bytes.Buffer
		_, err := flight.WriteTo(&trace)
		fmt.Println("too slow:", trace.Len() > 0, err)
	}
	// Output: too slow: true <nil>
}

// A condition that is looked at ten times a second.
func ExampleFlight_When() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	var flight collect.Flight
	if err := flight.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer flight.Stop()
	queue := make(chan int, 1000)
	stop := flight.When(func() bool { return len(queue) > 900 }, 100*time.Millisecond, filepath.Join(dir, "queue.trace"))
	defer stop()
	work()
}
