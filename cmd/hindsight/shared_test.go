package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// A long recording knows each racy location, a short or full one each pair of
// lines: the same program, with "long" set to begin at once.
func TestShared(t *testing.T) {
	tests := []struct {
		mode, env string
		races     int
	}{
		{"shared", "", 2},
		{"shared", "shared:0", 1},
		{"shared", "full", 2},
		{"full", "", 2},
		{"full", "shared:0", 1},
	}
	bins := make(map[string]string)
	for _, mode := range []string{"shared", "full"} {
		bins[mode] = instrumented(t, "shared", "--record", mode)
	}
	for _, test := range tests {
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command(bins[test.mode])
		cmd.Env = append(os.Environ(), "HINDSIGHT="+trace, "HINDSIGHT_RECORD="+test.env)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var out, notes bytes.Buffer
		if code := run([]string{"analyze", "--predict=off", "--format=json", trace}, nil, &out, &notes); code != exitFound {
			t.Fatalf("analyze: %d\n%s", code, &notes)
		}
		var result finding.Result
		if err := json.Unmarshal(out.Bytes(), &result); err != nil {
			t.Fatal(err)
		}
		if len(result.Races) != test.races {
			t.Errorf("built for %s, HINDSIGHT_RECORD=%q: %d races, want %d", test.mode, test.env, len(result.Races), test.races)
		}
		for _, r := range result.Races {
			if r.Object.Name != "main.x" {
				t.Errorf("built for %s, HINDSIGHT_RECORD=%q: a race on %s", test.mode, test.env, r.Object.Name)
			}
		}
	}
}
