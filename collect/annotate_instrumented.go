//go:build hindsight

package collect

import (
	"runtime"
	"unsafe"

	"github.com/hindsight-go/hindsight/collect/record"
)

// passed passes the annotation on to the recorder, which cannot know of order
// that comes from elsewhere.
func passed(op record.Sync, p unsafe.Pointer) bool {
	switch op {
	case record.Acquire:
		runtime.RaceAcquire(p)
	case record.Release:
		runtime.RaceRelease(p)
	default:
		runtime.RaceReleaseMerge(p)
	}
	return true
}
