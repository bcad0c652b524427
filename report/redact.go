package report

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// Redaction says what a report takes out before it leaves the house.
type Redaction string

// The levels; each takes out what the one before does, and more. The zero value
// is that of the format: team for pages and Markdown, which go into tickets, else
// none.
const (
	RedactNone   Redaction = "none"
	RedactTeam   Redaction = "team"   // no absolute path, nothing that names the machine or its user
	RedactPublic Redaction = "public" // no source line either
)

var redactions = []Redaction{RedactNone, RedactTeam, RedactPublic}

// Redactions lists the names of the levels.
func Redactions() []string {
	var names []string
	for _, level := range redactions {
		names = append(names, string(level))
	}
	return names
}

// ParseRedaction returns the level of that name.
func ParseRedaction(name string) (Redaction, error) {
	if !slices.Contains(redactions, Redaction(name)) {
		return "", fmt.Errorf("unknown level %q: want one of %s", name, strings.Join(Redactions(), ", "))
	}
	return Redaction(name), nil
}

// level is the redaction for a format.
func (o Options) level(f Format) Redaction {
	switch {
	case o.Redact != "":
		return o.Redact
	case f == HTML, f == Markdown:
		return RedactTeam
	}
	return RedactNone
}

// redact takes out of r, which it may change, what the level says, and what the
// scrubber finds. A result that has been redacted
// before stays as it is, but for what a stricter level takes out.
func redact(r *finding.Result, level Redaction, search *scrubber) *finding.Result {
	if level == RedactNone {
		return r
	}
	changed := false
	set := func(s *string, to string) {
		changed = changed || *s != to
		*s = to
	}
	if r.Redaction == "" {
		p := pathsOf(r)
		eachText(r, func(s *string, field string) {
			switch field {
			case "Frame.File":
				set(s, p.short(*s))
			case "Frame.Func", "Branch.Func":
			default:
				set(s, p.text(*s))
			}
		})
		for i := range r.Runs {
			run := &r.Runs[i]
			changed = changed || run.Dirs != nil || run.Machine != nil
			run.Dirs, run.Machine = nil, nil
		}
	}
	if level == RedactPublic {
		eachAccess(r, func(a *finding.Access) {
			changed = changed || a.Source != nil || a.NoSource != ""
			a.Source, a.NoSource = nil, ""
		})
	}
	eachText(r, func(s *string, _ string) { set(s, search.scrub(*s)) })
	if changed && r.Redaction != string(RedactPublic) {
		r.Redaction = string(level)
	}
	r.Sort() // by what files are called now, as when it is read back
	if note := search.note(); note != "" {
		r.Coverage.Notes = append(r.Coverage.Notes, note)
	}
	return r
}

func eachAccess(r *finding.Result, visit func(a *finding.Access)) {
	for i := range r.Races {
		for j := range r.Races[i].Accesses {
			visit(&r.Races[i].Accesses[j])
		}
	}
	for i := range r.Findings {
		for j := range r.Findings[i].Events {
			visit(&r.Findings[i].Events[j])
		}
	}
}

// vocabulary are the fields whose words are ours, not a trace's.
var vocabulary = map[string]bool{
	"Result.Schema": true, "Result.Verdict": true, "Result.Order": true, "Result.Redaction": true,
	"Race.ID": true, "Race.Tier": true, "Race.Witness": true, "Race.Kind": true, "Object.Kind": true,
	"Finding.ID": true, "Finding.Rule": true, "Finding.Severity": true, "Finding.Tier": true, "Finding.Witness": true,
	"Prediction.Level": true, "Suppressed.ID": true, "Suppressed.Rule": true, "OmittedRace.ID": true,
	"Access.Op": true, "Node.Op": true, "Point.Op": true, "Edge.Kind": true,
	"Access.Goroutine": true, "Access.Creator": true, "Object.AllocatedBy": true, "Node.Goroutine": true, "Point.Goroutine": true, "Step.Goroutine": true,
	"Blocked.Op": true, "Blocked.Goroutines": true, "Blocked.Creator": true, "Branch.Goroutines": true, "Cycle.Goroutines": true,
	"WaitsFor.Why": true, "WaitsFor.By": true, "Wait.Goroutine": true, "Wait.Op": true, "Wait.By": true,
	"Place.Op": true, "Convoy.Op": true, "Convoy.First": true,
	"Run.GoVersion": true, "Run.GOOS": true, "Run.GOARCH": true, "Run.Start": true, "Run.Dirs": true, "Run.Machine": true,
}

