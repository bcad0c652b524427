package toolchain

import (
	"fmt"
	"slices"
	"strings"
)

// goValues are the flags of go build, test and run that take a value. Their
// other flags are boolean, or belong to a test binary.
var goValues = []string{
	"C", "asmflags", "bench", "benchtime", "blockprofile", "blockprofilerate", "buildmode", "compiler",
	"count", "coverpkg", "covermode", "coverprofile", "cpu", "cpuprofile", "debug-actiongraph",
	"debug-runtime-trace", "debug-trace", "exec", "fuzz", "fuzzminimizetime", "fuzztime", "gccgoflags",
	"gcflags", "installsuffix", "ldflags", "list", "memprofile", "memprofilerate", "mod", "modfile",
	"mutexprofile", "mutexprofilefraction", "o", "outputdir", "overlay", "p", "parallel", "pgo", "pkgdir",
	"run", "shuffle", "skip", "tags", "timeout", "toolexec", "trace", "vet", "vettool",
}

// TakesValue reports whether the go command's flag of that name takes a value,
// so that the argument after it is not a package.
func TakesValue(name string) bool {
	return slices.Contains(goValues, strings.TrimPrefix(name, "test."))
}

// A word is a flag of the go command with its value, or another argument.
type word struct {
	name     string // of a flag; empty for another argument
	value    string
	hasValue bool
	text     []string // as written
}

// on reports whether a boolean flag is set.
func (w word) on() bool {
	return !w.hasValue || slices.Contains([]string{"1", "t", "T", "true", "TRUE", "True"}, w.value)
}

// words are the arguments after "go build", "go test" or "go run", in their
// order: to go test it matters.
type words []word

// parse separates the flags of the go command from other arguments. After the
// first other argument nothing is a flag unless anywhere is true, nor is
// anything after -args.
func parse(args []string, anywhere bool) words {
	var list words
	for i := 0; i < len(args); i++ {
		a := args[i]
		name, isFlag := strings.CutPrefix(a, "-")
		end := a == "-args" || a == "--args" || a == "--" || !anywhere && (!isFlag || name == "")
		if end {
			for _, a := range args[i:] {
				list = append(list, word{text: []string{a}})
			}
			break
		}
		if !isFlag || name == "" {
			list = append(list, word{text: []string{a}})
			continue
		}
		w := word{text: []string{a}}
		w.name, w.value, w.hasValue = strings.Cut(strings.TrimPrefix(name, "-"), "=")
		if !w.hasValue && TakesValue(w.name) && i+1 < len(args) {
			i++
			w.value, w.hasValue, w.text = args[i], true, args[i-1:i+1]
		}
		list = append(list, w)
	}
	return list
}

// take removes the flags of that name and returns them.
func (l *words) take(name string) words {
	var taken words
	*l = slices.DeleteFunc(*l, func(w word) bool {
		if w.name == name {
			taken = append(taken, w)
		}
		return w.name == name
	})
	return taken
}

// last is the flag of one of the names that counts.
func (l words) last(names ...string) (w word, ok bool) {
	for _, w := range slices.Backward(l) {
		if w.name != "" && slices.Contains(names, w.name) {
			return w, true
		}
	}
	return word{}, false
}

// args puts the arguments together again.
func (l words) args() []string {
	var list []string
	for _, w := range l {
		list = append(list, w.text...)
	}
	return list
}

// splitQuoted splits a list of arguments as the go command does: at spaces, with
// single or double quotes around an argument that has some.
func splitQuoted(s string) ([]string, error) {
	var list []string
	for {
		s = strings.TrimLeft(s, " \t\n\r")
		if s == "" {
			return list, nil
		}
		if quote := s[0]; quote == '"' || quote == '\'' {
			arg, rest, ok := strings.Cut(s[1:], string(quote))
			if !ok {
				return nil, fmt.Errorf("unterminated %c string in %q", quote, s)
			}
			list, s = append(list, arg), rest
			continue
		}
		end := strings.IndexAny(s, " \t\n\r")
		if end < 0 {
			end = len(s)
		}
		list, s = append(list, s[:end]), s[end:]
	}
}

// joinQuoted is the opposite of splitQuoted.
func joinQuoted(args []string) (string, error) {
	var list []string
	for _, a := range args {
		switch {
		case a != "" && !strings.ContainsAny(a, " \t\n\r'\""):
		case !strings.Contains(a, "'"):
			a = "'" + a + "'"
		case !strings.Contains(a, `"`):
			a = `"` + a + `"`
		default:
			return "", fmt.Errorf("argument %q has both kinds of quotes", a)
		}
		list = append(list, a)
	}
	return strings.Join(list, " "), nil
}
