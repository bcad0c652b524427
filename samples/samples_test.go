// Package samples_test records every sample and litmus program and compares
// what is found with what the program says of itself.
package samples_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

var litmusRuns = flag.Int("litmus.runs", 2, "how often to record each litmus program")

// The command under test, and the folder that holds the instrumented samples.
var hindsight, bin string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("samples: skipped, as they are recorded by a command that takes a while to build")
		return
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "samples")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	hindsight = filepath.Join(dir, "hindsight")
	bin = filepath.Join(dir, "bin") + string(filepath.Separator)
	for _, args := range [][]string{
		{"go", "build", "-o", hindsight, "../cmd/hindsight"},
		{hindsight, "build", "-o", bin, "./..."},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", strings.Join(args, " "), err)
			return 1
		}
	}
	return m.Run()
}

// A site is a line of a sample: "lostupdate.go:20".
type site struct {
	file string
	line int
}

func (s site) String() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

func siteOf(f finding.Frame) site { return site{filepath.Base(f.File), f.Line} }

func compareSites(a, b site) int {
	return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
}

// An expectation is one race that a program must show. Its object is the name
// of a variable, "heap" for any memory without a name, or "heap@file.go:12" for
// memory allocated in that line. Its sites are in order.
type expectation struct {
	object string
	sites  [2]site
	// predicted: not in this schedule. Without sites, the object is a rule.
	predicted bool
	// finding: no race, but a finding of the rule that is the object, at these lines.
	finding []site
}

func (e expectation) String() string {
	return fmt.Sprintf("race %s %v %v", e.object, e.sites[0], e.sites[1])
}

func (e expectation) matches(r *finding.Race) bool {
	sites := []site{siteOf(r.Accesses[0].Site), siteOf(r.Accesses[1].Site)}
	slices.SortFunc(sites, compareSites)
	if e.sites != [2]site(sites) {
		return false
	}
	if where, ok := strings.CutPrefix(e.object, "heap"); ok {
		if r.Object.Kind != "heap" {
			return false
		}
		return where == "" || slices.ContainsFunc(r.Object.Allocated, func(f finding.Frame) bool {
			return "@"+siteOf(f).String() == where
		})
	}
	// An element is named after its array: main.bytes[].
	rest, ok := strings.CutPrefix(r.Object.Name, e.object)
	return ok && (rest == "" || rest[0] == '[')
}

// expected reads the "// Expect:" lines of a program. The second result reports
// whether there are any.
func expected(t *testing.T, file string) ([]expectation, bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []expectation
	lines := regexp.MustCompile(`(?m)^// Expect: (.*)$`).FindAllSubmatch(text, -1)
	for _, line := range lines {
		var e expectation
		var first, second string
		switch n, _ := fmt.Sscanf(string(line[1]), "race %s %s %s", &e.object, &first, &second); {
		case n == 3:
			e.sites = sortedSites(parseSite(t, first), parseSite(t, second))
			all = append(all, e)
		case strings.HasPrefix(string(line[1]), "predicted "):
			e.predicted = true
			if n, _ := fmt.Sscanf(string(line[1]), "predicted %s %s %s", &e.object, &first, &second); n == 3 {
				e.sites = sortedSites(parseSite(t, first), parseSite(t, second))
			}
			all = append(all, e)
		case strings.HasPrefix(string(line[1]), "finding "):
			words := strings.Fields(string(line[1]))[1:]
			e.object = words[0]
			for _, w := range words[1:] {
				e.finding = append(e.finding, parseSite(t, w))
			}
			all = append(all, e)
		case string(line[1]) != "none" || len(lines) > 1:
			t.Fatalf("%s: cannot understand %q", file, line[0])
		}
	}
	return all, len(lines) > 0
}

func parseSite(t *testing.T, s string) site {
	t.Helper()
	file, number, _ := strings.Cut(s, ":")
	line, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("not a site: %q", s)
	}
	return site{file, line}
}

func sortedSites(a, b site) [2]site {
	if compareSites(a, b) > 0 {
		a, b = b, a
	}
	return [2]site{a, b}
}

func TestSamples(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Dir(file)
		want, ok := expected(t, file)
		if !ok || name == "racyserver" { // the one that does not stop by itself
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(want) > 0 && want[0].predicted {
				checkPredicted(t, run(t, "", name), want[0])
				return
			}
			result := record(t, name)
			if len(want) > 0 && want[0].finding != nil {
				checkFindings(t, result, want)
				return
			}
			checkRaces(t, result, want)
			if len(want) == 0 && result.Verdict != finding.None {
				t.Errorf("verdict %q, want %q", result.Verdict, finding.None)
			}
		})
	}
}