// eachText visits the texts of r that say something of the recorded program,
// each with the names of its struct and field.
func eachText(r *finding.Result, visit func(s *string, field string)) {
	var walk func(v reflect.Value, field string)
	walk = func(v reflect.Value, field string) {
		switch v.Kind() {
		case reflect.String:
			s := v.String()
			visit(&s, field)
			v.SetString(s)
		case reflect.Struct:
			for i := range v.NumField() {
				if name := v.Type().Name() + "." + v.Type().Field(i).Name; !vocabulary[name] {
					walk(v.Field(i), name)
				}
			}
		case reflect.Array, reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), field)
			}
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem(), field)
			}
		}
	}
	walk(reflect.ValueOf(r).Elem(), "")
}

// paths knows where the files of a recorded program were.
type paths struct {
	// Folders with a slash at the end: of main modules, of Go, of the module cache.
	modules, goroots, caches []string
	plain                    map[string]string // files of traces that name no module: below their package's path
	known                    map[string]string // what short has said
}

// pathsOf collects the folders that a result names and, for a recording that
// names none, those that follow from its frames: a file's folder ends with the
// part of its package below the module's path.
func pathsOf(r *finding.Result) paths {
	p := paths{plain: map[string]string{}, known: map[string]string{}}
	add := func(list *[]string, folder string) {
		if folder = strings.TrimRight(slashes(folder), "/"); folder != "" && !slices.Contains(*list, folder+"/") {
			*list = append(*list, folder+"/")
		}
	}
	for _, run := range r.Runs {
		for name, dir := range run.Dirs {
			switch name {
			case "goroot":
				add(&p.goroots, dir)
			case "modcache":
				add(&p.caches, dir)
			default:
				add(&p.modules, dir)
			}
		}
	}
	see := func(f finding.Frame) {
		folder := slashes(f.File)
		folder = folder[:strings.LastIndexByte(folder, '/')+1]
		pkg := packageOf(f.Func)
		if !absolute(folder) || pkg == "" {
			return
		}
		for _, run := range r.Runs {
			below, ok := strings.CutPrefix(pkg, run.Module)
			if !ok || run.Module == "" || below != "" && below[0] != '/' {
				continue
			}
			if root, ok := strings.CutSuffix(folder, below+"/"); ok {
				add(&p.modules, root)
			}
		}
		if first, _, _ := strings.Cut(pkg, "/"); !strings.Contains(first, ".") && pkg != "main" {
			if root, ok := strings.CutSuffix(folder, "/src/"+pkg+"/"); ok {
				add(&p.goroots, root)
				return
			}
		}
		if pkg == "main" {
			p.plain[slashes(f.File)] = base(f.File)
		} else {
			p.plain[slashes(f.File)] = pkg + "/" + base(f.File)
		}
	}
	for i := range r.Runs {
		eachStack(r.Runs[i].Scheduling, func(stack []finding.Frame) {
			for _, f := range stack {
				see(f)
			}
		})
	}
	if !slices.ContainsFunc(r.Runs, func(run finding.Run) bool { return run.Scheduling != nil }) {
		defer clear(p.plain)
	}
	eachAccess(r, func(a *finding.Access) {
		for _, f := range a.Stack {
			see(f)
		}
		for _, f := range a.Created {
			see(f)
		}
	})
	// The longest first: a module may lie within another.
	for _, list := range []*[]string{&p.modules, &p.goroots, &p.caches} {
		slices.SortFunc(*list, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a)
			}
			return strings.Compare(a, b)
		})
	}
	return p
}

