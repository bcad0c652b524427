package predict

import (
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// polled is a source of which only one thing is asked: whether it knows where a
// select took default.
type polled struct {
	event.Source
	known bool
}

func (p polled) Killed() bool   { return false }
func (p polled) Defaults() bool { return p.known }

// What need not be assumed is not told.
func TestAssumesDefault(t *testing.T) {
	for _, known := range []bool{false, true} {
		p := &predictor{src: polled{known: known}}
		told := slices.ContainsFunc(p.assumptions(&quest{}), func(s string) bool { return strings.Contains(s, "select took default") })
		if told == known {
			t.Errorf("known: %v, told of default: %v", known, told)
		}
	}
}
