package toolchain

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The go command calls the test program back as it calls hindsight.
func TestMain(m *testing.M) {
	Main(os.Args[1:])
	os.Exit(m.Run())
}

// tree writes files, "name: content", into a new directory and goes there.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "")
	return dir
}

// options are for a call whose output is looked at.
func options(t *testing.T, args ...string) (o Options, stdout, stderr, notes *bytes.Buffer) {
	stdout, stderr, notes = new(bytes.Buffer), new(bytes.Buffer), new(bytes.Buffer)
	return Options{
		Args: args, Traces: t.TempDir(),
		Stdin: strings.NewReader("input"), Stdout: stdout, Stderr: stderr,
		Notes: func(s string) { notes.WriteString(s + "\n") },
	}, stdout, stderr, notes
}

const goMod = "module example.com/m\n\ngo 1.25\n"

const program = `package main

import "fmt"

type inner struct{ a, b uint32 }

type record struct {
	hits int
	name string
	in   inner
	_    int
	list []int
}

var (
	stats   record
	table   [3]inner
	numbers [100]int
	big     [100]inner
	iface   any = 1
)

func main() {
	stats.hits++
	stats.name = "x"
	stats.list = append(stats.list, 1)
	table[0].a, numbers[1], big[2].b = 1, 2, 3
	fmt.Println("hello", stats, table, numbers, big, iface)
}
`

func build(t *testing.T, args ...string) {
	t.Helper()
	o, _, stderr, _ := options(t, args...)
	status, err := Build(o)
	if status != 0 || err != nil {
		t.Fatalf("build %q: %d, %v\n%s", args, status, err, stderr)
	}
}

func trailer(t *testing.T, file string) (map[string][]Variable, Meta) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	vars, meta, err := ReadTrailer(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string][]Variable)
	end := uint64(0)
	for _, v := range vars {
		if v.Addr < end {
			t.Errorf("%+v overlaps what is before it", v)
		}
		end = v.Addr + v.Size
		byName[v.Name] = append(byName[v.Name], v)
	}
	return byName, meta
}

func needsELF(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs ELF")
	}
}

func TestTrailer(t *testing.T) {
	needsELF(t)
	for _, mode := range []string{"exe", "pie"} {
		dir := tree(t, map[string]string{"go.mod": goMod, "main.go": program})
		build(t, "-buildmode="+mode, "-o", "prog", ".")

		out, err := exec.Command("./prog").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "hello {1 x") {
			t.Errorf("%s: the program does not run: %v\n%s", mode, err, out)
		}
		info, err := buildinfo.ReadFile("prog")
		if err != nil || info.Main.Path != "example.com/m" {
			t.Errorf("%s: buildinfo: %v, %v", mode, info, err)
		}
		f, err := elf.Open("prog")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		symbols, err := f.Symbols()
		if err != nil {
			t.Fatal(err)
		}
		address := make(map[string]uint64)
		for _, s := range symbols {
			address[s.Name] = s.Value
		}

		vars, meta := trailer(t, "prog")
		for name, want := range map[string]struct {
			symbol       string
			offset, size uint64
			times        int
		}{
			"main.stats.hits": {"main.stats", 0, 8, 1},
			"main.stats.name": {"main.stats", 8, 16, 1},
			"main.stats.in.b": {"main.stats", 28, 4, 1},
			"main.stats.list": {"main.stats", 40, 24, 1},
			"main.table[].a":  {"main.table", 0, 4, 3},
			"main.table[].b":  {"main.table", 4, 4, 3},
			"main.numbers[]":  {"main.numbers", 0, 800, 1},
			"main.big[]":      {"main.big", 0, 800, 1},
			"main.iface":      {"main.iface", 0, 16, 1},
			"os.Args":         {"os.Args", 0, 24, 1},
		} {
			got := vars[name]
			if len(got) != want.times {
				t.Errorf("%s: %d variables %s, want %d", mode, len(got), name, want.times)
				continue
			}
			if got[0].Addr != address[want.symbol]+want.offset || got[0].Size != want.size {
				t.Errorf("%s: %s: %+v, want offset %d of %#x and size %d", mode, name, got[0], want.offset, address[want.symbol], want.size)
			}
		}
		if vars["runtime.allgs"] != nil {
			t.Errorf("%s: the runtime's own variables are listed", mode)
		}
		if meta.Main != "example.com/m" || !slices.Equal(meta.Modules, []string{"example.com/m"}) || len(meta.NotInstrumented) != 0 {
			t.Errorf("%s: metadata %+v", mode, meta)
		}
		if len(meta.Files) != 1 || meta.Files[filepath.Join(dir, "main.go")] == "" {
			t.Errorf("%s: files %v", mode, meta.Files)
		}
	}
}

