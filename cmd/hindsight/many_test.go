package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

// randomScript is an execution of some goroutines that share a few variables, often
// without order, and sometimes misuse a channel.
func randomScript(seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 7))
	var b strings.Builder
	fmt.Fprintln(&b, "chan c 1")
	held := 0
	for g := 2; g <= 4; g++ {
		fmt.Fprintf(&b, "g1 go g%d @main.go:%d\n", g, g)
	}
	for range 5 + rng.IntN(20) {
		g, line := 1+rng.IntN(4), 10+rng.IntN(6)
		switch rng.IntN(8) {
		case 0:
			if held == 0 {
				held = g
				fmt.Fprintf(&b, "g%d lock m @main.go:%d\n", g, line)
			}
		case 1:
			if held != 0 {
				fmt.Fprintf(&b, "g%d unlock m @main.go:%d\n", held, line)
				held = 0
			}
		case 2:
			fmt.Fprintf(&b, "g%d atomic-rmw a @main.go:%d\n", g, line)
		default:
			fmt.Fprintf(&b, "g%d %s %s @main.go:%d\n", g, []string{"read", "write"}[rng.IntN(2)], []string{"x", "y", "s.f"}[rng.IntN(3)], line)
		}
	}
	if rng.IntN(3) == 0 {
		fmt.Fprintf(&b, "g%d close c @main.go:40\ng%d close c @main.go:41\n", 1+rng.IntN(4), 1+rng.IntN(4))
	}
	return b.String()
}

// The results of 500 runs merged along any tree, in any order, are the same bytes
// as when their recordings are analyzed together.
func TestMergeMany(t *testing.T) {
	const runs = 500
	files(t, nil)
	must := func(status int, out, stderr string) {
		t.Helper()
		if status != exitFound && status != exitClean {
			t.Fatalf("status %d\n%s", status, stderr)
		}
	}
	if err := os.MkdirAll("scripts", 0o777); err != nil {
		t.Fatal(err)
	}
	var results []string
	for n := range uint64(runs) {
		script, result := fmt.Sprintf("scripts/%d.hbt", n), fmt.Sprintf("%d.json", n)
		if err := os.WriteFile(script, []byte(randomScript(n)), 0o666); err != nil {
			t.Fatal(err)
		}
		must(call("", "analyze", "--output="+result, script))
		results = append(results, result)
	}
	must(call("", "analyze", "--output=want.json", "scripts"))
	want, err := os.ReadFile("want.json")
	if err != nil {
		t.Fatal(err)
	}
	var sum finding.Result
	if err := json.Unmarshal(want, &sum); err != nil || len(sum.Races) < 30 || sum.Races[0].Occurrences < 30 || len(sum.Findings) < 1 || len(sum.Runs) != runs {
		t.Errorf("%v: the runs show too little: %d races, %d findings, %d runs", err, len(sum.Races), len(sum.Findings), len(sum.Runs))
	}
	made := 0
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 3))
		list := append([]string{}, results...)
		for len(list) > 1 {
			rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			var groups []string
			for len(list) > 0 {
				n := min(len(list), 1+rng.IntN(40))
				made++
				name := fmt.Sprintf("merged-%d.json", made)
				must(call("", append([]string{"merge", "--output=" + name}, list[:n]...)...))
				groups, list = append(groups, name), list[n:]
			}
			list = groups
		}
		got, err := os.ReadFile(list[0])
		if err != nil || string(got) != string(want) {
			t.Fatalf("tree %d gives another result (%v)", seed, err)
		}
	}
	// merge takes directories, too, and counts nothing twice that it wrote there itself.
	if err := os.MkdirAll("all/of/them", 0o777); err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if err := os.Rename(r, filepath.Join([]string{"all", "all/of", "all/of/them"}[i%3], r)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		must(call("", "merge", "--output=all/sum.json", "--jobs=3", "all"))
		if got, err := os.ReadFile("all/sum.json"); err != nil || string(got) != string(want) {
			t.Fatalf("the directory gives another result (%v)", err)
		}
	}
}

