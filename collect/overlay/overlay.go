// Package overlay makes a Go toolchain record: it replaces the race detector's
// binding in package runtime by the recorder, and edits a few files of the
// standard library, without touching GOROOT.
//
// A [Plan] is given to the go command as its -overlay file or, where the go
// command refuses that (a toolchain in the module cache), as a mirror of GOROOT.
// In both cases everything lies in a cache directory under a name made from its
// content, so that the go command's build cache keeps what it has built.
package overlay

import (
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"go/version"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The files that are added to packages of the standard library: those of
// _runtime to package runtime, those of _files/IMPORT/PATH to that package.
// A file of the same name is replaced.
//
//go:embed all:_runtime all:_files
var added embed.FS

// Supported are the language versions of the toolchains that can be used.
var Supported = []string{"1.25", "1.26"}

// A Plan says which files a build must see instead of GOROOT's.
type Plan struct {
	Dir       string            // holds the files and overlay.json; its name follows from its content
	Replace   map[string]string // GOROOT's file, which need not exist, to the one to use
	Unapplied []string          // edits that could not be made, each with the reason
	goroot    string
}

// Overlay is the file for the go command's -overlay flag.
func (p Plan) Overlay() string { return filepath.Join(p.Dir, "overlay.json") }

// Make writes, below the cache directory dir, what programs for goos/goarch
// that are built by the toolchain in goroot need in order to record. It fails
// if that toolchain, of version goversion ("go1.26.8"), is not a supported one.
func Make(goroot, goversion, goos, goarch, dir string) (Plan, error) {
	lang := strings.TrimPrefix(version.Lang(goversion), "go")
	if !slices.Contains(Supported, lang) {
		return Plan{}, fmt.Errorf("%s is not supported: Hindsight knows Go %s", goversion, strings.Join(Supported, " and "))
	}
	src := filepath.Join(goroot, "src")
	if err := checkHooks(src); err != nil {
		return Plan{}, fmt.Errorf("%s in %s: %w", goversion, goroot, err)
	}
	files, unapplied, err := contents(src, lang, goos, goarch)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Replace: make(map[string]string), Unapplied: unapplied, goroot: goroot}
	p.Dir = filepath.Join(dir, "overlay-"+digest(goroot, files))
	for name := range files {
		p.Replace[filepath.Join(src, filepath.FromSlash(name))] = filepath.Join(p.Dir, "src", filepath.FromSlash(name))
	}
	for _, copied := range p.Replace {
		if _, err := os.Stat(copied); err != nil {
			return p, p.write(files)
		}
	}
	if _, err := os.Stat(p.Overlay()); err != nil {
		return p, p.write(files)
	}
	return p, nil
}

// write fills p.Dir. A build that runs at the same time writes the same.
func (p Plan) write(files map[string]string) error {
	for name, text := range files {
		if err := writeFile(filepath.Join(p.Dir, "src", filepath.FromSlash(name)), []byte(text)); err != nil {
			return err
		}
	}
	return WriteOverlay(p.Overlay(), p.Replace)
}

// WriteOverlay writes a file for the go command's -overlay flag.
func WriteOverlay(file string, replace map[string]string) error {
	data, err := json.MarshalIndent(struct{ Replace map[string]string }{replace}, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(file, append(data, '\n'))
}

// contents gives the text of every file that takes the place of one in src or
// is added to it, by its name relative to src.
func contents(src, lang, goos, goarch string) (files map[string]string, unapplied []string, err error) {
	ctx := build.Default
	ctx.GOOS, ctx.GOARCH, ctx.CgoEnabled = goos, goarch, true
	ctx.BuildTags = append(slices.Clone(ctx.BuildTags), "race")
	files, unapplied = apply(Edits, lang, func(name string) (string, bool) {
		dir, file := filepath.Split(filepath.Join(src, filepath.FromSlash(name)))
		match, err := ctx.MatchFile(dir, file)
		if err != nil || !match {
			return "", false
		}
		data, err := os.ReadFile(dir + file)
		return string(data), err == nil
	})

	assembly, err := filepath.Glob(filepath.Join(src, "runtime", "race_*.s"))
	if err != nil {
		return nil, nil, err
	}
	for _, file := range assembly { // that is the race detector's
		files["runtime/"+filepath.Base(file)] = "//go:build race\n"
	}
	err = fs.WalkDir(added, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".md" {
			return err
		}
		data, err := added.ReadFile(name)
		top, rest, _ := strings.Cut(name, "/")
		if top == "_runtime" {
			rest = "runtime/" + rest
		}
		files[rest] = string(data)
		return err
	})
	return files, unapplied, err
}

// digest is a name for the files' content, as replacements of those in goroot.
func digest(goroot string, files map[string]string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", goroot)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %q\n", name, files[name])
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:12])
}

// writeFile writes a file so that others see all of it or nothing.
func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
