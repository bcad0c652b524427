package toolchain

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/dwarf"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/collect/machine"
)

// A linkStep is what the link step must know and does not see.
type linkStep struct {
	GOROOT     string
	Mirror     string `json:",omitempty"` // used as GOROOT
	GOMODCACHE string
	Modules    []module
	Revision   string   `json:",omitempty"` // go test and go run record none
	Modified   bool     `json:",omitempty"`
	Unapplied  []string `json:",omitempty"`
	Scope      []string `json:",omitempty"`
}

// A module is a main module.
type module struct{ Path, Dir string }

// Meta is the metadata in a trailer, and so in every trace of the program.
// File names are those that stacks show.
type Meta struct {
	Main            string            `json:"main,omitempty"` // import path of the program
	Module          string            `json:"module,omitempty"`
	Version         string            `json:"version,omitempty"`
	Revision        string            `json:"revision,omitempty"`
	Time            string            `json:"time,omitempty"` // of the revision
	Modified        bool              `json:"modified,omitempty"`
	Modules         []string          `json:"modules"`           // main modules
	Dirs            map[string]string `json:"dirs"`              // roots of file names: "goroot", "modcache", and by main module
	Files           map[string]string `json:"files"`             // SHA-256 of the main modules' Go files
	NotInstrumented []string          `json:"notInstrumented"`   // packages
	Scope           []string          `json:"scope,omitempty"`   // patterns of the packages chosen by the user; then NotInstrumented is empty
	Unapplied       []string          `json:"unapplied"`         // edits of the standard library that could not be made
	Foreign         bool              `json:"foreign,omitempty"` // it has code that is not Go's
	Machine         *machine.Names    `json:"machine,omitempty"` // that it was built on
}

// finish appends a trailer to an executable. One that is not ELF is left alone.
func (l linkStep) finish(file string) error {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil // not a Go program as we know them
	}
	if err := logLinked(info.Path); err != nil {
		return err
	}
	f, err := elf.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	meta := Meta{
		Main:            info.Path,
		Module:          info.Main.Path,
		Version:         info.Main.Version,
		Dirs:            map[string]string{"goroot": l.GOROOT, "modcache": l.GOMODCACHE},
		Files:           map[string]string{},
		NotInstrumented: []string{},
		Unapplied:       append([]string{}, l.Unapplied...),
	}
	meta.Scope = l.Scope
	if l.Mirror != "" {
		meta.Dirs["goroot"] = l.Mirror
	}
	for _, m := range l.Modules {
		meta.Modules = append(meta.Modules, m.Path)
		meta.Dirs[m.Path] = m.Dir
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			meta.Revision = s.Value
		case "vcs.time":
			meta.Time = s.Value
		case "vcs.modified":
			meta.Modified = s.Value == "true"
		}
	}
	if meta.Revision == "" {
		meta.Revision, meta.Modified = l.Revision, l.Modified
	}
	var vars []Variable
	if data, err := f.DWARF(); err == nil {
		var files []string
		vars, files, err = readDWARF(data, &meta)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		l.hashFiles(files, &meta)
		if len(l.Scope) > 0 {
			meta.NotInstrumented = []string{}
		}
	}
	vars = append(vars, symbols(f)...)
	// The salt depends on the program alone, so that a build can be repeated.
	program, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	meta.Machine = machine.This(fmt.Sprintf("%x", sha256.Sum256(program))[:16])
	return appendTrailer(file, arrange(vars), meta)
}

// readDWARF finds the variables and the source files of a program, and which of
// its packages are not instrumented.
func readDWARF(data *dwarf.Data, meta *Meta) (vars []Variable, files []string, err error) {
	const languageGo = 0x16
	seen := make(map[string]bool)
	flat := flattener{data: data}
	r := data.Reader()
	skip := false // the unit
	for {
		e, err := r.Next()
		if err != nil {
			return nil, nil, err
		}
		if e == nil {
			break
		}
		switch e.Tag {
		case dwarf.TagCompileUnit:
			name, _ := e.Val(dwarf.AttrName).(string)
			if lang, _ := e.Val(dwarf.AttrLanguage).(int64); lang != languageGo {
				meta.Foreign = true
				r.SkipChildren()
				continue
			}
			skip = inRuntime(name)
			producer, _ := e.Val(dwarf.AttrProducer).(string)
			if _, flags, ok := strings.Cut(producer, ";"); ok && !neverInstrumented(name) && !slices.Contains(strings.FieldsFunc(flags, isSeparator), "-race") {
				meta.NotInstrumented = append(meta.NotInstrumented, name)
			}
			if lr, err := data.LineReader(e); err == nil && lr != nil {
				for _, f := range lr.Files() {
					if f != nil && strings.HasSuffix(f.Name, ".go") && !seen[f.Name] {
						seen[f.Name] = true
						files = append(files, f.Name)
					}
				}
			}
		case dwarf.TagVariable:
			if !skip {
				vars = append(vars, flat.variable(e)...)
			}
			r.SkipChildren()
		default:
			r.SkipChildren()
		}
	}
	meta.NotInstrumented = slices.Compact(append([]string{}, slices.Sorted(slices.Values(meta.NotInstrumented))...))
	return vars, files, nil
}

func isSeparator(r rune) bool { return r == ' ' || r == ';' }

// inRuntime reports whether a package is the runtime or a part of it: the
// variables of these are none of a program's business.
func inRuntime(pkg string) bool {
	return pkg == "runtime" || strings.HasPrefix(pkg, "runtime/internal/") || strings.HasPrefix(pkg, "internal/runtime/")
}