// A directory is all the files in it, whatever they are.
func TestDirectories(t *testing.T) {
	trace := string(recorded.Lostupdate())
	saved(t, map[string]string{"y": otherScript})
	for name, text := range map[string]string{
		"d/a.trace": trace, "d/sub/b.gz": packed(trace), "d/sub/deeper/x.hbt": racyScript, "d/none": quietScript,
		"d/.git/config": "[core]", "d/.hidden": "\x7fELF", "bad/broken": "\x7fELF", "bad/none": quietScript, "bad/cut.json": "{", "empty/.x": "",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename("y.json", "d/y.json"); err != nil {
		t.Fatal(err)
	}
	status, out, stderr := call("", "analyze", "--format=json", "d")
	if status != exitFound || !strings.Contains(stderr, "5 files, of which 0 could not be read") {
		t.Errorf("%d, %q", status, stderr)
	}
	for _, jobs := range []string{"1", "5"} {
		for _, args := range [][]string{{"d"}, {"d/"}, {"./d"}, {"d/y.json", "d/sub/", "d/none", "d/a.trace"}, {"d/sub/deeper", "d/sub/b.gz", "d/a.trace", "d/none", "d/y.json"}} {
			if again, other, stderr := call("", append([]string{"analyze", "--format=json", "--jobs=" + jobs}, args...)...); again != status || other != out {
				t.Errorf("%q: %d, another result\n%s", args, again, stderr)
			}
		}
	}
	if err := os.Symlink("d", "link"); err == nil {
		if _, other, stderr := call("", "analyze", "--format=json", "link"); other != out {
			t.Errorf("a link to the directory: another result\n%s", stderr)
		}
	}
	// Exit status: of several, one unreadable is told, the others are analyzed.
	for args, want := range map[string]struct {
		status int
		stderr string
	}{
		"d bad":     {exitFound, "bad/broken is neither"},
		"bad":       {exitFailed, "bad/cut.json: saved result"},
		"empty":     {exitFailed, "empty holds no files"},
		"d/none":    {exitClean, ""},
		"nowhere d": {exitFound, "nowhere"},
	} {
		if status, _, stderr := call("", append([]string{"analyze"}, strings.Fields(args)...)...); status != want.status || !strings.Contains(stderr, want.stderr) {
			t.Errorf("analyze %s: %d, %q", args, status, stderr)
		}
	}
	// What is known: baselines and diff, of directories and merged results.
	call("", "merge", "--output=d.json", "d")
	for args, want := range map[string]struct {
		status int
		text   string // on either stream
	}{
		"analyze --baseline=d.json d":       {exitClean, "d.json"},
		"merge --baseline=d.json d":         {exitClean, `"by": "d.json"`},
		"merge --baseline=d d.json":         {exitClean, `"by": "d"`},
		"analyze --baseline=d/y.json d":     {exitFound, "main.counter"},
		"analyze --baseline=d d/none":       {exitClean, "was not seen"},
		"analyze --baseline=bad d":          {exitFailed, "--baseline: bad/broken"},
		"diff d d.json":                     {exitClean, "still there"},
		"diff d/y.json d":                   {exitFound, "new "},
		"diff d d/sub":                      {exitClean, "not seen"},
		"diff bad d":                        {exitFailed, "bad/broken"},
		"analyze --suppress=known d d.json": {exitClean, "12 occurrences"},
	} {
		if err := os.WriteFile("known", []byte("rule:HB001 # old\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		status, out, stderr := call("", strings.Fields(args)...)
		if status != want.status || !strings.Contains(out+stderr, want.text) {
			t.Errorf("%s: %d\n%s%s", args, status, out, stderr)
		}
	}
}

// Inputs that an interrupt kept from being looked at are told, and no verdict is given.
func TestInterruptedMany(t *testing.T) {
	files(t, map[string]string{"d/a": quietScript, "d/b": racyScript, "d/c": racyScript})
	var out, notes strings.Builder
	a := &app{stdout: &out, stderr: &notes, progress: newProgress(&notes)}
	a.order = "model"
	a.interrupted.Store(true)
	status, err := runAnalyze(a, []string{"d"})
	a.temp.clean()
	if err != nil || status != exitInconclusive || !strings.Contains(out.String(), "2 of 3 files were not looked at") {
		t.Errorf("%v, %d\n%s%s", err, status, &out, &notes)
	}
}
