package overlay

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Mirror makes, below the cache directory dir, a copy of the plan's GOROOT in
// which its replacements are made, and returns it. It is for a toolchain in the
// module cache, where the go command allows no overlay. The copy is made of
// symbolic links; only the folders on the way to a replaced file are real, and
// of those with such a file in them the files are copies, since the go command
// embeds no links.
func (p Plan) Mirror(dir string) (string, error) {
	root := filepath.Join(dir, strings.Replace(filepath.Base(p.Dir), "overlay-", "goroot-", 1))
	if _, err := os.Stat(filepath.Join(root, "bin")); err == nil {
		return root, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(dir, ".goroot-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	if err := p.mirrorDir(tmp, p.goroot); err != nil {
		return "", err
	}
	// Another process may have been faster: its copy is as good.
	if err := os.Rename(tmp, root); err != nil && !isDir(root) {
		return "", err
	}
	return root, nil
}

// mirrorDir fills the existing folder to with what belongs into from.
func (p Plan) mirrorDir(to, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	replaced := make(map[string]string) // in this folder
	var deeper []string                 // folders that hold replaced files
	for old, new := range p.Replace {
		rel, ok := strings.CutPrefix(old, from+string(filepath.Separator))
		if !ok {
			continue
		}
		first, _, below := strings.Cut(rel, string(filepath.Separator))
		if below {
			deeper = append(deeper, first)
		} else {
			replaced[first] = new
		}
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		var err error
		switch {
		case replaced[e.Name()] != "": // below
		case slices.Contains(deeper, e.Name()):
			if err = os.Mkdir(target, 0o755); err == nil {
				err = p.mirrorDir(target, source)
			}
		case len(replaced) > 0 && e.Type().IsRegular():
			err = copyFile(target, source)
		default:
			err = os.Symlink(source, target)
		}
		if err != nil {
			return err
		}
	}
	for name, source := range replaced {
		if err := copyFile(filepath.Join(to, name), source); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return writeFile(to, data)
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode()&fs.ModeDir != 0
}