// checkFindings expects findings, and nothing else.
func checkFindings(t *testing.T, result *finding.Result, want []expectation) {
	t.Helper()
	checkRaces(t, result, nil)
	for _, e := range want {
		if !slices.ContainsFunc(result.Findings, func(f finding.Finding) bool { return f.Rule == e.object && at(f.Events, e.finding) }) {
			t.Errorf("no %s at %v", e.object, e.finding)
		}
	}
	if len(result.Findings) != len(want) {
		t.Errorf("%d findings, want %d: %+v", len(result.Findings), len(want), result.Findings)
	}
	verdict := finding.None
	if want[0].object != "HB051" {
		verdict = finding.Findings
	}
	if result.Verdict != verdict {
		t.Errorf("verdict %q, want %q", result.Verdict, verdict)
	}
}

// checkPredicted expects one prediction, and nothing without it.
func checkPredicted(t *testing.T, trace string, want expectation) {
	t.Helper()
	if r := analyze(t, ".", trace, "--predict=off"); r.Verdict != finding.None {
		t.Errorf("verdict %q without prediction", r.Verdict)
	}
	result := analyze(t, ".", trace)
	if want.sites != [2]site{} {
		checkRaces(t, result, []expectation{want})
		return
	}
	checkRaces(t, result, nil)
	if len(result.Findings) != 1 || result.Findings[0].Rule != want.object || result.Findings[0].Witness != "checked" {
		t.Errorf("%+v, want %s", result.Findings, want.object)
	}
}

// checkRaces compares what was found with what is wanted: every race is wanted,
// every wanted one was found.
func checkRaces(t *testing.T, result *finding.Result, want []expectation) {
	t.Helper()
	for _, e := range want {
		if !slices.ContainsFunc(result.Races, func(r finding.Race) bool { return e.matches(&r) }) {
			t.Errorf("not found: %v", e)
		}
	}
	for _, r := range result.Races {
		if !slices.ContainsFunc(want, func(e expectation) bool { return e.matches(&r) }) {
			t.Errorf("not expected: %s", describe(&r))
		}
	}
}

func describe(r *finding.Race) string {
	return fmt.Sprintf("%s race on %s (%s, allocated at %v), %s %v and %s %v", r.Kind, r.Object.Name, r.Object.Kind,
		r.Object.Allocated, r.Accesses[0].Op, siteOf(r.Accesses[0].Site), r.Accesses[1].Op, siteOf(r.Accesses[1].Site))
}

