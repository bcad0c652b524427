package overlay

import (
	"fmt"
	"slices"
	"strings"
)

// An Edit replaces one piece of text in one file of the standard library.
//
// Edits of the same Name belong together: either all that concern the target
// are made, or none is. An edit that finds its Old text missing, or more than
// once, is not made; the file then keeps its behaviour, and [Plan.Unapplied]
// names the edit. New should have as many lines as Old, so that positions in
// stacks stay those of the user's own GOROOT.
type Edit struct {
	Name string // what is gained, in a few words: "Cond tickets"
	File string // slash-separated, relative to GOROOT/src: "sync/cond.go"
	Old  string // occurs exactly once
	New  string
	Go   string // the language version that it is for, as in "1.26"; empty: every one
}

// Edits are the edits that a build makes, in order. The files edits_*.go add
// to it.
var Edits []Edit

// apply makes those of the edits that concern language version lang ("1.26").
// The function read gives a file's text and false if the target has no such
// file; edits of files that it does not have are not missed. It returns the new
// text of each edited file and the names of the edits that could not be made.
func apply(edits []Edit, lang string, read func(file string) (string, bool)) (files map[string]string, unapplied []string) {
	files = make(map[string]string)
	var names []string
	groups := make(map[string][]Edit)
	for _, e := range edits {
		if e.Go != "" && e.Go != lang {
			continue
		}
		if groups[e.Name] == nil {
			names = append(names, e.Name)
		}
		groups[e.Name] = append(groups[e.Name], e)
	}
	for _, name := range names {
		edited, err := applyGroup(groups[name], func(file string) (string, bool) {
			if text, ok := files[file]; ok {
				return text, true
			}
			return read(file)
		})
		if err != nil {
			unapplied = append(unapplied, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		for file, text := range edited {
			files[file] = text
		}
	}
	slices.Sort(unapplied)
	return files, unapplied
}

// applyGroup makes all of the edits or fails.
func applyGroup(edits []Edit, read func(file string) (string, bool)) (map[string]string, error) {
	files := make(map[string]string)
	for _, e := range edits {
		text, ok := files[e.File]
		if !ok {
			if text, ok = read(e.File); !ok {
				continue
			}
		}
		if n := strings.Count(text, e.Old); n != 1 {
			return nil, fmt.Errorf("%s has the text to edit %d times", e.File, n)
		}
		files[e.File] = strings.Replace(text, e.Old, e.New, 1)
	}
	return files, nil
}
