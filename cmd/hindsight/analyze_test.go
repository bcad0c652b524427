package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/report"
)

const cleanScript = "chan c 1\ng1 go g2\ng1 write x\ng1 send c\ng2 recv c\ng2 write x\n"

func TestAnalyze(t *testing.T) {
	files(t, map[string]string{
		"racy.hbt": racyScript, "clean.hbt": cleanScript, "broken.hbt": "g1 nonsense\n", "empty": "",
		"future.json": `{"schema":"hindsight/9"}`, "other.html": "<!doctype html><p>hello",
	})
	tests := []struct {
		args   string
		status int
		stdout string // has this
		stderr string // has this; empty: nothing
	}{
		{"racy.hbt", exitFound, "DATA RACE", ""},
		{"clean.hbt", exitClean, "No data race", ""},
		{"racy.hbt clean.hbt", exitFound, "DATA RACE", ""},
		{"racy.hbt broken.hbt", exitFound, "DATA RACE", "broken.hbt: "},
		{"clean.hbt broken.hbt empty", exitFailed, "No data race", "empty is empty"},
		{"broken.hbt", exitFailed, "", "broken.hbt: "},
		{"nowhere", exitFailed, "", "nowhere"},
		{"future.json", exitFailed, "", "hindsight/9"},
		{"other.html", exitFailed, "", "other.html: not a hindsight page"},
		{"--format=json racy.hbt", exitFound, `"verdict": "races"`, ""},
		{"--format=dot racy.hbt", exitFound, "digraph", ""},
		{"--order=strict --format=json racy.hbt", exitFound, `"order": "strict"`, ""},
		{"--output=nowhere/x.html racy.hbt", exitFailed, "", "nowhere"},
		{"--jobs=1 racy.hbt clean.hbt", exitFound, "DATA RACE", ""},
	}
	for _, test := range tests {
		status, stdout, stderr := call("", append([]string{"analyze"}, strings.Fields(test.args)...)...)
		if status != test.status || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) ||
			test.stdout == "" && stdout != "" || test.stderr == "" && stderr != "" {
			t.Errorf("%s: exit status %d, output:\n%s\nmessages: %q", test.args, status, stdout, stderr)
		}
	}
	if status, stdout, _ := call(packed(racyScript), "analyze", "-"); status != exitFound || !strings.Contains(stdout, "DATA RACE") {
		t.Errorf("standard input: %d, %s", status, stdout)
	}
}

// TestSavedResults makes sure that a report of a saved result is the report of
// what it was saved from, byte for byte.
func TestSavedResults(t *testing.T) {
	files(t, map[string]string{"racy.hbt": racyScript})
	for _, saved := range []string{"saved.json", "saved.html"} {
		if status, _, stderr := call("", "analyze", "--output="+saved, "racy.hbt"); status != exitFound || stderr != "" {
			t.Fatalf("%s: %d, %s", saved, status, stderr)
		}
		for _, f := range report.Formats() {
			if f == report.SVG {
				continue
			}
			status, again, stderr := call("", "analyze", "--format="+string(f), saved)
			_, direct, _ := call("", "analyze", "--format="+string(f), "racy.hbt")
			if status != exitFound || stderr != "" || again != direct {
				t.Errorf("%s as %s: %d, %s, same output: %t", saved, f, status, stderr, again == direct)
			}
		}
	}
}

// TestOutputNames makes sure that the ending of --output decides.
func TestOutputNames(t *testing.T) {
	files(t, map[string]string{"racy.hbt": racyScript})
	for ending, start := range map[string]string{
		".html": "<!", ".json": "{", ".sarif": "{", ".md": "#", ".dot": "digraph", ".txt": "=", ".log": "=", "": "=",
	} {
		name := "report" + ending
		if status, stdout, stderr := call("", "analyze", "--output="+name, "racy.hbt"); status != exitFound || stdout+stderr != "" {
			t.Errorf("%s: %d, %q, %q", name, status, stdout, stderr)
		}
		data, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(data, []byte(start)) {
			t.Errorf("%s: %v, %.40q", name, err, data)
		}
	}
}

func TestGraph(t *testing.T) {
	files(t, map[string]string{"racy.hbt": racyScript, "clean.hbt": cleanScript})
	status, dot, stderr := call("", "graph", "clean.hbt")
	if status != exitClean || stderr != "" || !strings.HasPrefix(dot, "digraph") || !strings.Contains(dot, "recv c") {
		t.Errorf("%d, %q\n%s", status, stderr, dot)
	}
	if status, _, _ := call("", "graph", "--output=g.svg", "racy.hbt"); status != exitClean {
		t.Errorf("svg: %d", status)
	}
	if data, err := os.ReadFile("g.svg"); err != nil || !bytes.Contains(data, []byte("<svg")) {
		t.Errorf("%v, %.80s", err, data)
	}
	var long strings.Builder
	for range 3000 {
		long.WriteString("g1 read x\n")
	}
	if status, _, stderr := call(long.String(), "graph", "-"); status != exitFailed || !strings.Contains(stderr, "2000") {
		t.Errorf("a long script: %d, %q", status, stderr)
	}
}

