package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

// Examples of the documentation that no test can run.
var notRun = map[string]string{
	"go install github.com/hindsight-go/hindsight/cmd/hindsight@latest": "installs a release",
	"go test ./...": "is these tests",
}

// exampleID is the id of a race in examples.
const exampleID = "3f2a9c01b2d4"

// TestExamples runs the commands that README, the guides in docs and the help texts
// show, in their order, in a module that has what they speak of. Without
// building anything (-short) event scripts take the place of recordings.
func TestExamples(t *testing.T) {
	sources := []string{"../../README.md", "../../docs/reports.md", "testdata/help.txt",
		"../../docs/live.md", "../../docs/choosing.md", "../../docs/privacy.md", "../../docs/ci.md"}
	var lines []string
	for _, name := range sources {
		found := examples(t, name)
		if len(found) < 2 {
			t.Errorf("%s shows %d commands", name, len(found))
		}
		lines = append(lines, found...)
	}
	sample, err := os.ReadFile("../../samples/lostupdate/lostupdate.go")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(executable, filepath.Join(bin, "hindsight")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\nshift\nexec \"$@\"\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(racyScript, "write x", "write main.counter")
	files(t, map[string]string{
		"go.mod":                           "module example.com/shop\n\ngo 1.25\n",
		"samples/lostupdate/lostupdate.go": string(sample),
		"cmd/server/main.go":               string(sample), // which takes any arguments
		"cache/cache_test.go":              "package cache\n\nimport \"testing\"\n\nvar hits int\n\nfunc TestCache(t *testing.T) {\n\tdone := make(chan bool)\n\tgo func() { hits++; done <- true }()\n\thits++\n\t<-done\n}\n",
		"races.known":                      "object:*cache.hits  # SHOP-12\n",
		"known.txt":                        "rule:HB051\n",
		"bug.hbt":                          script,
		"server.trace":                     script,
		"server.trace.gz":                  packed(script),
		"cpu.trace":                        string(plainTrace(t)),
	})
	for _, name := range []string{"main.json", "races.json", "branch.json", "run-1.json", "run-2.json", "report.html"} {
		if status, _, stderr := call("", "analyze", "--output="+name, "bug.hbt"); status != exitFound {
			t.Fatal(stderr)
		}
	}
	for _, dir := range []string{"traces", "results"} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if status, _, stderr := call("", "analyze", "--output="+dir+"/1.json", "bug.hbt"); status != exitFound {
			t.Fatal(stderr)
		}
	}
	trace := recorded.Lostupdate()
	service := serve(t, map[string]http.HandlerFunc{
		"/debug/hindsight/trace": sends(trace), "/debug/hindsight/flight": sends(trace), "/ops/debug/pprof/trace": sends(trace),
	})
	environment := append(os.Environ(), asHindsight+"=1", "SHARD=cache", "PACKAGES=./cache/...", "ZDOTDIR="+bin, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	ran := 0
	for _, line := range lines {
		if notRun[line] != "" {
			continue
		}
		command := strings.NewReplacer("go run ./cmd/hindsight ", "hindsight ", "/usr/local/share/man/man1/", "",
			"https://shop.example.com", service.URL, "localhost:6060", strings.TrimPrefix(service.URL, "http://")).Replace(line)
		if strings.Contains(line, exampleID) {
			command = strings.ReplaceAll(command, exampleID, someID(t, command))
		}
		shell := "bash"
		switch {
		case strings.Contains(line, "completion zsh"):
			shell = "zsh"
		case strings.Contains(line, "completion fish"):
			shell = "fish"
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("not run, there is no %s: %s", shell, line)
			continue
		}
		builds := strings.HasPrefix(command, "HINDSIGHT=")
		for _, name := range []string{"run", "test", "build"} {
			builds = builds || strings.HasPrefix(command, "hindsight "+name+" ")
		}
		if builds && testing.Short() {
			continue
		}
		if strings.Contains(line, "| dot ") {
			if _, err := exec.LookPath("dot"); err != nil {
				t.Logf("not run, there is no dot: %s", line)
				continue
			}
		}
		cmd := exec.Command(shell, "-c", command)
		cmd.Env = environment
		out, err := cmd.CombinedOutput()
		ran++
		want := exitFound
		if strings.Contains(line, "analyze") && strings.Contains(line, "cpu.trace") { // which has no records
			want = exitInconclusive
		}
		if status := cmd.ProcessState.ExitCode(); status != exitClean && status != want {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	if ran < 15 {
		t.Errorf("%d commands were run", ran)
	}
}

// someID is the id of something in the file that a command names.
func someID(t *testing.T, command string) string {
	t.Helper()
	for _, word := range strings.Fields(command) {
		if _, err := os.Stat(word); err == nil {
			_, same, _ := call("", "diff", word, word)
			return strings.Fields(same)[2]
		}
	}
	t.Fatalf("%s names no file", command)
	return ""
}

// examples are the commands among the indented lines of a text.
func examples(t *testing.T, name string) (lines []string) {
	t.Helper()
	seen := map[string]bool{}
	scan := bufio.NewScanner(strings.NewReader(readFile(t, name)))
	for scan.Scan() {
		line := scan.Text()
		if !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "\t") {
			continue
		}
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  #") // a comment
		line = strings.TrimSpace(line)
		for _, begin := range []string{"hindsight ", "go ", "HINDSIGHT=", "ssh ", "source "} {
			if strings.HasPrefix(line, begin) && !seen[line] {
				seen[line] = true
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