// neverInstrumented reports whether the compiler leaves a package alone, because
// the runtime imports it.
func neverInstrumented(pkg string) bool {
	return inRuntime(pkg) || slices.Contains([]string{
		"internal/abi", "internal/byteorder", "internal/chacha8rand", "internal/coverage/rtcov", "internal/cpu",
		"internal/goarch", "internal/godebugs", "internal/goexperiment", "internal/goos", "internal/profilerecord",
		"internal/strconv", "internal/stringslite",
	}, pkg)
}

// hashFiles fills in meta.Files. With -trimpath a file's name begins with the
// path of its module.
func (l linkStep) hashFiles(names []string, meta *Meta) {
	for _, name := range names {
		for _, m := range l.Modules {
			rel, ok := cutDir(name, m.Dir)
			if !ok {
				if rel, ok = cutDir(name, m.Path); !ok {
					continue
				}
			}
			if data, err := os.ReadFile(filepath.Join(m.Dir, rel)); err == nil {
				meta.Files[name] = fmt.Sprintf("%x", sha256.Sum256(data))
			}
			break
		}
	}
}

func cutDir(name, dir string) (string, bool) {
	rest, ok := strings.CutPrefix(filepath.ToSlash(name), strings.TrimSuffix(filepath.ToSlash(dir), "/")+"/")
	return rest, ok && dir != ""
}

// symbols are the variables by the symbol table, which has those that DWARF
// leaves out.
func symbols(f *elf.File) []Variable {
	list, err := f.Symbols()
	if err != nil {
		return nil
	}
	var vars []Variable
	for _, s := range list {
		if elf.ST_TYPE(s.Info) != elf.STT_OBJECT || s.Size == 0 || int(s.Section) >= len(f.Sections) {
			continue
		}
		pkg, _, ok := splitName(s.Name)
		if ok && f.Sections[s.Section].Flags&elf.SHF_WRITE != 0 && !inRuntime(pkg) && !strings.Contains(pkg, ":") {
			vars = append(vars, Variable{Addr: s.Value, Size: s.Size, Name: plainName(s.Name)})
		}
	}
	return vars
}

// The trailer, at the very end of an executable, little-endian; offsets are
// from the start of the file:
//
//	variables  24 bytes each: address, size (uint64), offset and length of the name (uint32)
//	names      the names' bytes
//	metadata   Meta as JSON
//	footer     magic (16 bytes), then uint64s: offset and number of variables,
//	           offset and length of names, offset and length of metadata
//
// Variables begin at a multiple of 8, are sorted by address, and do not overlap.
const (
	trailerMagic = "HINDSIGHTTRAILR1"
	footerSize   = 64
	variableSize = 24
)

// appendTrailer writes a trailer behind what a file holds.
func appendTrailer(file string, vars []Variable, meta Meta) (err error) {
	metadata, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var table, names []byte
	offsets := make(map[string]uint32)
	for _, v := range vars {
		at, ok := offsets[v.Name]
		if !ok {
			at = uint32(len(names))
			offsets[v.Name] = at
			names = append(names, v.Name...)
		}
		table = le.AppendUint64(table, v.Addr)
		table = le.AppendUint64(table, v.Size)
		table = le.AppendUint32(table, at)
		table = le.AppendUint32(table, uint32(len(v.Name)))
	}
	padding := make([]byte, -size&7)
	varsOff := uint64(size) + uint64(len(padding))
	namesOff := varsOff + uint64(len(table))
	metaOff := namesOff + uint64(len(names))
	footer := []byte(trailerMagic)
	for _, n := range []uint64{varsOff, uint64(len(vars)), namesOff, uint64(len(names)), metaOff, uint64(len(metadata))} {
		footer = le.AppendUint64(footer, n)
	}
	_, err = f.Write(slices.Concat(padding, table, names, metadata, footer))
	return err
}

// ReadTrailer reads the trailer of an executable.
func ReadTrailer(r io.ReaderAt, size int64) ([]Variable, Meta, error) {
	var meta Meta
	footer := make([]byte, footerSize)
	if size < footerSize {
		return nil, meta, errNoTrailer
	}
	if _, err := r.ReadAt(footer, size-footerSize); err != nil {
		return nil, meta, err
	}
	if !bytes.HasPrefix(footer, []byte(trailerMagic)) {
		return nil, meta, errNoTrailer
	}
	word := func(i int) uint64 { return le.Uint64(footer[len(trailerMagic)+8*i:]) }
	section := func(off, n, each uint64) ([]byte, error) {
		if off > uint64(size) || n > (uint64(size)-off)/each {
			return nil, fmt.Errorf("trailer reaches beyond the file")
		}
		data := make([]byte, n*each)
		_, err := r.ReadAt(data, int64(off))
		return data, err
	}
	table, err := section(word(0), word(1), variableSize)
	if err != nil {
		return nil, meta, err
	}
	names, err := section(word(2), word(3), 1)
	if err != nil {
		return nil, meta, err
	}
	metadata, err := section(word(4), word(5), 1)
	if err != nil {
		return nil, meta, err
	}
	var vars []Variable
	for v := range slices.Chunk(table, variableSize) {
		at, n := uint64(le.Uint32(v[16:])), uint64(le.Uint32(v[20:]))
		if at+n > uint64(len(names)) {
			return nil, meta, fmt.Errorf("trailer has a name outside of its names")
		}
		vars = append(vars, Variable{Addr: le.Uint64(v), Size: le.Uint64(v[8:]), Name: string(names[at : at+n])})
	}
	return vars, meta, json.Unmarshal(metadata, &meta)
}

var errNoTrailer = fmt.Errorf("no trailer: not built by hindsight")
