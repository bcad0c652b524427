package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// A suite is the race detector's tests of one Go version, built to be recorded.
type suite struct {
	hindsight string // the command
	order     string
	env       []string // of every process
	version   string   // of Go
	testdata  string   // folder of the tests, which some of them read
	binary    string   // the tests
	cgo       string   // the program that the cgo test runs; empty if it does not build
	traces    string   // folder for the recordings
	known     string   // file that lists the differences
}

// A testCase is one function of the suite.
type testCase struct {
	name   string
	binary string
	args   []string
}

// cgoTest starts the program cgo_test_main.go through the go command's -race.
// It is recorded itself instead, built by hindsight.
const cgoTest = "TestNoRaceCgoSync"

// build builds the hindsight command and, with it, the tests.
func build(ctx context.Context, stderr io.Writer, dir string, opt *options) (*suite, error) {
	s := &suite{
		order:     opt.order,
		hindsight: filepath.Join(dir, "hindsight"),
		binary:    filepath.Join(dir, "suite.test"),
		cgo:       filepath.Join(dir, "cgo"),
		traces:    opt.keep,
		known:     opt.known,
	}
	if s.traces == "" {
		s.traces = dir
	}
	if err := os.MkdirAll(s.traces, 0o777); err != nil {
		return nil, err
	}
	root, err := output(ctx, nil, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/hindsight-go/hindsight")
	if err != nil {
		return nil, err
	}
	if s.known == "" {
		s.known = filepath.Join(root, "docs", "race-suite.md")
	}
	if _, err := output(ctx, nil, "go", "build", "-C", root, "-o", s.hindsight, "./cmd/hindsight"); err != nil {
		return nil, err
	}

	if opt.goroot != "" {
		if opt.goroot, err = filepath.Abs(opt.goroot); err != nil {
			return nil, err
		}
	}
	s.env = slices.Clip(environment(opt.goroot)) // several goroutines append to it
	answers, err := output(ctx, s.env, "go", "env", "GOROOT", "GOVERSION", "GOMODCACHE")
	if err != nil {
		return nil, err
	}
	answer := strings.Split(answers, "\n")
	goroot := answer[0]
	s.version = answer[1]
	race := filepath.Join(goroot, "src", "runtime", "race")
	s.testdata = filepath.Join(race, "testdata")
	files, err := filepath.Glob(filepath.Join(s.testdata, "*_test.go"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no tests in %s", s.testdata)
	}
	if strings.HasPrefix(goroot, answer[2]) {
		// Programs are built by a mirror of this GOROOT, of which these files
		// are no part, so that they may not import what is internal to it.
		files = slices.DeleteFunc(files, importsInternal)
		fmt.Fprintf(stderr, "racesuite: tests that import internal packages are left out: %s lies in the module cache\n", goroot)
	}
	if err := s.instrument(ctx, race, s.binary, append([]string{"test", "-c"}, files...)); err != nil {
		return nil, err
	}
	if err := s.instrument(ctx, s.testdata, s.cgo, []string{"build", "cgo_test_main.go"}); err != nil {
		fmt.Fprintf(stderr, "racesuite: %s is skipped: %v\n", cgoTest, err)
		s.cgo = ""
	}
	return s, nil
}

// importsInternal reports whether a file imports an internal package of the
// standard library.
func importsInternal(file string) bool {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	return err == nil && slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool {
		return strings.HasPrefix(i.Path.Value, `"internal/`)
	})
}

// instrument builds binary by a hindsight command that is run in dir.
func (s *suite) instrument(ctx context.Context, dir, binary string, args []string) error {
	args = append([]string{args[0], "-o", binary}, args[1:]...)
	cmd := exec.CommandContext(ctx, s.hindsight, args...)
	cmd.Dir = dir
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("hindsight %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// environment is this process's, with the Go of goroot if it is not empty. It
// sets GOMAXPROCS to 1 as the suite's own driver does, since some tests rely on
// the order of execution that results, and drops what would change a test.
func environment(goroot string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case "GOMAXPROCS", "GODEBUG", "GORACE", "HINDSIGHT":
			continue
		case "PATH":
			if goroot != "" {
				v = "PATH=" + filepath.Join(goroot, "bin") + string(filepath.ListSeparator) + value
			}
		case "GOROOT", "GOTOOLCHAIN":
			if goroot != "" {
				continue
			}
		}
		env = append(env, v)
	}
	if goroot != "" {
		env = append(env, "GOTOOLCHAIN=local")
	}
	return append(env, "GOMAXPROCS=1")
}

// output runs a command and returns what it printed, without the last line end.
func output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	path, err := lookPath(env, name)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, stderr.Bytes())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// lookPath finds a command by the PATH of env, or of this process if env is nil.
func lookPath(env []string, name string) (string, error) {
	for _, v := range env {
		path, ok := strings.CutPrefix(v, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return p, nil
			}
		}
	}
	return exec.LookPath(name)
}