const racyProgram = `package main

import (
	"fmt"
	"sync"
)

var stats struct{ hits, misses int }

func main() {
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			stats.misses++ // the race
		}()
	}
	wg.Wait()
	fmt.Println("done")
}
`

// TestRecorded goes the whole way, then analyzes the trace once more where
// there is no source.
func TestRecorded(t *testing.T) {
	files(t, map[string]string{"go.mod": "module example.com/m\n\ngo 1.25\n", "main.go": racyProgram})
	status, stdout, stderr := call("", "run", "--trace=kept.trace", ".")
	if status != exitFound || stdout != "done\n" || !strings.Contains(stderr, "main.stats.misses") {
		t.Fatalf("run: %d, %q\n%s", status, stdout, stderr)
	}
	if _, err := os.Stat(page); err != nil || !strings.Contains(stderr, page) {
		t.Errorf("no page, or not said where: %v\n%s", err, stderr)
	}
	_, with, _ := call("", "analyze", "--format=json", "kept.trace")
	if !strings.Contains(with, "// the race") {
		t.Errorf("no source lines:\n%s", with)
	}

	trace, err := filepath.Abs("kept.trace")
	if err != nil {
		t.Fatal(err)
	}
	module := filepath.Dir(trace)
	t.Chdir(t.TempDir())
	status, without, _ := call("", "analyze", "--format=json", trace)
	if status != exitFound || strings.Contains(without, "// the race") || !strings.Contains(without, "not below the current module") || !strings.Contains(without, "main.stats.misses") {
		t.Errorf("without source: %d\n%s", status, without)
	}
	if _, again, _ := call("", "analyze", "--format=json", "--source="+module, trace); again != with {
		t.Errorf("--source does not give the same result as the module itself")
	}
	if err := os.WriteFile(filepath.Join(module, "main.go"), []byte(racyProgram+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, changed, _ := call("", "analyze", "--format=json", "--source="+module, trace); strings.Contains(changed, "// the race") || !strings.Contains(changed, "has changed") {
		t.Errorf("a source file that has changed is shown")
	}

	// A symbolic link must not lead out of the module.
	if err := os.WriteFile("outside.go", []byte(racyProgram), 0o666); err != nil {
		t.Fatal(err)
	}
	outside, err := filepath.Abs("outside.go")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(filepath.Join(module, "main.go")), os.Symlink(outside, filepath.Join(module, "main.go"))); err != nil {
		t.Fatal(err)
	}
	if _, linked, _ := call("", "analyze", "--format=json", "--source="+module, trace); strings.Contains(linked, "// the race") || !strings.Contains(linked, "cannot be reached within") {
		t.Errorf("a source file outside of the module is shown:\n%s", linked)
	}

	// What leaves the house says nothing of the machine.
	for _, level := range []string{"", "team", "public"} {
		for _, format := range []string{"text", "json", "html", "dot", "sarif", "markdown"} {
			if level == "" && format != "html" && format != "markdown" && format != "sarif" {
				continue
			}
			_, out, _ := call("", "analyze", "--format="+format, "--redact="+level, "--source="+module, trace)
			if level == "" {
				_, out, _ = call("", "analyze", "--format="+format, trace)
			}
			if i := strings.Index(out, module); i >= 0 {
				t.Errorf("%s, %s: names the directory: %s", format, level, out[max(0, i-100):i+len(module)])
			}
			if format != "dot" && !strings.Contains(out, "main.go") {
				t.Errorf("%s, %s: does not name the file", format, level)
			}
		}
	}
}

func TestRecordedTests(t *testing.T) {
	files(t, map[string]string{
		"go.mod":      "module example.com/m\n\ngo 1.25\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nvar x int\n\nfunc TestA(t *testing.T) {\n\tdone := make(chan bool)\n\tgo func() { x++; done <- true }()\n\tx++\n\t<-done\n}\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) { t.Error(\"failed\") }\n",
	})
	status, stdout, stderr := call("", "test", "--output=out.json", "./...")
	if status != exitFound || !strings.Contains(stdout, "ok  \texample.com/m/a") || !strings.Contains(stderr, "example.com/m/a.x") {
		t.Errorf("%d\n%s\n%s", status, stdout, stderr)
	}
	if _, err := os.Stat("out.json"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(page); err == nil {
		t.Error("a page is written although another file was asked for")
	}
	if status, _, stderr := call("", "test", "./b"); status != 1 {
		t.Errorf("only a failure: %d\n%s", status, stderr)
	}
	if status, _, stderr := call("", "test", "-c", "-o", "a.exe", "./a"); status != 0 {
		t.Errorf("-c: %d\n%s", status, stderr)
	}
}
