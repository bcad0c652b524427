// Package toolchain drives the go command so that what it builds records.
//
// [Build], [Test] and [Run] take what go build, go test and go run take. The
// compiler's race instrumentation is switched on without the race detector
// (-tags race,hindsight -gcflags=all=-race), package overlay binds it to the recorder, and
// the link step is wrapped (-toolexec) by the running executable itself, whose
// main function must call [Main] first.
package toolchain

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/collect/overlay"
)

// Options say what to do for [Build], [Test] and [Run].
type Options struct {
	Args     []string // of the go command after its verb
	Packages []string // patterns of those whose accesses are recorded; none: all
	Full     bool     // record every access, not only what finds every racy location
	Limit    int64    // bytes that a process's traces may have; 0: any number
	Drop     bool     // leave out accesses rather than wait for a slow disk
	Traces   string   // Test, Run: a directory for the traces, PID.trace

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Notes          func(string) // told what the user should know
}

// traceEnv is the environment variable that makes a program record.
func (o Options) traceEnv() string {
	return "HINDSIGHT=" + filepath.Join(o.Traces, "%p.trace")
}

// A UsageError is about arguments.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// A target is the toolchain that the go command selects in a directory, and
// what it builds for.
type target struct {
	GOROOT, GOVERSION, GOMODCACHE, GOCACHE, GOOS, GOARCH, GOFLAGS, GOMOD, GOWORK string

	dir string // where the go command runs; empty: here
}

// find asks the go command.
func find(dir string) (target, error) {
	t := target{dir: dir}
	cmd := exec.Command("go", "env", "-json", "GOROOT", "GOVERSION", "GOMODCACHE", "GOCACHE", "GOOS", "GOARCH", "GOFLAGS", "GOMOD", "GOWORK")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return t, fmt.Errorf("go env: %w\n%s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	if err := json.Unmarshal(out, &t); err != nil {
		return t, fmt.Errorf("go env: %w", err)
	}
	return t, nil
}

// A command is a go command that builds programs which record.
type command struct {
	target
	args words    // the user's, without those that have been merged
	env  words    // GOFLAGS, likewise
	ours []string // to come before them
	root string   // a mirror of GOROOT; empty: GOROOT itself
	note func(string)
}

// prepare merges the user's flags with ours. If anywhere is true, flags may
// come after packages.
func prepare(o Options, anywhere bool) (*command, error) {
	c := &command{args: parse(o.Args, anywhere), note: o.Notes}
	if c.note == nil {
		c.note = func(string) {}
	}
	dir := ""
	if w := c.args.take("C"); len(w) > 0 {
		dir = w[len(w)-1].value
	}
	var err error
	if c.target, err = find(dir); err != nil {
		return nil, err
	}
	inherited, err := splitQuoted(c.GOFLAGS)
	if err != nil {
		return nil, fmt.Errorf("GOFLAGS: %w", err)
	}
	c.env = parse(inherited, true)
	both := func(name string) words { return append(c.env.take(name), c.args.take(name)...) }

	for _, name := range []string{"msan", "asan"} {
		if w, ok := c.last(name); ok && w.on() {
			return nil, &UsageError{"-" + name + " cannot be combined with recording: both use the compiler's instrumentation"}
		}
	}
	if w, ok := c.last("buildmode"); ok && !slices.Contains([]string{"default", "exe", "pie"}, w.value) {
		return nil, &UsageError{"-buildmode=" + w.value + " cannot be recorded: only programs can, whose beginning, end and code are all known (exe, pie)"}
	}
	if _, ok := c.env.last("race"); ok {
		c.ours = append(c.ours, "-race=false")
	}
	if w, ok := both("race").last("race"); ok && w.on() {
		c.note("-race is left out: recording takes the place of the race detector")
	}

	plan, err := overlay.Make(c.GOROOT, c.GOVERSION, c.GOOS, c.GOARCH, c.cache())
	if err != nil {
		return nil, err
	}
	for _, u := range plan.Unapplied {
		c.note("not recorded with " + c.GOVERSION + ": " + u)
	}
	users, err := c.readOverlay(both("overlay"))
	if err != nil {
		return nil, err
	}
	switch {
	case c.below(c.GOMODCACHE, c.GOROOT):
		if c.root, err = plan.Mirror(c.cache()); err != nil {
			return nil, err
		}
		if len(users) > 0 {
			err = c.overlay(users)
		}
	case len(users) > 0:
		for old, new := range plan.Replace {
			if other, ok := users[old]; ok && other != new {
				return nil, &UsageError{fmt.Sprintf("the -overlay file replaces %s, which the recorder needs to replace", old)}
			}
			users[old] = new
		}
		err = c.overlay(users)
	default:
		c.ours = append(c.ours, "-overlay="+plan.Overlay())
	}
	if err != nil {
		return nil, err
	}

	tags := "race,hindsight"
	if w, ok := both("tags").last("tags"); ok && w.value != "" {
		// Spaces are an older way to separate tags.
		tags = strings.Join(append(strings.FieldsFunc(w.value, func(r rune) bool { return r == ',' || r == ' ' }), tags), ",")
	}
	c.ours = append(c.ours, "-tags="+tags)
	if err := c.instrument(both("gcflags"), o.Packages); err != nil {
		return nil, err
	}
	linker := "-s=false -w=false" // the table of variables is made from DWARF
	if c.GOARCH == "arm64" {
		linker += " -race" // a higher limit for nosplit functions
	}
	if o.Full {
		linker += " -X=runtime.racemode=full"
	}
	if len(o.Packages) > 0 {
		linker += " -X=runtime.racechosen=yes"
	}
	if o.Limit > 0 {
		linker += fmt.Sprintf(" -X=runtime.racelimit=%d", o.Limit)
	}
	if o.Drop {
		linker += " -X=runtime.racewhenslow=drop"
	}
	c.perPackage("ldflags", both("ldflags"), linker)
	if err := c.toolexec(both("toolexec"), plan.Unapplied, o.Packages); err != nil {
		return nil, err
	}
	return c, nil
}

