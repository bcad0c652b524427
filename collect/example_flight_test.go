//go:build !hindsight

package collect_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hindsight-go/hindsight/collect"
)

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
