//go:build !hindsight

package collect

import (
	"fmt"
	"runtime/trace"
)

const instrumented = false

// begin starts the execution tracer; end stops it.
func (w *window) begin() (end func() error, err error) {
	w.sink = &sink{w: w.w, limit: w.MaxBytes, full: w.stop}
	if err := trace.Start(w.sink); err != nil {
		return nil, fmt.Errorf("collect: cannot trace: %w", err)
	}
	describe()
	return func() error {
		trace.Stop()
		return w.sink.failure()
	}, nil
}