// last is the flag of one of the names that counts.
func (c *command) last(names ...string) (word, bool) {
	return slices.Concat(c.env, c.args).last(names...)
}

// instrumented makes the compiler call the hooks. With -race it would also check
// conversions of unsafe pointers, and stop programs that run otherwise.
const instrumented = "-race -d=checkptr=0"

// instrument switches on the compiler's instrumentation: of all packages, or of
// those that match patterns. In the latter case atomics must remain calls in
// every other package, and synchronization is recorded as always.
func (c *command) instrument(users words, patterns []string) error {
	if len(patterns) == 0 {
		c.perPackage("gcflags", users, instrumented)
		return nil
	}
	if len(users) > 0 {
		return &UsageError{"-gcflags cannot be combined with a choice of packages to record"}
	}
	atomics, err := c.importers("sync/atomic")
	if err != nil {
		return err
	}
	for _, path := range atomics {
		if !neverInstrumented(path) {
			c.ours = append(c.ours, "-gcflags="+path+"=-d=ssa/intrinsics/off")
		}
	}
	for _, pattern := range append([]string{"sync", "sync/atomic", "internal/sync"}, patterns...) {
		c.ours = append(c.ours, "-gcflags="+pattern+"="+instrumented)
	}
	return nil
}

// importers lists those of the packages to build and of their dependencies that
// import path.
func (c *command) importers(path string) ([]string, error) {
	args := []string{"list", "-deps", "-test", "-e", "-f", "{{.ImportPath}}\t{{range .Imports}}{{.}} {{end}}"}
	for _, flag := range c.ours {
		if strings.HasPrefix(flag, "-tags=") || strings.HasPrefix(flag, "-overlay=") {
			args = append(args, flag)
		}
	}
	for _, w := range c.args {
		if w.name == "" && (w.text[0] == "-args" || w.text[0] == "--args") {
			break
		}
		if w.name == "" || w.name == "mod" || w.name == "modfile" {
			args = append(args, w.text...)
		}
	}
	cmd := c.goCommand(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		importer, imports, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if slices.Contains(strings.Fields(imports), path) {
			importer, _, _ = strings.Cut(importer, " ") // "p [p.test]"
			list = append(list, importer)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// perPackage adds flags to all packages and to each of the user's own settings,
// of which only the last that matches a package counts.
func (c *command) perPackage(name string, users words, flags string) {
	c.ours = append(c.ours, "-"+name+"=all="+flags)
	for _, w := range users {
		c.ours = append(c.ours, "-"+name+"="+strings.TrimSpace(w.value+" "+flags))
	}
}

// cache is our part of the go command's build cache.
func (c *command) cache() string { return filepath.Join(c.GOCACHE, "hindsight") }

// below reports whether a file or directory is inside of dir.
func (c *command) below(dir, name string) bool {
	if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir && c.below(real, name) {
		return true
	}
	rel, err := filepath.Rel(dir, name)
	return dir != "" && err == nil && filepath.IsLocal(rel)
}

// readOverlay gives the replacements of the user's own -overlay file, with
// absolute names.
func (c *command) readOverlay(flags words) (map[string]string, error) {
	w, ok := flags.last("overlay")
	if !ok || w.value == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.abs(w.value))
	if err != nil {
		return nil, err
	}
	var file struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("-overlay %s: %w", w.value, err)
	}
	replace := make(map[string]string)
	for old, new := range file.Replace {
		if new != "" { // the file is deleted
			new = c.abs(new)
		}
		replace[c.abs(old)] = new
	}
	return replace, nil
}

// overlay writes an -overlay file, the same replacements always to the same place.
func (c *command) overlay(replace map[string]string) error {
	data, err := json.Marshal(replace)
	if err != nil {
		return err
	}
	file := filepath.Join(c.cache(), fmt.Sprintf("merged-%x.json", digest(data)))
	c.ours = append(c.ours, "-overlay="+file)
	return overlay.WriteOverlay(file, replace)
}

func digest(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:12]
}

