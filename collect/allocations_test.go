//go:build !hindsight && !race

package collect_test

import (
	"io"
	"runtime/trace"
	"testing"
)

// Nothing is allocated, whether a trace runs or not. (With the race detector a
// sync.Pool loses things on purpose.)
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
