package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
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
	metas []toolchain.Meta
	lines map[string][][]byte // by recorded name; nil: not to be had
}

func newSources(dir string) *sources {
	s := &sources{lines: make(map[string][][]byte)}
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
	s.metas = append(s.metas, meta)
	return meta, true
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
	lines, ok := s.lines[a.Site.File]
	if !ok {
		lines = s.find(a.Site.File)
		s.lines[a.Site.File] = lines
	}
	if a.Site.Line < 1 || a.Site.Line > len(lines) {
		return
	}
	first := max(1, a.Site.Line-sourceContext)
	last := min(len(lines), a.Site.Line+sourceContext)
	a.Source = &finding.Lines{Start: first}
	for _, line := range lines[first-1 : last] {
		a.Source.Text = append(a.Source.Text, strings.ToValidUTF8(string(line[:min(len(line), maxSourceLine)]), "\ufffd"))
	}
}

// find reads the file that a recording calls name.
func (s *sources) find(name string) [][]byte {
	for _, meta := range s.metas {
		sum, ok := meta.Files[name]
		if !ok {
			continue
		}
		for _, candidate := range s.candidates(name, meta) {
			data, err := readBounded(candidate, maxSourceFile)
			if err == nil && fmt.Sprintf("%x", sha256.Sum256(data)) == sum {
				return bytes.Split(bytes.TrimSuffix(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\n")), []byte("\n"))
			}
		}
	}
	return nil
}

// candidates are where a file may be now: the same place of its module, below
// one of the roots.
func (s *sources) candidates(name string, meta toolchain.Meta) []string {
	var list []string
	add := func(root, rel string) {
		rel = filepath.FromSlash(rel)
		if filepath.IsLocal(rel) {
			list = append(list, filepath.Join(root, rel))
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

// readBounded reads a regular file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", name, limit)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
