package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/collect/toolchain"
)

var update = flag.Bool("update", false, "rewrite the golden files; the tests still fail")

// asHindsight makes the test program behave as the command.
const asHindsight = "BE_HINDSIGHT"

// The go command calls the test program back as it calls hindsight.
func TestMain(m *testing.M) {
	if os.Getenv(asHindsight) != "" {
		main()
	}
	if os.Getenv(asHeld) != "" {
		os.Exit(runHeld(os.Args[1:]))
	}
	if os.Getenv(asReader) != "" {
		os.Exit(run(os.Args[1:], &told{r: os.Stdin}, os.Stdout, os.Stderr))
	}
	toolchain.Main(os.Args[1:])
	os.Exit(m.Run())
}

// asHeld makes the test program behave as the command, but wait in the middle of the
// pass of that name until it has been interrupted.
const asHeld = "BE_HELD_HINDSIGHT"

const inTheMiddle = "in the middle"

// held is where a held command shows its progress.
type held struct{ app *app }

func (h *held) Write(b []byte) (int, error) {
	if !strings.Contains(string(b), os.Getenv(asHeld)) {
		return len(b), nil
	}
	if !h.app.interrupted.Load() {
		fmt.Fprintln(os.Stderr, inTheMiddle)
	}
	for !h.app.interrupted.Load() {
		time.Sleep(time.Millisecond)
	}
	return len(b), nil
}

func runHeld(args []string) int {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, sources: newSources("")}
	a.progress = &progress{w: &held{a}}
	return a.run(args)
}

// asReader makes the test program behave as the command, and tell, line by line,
// how much of standard input it has taken in whenever it asks for more.
const asReader = "BE_READING_HINDSIGHT"

// told is a reader that does so.
type told struct {
	r io.Reader
	n int
}

func (r *told) Read(p []byte) (int, error) {
	fmt.Fprintln(os.Stderr, r.n)
	n, err := r.r.Read(p)
	r.n += n
	return n, err
}

// call runs the command.
func call(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

// instrumented builds a program of testdata, where programs can record.
func instrumented(t *testing.T, program string, flags ...string) (bin string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds an instrumented program")
	}
	if runtime.GOOS != "linux" {
		t.Skip("programs record on linux")
	}
	bin = filepath.Join(t.TempDir(), program)
	var stderr bytes.Buffer
	if code := run(slices.Concat([]string{"build", "-o", bin}, flags, []string{"./testdata/" + program}), nil, &stderr, &stderr); code != 0 {
		t.Fatalf("build: %d\n%s", code, &stderr)
	}
	return bin
}

