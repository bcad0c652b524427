package browsertest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/xeipuuv/gojsonschema"
)

// sarifSchema is the schema of SARIF 2.1.0 (errata 01), which a library that
// reads SARIF holds as a constant.
func sarifSchema(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := strconv.Unquote(file.Scope.Lookup("schema").Decl.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
	if err != nil || !strings.Contains(schema, `"title": "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"`) {
		t.Fatalf("that is not the schema: %v", err)
	}
	return schema
}

func TestSARIF(t *testing.T) {
	schema, err := gojsonschema.NewSchema(gojsonschema.NewStringLoader(sarifSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	invalid, err := schema.Validate(gojsonschema.NewStringLoader(`{"version":"2.1.0","runs":[{"tool":{}}]}`))
	if err != nil || invalid.Valid() {
		t.Fatalf("the schema accepts anything: %v", err)
	}
	empty := &finding.Result{Schema: finding.Schema, Verdict: finding.Inconclusive}
	hostile := sample(t)
	hostile.Races[0].Object.Name = "\x00[a](b)\u202e\"</script>" + strings.Repeat("n", 1<<20)
	hostile.Races[0].Accesses[0].Site.File = "../../\x01 a:b%/c?d#e\\f"
	hostile.Races[0].Accesses[1].Site.File = "javascript:alert(1)"
	hostile.Findings[0].Rule, hostile.Findings[0].Events = "", nil
	suppressed := sample(t)
	list, err := finding.ParseSuppressions(strings.NewReader("object:*cache* # known"), "known.txt")
	if err != nil {
		t.Fatal(err)
	}
	suppressed.Suppress(list)
	if len(suppressed.Suppressed) == 0 {
		t.Error("nothing suppressed")
	}
	for name, r := range map[string]*finding.Result{
		"sample": sample(t), "empty": empty, "hostile": hostile, "many": many(t, 6000), "suppressed": suppressed,
	} {
		var b bytes.Buffer
		if err := report.Write(&b, report.SARIF, r, report.Options{}); err != nil {
			t.Fatal(err)
		}
		result, err := schema.Validate(gojsonschema.NewBytesLoader(b.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, problem := range result.Errors() {
			if i < 10 {
				t.Errorf("%s: %s", name, problem)
			}
		}
		// What others read of it.
		read, err := sarif.FromBytes(b.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, result := range read.Runs[0].Results {
			for _, l := range append(result.Locations, result.RelatedLocations...) {
				if uri := *l.PhysicalLocation.ArtifactLocation.URI; strings.HasPrefix(uri, "/") || strings.Contains(uri, "..") || strings.Contains(strings.SplitN(uri, "/", 2)[0], ":") {
					t.Errorf("%s: %q is not relative", name, uri)
				}
			}
			if result.PartialFingerprints["hindsightRaceId/v1"] == "" {
				t.Errorf("%s: a result without an id", name)
			}
		}
		if n := len(read.Runs[0].Results); n > 5000 {
			t.Errorf("%s: %d results", name, n)
		}
	}
}
