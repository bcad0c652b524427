package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var full = flag.Bool("full", false, "run the whole suite, which takes minutes")

func TestSuite(t *testing.T) {
	if !*full || testing.Short() {
		t.Skip("run with -full")
	}
	for _, order := range []string{"model", "strict", "tsan"} {
		t.Run(order, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			err := run(t.Context(), &stdout, &stderr, []string{"--order", order})
			t.Logf("%s%s", &stdout, &stderr)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSome runs a few functions of the suite, one of every kind.
func TestSome(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and records programs")
	}
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), &stdout, &stderr, []string{"--run", "^Test(No)?Race(Chan(Sync|AsyncRev)|Mutex|WaitGroup)$"})
	if err != nil {
		t.Errorf("%v\n%s%s", err, &stdout, &stderr)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range []string{"--order=none", "--run=(", "extra", "--unknown"} {
		var stdout, stderr bytes.Buffer
		if got := exitStatus(run(t.Context(), &stdout, &stderr, []string{args})); got != 2 {
			t.Errorf("%s: exit status %d, want 2", args, got)
		}
	}
}

func TestKnown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known.md")
	text := `
| function | order | verdict | why |
|---|---|---|---|
| TestNoRaceOne, TestNoRaceOther | strict, tsan | race | no edge |
| TestRaceTwo | model | none | an edge |
`
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	known, err := readKnown(file, "strict")
	if err != nil {
		t.Fatal(err)
	}
	want := difference{"TestNoRaceOne", found, "no edge"}
	if len(known) != 2 || known["TestNoRaceOne"] != want {
		t.Errorf("got %v, want %v and another", known, want)
	}

	for _, test := range []struct {
		outcome outcome
		err     error
		text    string
	}{
		{outcome{"TestNoRaceOne", found, ""}, nil, "different, listed: 1"},
		{outcome{"TestNoRaceOne", nothing, ""}, nil, "listed, but not different: 1"},
		{outcome{"TestNoRaceOne", failed, ""}, errDifferent, "different, not listed: 1"},
		{outcome{"TestRaceThree", nothing, ""}, errDifferent, "different, not listed: 1"},
		{outcome{"TestRaceThree", skipped, ""}, nil, ""},
	} {
		var out bytes.Buffer
		err := printTable(&out, "go1.26", "strict", []outcome{test.outcome}, known)
		if !errors.Is(err, test.err) || !strings.Contains(out.String(), test.text) {
			t.Errorf("%v: got %v and\n%s", test.outcome, err, &out)
		}
	}
}

// TestList reads the list of the tree: every order's rows are understood.
func TestList(t *testing.T) {
	text, err := os.ReadFile("../../docs/race-suite.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| Test") && !row.MatchString(strings.TrimSpace(line)) {
			t.Errorf("not understood: %s", line)
		}
	}
}
