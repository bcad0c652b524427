package event

import "strings"

// Site returns the index of the frame that a report names for a stack: the
// first outside runtime, internal/runtime, internal/sync and sync/atomic, else
// the innermost.
func Site(stack []Frame) int {
	for i, f := range stack {
		if !machinery(f.Func) {
			return i
		}
	}
	return 0
}

func machinery(fn string) bool {
	for _, prefix := range [...]string{"runtime.", "internal/runtime/", "internal/sync.", "sync/atomic."} {
		if strings.HasPrefix(fn, prefix) {
			return true
		}
	}
	return false
}
