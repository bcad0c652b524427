package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// expand replaces directories by the files in them, at any depth, in the order of
// their names. It returns an error for each directory that cannot be read or holds
// no file. What begins with a dot is left out, as are files that a flag names, such
// as the report of an earlier call, and whatever is no file; links to directories
// are not followed.
func (a *app) expand(names []string) (inputs []string, problems []error) {
	var named []os.FileInfo
	for _, name := range append([]string{a.output, a.baseline}, a.suppress...) {
		if info, err := os.Stat(name); err == nil {
			named = append(named, info)
		}
	}
	if a.split {
		for part := 2; ; part++ {
			info, err := os.Stat(partName(a.output, part))
			if err != nil {
				break
			}
			named = append(named, info)
		}
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || !info.IsDir() {
			inputs = append(inputs, name)
			continue
		}
		before := len(inputs) + len(problems)
		root := name + string(filepath.Separator) // name may be a link
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				problems = append(problems, err)
				return nil
			case path == root:
				return nil
			case strings.HasPrefix(entry.Name(), "."):
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			case entry.IsDir():
				return nil
			}
			info, err := os.Stat(path)
			if err != nil {
				problems = append(problems, err)
				return nil
			}
			ours := slices.ContainsFunc(named, func(x os.FileInfo) bool { return os.SameFile(x, info) })
			if info.Mode().IsRegular() && !ours {
				inputs = append(inputs, path)
			}
			return nil
		})
		if err != nil {
			problems = append(problems, err)
		} else if len(inputs)+len(problems) == before {
			problems = append(problems, fmt.Errorf("%s holds no files", name))
		}
	}
	return inputs, problems
}