func TestLitmus(t *testing.T) {
	list, err := exec.Command(filepath.Join(bin, "litmus"), "-list").Output()
	if err != nil {
		t.Fatal(err)
	}
	marks := litmusMarks(t)
	for line := range strings.Lines(string(list)) {
		fields := append(strings.Fields(line), "")
		name, verdict, object := fields[0], fields[1], fields[2]
		number, _, _ := strings.Cut(name, "-")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range *litmusRuns {
				mode := ""
				if i%2 == 1 {
					mode = "shared:0" // as if it went on for long
				}
				trace := run(t, mode, "litmus", name)
				checkLitmus(t, analyze(t, ".", trace, "--predict=off"), verdict, object, marks[number])
				if strings.HasPrefix(name, "P") {
					checkPrediction(t, trace, verdict, object, marks[number])
				}
				for _, order := range []string{"strict", "tsan"} {
					result := analyze(t, ".", trace, "--predict=off", "--order="+order)
					switch racy := differs[order][number]; racy {
					case "":
						checkLitmus(t, result, verdict, object, marks[number])
					case "unknown":
					default: // there may be others
						if !slices.ContainsFunc(result.Races, func(r finding.Race) bool { return r.Object.Name == racy || r.Object.Kind == racy }) {
							t.Errorf("no race on %s", racy)
						}
					}
					if t.Failed() {
						t.Logf("with --order=%s", order)
						break
					}
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// differs are the cases of which another order says something else, by number: what
// races in it. They are the differences in docs/memory-model.md that a program can show.
var differs = map[string]map[string]string{
	"strict": {
		"47d": "heap",
		"59a": "main.x", "59b": "main.x", "59c": "main.x", "59d": "main.x", "59e": "main.x", "59f": "main.x",
		"59g": "main.x", "59h": "main.x",
	},
	"tsan": {
		"23a": "main.x", "23b": "main.x", "31": "main.x",
		// Which of two operations on different descriptors came first is not recorded.
		"60a": "unknown", "60b": "unknown", "60c": "unknown",
	},
}

// litmusMarks returns the lines that are marked in the litmus programs, by the
// case's number.
func litmusMarks(t *testing.T) map[string][]site {
	files, err := filepath.Glob("litmus/*.go")
	if err != nil {
		t.Fatal(err)
	}
	mark := regexp.MustCompile(`\s//(\d\d[a-z]?|P\d+)$`)
	marks := make(map[string][]site)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if m := mark.FindStringSubmatch(line); m != nil {
				marks[m[1]] = append(marks[m[1]], site{filepath.Base(file), i + 1})
			}
		}
	}
	return marks
}

func checkLitmus(t *testing.T, result *finding.Result, verdict, object string, marks []site) {
	t.Helper()
	switch verdict {
	case "none", "predicted", "deep":
		checkRaces(t, result, nil)
		if result.Verdict != finding.None {
			t.Errorf("verdict %q, want %q", result.Verdict, finding.None)
		}
	case "race":
		if len(marks) == 0 {
			t.Fatal("no line is marked")
		}
		checkRaces(t, result, []expectation{{object: object, sites: sortedSites(marks[0], marks[len(marks)-1])}})
	case "misuse", "note":
		checkRaces(t, result, nil)
		severity := map[string]string{"misuse": "error", "note": "note"}[verdict]
		if !slices.ContainsFunc(result.Findings, func(f finding.Finding) bool {
			return f.Severity == severity && strings.HasPrefix(f.Rule, object) && at(f.Events, marks)
		}) {
			t.Errorf("no finding of %s at %v", object, marks)
		}
	default:
		t.Fatalf("unknown verdict %q", verdict)
	}
	for _, f := range result.Findings {
		waits := f.Rule == "HB051" && slices.ContainsFunc(f.Events[0].Stack, func(f finding.Frame) bool { return strings.HasPrefix(f.Func, "main.") })
		if f.Severity == "error" && verdict != "misuse" || waits && verdict != "note" {
			t.Errorf("not expected: %s %s", f.Rule, f.Message)
		}
	}
}

// checkPrediction analyzes a recorded case for other schedules.
func checkPrediction(t *testing.T, trace, verdict, object string, marks []site) {
	t.Helper()
	for _, level := range []string{"fast", "deep"} {
		result := analyze(t, ".", trace, "--predict="+level)
		var want []expectation
		if verdict == "predicted" || verdict == level {
			want = []expectation{{object: object, sites: sortedSites(marks[0], marks[len(marks)-1])}}
		}
		checkRaces(t, result, want)
		for _, r := range result.Races {
			if r.Tier != "predicted" || r.Witness != "checked" {
				t.Errorf("%s, witness %s: %s", r.Tier, r.Witness, describe(&r))
			}
		}
	}
}

// at reports whether the events are at the marked lines. What package sync does
// for the program counts as done by its caller.
func at(events []finding.Access, marks []site) bool {
	var sites []site
	for _, e := range events {
		i := slices.IndexFunc(e.Stack, func(f finding.Frame) bool { return strings.HasPrefix(f.Func, "main.") })
		if i >= 0 {
			sites = append(sites, siteOf(e.Stack[i]))
		}
	}
	slices.SortFunc(sites, compareSites)
	return slices.Equal(sites, marks)
}

// record runs a sample under record and returns what the analysis finds.
func record(t *testing.T, name string, args ...string) *finding.Result {
	t.Helper()
	return analyze(t, ".", run(t, "", name, args...), "--predict=off")
}

// run runs a sample under record and returns the recording.
func run(t *testing.T, mode, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
	cmd.Env = append(os.Environ(), "HINDSIGHT="+trace, "HINDSIGHT_RECORD="+mode)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exits(t, name) {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return trace
}

// exits is the status with which a sample ends: what its line "// Exits:" says, or 0.
func exits(t *testing.T, name string) (status int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(name, strings.TrimSuffix(name, "-fixed")+".go"))
	if err != nil && name != "litmus" {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?m)^// Exits: (\d+)$`).FindSubmatch(text); m != nil {
		status, _ = strconv.Atoi(string(m[1]))
	}
	return status
}

// analyze returns the result of hindsight analyze with some flags, run in dir
// without the Go command, after checking that the exit status goes with it.
func analyze(t *testing.T, dir, trace string, flags ...string) *finding.Result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), hindsight, append([]string{"analyze", "--format=json", trace}, flags...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=", "HOME=" + dir}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	result := new(finding.Result)
	if err := json.Unmarshal(out, result); err != nil {
		t.Fatalf("hindsight analyze: %v\n%s", err, stderr.String())
	}
	status := map[string]int{finding.None: 0, finding.Inconclusive: 65, finding.Races: 66, finding.Findings: 66}
	if got := cmd.ProcessState.ExitCode(); got != status[result.Verdict] {
		t.Errorf("exit status %d with verdict %q", got, result.Verdict)
	}
	if result.Coverage.LostSync != 0 || result.Coverage.LostRecords != 0 || result.Coverage.LostChunks != 0 {
		t.Errorf("lost: %+v", result.Coverage)
	}
	return result
}