// cases returns the functions of the suite that match only.
func (s *suite) cases(ctx context.Context, only *regexp.Regexp) ([]testCase, error) {
	list, err := output(ctx, s.env, s.binary, "-test.list=^Test(No)?Race")
	if err != nil {
		return nil, err
	}
	var cases []testCase
	for name := range strings.Lines(list) {
		name = strings.TrimSpace(name)
		c := testCase{name, s.binary, []string{"-test.v", "-test.run=^" + name + "$"}}
		if name == cgoTest {
			c = testCase{name, s.cgo, nil}
		}
		if strings.HasPrefix(name, "Test") && c.binary != "" && only.MatchString(name) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return nil, errors.New("no function to run")
	}
	return cases, nil
}

// An outcome is what came of one function.
type outcome struct {
	name   string
	status status
	detail string // of what was found, or of the failure
}

// status is what the analysis said, or why it said nothing.
type status string

const (
	found        status = "race"         // a race, or a misuse of a primitive, which the race detector calls a race
	nothing      status = "none"         // no race, in a complete recording
	inconclusive status = "inconclusive" // no race, in a recording with losses
	skipped      status = "skipped"      // the test skipped itself
	failed       status = "failed"       // the test or the analysis failed
)

// right reports whether the outcome is what the function's name asks for.
func (o *outcome) right() bool {
	if strings.HasPrefix(o.name, "TestNoRace") {
		return o.status == nothing
	}
	return o.status == found
}

// record runs a function under record and analyzes the recording. The error is
// for what says nothing of the function.
func (s *suite) record(ctx context.Context, c testCase, trace string) (outcome, error) {
	limit, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(limit, c.binary, c.args...)
	cmd.Dir = s.testdata
	cmd.Env = append(s.env, "HINDSIGHT="+trace)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	switch {
	case bytes.Contains(out, []byte("--- SKIP:")):
		return outcome{c.name, skipped, ""}, nil
	case bytes.Contains(out, []byte("fatal error: concurrent map")):
		return outcome{c.name, found, "by the runtime"}, nil
	case err != nil:
		return outcome{c.name, failed, fmt.Sprintf("%v: %s", err, firstLine(out))}, nil
	}
	return s.analyze(ctx, c.name, trace)
}

func (s *suite) analyze(ctx context.Context, name, trace string) (outcome, error) {
	cmd := exec.CommandContext(ctx, s.hindsight, "analyze", "--format=json", "--predict=off", "--order="+s.order, trace)
	cmd.Env = s.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		return outcome{}, err
	}
	var result finding.Result
	if err := json.Unmarshal(out, &result); err != nil {
		return outcome{name, failed, "hindsight analyze: " + firstLine(stderr.Bytes())}, nil
	}
	// The package of the tests has a race in its initialization, which is in
	// every recording and says nothing of the function.
	result.Races = slices.DeleteFunc(result.Races, func(r finding.Race) bool {
		return duringInit(&r.Accesses[0]) || duringInit(&r.Accesses[1])
	})
	o := outcome{name: name, status: nothing, detail: describe(&result)}
	switch {
	case o.detail != "":
		o.status = found
	case !result.Coverage.Complete:
		o.status = inconclusive
	}
	return o, nil
}

// initialization matches the function that initializes the package of the tests.
var initialization = regexp.MustCompile(`^command-line-arguments(_test)?\.init(\.\d+)?$`)

// duringInit reports whether an access was made while that package was
// initialized, or by a goroutine that was started then.
func duringInit(a *finding.Access) bool {
	in := func(f finding.Frame) bool { return initialization.MatchString(f.Func) }
	return slices.ContainsFunc(a.Stack, in) || slices.ContainsFunc(a.Created, in)
}

// describe names the first race or misuse of a result; it is empty if there is none.
func describe(r *finding.Result) string {
	if len(r.Races) > 0 {
		first := &r.Races[0]
		return fmt.Sprintf("%s race on %s: %s and %s", first.Kind, first.Object.Name,
			site(first.Accesses[0].Site), site(first.Accesses[1].Site))
	}
	for _, f := range r.Findings {
		if f.Severity == "error" {
			return f.Rule + " " + f.Message
		}
	}
	return ""
}

func site(f finding.Frame) string { return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line) }

// firstLine returns the first line of a program's output that says something.
func firstLine(out []byte) string {
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no output"
}