func slashes(file string) string { return strings.ReplaceAll(file, `\`, "/") }

// absolute reports whether a path with slashes begins at a root, of whatever system.
func absolute(file string) bool {
	return strings.HasPrefix(file, "/") || len(file) > 2 && file[1] == ':' && file[2] == '/'
}

// below is the path of a file below the folder of a main module.
func (p paths) below(file string) (string, bool) {
	for _, folder := range p.modules {
		if rel, ok := strings.CutPrefix(file, folder); ok {
			return rel, true
		}
	}
	return "", false
}

// short is a file's name without what only its machine knows: below a main
// module, GOROOT or the module cache, else a mark that tells files apart.
func (p paths) short(file string) string {
	if s, ok := p.known[file]; ok {
		return s
	}
	s := p.shorten(slashes(file))
	p.known[file] = s
	return s
}

func (p paths) shorten(file string) string {
	if !absolute(file) {
		if file == ".." || strings.HasPrefix(file, "../") || strings.Contains(file, "/../") || strings.HasPrefix(file, "~") {
			return pathMark(file)
		}
		return file
	}
	if rel, ok := p.below(file); ok {
		return rel
	}
	for _, root := range p.goroots {
		if rel, ok := strings.CutPrefix(file, root); ok {
			return "$GOROOT/" + rel
		}
	}
	for _, cache := range p.caches {
		if rel, ok := strings.CutPrefix(file, cache); ok {
			return rel
		}
	}
	if _, rel, ok := strings.Cut(file, "/pkg/mod/"); ok {
		return rel
	}
	if name, ok := p.plain[file]; ok {
		return name
	}
	return pathMark(file)
}

// eachStack visits the stacks of what a plain trace tells.
func eachStack(s *finding.Scheduling, visit func([]finding.Frame)) {
	if s == nil {
		return
	}
	for i := range s.Tree {
		visit(s.Tree[i].Created)
	}
	for i := range s.Blocked {
		visit(s.Blocked[i].Stack)
		visit(s.Blocked[i].Created)
	}
	for i := range s.Waits {
		visit(s.Waits[i].Stack)
		visit(s.Waits[i].ByStack)
	}
	for i := range s.Places {
		visit(s.Places[i].Stack)
		for _, w := range s.Places[i].Wakers {
			visit([]finding.Frame{w.Site})
		}
	}
	for i := range s.Convoys {
		visit(s.Convoys[i].Stack)
	}
}

// pathMark stands for a path that is not to be told.
func pathMark(file string) string {
	sum := sha256.Sum256([]byte(file))
	return fmt.Sprintf("<path:%x>", sum[:2])
}

// text shortens the absolute paths in a sentence.
func (p paths) text(s string) string {
	if !strings.ContainsAny(s, `/\`) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		at := pathStart(s)
		if at < 0 {
			break
		}
		b.WriteString(s[:at])
		s = s[at:]
		end := strings.IndexAny(s, " \t\r\n\"'`<>|,;()[]{}")
		if end < 0 {
			end = len(s)
		}
		name := strings.TrimRight(s[:end], ".:!?")
		file, line, _ := strings.Cut(name[min(2, len(name)):], ":") // past a drive's colon
		file = name[:min(2, len(name))] + file
		b.WriteString(p.short(file))
		if line != "" {
			b.WriteString(":" + line)
		}
		s = s[len(name):]
	}
	b.WriteString(s)
	return b.String()
}

// pathStart is where the first absolute path in s begins, or -1.
func pathStart(s string) int {
	for i := range len(s) {
		if i > 0 && !strings.ContainsRune(" \t\r\n\"'`(=@,;[{<>|", rune(s[i-1])) {
			continue
		}
		rest := slashes(s[i:min(len(s), i+3)])
		if absolute(rest) && len(s) > i+1 && s[i+1] != '/' && s[i+1] != ' ' {
			return i
		}
	}
	return -1
}
