package finding

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Finish gives ids to all races and findings that an analysis has found, and puts
// the result into its final form: see [Result.Settle].
func (r *Result) Finish() {
	main := r.mainModule()
	for i := range r.Races {
		x := &r.Races[i]
		x.ID, x.Weak = raceID(x, main)
	}
	for i := range r.Findings {
		r.Findings[i].ID = findingID(&r.Findings[i], main)
	}
	r.Settle()
}

// Settle puts races and findings in order, makes their ids unique and sets the
// verdict. An id stays what the analysis made it, but for the suffix: what the main
// module is of a run that is merged with others has no part in theirs.
func (r *Result) Settle() {
	r.Schema = Schema
	r.Sort()
	seen := map[string]int{}
	unique := func(id string) string {
		id = BaseID(id)
		if seen[id]++; seen[id] > 1 {
			return fmt.Sprintf("%s-%d", id, seen[id])
		}
		return id
	}
	for i := range r.Races {
		r.Races[i].ID = unique(r.Races[i].ID)
	}
	for i := range r.Findings {
		r.Findings[i].ID = unique(r.Findings[i].ID)
	}
	r.Verdict = r.verdict()
}

// Sort puts races and findings in order: observed before predicted, what is in
// a main module before what is only in dependencies, more occurrences first, then
// the id and the lines. Of findings errors come before notes, then one rule after
// the other. Where all that is the same, the given order stays.
func (r *Result) Sort() {
	main := r.mainModule()
	own := make(map[string]bool, len(r.Races)) // by id
	for i := range r.Races {
		x := &r.Races[i]
		id := BaseID(x.ID)
		own[id] = own[id] || main(x.Accesses[0].Site.Func) || main(x.Accesses[1].Site.Func)
	}
	slices.SortStableFunc(r.Races, func(a, b Race) int {
		return cmp.Or(
			rank(a.Tier == "predicted", b.Tier == "predicted"),
			rank(!own[BaseID(a.ID)], !own[BaseID(b.ID)]),
			cmp.Compare(b.Occurrences, a.Occurrences),
			cmp.Compare(BaseID(a.ID), BaseID(b.ID)),
			cmp.Compare(a.Object.Name, b.Object.Name),
			compareSites(&a.Accesses[0], &b.Accesses[0]),
			compareSites(&a.Accesses[1], &b.Accesses[1]),
		)
	})
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			rank(a.Severity != "error", b.Severity != "error"),
			rank(a.Tier == "predicted", b.Tier == "predicted"),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(b.Occurrences, a.Occurrences),
			cmp.Compare(BaseID(a.ID), BaseID(b.ID)),
			cmp.Compare(a.Object, b.Object),
			slices.CompareFunc(a.Events, b.Events, func(x, y Access) int { return compareSites(&x, &y) }),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

func rank(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func compareSites(a, b *Access) int {
	return cmp.Or(
		cmp.Compare(a.Site.File, b.Site.File), cmp.Compare(a.Site.Line, b.Site.Line), cmp.Compare(a.Op, b.Op),
	)
}

// verdict is what may be said of the whole.
func (r *Result) verdict() string {
	if len(r.Races) > 0 {
		return Races
	}
	for i := range r.Findings {
		if r.Findings[i].Severity == "error" {
			return Findings
		}
	}
	if c := &r.Coverage; !c.Complete || c.Truncated || !c.Instrumented {
		return Inconclusive
	}
	return None
}

// mainModule returns what tells the functions of the recorded main modules and
// of package main from all others.
func (r *Result) mainModule() func(fn string) bool {
	var modules []string
	for i := range r.Runs {
		if m := r.Runs[i].Module; m != "" && !slices.Contains(modules, m) {
			modules = append(modules, m)
		}
	}
	return func(fn string) bool {
		if strings.HasPrefix(fn, "main.") {
			return true
		}
		for _, m := range modules {
			if rest, ok := strings.CutPrefix(fn, m); ok && rest != "" &&
				(rest[0] == '/' || rest[0] == '.' || strings.HasPrefix(rest, "_test.")) {
				return true
			}
		}
		return false
	}
}

var closures = regexp.MustCompile(`\.(func|gowrap|deferwrap)\d+(\.\d+)*|-range\d+|\.\d+$`)

// Normalize returns a function's name without what changes when unrelated code
// does: the numbers of closures and the arguments of generic functions.
func Normalize(fn string) string {
	var b strings.Builder
	depth := 0
	for _, r := range fn {
		switch {
		case r == '[':
			if depth++; depth == 1 {
				b.WriteString("[...]")
			}
		case r == ']' && depth > 0:
			depth--
		case depth == 0:
			b.WriteRune(r)
		}
	}
	return closures.ReplaceAllStringFunc(b.String(), func(s string) string {
		switch {
		case strings.HasPrefix(s, "-range"):
			return "-range"
		case s[1] >= '0' && s[1] <= '9':
			return ""
		}
		return strings.TrimRight(s, ".0123456789")
	})
}

// side is what an access contributes to an id: its kind, and up to three
// functions of the main module from the top, or of anything where there is none
// (own is false then), or its line where functions are unknown.
func side(a *Access, main func(string) bool) (s string, own bool) {
	kind := "write"
	switch a.Op {
	case "read", "write":
		kind = a.Op
	case "atomic-load", "atomic-cas-fail":
		kind = "atomic-read"
	case "atomic-store", "atomic-rmw":
		kind = "atomic-write"
	default:
		kind = a.Op
	}
	parts := []string{kind}
	for _, wantOwn := range [...]bool{true, false} {
		for _, f := range a.Stack {
			if f.Func != "" && len(parts) <= 3 && (!wantOwn || main(f.Func)) {
				parts = append(parts, Normalize(f.Func))
			}
		}
		if len(parts) > 1 {
			return strings.Join(parts, "\x00"), wantOwn
		}
	}
	return fmt.Sprintf("%s\x00%s:%d", kind, a.Site.File, a.Site.Line), false
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x01")))
	return hex.EncodeToString(sum[:6])
}

// objectKey is what of an object does not change from run to run.
func objectKey(o *Object) string {
	key := o.Name
	if len(o.Allocated) > 0 {
		f := o.Allocated[0]
		for _, x := range o.Allocated {
			if !strings.HasPrefix(x.Func, "runtime.") {
				f = x
				break
			}
		}
		key += "\x00" + Normalize(f.Func)
	}
	return key
}

func raceID(r *Race, main func(string) bool) (id string, weak bool) {
	a, ownA := side(&r.Accesses[0], main)
	b, ownB := side(&r.Accesses[1], main)
	return digest(min(a, b), max(a, b), objectKey(&r.Object)), !ownA && !ownB
}

func findingID(f *Finding, main func(string) bool) string {
	parts := []string{f.Object}
	for i := range f.Events {
		s, _ := side(&f.Events[i], main)
		parts = append(parts, s)
	}
	slices.Sort(parts[1:])
	return digest(append(parts, f.Rule)...)
}
