package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
)

var update = flag.Bool("update", false, "write the golden files; the run still fails where one changed")

// render writes r in memory.
func render(t testing.TB, f report.Format, r *finding.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, f, r, report.Options{}); err != nil {
		t.Fatalf("Write %s: %v", f, err)
	}
	return b.Bytes()
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	want, err := os.ReadFile(file)
	if err == nil && bytes.Equal(got, want) {
		return
	}
	if *update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("%s differs from what is rendered (%d bytes, golden %d); -update rewrites it", file, len(got), len(want))
}

func TestGolden(t *testing.T) {
	extensions := map[report.Format]string{
		report.Text: ".txt", report.JSON: ".json", report.HTML: ".html", report.Markdown: ".md",
		report.SARIF: ".sarif", report.DOT: ".dot", report.SVG: ".svg",
	}
	results := map[string]*finding.Result{
		"races":     sample(),
		"none":      quiet(finding.Coverage{Complete: true, Instrumented: true, Records: 12}),
		"annotated": quiet(finding.Coverage{Complete: true, Records: 12}),
		"lossy":     quiet(finding.Coverage{Instrumented: true, Truncated: true, LostSync: 1, LostRecords: 7, NotInstrumented: []string{"example.com/shop/fast"}}),
	}
	for _, f := range report.Formats() {
		ext := extensions[f]
		if got, ok := report.ByExtension("x" + ext); !ok || got != f {
			t.Errorf("ByExtension(%q) = %v, %v; want %v", ext, got, ok, f)
		}
		if got, err := report.ByName(string(f)); err != nil || got != f {
			t.Errorf("ByName(%q) = %v, %v", f, got, err)
		}
		golden(t, "races"+ext, render(t, f, results["races"]))
	}
	for _, name := range []string{"none", "annotated", "lossy"} {
		golden(t, name+".txt", render(t, report.Text, results[name]))
	}
}
