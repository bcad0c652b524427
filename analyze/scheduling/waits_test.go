package scheduling

import (
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// The runtime may stop a goroutine anywhere: that is no wait of the program's,
// although the stack is that of one.
func TestKindOf(t *testing.T) {
	receiving := []event.Frame{{Func: "runtime.chanrecv1"}, {Func: "main.main"}}
	for reason, want := range map[string]kind{
		"chan receive": recv, "": recv, "forever": forever,
		"preempted": other, "GC mark assist wait for work": other, "wait until GC ends": other,
	} {
		if got := kindOf(reason, receiving); got != want {
			t.Errorf("%q: %s, want %s", reason, ops[got], ops[want])
		}
	}
}
