package browsertest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
	"github.com/maruel/panicparse/v2/stack"
)

// TestDetectorFormat has a tool that reads the race detector's output read ours.
// The tool does not know the "main goroutine" of that format, so races of that
// one are left out.
func TestDetectorFormat(t *testing.T) {
	r := sample(t)
	r.Races = slices.DeleteFunc(r.Races, func(x finding.Race) bool {
		return x.Accesses[0].Goroutine == "g1" || x.Accesses[1].Goroutine == "g1"
	})
	if len(r.Races) != 2 {
		t.Fatalf("%d races are left", len(r.Races))
	}
	var b bytes.Buffer
	if err := report.Write(&b, report.Text, r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	options := stack.DefaultOpts()
	options.GuessPaths, options.AnalyzeSources = false, false
	rest := iotest.OneByteReader(&b) // the tool loses what it has read beyond a race's last line
	for i, race := range r.Races {
		snapshot, _, err := stack.ScanSnapshot(rest, io.Discard, options)
		if err != nil && !errors.Is(err, io.EOF) || snapshot == nil || !snapshot.IsRace() {
			t.Fatalf("race %d is not read: %v", i, err)
		}
		later, earlier := race.Accesses[1], race.Accesses[0]
		for j, a := range [...]struct {
			goroutine string
			write     bool
			frames    int
		}{{later.Goroutine, later.Op == "write", len(later.Stack)}, {earlier.Goroutine, earlier.Op == "write", len(earlier.Stack)}} {
			g := snapshot.Goroutines[j]
			if g.RaceWrite != a.write || g.RaceAddr == 0 || len(g.Stack.Calls) != a.frames {
				t.Errorf("race %d, access %d: write %v, address %#x, %d frames; want %+v", i, j, g.RaceWrite, g.RaceAddr, len(g.Stack.Calls), a)
			}
		}
	}
}