// abs makes a name absolute that the user wrote.
func (c *command) abs(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(c.dir, name)
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	return abs
}

// toolexec arranges that the link step passes through [Main].
func (c *command) toolexec(users words, unapplied, scope []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	link := linkStep{GOROOT: c.GOROOT, GOMODCACHE: c.GOMODCACHE, Unapplied: unapplied, Scope: scope, Modules: c.modules()}
	if c.root != "" {
		link.Mirror = c.root
	}
	if w, ok := c.last("buildvcs"); !ok || w.value == "auto" || w.on() {
		link.Revision, link.Modified = revision(link.Modules[0].Dir)
	}
	data, err := json.Marshal(link)
	if err != nil {
		return err
	}
	file := filepath.Join(c.cache(), fmt.Sprintf("link-%x.json", digest(data)))
	if _, err := os.Stat(file); err != nil {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	words := []string{self, verbTool, file}
	if w, ok := users.last("toolexec"); ok {
		chained, err := splitQuoted(w.value)
		if err != nil {
			return &UsageError{"-toolexec: " + err.Error()}
		}
		words = append(words, chained...)
	}
	quoted, err := joinQuoted(words)
	if err != nil {
		return fmt.Errorf("-toolexec: %w", err)
	}
	c.ours = append(c.ours, "-toolexec="+quoted)
	return nil
}

// revision asks git which one a directory is of, and whether files differ from
// it. Without an answer the revision is empty.
func revision(dir string) (id string, modified bool) {
	head := exec.Command("git", "rev-parse", "HEAD")
	head.Dir = dir
	out, err := head.Output()
	if err != nil {
		return "", false
	}
	diff := exec.Command("git", "status", "--porcelain", "--untracked-files=no")
	diff.Dir = dir
	changes, err := diff.Output()
	return strings.TrimSpace(string(out)), err != nil || len(changes) > 0
}

// modules finds the main modules: of a workspace, several.
func (c *command) modules() []module {
	cmd := c.goCommand("list", "-m", "-f", "{{.Path}}\t{{.Dir}}")
	var list []module
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && dir != "" {
			list = append(list, module{path, dir})
		}
	}
	if err != nil || len(list) == 0 { // outside of a module: files below here
		list = []module{{"command-line-arguments", c.abs(".")}}
	}
	return list
}

// goCommand makes a go command that sees what the build sees, without our flags.
func (c *command) goCommand(args ...string) *exec.Cmd {
	name, env := "go", os.Environ()
	if c.root != "" {
		name = filepath.Join(c.root, "bin", "go")
		env = append(env, "GOROOT="+c.root, "GOTOOLCHAIN=local")
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = c.dir
	cmd.Env = env
	return cmd
}

// build makes a go command that builds programs which record.
func (c *command) build(verb string, more ...string) *exec.Cmd {
	return c.goCommand(slices.Concat([]string{verb}, c.ours, more, c.args.args())...)
}

// Build is go build. It returns the go command's exit status, or an error if it
// could not be run.
func Build(o Options) (status int, err error) {
	c, err := prepare(o, true)
	if err != nil {
		return 0, err
	}
	if err := c.coverMode(); err != nil {
		return 0, err
	}
	cmd := c.build("build")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.Stdin, o.Stdout, o.Stderr
	return wait(cmd)
}

// coverMode makes coverage counters atomic, as -race does.
func (c *command) coverMode() error {
	if w, ok := c.last("covermode", "test.covermode"); ok && w.value != "atomic" {
		return &UsageError{fmt.Sprintf("-covermode must be \"atomic\", not %q, when accesses are recorded", w.value)}
	}
	if w, ok := c.last("cover", "coverpkg", "coverprofile", "test.coverprofile"); ok && (w.name != "cover" || w.on()) {
		c.ours = append(c.ours, "-covermode=atomic")
	}
	return nil
}

// exitStatus is the status that a shell would show.
func exitStatus(err error) (int, error) {
	var exit *exec.ExitError
	if err == nil {
		return 0, nil
	}
	if errors.As(err, &exit) {
		if n, ok := deathSignal(exit.ProcessState); ok {
			return 128 + n, nil
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}
