package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/collect/toolchain"
)

// Bounds of the source that a result shows.
const (
	sourceContext = 3        // lines before and after
	maxSourceLine = 500      // bytes of a line
	maxSourceFile = 16 << 20 // bytes of a file
)

// sources finds source lines: in files below the current module or --source
// that are, byte for byte, those that a recorded program was built from.
type sources struct {
	mu    sync.Mutex // of metas, while inputs are analyzed
	roots []string
	metas map[string]toolchain.Meta // by the text of it: processes of one program have the same
	files map[string]sourceFile     // by recorded name
}

func newSources(dir string) *sources {
	s := &sources{metas: make(map[string]toolchain.Meta), files: make(map[string]sourceFile)}
	if dir != "" {
		s.roots = append(s.roots, dir)
	}
	if root, ok := moduleRoot(); ok {
		s.roots = append(s.roots, root)
	}
	return s
}

// moduleRoot is the directory of the current module.
func moduleRoot() (string, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// add takes the link step's metadata of a recording.
func (s *sources) add(build string) (toolchain.Meta, bool) {
	var meta toolchain.Meta
	if build == "" || json.Unmarshal([]byte(build), &meta) != nil {
		return meta, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metas[build] = meta
	return meta, true
}

// describe adds to a recorded run what the link step knew.
func describe(run *finding.Run, meta toolchain.Meta) {
	if run.Revision == "" && meta.Revision != "" {
		run.Revision = meta.Revision
		if meta.Modified {
			run.Revision += "+dirty"
		}
	}
	run.Dirs, run.Machine = meta.Dirs, meta.Machine
}

// fill puts source lines into the accesses of a result.
func (s *sources) fill(r *finding.Result) {
	if len(s.metas) == 0 {
		return
	}
	for i := range r.Races {
		for j := range r.Races[i].Accesses {
			s.fillAccess(&r.Races[i].Accesses[j])
		}
	}
	for i := range r.Findings {
		for j := range r.Findings[i].Events {
			s.fillAccess(&r.Findings[i].Events[j])
		}
	}
}

func (s *sources) fillAccess(a *finding.Access) {
	if a.Source != nil || a.Site.File == "" {
		return
	}
	file, ok := s.files[a.Site.File]
	if !ok {
		file = s.find(a.Site.File)
		s.files[a.Site.File] = file
	}
	if file.lines == nil {
		a.NoSource = file.missing
		return
	}
	if a.Site.Line < 1 || a.Site.Line > len(file.lines) {
		return
	}
	first := max(1, a.Site.Line-sourceContext)
	last := min(len(file.lines), a.Site.Line+sourceContext)
	a.NoSource = ""
	a.Source = &finding.Lines{Start: first}
	for _, line := range file.lines[first-1 : last] {
		a.Source.Text = append(a.Source.Text, strings.ToValidUTF8(string(line[:min(len(line), maxSourceLine)]), "\ufffd"))
	}
}

// A sourceFile is what became of the search for a file: its lines or, of a file
// of a main module, why there are none.
type sourceFile struct {
	lines   [][]byte
	missing string
}

// find reads the file that a recording calls name.
func (s *sources) find(name string) (f sourceFile) {
	for _, build := range slices.Sorted(maps.Keys(s.metas)) { // in whatever order the inputs came
		meta := s.metas[build]
		sum, ok := meta.Files[name]
		if !ok {
			continue
		}
		if f.missing == "" {
			f.missing = "the file is not below the current module, nor below --source"
		}
		for _, candidate := range s.candidates(name, meta) {
			data, err := candidate.read()
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				f.missing = err.Error()
			case fmt.Sprintf("%x", sha256.Sum256(data)) != sum:
				f.missing = "the file has changed since it was built"
			default:
				data = bytes.TrimSuffix(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\n"))
				return sourceFile{lines: bytes.Split(data, []byte("\n"))}
			}
		}
	}
	return f
}

// A candidate is where a file may be: at a local path below a directory.
type candidate struct{ root, path string }

// read reads the file, unless a symbolic link leads out of the directory.
func (c candidate) read() ([]byte, error) {
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, errors.New("the file cannot be reached within the current module or --source")
	}
	if !info.Mode().IsRegular() || info.Size() > maxSourceFile {
		return nil, fmt.Errorf("the file is not a regular one of at most %d bytes", maxSourceFile)
	}
	f, err := root.Open(c.path)
	if err != nil {
		return nil, errors.New("the file cannot be opened")
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSourceFile))
}

// candidates are where a file may be now: the same place of its module, below
// one of the roots.
func (s *sources) candidates(name string, meta toolchain.Meta) []candidate {
	var list []candidate
	add := func(root, rel string) {
		if rel = filepath.FromSlash(rel); filepath.IsLocal(rel) {
			list = append(list, candidate{root, rel})
		}
	}
	for _, root := range s.roots {
		if rel, err := filepath.Rel(root, name); err == nil && filepath.IsAbs(name) {
			add(root, rel)
		}
		for _, module := range meta.Modules {
			for _, prefix := range []string{meta.Dirs[module], module} {
				if rel, ok := strings.CutPrefix(filepath.ToSlash(name), filepath.ToSlash(prefix)+"/"); ok && prefix != "" {
					add(root, rel)
				}
			}
		}
	}
	return slices.Compact(list)
}
