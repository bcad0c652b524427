package event

import "strings"

// Site returns the index of the frame that a report names for a stack: the
// first outside runtime, internal/runtime, internal/sync, sync/atomic and package
// collect's drop-ins for what is in those and in sync, else the innermost.
func Site(stack []Frame) int {
	for i, f := range stack {
		if !machinery(f.Func) {
			return i
		}
	}
	return 0
}

// Caller is Site for synchronization: the first frame that is outside package
// sync as well, so that it names the line that locked, not the line in Lock.
func Caller(stack []Frame) int {
	for i, f := range stack {
		if !machinery(f.Func) && !strings.HasPrefix(f.Func, "sync.") {
			return i
		}
	}
	return Site(stack)
}

func machinery(fn string) bool {
	for _, prefix := range [...]string{
		"runtime.", "internal/runtime/", "internal/sync.", "sync/atomic.", "github.com/hindsight-go/hindsight/collect.",
	} {
		if strings.HasPrefix(fn, prefix) {
			return true
		}
	}
	return false
}
