package overlay

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// hooks lists, one a line and sorted, what the compiler, the runtime and the
// standard library may call in runtime/race.go.
//
//go:embed hooks.txt
var hooks string

// checkHooks compares the hooks of the Go source in src with those known.
func checkHooks(src string) error {
	declared, err := declaredHooks(src)
	if err != nil {
		return err
	}
	known := strings.Split(strings.TrimSpace(hooks), "\n")
	for _, h := range declared {
		if !slices.Contains(known, h) {
			return fmt.Errorf("package runtime has the unknown hook %q; Hindsight knows those of Go %s", h, strings.Join(Supported, " and "))
		}
	}
	for _, h := range known {
		if !slices.Contains(declared, h) {
			return fmt.Errorf("package runtime lacks the hook %q; Hindsight knows those of Go %s", h, strings.Join(Supported, " and "))
		}
	}
	return nil
}

// declaredHooks gives the hooks that runtime/race.go and race0.go in src
// declare: "name func(…) …", with the name that others link to; and "name in
// assembly" of those functions of sync/atomic that only race_*.s has.
func declaredHooks(src string) ([]string, error) {
	dummy, err := functions(filepath.Join(src, "runtime", "race0.go"))
	if err != nil {
		return nil, err
	}
	real, err := functions(filepath.Join(src, "runtime", "race.go"))
	if err != nil {
		return nil, err
	}
	var list []string
	for name, f := range real {
		_, called := dummy[name] // by the runtime
		if called || f.linked != "" || ast.IsExported(name) || compilerHooks[name] {
			list = append(list, f.String())
		}
	}
	for name, f := range dummy {
		if _, ok := real[name]; !ok {
			list = append(list, f.String())
		}
	}
	linked := make(map[string]bool)
	for _, f := range real {
		linked[f.linked] = true
	}
	assembly, err := filepath.Glob(filepath.Join(src, "runtime", "race_*.s"))
	if err != nil {
		return nil, err
	}
	for _, file := range assembly {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, m := range atomicText.FindAllSubmatch(text, -1) {
			if name := "sync/atomic." + string(m[1]); !linked[name] {
				list = append(list, name+inAssembly)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

const inAssembly = " in assembly"

// atomicText finds functions of sync/atomic in assembly.
var atomicText = regexp.MustCompile(`(?m)^TEXT\s+sync∕atomic·(\w+)`)

// compilerHooks are the functions that the compiler inserts calls of.
var compilerHooks = map[string]bool{
	"raceread": true, "racewrite": true, "racereadrange": true, "racewriterange": true,
	"racefuncenter": true, "racefuncexit": true, "racefuncenterfp": true,
}

// A function is what its callers see of it.
type function struct {
	name      string
	linked    string // by linkname; else empty
	signature string // parameter names left out
}

func (f function) String() string {
	if f.linked != "" {
		return f.linked + " " + f.signature
	}
	return f.name + " " + f.signature
}

// functions gives the functions that a Go source file declares, by name.
func functions(file string) (map[string]function, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	list := make(map[string]function)
	for _, d := range f.Decls {
		d, ok := d.(*ast.FuncDecl)
		if !ok || d.Recv != nil {
			continue
		}
		fn := function{name: d.Name.Name, signature: signature(d.Type)}
		if d.Doc != nil {
			for _, c := range d.Doc.List {
				// One argument alone marks a name that others may link to.
				if a := strings.Fields(c.Text); len(a) == 3 && a[0] == "//go:linkname" {
					fn.linked = a[2]
				}
			}
		}
		list[fn.name] = fn
	}
	return list, nil
}

// signature writes a function's type without the names of its parameters.
func signature(t *ast.FuncType) string {
	list := func(fields *ast.FieldList) string {
		var kinds []string
		if fields != nil {
			for _, f := range fields.List {
				for range max(1, len(f.Names)) {
					kinds = append(kinds, strings.ReplaceAll(types.ExprString(f.Type), "*abi.Type", "*_type"))
				}
			}
		}
		return "(" + strings.Join(kinds, ", ") + ")"
	}
	return "func" + strings.TrimSuffix(list(t.Params)+" "+list(t.Results), " ()")
}
