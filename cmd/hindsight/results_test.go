package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/rule"
)

const (
	otherScript = "g1 go g2\ng1 write y @a.go:1\ng2 read y @a.go:2\n"
	quietScript = "g1 go g2\ng2 write x\n"
)

// saved makes results of scripts, as name.json.
func saved(t *testing.T, scripts map[string]string) {
	t.Helper()
	files(t, scripts)
	for name := range scripts {
		if status, _, stderr := call("", "analyze", "--output="+name+".json", name); status == exitFailed {
			t.Fatal(stderr)
		}
	}
}

func TestDiff(t *testing.T) {
	saved(t, map[string]string{"x": racyScript, "y": otherScript, "none": quietScript})
	call("", "analyze", "--output=both.json", "x", "y")
	for _, test := range []struct {
		before, after string
		status        int
		begins        string // of the lines, sorted
	}{
		{"x.json", "x.json", exitClean, "still there"},
		{"x", "x.json", exitClean, "still there"},
		{"x.json", "both.json", exitFound, "new,still there"},
		{"both.json", "y.json", exitClean, "still there,not seen"},
		{"x.json", "y.json", exitFound, "new,not seen"},
		{"x.json", "none.json", exitClean, "not seen"},
		{"none.json", "none.json", exitClean, ""},
	} {
		status, out, stderr := call("", "diff", test.before, test.after)
		var begins []string
		for line := range strings.Lines(out) {
			state, rest, _ := strings.Cut(line, "  ")
			begins = append(begins, state)
			if words := strings.Fields(rest); len(words) < 3 || len(words[0]) != 12 || words[1] != "HB001" {
				t.Errorf("diff %s %s: %q", test.before, test.after, line)
			}
		}
		if status != test.status || strings.Join(begins, ",") != test.begins || stderr != "" {
			t.Errorf("diff %s %s: %d, %q, %q", test.before, test.after, status, begins, stderr)
		}
	}
	if status, _, stderr := call("", "diff", "x.json", "nowhere"); status != exitFailed || !strings.Contains(stderr, "nowhere") {
		t.Errorf("%d, %q", status, stderr)
	}
	// A side without a verdict leaves none, unless something is new.
	data, err := os.ReadFile("none.json")
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.NewReplacer(`"complete": true`, `"complete": false`, `"verdict": "none"`, `"verdict": "inconclusive"`).Replace(string(data))
	if err := os.WriteFile("cut.json", []byte(cut), 0o666); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]int{"cut.json none.json": exitInconclusive, "x.json cut.json": exitInconclusive, "cut.json x.json": exitFound} {
		if status, out, _ := call("", append([]string{"diff"}, strings.Fields(args)...)...); status != want {
			t.Errorf("diff %s: %d, %q", args, status, out)
		}
	}
}

// TestEdits records a program before and after edits that have nothing to do with
// its race: the id stays. Another function makes another race.
func TestEdits(t *testing.T) {
	files(t, map[string]string{"go.mod": "module example.com/m\n\ngo 1.25\n", "main.go": racyProgram})
	record := func(name, program string) {
		t.Helper()
		if err := os.WriteFile("main.go", []byte(program), 0o666); err != nil {
			t.Fatal(err)
		}
		if status, _, stderr := call("", "run", "--output="+name, "."); status != exitFound {
			t.Fatalf("%d\n%s", status, stderr)
		}
	}
	record("old.json", racyProgram)
	record("again.html", racyProgram)
	moved := strings.NewReplacer(
		"func main() {\n", "// Nothing.\nfunc main() {\n\tfunc() { fmt.Print() }()\n",
		"var stats struct{ hits,", "var stats struct{ other string; hits,",
	).Replace(racyProgram)
	record("moved.json", moved)
	record("other.json", strings.Replace(racyProgram, "stats.misses++", "count()", 1)+"\nfunc count() { stats.misses++ }\n")
	for name, want := range map[string]string{"again.html": "still there", "moved.json": "still there", "other.json": "new"} {
		_, out, stderr := call("", "diff", "old.json", name)
		if !strings.HasPrefix(out, want) {
			t.Errorf("%s: %q, %q", name, out, stderr)
		}
	}
}

func TestMerge(t *testing.T) {
	saved(t, map[string]string{"x": racyScript, "y": otherScript, "none": quietScript})
	merge := func(args ...string) string {
		t.Helper()
		status, out, stderr := call("", append([]string{"merge"}, args...)...)
		if status != exitFound || stderr != "" {
			t.Fatalf("merge %q: %d, %q", args, status, stderr)
		}
		return out
	}
	whole := merge("x.json", "y.json", "none.json", "x.json")
	merge("--output=left.json", "x.json", "none.json")
	merge("--output=right.json", "x.json", "y.json")
	if merge("right.json", "left.json") != whole {
		t.Error("merging in groups gives another result")
	}
	if !strings.Contains(whole, `"occurrences": 2`) || !strings.Contains(whole, `"schema": "hindsight/1"`) {
		t.Error(whole)
	}
	if out := merge("--format=text", "x.json"); !strings.Contains(out, "WARNING: DATA RACE") {
		t.Error(out)
	}
	if status, _, _ := call("", "merge", "none.json"); status != exitClean {
		t.Errorf("nothing found: %d", status)
	}
}

