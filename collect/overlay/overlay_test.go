package overlay

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite hooks.txt from this Go's source; the test still fails")

func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestHooksAreThoseOfThisGo(t *testing.T) {
	src := filepath.Join(goroot(t), "src")
	if *update {
		list, err := declaredHooks(src)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("hooks.txt", []byte(strings.Join(list, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Fatal("hooks.txt rewritten; run without -update")
	}
	if err := checkHooks(src); err != nil {
		t.Error(err)
	}
}

func TestRecorderHasEveryHook(t *testing.T) {
	files, err := filepath.Glob("_runtime/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	for _, file := range files {
		list, err := functions(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			declared = append(declared, f.String(), f.linked+inAssembly)
		}
	}
	for hook := range strings.SplitSeq(strings.TrimSpace(hooks), "\n") {
		if !slices.Contains(declared, hook) {
			t.Errorf("no %s", hook)
		}
	}
}

func TestUnknownVersions(t *testing.T) {
	for _, v := range []string{"go1.24.9", "go1.27rc1", "devel go1.28-abcdef", "gccgo"} {
		_, err := Make(goroot(t), v, "linux", "amd64", t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "1.25 and 1.26") {
			t.Errorf("%s: %v", v, err)
		}
	}
}

func TestChangedHooks(t *testing.T) {
	for _, test := range []struct{ old, new, told string }{
		{"func racefingo()", "func racefinstop()", "racefinstop"},
		{"sync∕atomic·AddUintptr(", "sync∕atomic·AddFloat64(", "sync/atomic.AddFloat64 in assembly"},
	} {
		root := t.TempDir()
		for _, name := range []string{"race.go", "race0.go", "race_amd64.s"} {
			data, err := os.ReadFile(filepath.Join(goroot(t), "src", "runtime", name))
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(string(data), test.old, test.new, 1)
			if err := writeFile(filepath.Join(root, "src", "runtime", name), []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Make(root, "go1.26.1", "linux", "amd64", t.TempDir())
		if err == nil || !strings.Contains(err.Error(), test.told) {
			t.Error(err)
		}
	}
}

// TestEdits makes sure that each edit is made in this Go and keeps the lines
// where they are.
func TestEdits(t *testing.T) {
	p, err := Make(goroot(t), runtime.Version(), "linux", "amd64", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range p.Unapplied {
		t.Error(u)
	}
	for _, e := range Edits {
		if strings.Count(e.Old, "\n") != strings.Count(e.New, "\n") {
			t.Errorf("%s: %s: lines move", e.Name, e.File)
		}
	}
}

func TestApply(t *testing.T) {
	source := map[string]string{"a.go": "one two\n", "b.go": "three\n"}
	read := func(file string) (string, bool) {
		text, ok := source[file]
		return text, ok
	}
	files, unapplied := apply([]Edit{
		{Name: "first", File: "a.go", Old: "one", New: "1"},
		{Name: "second", File: "a.go", Old: "two", New: "2"},
		{Name: "half", File: "a.go", Old: "1", New: "I"},
		{Name: "half", File: "b.go", Old: "four", New: "4"},
		{Name: "elsewhere", File: "c.go", Old: "five", New: "5"},
		{Name: "other version", File: "b.go", Old: "three", New: "3", Go: "1.25"},
		{Name: "ambiguous", File: "b.go", Old: "e", New: "E"},
	}, "1.26", read)
	if len(files) != 1 || files["a.go"] != "1 2\n" {
		t.Errorf("files %q", files)
	}
	want := []string{
		"ambiguous: b.go has the text to edit 2 times",
		"half: b.go has the text to edit 0 times",
	}
	if !slices.Equal(unapplied, want) {
		t.Errorf("unapplied %q", unapplied)
	}
}

func TestSameContentSamePlace(t *testing.T) {
	dir, root := t.TempDir(), goroot(t)
	a, err := Make(root, runtime.Version(), "linux", "amd64", dir)
	if err != nil {
		t.Fatal(err)
	}
	var some string
	for _, file := range a.Replace {
		some = file
	}
	if err := os.Remove(some); err != nil {
		t.Fatal(err)
	}
	b, err := Make(root, runtime.Version(), "linux", "amd64", dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.Dir != b.Dir {
		t.Errorf("%s, then %s", a.Dir, b.Dir)
	}
	if _, err := os.Stat(some); err != nil {
		t.Errorf("a file that was removed from the cache stays away: %v", err)
	}
}

func TestMirror(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs symbolic links")
	}
	dir, root := t.TempDir(), goroot(t)
	p, err := Make(root, runtime.Version(), runtime.GOOS, runtime.GOARCH, dir)
	if err != nil {
		t.Fatal(err)
	}
	mirror, err := p.Mirror(dir)
	if err != nil {
		t.Fatal(err)
	}
	for old, new := range p.Replace {
		rel, _ := filepath.Rel(root, old)
		got, err := os.ReadFile(filepath.Join(mirror, rel))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(new)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is not replaced (%v)", rel, err)
		}
	}
	cmd := exec.Command(filepath.Join(mirror, "bin", "go"), "list", "-tags", "race", "-f", "{{.Dir}} {{.GoFiles}}", "runtime")
	cmd.Env = append(os.Environ(), "GOROOT="+mirror, "GOTOOLCHAIN=local", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), mirror) || !strings.Contains(string(out), " race.go ") {
		t.Errorf("go list in the mirror: %v\n%s", err, out)
	}
	if again, err := p.Mirror(dir); again != mirror || err != nil {
		t.Errorf("again: %s, %v", again, err)
	}
}
