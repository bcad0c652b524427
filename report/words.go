package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// isWrite reports whether an operation changes memory, as far as races go.
func isWrite(op string) bool {
	switch op {
	case "read", "atomic-load", "atomic-cas-fail":
		return false
	}
	return true
}

// opName is an operation in words, lower case: "read", "atomic store".
func opName(op string) string {
	switch op {
	case "recv", "recv-closed":
		return "receive"
	case "atomic-rmw":
		return "atomic update"
	case "block-recv":
		return "wait to receive"
	case "block-send":
		return "wait to send"
	case "block-lock":
		return "wait for lock"
	case "block-rlock":
		return "wait for lock, to read"
	case "block-wait":
		return "wait for WaitGroup"
	case "block-once":
		return "wait for Once"
	case "block-select":
		return "wait in select"
	case "block-forever":
		return "wait for ever"
	case "block-semaphore", "block-sleep", "block-network", "block-coroutine", "block-other":
		return "wait: " + strings.TrimPrefix(op, "block-")
	case "woken":
		return "goes on"
	case "atomic-cas-fail":
		return "failed compare-and-swap"
	}
	return Visible(strings.ReplaceAll(op, "-", " "))
}

// capital returns s with its first letter in upper case.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// isMain reports whether a goroutine of that name runs func main.
func isMain(goroutine string) bool { return goroutine == "g1" || goroutine == "main" }

// number returns the number in a goroutine's name, as 7 in "g7".
func number(goroutine string) (uint64, bool) {
	digits, ok := strings.CutPrefix(goroutine, "g")
	n, err := strconv.ParseUint(digits, 10, 31)
	return n, ok && err == nil
}

// goroutineName is a goroutine in words: "goroutine 7", "main goroutine".
func goroutineName(g string) string {
	if isMain(g) {
		return "main goroutine"
	}
	if n, ok := number(g); ok {
		return fmt.Sprintf("goroutine %d", n)
	}
	return "goroutine " + Visible(g)
}

// placeAfter follows a goroutine's name that stands for a file, as in "g7:3".
var placeAfter = regexp.MustCompile(`^:[0-9]`)

var goroutineWord = regexp.MustCompile(`(?:^|[ (])g[0-9]+(?:[ ,.;:)]|$)`)

// prose is a sentence of the analysis, which calls goroutines g7, as everything
// around it says it: "goroutine 7". In what a go statement does ("go g7"), the
// name stays.
func prose(s string) string {
	s = visibleText(s)
	var b strings.Builder
	done := 0
	for at := 0; ; {
		found := goroutineWord.FindStringIndex(s[at:])
		if found == nil {
			break
		}
		from := at + found[0]
		for ; s[from] != 'g'; from++ {
		}
		to := from + 1
		for ; to < len(s) && s[to] >= '0' && s[to] <= '9'; to++ {
		}
		at = to
		if strings.HasSuffix(s[:from], "go ") || placeAfter.MatchString(s[to:]) {
			continue
		}
		name := goroutineName(s[from:to])
		if isMain(s[from:to]) {
			name = "the " + name
		}
		if from == 0 || strings.HasSuffix(s[:from], ". ") {
			name = capital(name)
		}
		b.WriteString(s[done:from] + name)
		done = to
	}
	return b.String() + s[done:]
}

// state says whether a goroutine had ended when the recording did.
func state(a finding.Access) string {
	if a.Running {
		return "running"
	}
	return "finished"
}

// packageOf returns the import path in a function's name.
func packageOf(fn string) string {
	name, _, _ := strings.Cut(fn, "[") // type arguments hold paths too
	dir := strings.LastIndexByte(name, '/') + 1
	elem, _, _ := strings.Cut(name[dir:], ".")
	return name[:dir] + elem
}

// shortFunc is a function's name with the last element of its package only.
func shortFunc(fn string) string {
	name, _, _ := strings.Cut(fn, "[")
	return Visible(fn[strings.LastIndexByte(name, '/')+1:])
}