func TestTrailerOfOtherFiles(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", 100),
		trailerMagic + strings.Repeat("\xff", 48), trailerMagic + strings.Repeat("\x10", 48)} {
		if _, _, err := ReadTrailer(strings.NewReader(text), int64(len(text))); err == nil {
			t.Errorf("%q has a trailer", text)
		}
	}
}

func TestTrimpath(t *testing.T) {
	needsELF(t)
	tree(t, map[string]string{"go.mod": goMod, "main.go": program})
	build(t, "-trimpath", "-o", "prog", ".")
	_, meta := trailer(t, "prog")
	if meta.Files["example.com/m/main.go"] == "" {
		t.Errorf("files %v", meta.Files)
	}
}

// TestNothingIsBuiltTwice makes sure that a second build finds everything in
// the build cache, and the executable up to date.
func TestNothingIsBuiltTwice(t *testing.T) {
	tree(t, map[string]string{"go.mod": goMod, "main.go": program})
	build(t, "-o", "prog", ".")
	o, _, stderr, _ := options(t, "-x", "-o", "prog", ".")
	if status, err := Build(o); status != 0 || err != nil {
		t.Fatal(status, err)
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, verbTool) && !strings.Contains(line, "-V=full") {
			t.Errorf("built again: %s", line)
		}
	}
}

func TestMergedFlags(t *testing.T) {
	tree(t, map[string]string{
		"go.mod": goMod, "main.go": program,
		"user.json": `{"Replace": {"extra.go": "elsewhere.txt"}}`,
	})
	t.Setenv("GOFLAGS", "-race -tags=one '-gcflags=-N -l' -trimpath")
	o, _, _, notes := options(t, "-tags", "two,three", "-gcflags=net/...=-m", "-ldflags=-X main.v=1", "-overlay=user.json", "-toolexec=time -v", "-v", ".")
	c, err := prepare(o, true)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(notes.String(), "-race is left out") {
		t.Errorf("notes %q", notes)
	}
	for _, want := range []string{
		"-race=false", "-tags=two,three,race,hindsight",
		"-gcflags=all=" + instrumented, "-gcflags=-N -l " + instrumented, "-gcflags=net/...=-m " + instrumented,
	} {
		if !slices.Contains(c.ours, want) {
			t.Errorf("no %s in %q", want, c.ours)
		}
	}
	if i := slices.IndexFunc(c.ours, func(s string) bool { return strings.HasPrefix(s, "-ldflags=-X main.v=1 -s=false") }); i < 0 {
		t.Errorf("the user's -ldflags are not in %q", c.ours)
	}
	if i := slices.IndexFunc(c.ours, func(s string) bool { return strings.HasSuffix(s, " time -v") }); i < 0 {
		t.Errorf("the user's -toolexec is not in %q", c.ours)
	}
	if got := c.args.args(); !slices.Equal(got, []string{"-v", "."}) {
		t.Errorf("left %q", got)
	}
	for _, flag := range c.ours {
		if name, ok := strings.CutPrefix(flag, "-overlay="); ok {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var file struct{ Replace map[string]string }
			if err := json.Unmarshal(data, &file); err != nil {
				t.Fatal(err)
			}
			if file.Replace[c.abs("extra.go")] != c.abs("elsewhere.txt") || file.Replace[filepath.Join(c.GOROOT, "src", "runtime", "race.go")] == "" {
				t.Errorf("merged overlay %v", file.Replace)
			}
		}
	}
}

