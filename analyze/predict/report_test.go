package predict

import (
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// kept is a source of which only one thing is asked: whether it is a recording.
type kept struct {
	event.Source
	recorded bool
}

func (k kept) Collected() bool { return k.recorded }

// Recordings do not hold that a select took default, scripts do.
func TestAssumesDefault(t *testing.T) {
	for _, recorded := range []bool{false, true} {
		p := &predictor{src: kept{recorded: recorded}}
		told := slices.ContainsFunc(p.assumptions(&quest{}), func(s string) bool { return strings.Contains(s, "select took default") })
		if told != recorded {
			t.Errorf("recording %v: told of default: %v", recorded, told)
		}
	}
}
