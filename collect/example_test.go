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