func TestSuppressions(t *testing.T) {
	saved(t, map[string]string{"x": racyScript, "y": otherScript})
	if err := os.WriteFile("known", []byte("object:x  # as old as the hills\nobject:nothing\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	status, out, stderr := call("", "analyze", "--suppress=known", "x")
	if status != exitClean || !strings.Contains(out, "as old as the hills") || strings.Contains(out, "WARNING") || strings.Contains(out, "No data race") || !strings.Contains(stderr, "known:2: suppresses nothing") {
		t.Errorf("%d, %q\n%s", status, stderr, out)
	}
	if status, out, _ := call("", "analyze", "--suppress=known", "--format=json", "x", "y"); status != exitFound || !strings.Contains(out, `"suppressed": [`) || !strings.Contains(out, `"by": "known:1"`) {
		t.Errorf("%d\n%s", status, out)
	}
	status, out, stderr = call("", "analyze", "--baseline=x.json", "x", "y")
	if status != exitFound || strings.Count(out, "WARNING") != 1 || !strings.Contains(out, "by x.json") || stderr != "" {
		t.Errorf("baseline: %d, %q\n%s", status, stderr, out)
	}
	if status, _, stderr := call("", "analyze", "--baseline=y.json", "x"); status != exitFound || !strings.Contains(stderr, "HB001 y) was not seen") {
		t.Errorf("an unused baseline: %d, %q", status, stderr)
	}
	// Saved results keep what was suppressed, and what was suppressed once stays so.
	call("", "analyze", "--suppress=known", "--output=quiet.json", "x")
	if status, out, _ := call("", "merge", "--format=text", "quiet.json", "quiet.json"); status != exitClean || !strings.Contains(out, "2 occurrences, by known:1") {
		t.Errorf("%d\n%s", status, out)
	}
	for _, flag := range []string{"--suppress=nowhere", "--suppress=x", "--baseline=nowhere", "--baseline=known"} {
		if status, out, stderr := call("", "analyze", flag, "x"); status != exitFailed || out != "" || !strings.Contains(stderr, strings.SplitN(flag, "=", 2)[0]) {
			t.Errorf("%s: %d, %q", flag, status, stderr)
		}
	}
}

func TestGraphOfRace(t *testing.T) {
	saved(t, map[string]string{"x": racyScript})
	call("", "analyze", "--output=x.html", "x")
	_, out, _ := call("", "diff", "x", "x")
	id := strings.Fields(out)[2]
	_, want, _ := call("", "graph", "--race="+id, "x")
	if !strings.HasPrefix(want, "digraph") || !strings.Contains(want, "unordered") {
		t.Fatal(want)
	}
	for _, input := range []string{"x", "x.json", "x.html"} {
		if status, out, stderr := call("", "graph", "--race="+id[:5], input); status != exitClean || out != want {
			t.Errorf("%s: %d, %q", input, status, stderr)
		}
	}
	if status, _, stderr := call("", "graph", "--race=nonsense", "x"); status != exitFailed || !strings.Contains(stderr, `no race or finding "nonsense"`) {
		t.Errorf("%d, %q", status, stderr)
	}
}

func TestSplit(t *testing.T) {
	var script strings.Builder
	script.WriteString("g1 go g2\n")
	for i := range 250 {
		fmt.Fprintf(&script, "g1 write x%d @a.go:1\ng2 write x%d @b.go:2\n", i, i)
	}
	files(t, map[string]string{"x": script.String()})
	if status, _, stderr := call("", "analyze", "--split", "--output=all.html", "x"); status != exitFound {
		t.Fatal(status, stderr)
	}
	shown := 0
	for _, name := range []string{"all.html", "all-2.html"} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(page), `<article class="race`)
		shown += n
		if n == 0 || !strings.Contains(string(page), "250 distinct data races") {
			t.Errorf("%s shows %d races", name, n)
		}
	}
	if shown != 250 {
		t.Errorf("%d races on two pages", shown)
	}
	if _, err := os.Stat("all-3.html"); err == nil {
		t.Error("a third page")
	}
	// The parts together are the whole.
	_, whole, _ := call("", "analyze", "--format=markdown", "x")
	if _, parts, _ := call("", "analyze", "--format=markdown", "all-2.html", "all.html"); strings.Count(parts, "\n## Race") != 250 || strings.Contains(parts, "part of") || !strings.Contains(parts, "# 250 distinct data races") || !strings.Contains(whole, "# 250 distinct data races") {
		t.Errorf("the parts give another report: %.200s, want %.200s", parts, whole)
	}
	if status, _, stderr := call("", "analyze", "--split", "--max-size=1KB", "--output=no.html", "x"); status != exitFailed || !strings.Contains(stderr, "no room") {
		t.Errorf("%d, %q", status, stderr)
	}
	call("", "analyze", "--max-size=300KB", "--output=small.html", "x")
	if info, err := os.Stat("small.html"); err != nil || info.Size() > 300_000 {
		t.Error(info, err)
	}
}

