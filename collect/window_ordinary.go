//go:build !hindsight

package collect

import (
	"fmt"
	"runtime/trace"
)

const instrumented = false

// begin starts the execution tracer; end stops it.
func (w *window) begin() (end func() error, err error) {
	w.sink = newSink(w.w, w.MaxBytes, w.stop)
	if err := trace.Start(w.sink); err != nil {
		w.sink.close()
		return nil, fmt.Errorf("collect: cannot trace: %w", err)
	}
	describe()
	return func() error {
		trace.Stop()
		return w.sink.close()
	}, nil
}