// base is a file's name without its folder, whatever system wrote it.
func base(file string) string {
	return file[strings.LastIndexAny(file, `/\`)+1:]
}

// place is a source line in short: "cache.go:41".
func place(f finding.Frame) string {
	if f.File == "" {
		return "?"
	}
	return fmt.Sprintf("%s:%d", Visible(base(f.File)), f.Line)
}

// modules tells whose code a frame is.
type modules []string

func modulesOf(r *finding.Result) modules {
	var m modules
	for _, run := range r.Runs {
		if run.Module != "" && !slices.Contains(m, run.Module) {
			m = append(m, run.Module)
		}
	}
	return m
}

// own reports whether fn is of a main module. Where no main module is known
// that is all but the standard library.
func (m modules) own(fn string) bool {
	pkg := packageOf(fn)
	if pkg == "main" || pkg == "" {
		return true
	}
	for _, module := range m {
		if pkg == module || strings.HasPrefix(pkg, module+"/") || pkg == module+"_test" {
			return true
		}
	}
	first, _, _ := strings.Cut(pkg, "/")
	return len(m) == 0 && strings.Contains(first, ".")
}

// library reports whether fn is of the standard library.
func (m modules) library(fn string) bool {
	first, _, _ := strings.Cut(packageOf(fn), "/")
	return !m.own(fn) && !strings.Contains(first, ".")
}

// count is n with its noun: "1 race", "2 races".
func count[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	if strings.HasSuffix(noun, "ss") {
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// objectFacts says what is known of an object beside its name: its kind, type,
// size and the place of the access within it.
func objectFacts(o finding.Object) string {
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	switch o.Kind {
	case "global":
		add("global variable")
	case "heap":
		add("on the heap")
	case "variable":
		add("variable")
	}
	if o.Type != "" {
		add("type %s", Visible(o.Type))
	}
	if o.Size != 0 {
		add("%s", count(o.Size, "byte"))
	}
	if o.Offset != 0 {
		add("accessed at offset %d", o.Offset)
	}
	return strings.Join(facts, ", ")
}

// objectName is an object's name, never empty.
func objectName(o finding.Object) string {
	if o.Name == "" {
		return "unknown object"
	}
	return Visible(o.Name)
}

func preposition(op string) string {
	if isWrite(op) {
		return " to"
	}
	return " of"
}

// title is an access in the fewest words: its function, else its place.
func title(a finding.Access) string {
	if a.Site.Func == "" {
		return place(a.Site)
	}
	short := shortFunc(a.Site.Func)
	if _, method, ok := strings.Cut(short, "."); ok && packageOf(a.Site.Func) != "main" {
		return method
	}
	return short
}

// pointText is an event in words: "unlock Cache.mu (cache.go:40)". Of nil it is "".
func pointText(p *finding.Point) string {
	if p == nil {
		return ""
	}
	label := Visible(p.Label)
	if label == "" {
		label = opName(p.Op)
	}
	return fmt.Sprintf("%s (%s)", label, place(p.Site))
}

// missing is the sentence that names what would have ordered a race, unless the
// sentence before it has said so.
func missing(r *finding.Race) string {
	if r.Explain == nil || strings.Contains(r.Why, r.Explain.Missing) {
		return ""
	}
	return prose(r.Explain.Missing)
}

// Line is a race or finding in one line: rule, object and accesses.
func Line(e *finding.Entry) string {
	var accesses []string
	for _, a := range e.Accesses {
		accesses = append(accesses, opName(a.Op)+" "+place(a.Site))
	}
	line := Visible(e.Rule)
	if e.Object != "" {
		line += " " + Visible(e.Object)
	}
	if len(accesses) > 0 {
		line += ": " + strings.Join(accesses, ", ")
	}
	return line
}

// redactionText says what redaction took out of a result.
func redactionText(level string) string {
	switch Redaction(level) {
	case RedactTeam:
		return "Redacted for a team: paths are relative to the module, and nothing names the machine or its user."
	case RedactPublic:
		return "Redacted for the public: no source lines, paths are relative to the module, and nothing names the machine or its user."
	case "", RedactNone:
		return ""
	}
	return "Redacted: " + Visible(level) + "."
}