func TestExplain(t *testing.T) {
	_, list, _ := call("", "explain")
	for _, r := range rule.All {
		status, out, _ := call("", "explain", strings.ToLower(r.ID()))
		if status != exitClean || !strings.HasPrefix(out, r.ID()+": "+r.Title) || !strings.Contains(list, r.ID()+"  "+r.Title) {
			t.Errorf("%s: %d, %q", r.ID(), status, out)
		}
	}
}

// TestCompletion completes in a real bash, and lets shells that are there check
// the syntax of their scripts.
func TestCompletion(t *testing.T) {
	files(t, nil)
	for _, shell := range shells() {
		status, script, _ := call("", "completion", shell)
		if status != exitClean {
			t.Fatalf("%s: %d", shell, status)
		}
		for _, c := range commands {
			if !strings.Contains(script, c.name) {
				t.Errorf("%s does not know %s", shell, c.name)
			}
		}
		if err := os.WriteFile(shell, []byte(script), 0o666); err != nil {
			t.Fatal(err)
		}
		if path, err := exec.LookPath(shell); err != nil {
			t.Logf("there is no %s: its script is not checked", shell)
		} else if out, err := exec.Command(path, "-n", shell).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	for words, want := range map[string]string{
		"hindsight ana":                   "analyze",
		"hindsight explain HB03":          "HB030 HB031",
		"hindsight analyze --for":         "--format",
		"hindsight analyze --format ht":   "html",
		"hindsight analyze --format = s":  "sarif",
		"hindsight graph --format = s":    "svg",
		"hindsight completion f":          "fish",
		"hindsight analyze --redact = p":  "public",
		"hindsight analyze --output repo": "",
		"hindsight version x":             "",
	} {
		list := strings.Fields(words)
		script := fmt.Sprintf("source ./bash; COMP_WORDS=(%s); COMP_CWORD=%d; _hindsight; echo ${COMPREPLY[*]}", words, len(list)-1)
		out, err := exec.Command("bash", "-c", script).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %q, want %q (%v)", words, got, want, err)
		}
	}
}

func TestMan(t *testing.T) {
	status, page, _ := call("", "man")
	if status != exitClean {
		t.Fatal(status)
	}
	for _, c := range commands {
		if !strings.Contains(page, ".SS hindsight "+c.name) {
			t.Errorf("there is no %s", c.name)
		}
	}
	for i, line := range strings.Split(page, "\n") {
		request, _, _ := strings.Cut(line, " ")
		switch request {
		case ".TH", ".SH", ".SS", ".B", ".I", ".PP", ".TP", ".nf", ".fi", ".RS", ".RE":
			continue
		}
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			t.Errorf("line %d is a request: %q", i+1, line)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff: what it says of the page is not tested")
	}
	cmd := exec.Command(groff, "-man", "-Tascii", "-P-cbou", "-ww")
	cmd.Stdin = strings.NewReader(page)
	var warnings strings.Builder
	cmd.Stderr = &warnings
	if out, err := cmd.Output(); err != nil || warnings.Len() > 0 || !strings.Contains(string(out), "--max-size") {
		t.Errorf("groff: %v\n%s", err, &warnings)
	}
}

// TestOnTerminal runs the command on a terminal that a tool of util-linux makes.
func TestOnTerminal(t *testing.T) {
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("there is no script: output on a terminal is not tested")
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	files(t, map[string]string{"x": racyScript})
	show := func(environment ...string) string {
		t.Helper()
		cmd := exec.Command(script, "-qec", "stty cols 60; "+executable+" analyze x", "/dev/null")
		cmd.Env = append(append(os.Environ(), asHindsight+"=1", "TERM=xterm", "NO_COLOR="), environment...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != exitFound {
			t.Fatalf("%v\n%s", err, out)
		}
		text := strings.ReplaceAll(string(out), "\r", "")
		if at := strings.LastIndex(text, "\x1b[K"); at >= 0 { // the line of progress
			text = text[at+len("\x1b[K"):]
		}
		return text
	}
	_, plain, _ := call("", "analyze", "x")
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if out := show(); !strings.Contains(out, "\x1b[1;31mWARNING: DATA RACE") {
		t.Errorf("no colour: %q", out)
	}
	for _, without := range []string{"NO_COLOR=1", "TERM=dumb"} {
		out := show(without)
		if strings.Contains(out, "\x1b[") || words(out) != words(plain) || out == plain {
			t.Errorf("%s: %q, want the words of %q on shorter lines", without, out, plain)
		}
	}
}
