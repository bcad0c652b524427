package finding

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// A Suppression names races and findings that the user does not want to hear of.
type Suppression struct {
	By     string // file and line
	Reason string

	id       string
	patterns map[string]*regexp.Regexp // by key
}

// keys are what a suppression may ask about, beside an id.
var keys = map[string]func(e *Entry) []string{
	"rule":   func(e *Entry) []string { return []string{e.Rule} },
	"object": func(e *Entry) []string { return []string{e.Object} },
	"func":   func(e *Entry) []string { return e.frames(func(f Frame) string { return f.Func }) },
	"file":   func(e *Entry) []string { return e.frames(func(f Frame) string { return f.File }) },
}

func (e *Entry) frames(part func(Frame) string) []string {
	var list []string
	for _, a := range e.Accesses {
		list = append(list, part(a.Site))
		for _, f := range a.Stack {
			list = append(list, part(f))
		}
	}
	return list
}

// maxSuppressions is how many lines a suppression file may have.
const maxSuppressions = 100_000

// ParseSuppressions reads a suppression file, whose name errors and reports give.
// A line is an id, or words key:pattern, of which each must match; the keys are
// rule, object, func and file (of any frame of the accesses' stacks), and "*"
// stands for anything. What follows "#" is the reason.
func ParseSuppressions(r io.Reader, name string) ([]Suppression, error) {
	var list []Suppression
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		text, reason := lines.Text(), ""
		if at := commentStart.FindStringIndex(text); at != nil {
			text, reason = text[:at[0]], strings.TrimSpace(text[at[1]:])
		}
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		s := Suppression{By: fmt.Sprintf("%s:%d", name, number), Reason: reason, patterns: map[string]*regexp.Regexp{}}
		for _, word := range words {
			key, pattern, isPattern := strings.Cut(word, ":")
			switch {
			case !isPattern && idForm.MatchString(word) && s.id == "":
				s.id = BaseID(word)
			case isPattern && keys[key] != nil && pattern != "" && s.patterns[key] == nil:
				s.patterns[key] = wildcard(pattern)
			default:
				return nil, fmt.Errorf("%s: %.100q is neither an id nor one rule:, object:, func: or file: with a pattern", s.By, word)
			}
		}
		if list = append(list, s); len(list) > maxSuppressions {
			return nil, fmt.Errorf("%s has more than %d entries", name, maxSuppressions)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}

var (
	commentStart = regexp.MustCompile(`(^|\s)#`)
	idForm       = regexp.MustCompile(`^[0-9a-f]{12}(-[0-9]+)?$`)
)

// wildcard makes an expression of a pattern in which "*" stands for anything.
func wildcard(pattern string) *regexp.Regexp {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^(?s:" + strings.Join(parts, ".*") + ")$")
}

func (s *Suppression) matches(e *Entry) bool {
	if s.id != "" && s.id != BaseID(e.ID) {
		return false
	}
	for key, pattern := range s.patterns {
		if !slices.ContainsFunc(keys[key](e), pattern.MatchString) {
			return false
		}
	}
	return true
}

// Suppress takes what the list names out of the result and lists it apart. It
// returns the suppressions that named nothing.
func (r *Result) Suppress(list []Suppression) (unused []Suppression) {
	used := make([]bool, len(list))
	r.suppress(func(e *Entry) (by, reason string, ok bool) {
		for i := range list {
			if list[i].matches(e) {
				used[i] = true
				by, reason, ok = list[i].By, list[i].Reason, true
				break
			}
		}
		return by, reason, ok
	})
	for i := range list {
		if !used[i] {
			unused = append(unused, list[i])
		}
	}
	return unused
}

// SuppressKnown takes what an earlier result has as well out of the result and
// lists it apart. It returns the entries of the earlier one that were not seen.
func (r *Result) SuppressKnown(baseline *Result, name string) (unseen []Entry) {
	known := map[string]bool{}
	for _, c := range Compare(baseline, r) {
		switch c.State {
		case StillThere:
			known[c.ID] = true
		case NotSeen:
			unseen = append(unseen, c.Entry)
		}
	}
	r.suppress(func(e *Entry) (by, reason string, ok bool) { return name, "", known[e.ID] })
	return unseen
}

// suppress moves what a function chooses to Suppressed. Ids stay as they are.
func (r *Result) suppress(choose func(e *Entry) (by, reason string, ok bool)) {
	gone := func(e Entry) bool {
		by, reason, ok := choose(&e)
		if !ok {
			return false
		}
		s := Suppressed{ID: e.ID, Rule: e.Rule, Object: e.Object, Sites: []Frame{}, Occurrences: e.Occurrences, By: by, Reason: reason}
		for i := range e.Accesses {
			s.Sites = append(s.Sites, e.Accesses[i].Site)
		}
		r.Suppressed = append(r.Suppressed, s)
		return true
	}
	r.Races = slices.DeleteFunc(r.Races, func(x Race) bool { return gone(x.entry()) })
	r.Findings = slices.DeleteFunc(r.Findings, func(x Finding) bool { return gone(x.entry()) })
	r.Verdict = r.verdict()
}