// files writes files, "name: content", into a new directory and goes there.
func files(t *testing.T, list map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range list {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func TestUsage(t *testing.T) {
	files(t, nil)
	tests := []struct {
		args   string
		stderr string // has this
	}{
		{"", "usage: hindsight COMMAND"},
		{"nonsense", `unknown command "nonsense"`},
		{"help nonsense", `unknown command "nonsense"`},
		{"help run test", "help takes one command"},
		{"analyze", "analyze needs"},
		{"analyze --nonsense x", "unknown flag: --nonsense"},
		{"analyze --format=pdf x", `unknown format "pdf"`},
		{"analyze --format=svg x", "svg is for graph"},
		{"analyze --order=wild x", `unknown order "wild"`},
		{"analyze --jobs=-1 x", "--jobs=-1"},
		{"analyze --jobs=many x", "invalid argument"},
		{"dump", "dump needs one trace"},
		{"dump a b", "dump needs one trace"},
		{"graph", "graph needs one trace"},
		{"graph --format=html x", "dot and svg"},
		{"graph --output=x.html x", "dot and svg"},
		{"analyze --predict=far x", "unknown level"},
		{"run --format=json .", "needs --output"},
		{"test --output=- .", "needs --output"},
		{"version x", "version takes no arguments"},
		{"merge", "merge needs results"},
		{"diff a", "diff needs two"},
		{"explain HB999", "no rule \"HB999\""},
		{"explain HB001 HB002", "explain takes one rule"},
		{"completion", "completion needs a shell: bash, zsh, fish"},
		{"completion cmd", "completion needs a shell"},
		{"man x", "man takes no arguments"},
		{"analyze --redact=much x", "unknown level \"much\""},
		{"analyze --max-size=large x", "want a size"},
		{"analyze --max-size=-1 x", "want a size"},
		{"analyze --split x", "--split needs --output"},
	}
	for _, test := range tests {
		status, stdout, stderr := call("", strings.Fields(test.args)...)
		if status != exitUsage || stdout != "" || !strings.Contains(stderr, test.stderr) {
			t.Errorf("%s: exit status %d, output %q, messages %q", test.args, status, stdout, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	help := make(map[string]string)
	for _, c := range commands {
		status, text, stderr := call("", "help", c.name)
		if status != exitClean || stderr != "" {
			t.Errorf("help %s: %d, %q", c.name, status, stderr)
		}
		help[c.name] = text
		for _, flag := range []string{"--help", "-h"} {
			if status, same, _ := call("", c.name, flag); status != exitClean || same != text {
				t.Errorf("%s %s: %d, %q", c.name, flag, status, same)
			}
		}
	}
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}} {
		status, text, _ := call("", args...)
		if status != exitClean {
			t.Errorf("%q: %d", args, status)
		}
		help[""] = text
	}
	var all strings.Builder
	all.WriteString(help[""])
	for _, c := range commands {
		all.WriteString("\n=== " + c.name + "\n\n" + help[c.name])
	}
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(all.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		t.Fatal("golden file rewritten")
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != all.String() {
		t.Errorf("help differs from %s (%v): run go test -update and look at the difference", golden, err)
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		if status, out, _ := call("", arg); status != exitClean || !strings.HasPrefix(out, "hindsight ") || !strings.Contains(out, "1.26") {
			t.Errorf("%s: %d, %q", arg, status, out)
		}
	}
}

func TestSplitArgs(t *testing.T) {
	tests := []struct {
		command, args, ours, gos string
	}{
		{"test", "./a --output x.html -run X -v", "--output x.html", "./a -run X -v"},
		{"test", "--trace=t -trace go.out ./... --jobs 3", "--trace=t --jobs 3", "-trace go.out ./..."},
		{"test", "./a -args --output x", "", "./a -args --output x"},
		{"test", "-run --output ./a", "", "-run --output ./a"},
		{"test", "--run X ./a", "", "--run X ./a"},
		{"run", "--order strict -tags a . --order tsan", "--order strict", "-tags a . --order tsan"},
		{"run", "-C dir --output=x main.go --output=y", "--output=x", "-C dir main.go --output=y"},
		{"build", "-o x --packages ./... .", "--packages ./...", "-o x ."},
		{"test", "./a --help", "--help", ""},
	}
	for _, test := range tests {
		c := commandNamed(test.command)
		ours, gos := splitArgs(c.flagSet(new(options)), strings.Fields(test.args), c.name == "run")
		if !slices.Equal(ours, strings.Fields(test.ours)) || !slices.Equal(gos, strings.Fields(test.gos)) {
			t.Errorf("%s %s: ours %q, go's %q", test.command, test.args, ours, gos)
		}
	}
}

func TestInputKinds(t *testing.T) {
	tests := []struct {
		head string
		want kind
	}{
		{"go 1.26 trace\x00\x00\x00", traceInput},
		{"g1 write x\n", scriptInput},
		{"# a comment", scriptInput},
		{"g1 write größe", scriptInput},
		{"g1 write gr\xc3", scriptInput}, // cut within a character
		{"\n {\"schema\":", jsonInput},
		{"\ufeff{}", jsonInput},
		{"<!DOCTYPE html>", pageInput},
		{"<!doctype html>", pageInput},
		{"", unknownInput},
		{"\x7fELF", unknownInput},
		{"g1\x00write", unknownInput},
		{"\xff\xfe\xfd and more", unknownInput},
	}
	for _, test := range tests {
		if got, err := inputKind([]byte(test.head)); got != test.want || (err == nil) != (got != unknownInput) {
			t.Errorf("%q: %d, %v", test.head, got, err)
		}
	}
}

const racyScript = "g1 go g2\ng1 write x @a.go:1\ng2 write x @a.go:2\n"

func TestDump(t *testing.T) {
	files(t, map[string]string{
		"x.hbt": racyScript, "x.gz": packed(racyScript), "bad.hbt": "g1 unlock m\n", "empty": "", "dir/x": "",
		"cut.gz": packed(racyScript)[:20], "saved.json": "{}", "program": "\x7fELF\x02\x01",
		"empty.gz": packed(""), "trace": "go 1.26",
		"bomb.gz": packed(strings.Repeat("#\n", 300<<19)),
	})
	var plain string
	for _, args := range [][]string{{"x.hbt"}, {"x.gz"}, {"-"}, {"--output=out.hbt", "x.hbt"}} {
		status, out, stderr := call(packed(racyScript), append([]string{"dump"}, args...)...)
		if args[0] == "--output=out.hbt" {
			data, err := os.ReadFile("out.hbt")
			if err != nil || out != "" {
				t.Error(err, out)
			}
			out = string(data)
		}
		if plain == "" {
			plain = out
		}
		if status != exitClean || out != plain || !strings.Contains(out, "g2 write x") {
			t.Errorf("dump %q: %d, %q, %q", args, status, out, stderr)
		}
	}
	for input, message := range map[string]string{
		"bad.hbt": "1", "empty": "empty", "dir": "directory", "nowhere": "no such file", "cut.gz": "cut.gz",
		"saved.json": "saved result", "program": "neither", "empty.gz": "empty", "trace": "trace", "bomb.gz": "200 times",
	} {
		status, out, stderr := call("", "dump", input)
		if status != exitFailed || out != "" || !strings.Contains(stderr, message) || !strings.HasPrefix(stderr, "hindsight: ") {
			t.Errorf("dump %s: %d, %q, %q", input, status, out, stderr)
		}
	}
	if status, _, stderr := call("", "dump", "-"); status != exitFailed || !strings.Contains(stderr, "standard input is empty") {
		t.Errorf("empty standard input: %d, %q", status, stderr)
	}
	if status, _, _ := call("", "dump", "--output=nowhere/x", "x.hbt"); status != exitFailed {
		t.Errorf("output that cannot be written: %d", status)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "hindsight-*")); len(left) > 0 && os.Getenv("TMPDIR") != "" {
		t.Errorf("left behind: %q", left)
	}
}
