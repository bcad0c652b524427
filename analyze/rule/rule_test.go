package rule

import (
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// TestExamples compiles the code of every rule.
func TestExamples(t *testing.T) {
	fset := token.NewFileSet()
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	for _, r := range All {
		for name, code := range map[string]string{"before": r.Before, "after": r.After} {
			if code == "" {
				t.Errorf("%s has no code %s", r.ID(), name)
				continue
			}
			text := "package example\n"
			for _, pkg := range []string{"strings", "sync"} {
				if strings.Contains(code, pkg+".") {
					text += "import \"" + pkg + "\"\n"
				}
			}
			text += code
			file, err := parser.ParseFile(fset, r.ID()+"-"+name+".go", text, 0)
			if err != nil {
				t.Errorf("%s, %s: %v", r.ID(), name, err)
				continue
			}
			if _, err := config.Check("example", fset, []*ast.File{file}, nil); err != nil {
				t.Errorf("%s, %s: %v", r.ID(), name, err)
			}
			if tidy, err := format.Source([]byte(code)); err != nil || string(tidy) != code {
				t.Errorf("%s, %s: not formatted (%v)", r.ID(), name, err)
			}
		}
		if r.Before == r.After {
			t.Errorf("%s: the code does not change", r.ID())
		}
	}
}

func TestRules(t *testing.T) {
	last := 0
	for _, r := range All {
		if r.Number <= last {
			t.Errorf("%s is out of order", r.ID())
		}
		last = r.Number
		for name, text := range map[string]string{"what": r.What, "why": r.Why, "fix": r.Fix} {
			if !strings.HasSuffix(text, ".") || strings.ContainsAny(text, "\n`*") {
				t.Errorf("%s: %s is no plain paragraph: %q", r.ID(), name, text)
			}
		}
		if got, ok := Get(strings.ToLower(r.ID())); !ok || got.Number != r.Number {
			t.Errorf("Get(%s) = %v, %v", r.ID(), got, ok)
		}
	}
	if _, ok := Get("HB999"); ok {
		t.Error("HB999 exists")
	}
	if Race("observed") != "HB001" || Race("predicted") != "HB002" {
		t.Error("the rules of races")
	}
}