func TestRevision(t *testing.T) {
	needsELF(t)
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	tree(t, map[string]string{"go.mod": goMod, "main.go": program, ".gitignore": "prog\n"})
	t.Setenv("GOENV", "off") // which may hold a -buildvcs=false
	for _, args := range []string{"init -q", "add .", "-c user.name=n -c user.email=e@example.com commit -qm first"} {
		if out, err := exec.Command("git", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	out, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	build(t, "-buildvcs=false", "-o", "prog", ".")
	if _, meta := trailer(t, "prog"); meta.Revision != "" {
		t.Errorf("without VCS: revision %s", meta.Revision)
	}
	build(t, "-o", "prog", ".")
	if _, meta := trailer(t, "prog"); meta.Revision != strings.TrimSpace(string(out)) || meta.Modified {
		t.Errorf("revision %s, modified %t, want %s", meta.Revision, meta.Modified, out)
	}
}

func TestPackages(t *testing.T) {
	needsELF(t)
	tree(t, map[string]string{"go.mod": goMod, "main.go": program})
	o, _, stderr, _ := options(t, "-o", "prog", ".")
	o.Packages = []string{"./..."}
	if status, err := Build(o); status != 0 || err != nil {
		t.Fatalf("%d, %v\n%s", status, err, stderr)
	}
	if out, err := exec.Command("./prog").CombinedOutput(); err != nil {
		t.Errorf("the program does not run: %v\n%s", err, out)
	}
	if _, meta := trailer(t, "prog"); !slices.Equal(meta.Scope, o.Packages) || len(meta.NotInstrumented) != 0 {
		t.Errorf("metadata %+v", meta)
	}
}

func TestConflicts(t *testing.T) {
	tree(t, map[string]string{"go.mod": goMod, "main.go": program})
	c, err := prepare(Options{}, true)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(c.GOROOT, "src", "runtime", "race.go"): "mine.go"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("user.json", data, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-overlay=user.json"}, {"-msan"}, {"-asan"}, {"-buildmode=c-shared"}, {"-buildmode=plugin"}, {"-cover", "-covermode=set"}, {"-toolexec='x"},
	} {
		var mistake *UsageError
		if _, err := Build(Options{Args: args, Stdout: io.Discard, Stderr: io.Discard}); !errors.As(err, &mistake) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestUserOverlayAndTags(t *testing.T) {
	tree(t, map[string]string{
		"go.mod": goMod, "sub/main.go": "package main\n\nfunc main() { println(\"plain\") }\n",
		"other.txt":  "package main\n\nfunc main() { println(\"replaced\", tagged) }\n",
		"sub/t.go":   "//go:build race && mine\n\npackage main\n\nconst tagged = true\n",
		"sub/o.json": `{"Replace": {"main.go": "../other.txt"}}`,
	})
	o, _, stderr, _ := options(t, "-C", "sub", "-tags=mine", "-overlay", "o.json", ".")
	out, err := Run(o)
	if err != nil || !out.Started || out.Status != 0 || !strings.Contains(stderr.String(), "replaced true") {
		t.Errorf("%+v, %v\n%s", out, err, stderr)
	}
}

func TestRun(t *testing.T) {
	tree(t, map[string]string{"go.mod": goMod, "main.go": `package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	in, _ := io.ReadAll(os.Stdin)
	fmt.Print(filepath.Base(os.Args[0]), os.Args[1:], string(in))
	os.Exit(len(os.Args))
}
`})
	o, stdout, stderr, _ := options(t, "-trimpath", ".", "-race", "--output", "x y")
	out, err := Run(o)
	if err != nil || !out.Started || out.Status != 4 || out.Pid == 0 {
		t.Errorf("%+v, %v\n%s", out, err, stderr)
	}
	if got := stdout.String(); got != "m[-race --output x y]input" {
		t.Errorf("output %q", got)
	}
	o, _, stderr, _ = options(t, "main.go")
	if out, err = Run(o); err != nil || out.Status != 1 {
		t.Errorf("run of a file: %+v, %v\n%s", out, err, stderr)
	}
	o, _, stderr, _ = options(t, "./nowhere")
	if out, err = Run(o); err != nil || out.Started || out.Status == 0 || stderr.Len() == 0 {
		t.Errorf("run of what does not exist: %+v, %v\n%s", out, err, stderr)
	}
}

func TestRunKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	tree(t, map[string]string{"go.mod": goMod, "main.go": `package main

import (
	"os"
	"syscall"
)

func main() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
`})
	o, _, stderr, _ := options(t, ".")
	if out, err := Run(o); err != nil || out.Status != 128+9 {
		t.Errorf("%+v, %v\n%s", out, err, stderr)
	}
}

func TestTest(t *testing.T) {
	tree(t, map[string]string{
		"go.mod":       goMod,
		"a/a_test.go":  "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n",
		"b/b.go":       "package b\n",
		"b/b_test.go":  "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) { t.Fatal(\"failed\") }\n",
		"none/none.go": "package none\n",
		"cover/c.go":   "package cover\n\nfunc F() int { return 1 }\n",
	})
	o, stdout, stderr, _ := options(t, "-short", "-cover", "./...", "-run=Test")
	out, err := Test(o)
	if err != nil || out.Status != 1 {
		t.Errorf("%+v, %v\n%s", out, err, stderr)
	}
	if !slices.Contains(out.Linked, "example.com/m/a.test") || !slices.Contains(out.Linked, "example.com/m/b.test") {
		t.Errorf("linked %q", out.Linked)
	}
	if !strings.Contains(stdout.String(), "ok  \texample.com/m/a") || strings.Contains(stdout.String(), "(cached)") {
		t.Errorf("output %s", stdout)
	}
	// Once more: a cached result would record nothing.
	o, stdout, stderr, _ = options(t, "./a")
	if out, err = Test(o); err != nil || out.Status != 0 || strings.Contains(stdout.String(), "cached") || !out.Started {
		t.Errorf("%+v, %v\n%s%s", out, err, stdout, stderr)
	}
	o, _, stderr, _ = options(t, "-c", "-o", "a.exe", "./a")
	if out, err = Test(o); err != nil || out.Status != 0 || out.Started || len(out.Linked) != 0 {
		t.Errorf("-c: %+v, %v\n%s", out, err, stderr)
	}
	if _, err := os.Stat("a.exe"); err != nil {
		t.Error(err)
	}
}

func TestWorkspaceAndVendor(t *testing.T) {
	needsELF(t)
	dir := tree(t, map[string]string{
		"go.work":    "go 1.25\n\nuse ./m\nuse ./dep\n",
		"m/go.mod":   goMod + "\nrequire example.com/dep v1.0.0\n",
		"m/main.go":  "package main\n\nimport \"example.com/dep\"\n\nfunc main() { dep.F() }\n",
		"dep/go.mod": "module example.com/dep\n\ngo 1.25\n",
		"dep/dep.go": "package dep\n\nfunc F() { println(\"dep\") }\n",
	})
	build(t, "-C", "m", "-o", "prog", ".")
	_, meta := trailer(t, "m/prog")
	if meta.Files[filepath.Join(dir, "dep", "dep.go")] == "" || meta.Files[filepath.Join(dir, "m", "main.go")] == "" {
		t.Errorf("workspace: %v", meta.Files)
	}
	if err := os.Remove("go.work"); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("m/vendor/example.com", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("dep", "m/vendor/example.com/dep"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("m/vendor/modules.txt", []byte("# example.com/dep v1.0.0\n## explicit; go 1.25\nexample.com/dep\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	build(t, "-C", "m", "-o", "prog", ".")
}

func TestOtherPlatforms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the standard library several times")
	}
	for _, platform := range []string{"linux/arm64", "darwin/arm64", "windows/amd64", "freebsd/amd64"} {
		t.Run(platform, func(t *testing.T) {
			tree(t, map[string]string{"go.mod": goMod, "main.go": program})
			goos, goarch, _ := strings.Cut(platform, "/")
			t.Setenv("GOOS", goos)
			t.Setenv("GOARCH", goarch)
			o, _, stderr, _ := options(t, "-o", "prog", ".")
			status, err := Build(o)
			if status != 0 || err != nil || stderr.Len() > 0 {
				t.Errorf("%d, %v\n%s", status, err, stderr)
			}
		})
	}
}

// TestToolchainInModuleCache uses a toolchain that the go command has fetched,
// where it refuses an overlay.
func TestToolchainInModuleCache(t *testing.T) {
	here, err := find("")
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := filepath.Glob(filepath.Join(here.GOMODCACHE, "golang.org", "toolchain@v0.0.1-go1.25.*."+runtime.GOOS+"-"+runtime.GOARCH))
	if err != nil || len(fetched) == 0 {
		t.Skip("no toolchain of Go 1.25 in the module cache")
	}
	_, name, _ := strings.Cut(filepath.Base(fetched[0]), "v0.0.1-")
	tree(t, map[string]string{"go.mod": goMod, "main.go": program})
	t.Setenv("GOTOOLCHAIN", strings.TrimSuffix(name, "."+runtime.GOOS+"-"+runtime.GOARCH))
	o, stdout, stderr, _ := options(t, ".")
	out, err := Run(o)
	if err != nil || out.Status != 0 || !strings.HasPrefix(stdout.String(), "hello") {
		t.Errorf("%+v, %v\n%s", out, err, stderr)
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		args     string
		anywhere bool
		flags    string // name or name=value each
		rest     string
	}{
		{"-v -run X ./a ./b -count=2", true, "v run=X count=2", "./a ./b"},
		{"-tags a,b main.go -v", false, "tags=a,b", "main.go -v"},
		{"./a -args -v", true, "", "./a -args -v"},
		{"--race -o", true, "race o", ""},
		{"-x -- -v", false, "x", "-- -v"},
		{"./a -own 1 -test.timeout 3s", true, "own test.timeout=3s", "./a 1"},
	}
	for _, test := range tests {
		var flags, rest []string
		args := strings.Fields(test.args)
		list := parse(args, test.anywhere)
		for _, w := range list {
			switch {
			case w.name == "":
				rest = append(rest, w.text...)
			case w.hasValue:
				flags = append(flags, w.name+"="+w.value)
			default:
				flags = append(flags, w.name)
			}
		}
		if got := strings.Join(flags, " "); got != test.flags {
			t.Errorf("%s: flags %s", test.args, got)
		}
		if got := strings.Join(rest, " "); got != test.rest {
			t.Errorf("%s: rest %s", test.args, got)
		}
		if !slices.Equal(list.args(), args) {
			t.Errorf("%s: put together %q", test.args, list.args())
		}
	}
}

func TestQuoted(t *testing.T) {
	for _, args := range [][]string{nil, {"a"}, {"a b", "c'd", `e"f`, ""}} {
		joined, err := joinQuoted(args)
		if err != nil {
			t.Fatal(err)
		}
		got, err := splitQuoted(joined)
		if err != nil || !slices.Equal(got, args) {
			t.Errorf("%q became %s, then %q, %v", args, joined, got, err)
		}
	}
	if _, err := splitQuoted("a 'b"); err == nil {
		t.Error("an open quote is accepted")
	}
	if _, err := joinQuoted([]string{`'"`}); err == nil {
		t.Error("what cannot be quoted is accepted")
	}
}

func TestSplitName(t *testing.T) {
	for symbol, want := range map[string]string{
		"main.x":                    "main.x",
		"gopkg.in/yaml%2ev3.x":      "gopkg.in/yaml.v3.x",
		"example.com/a/b.x":         "example.com/a/b.x",
		"example.com/a/b.F.func1.x": "example.com/a/b.F.func1.x",
	} {
		if got := plainName(symbol); got != want {
			t.Errorf("%s: %s", symbol, got)
		}
	}
}
