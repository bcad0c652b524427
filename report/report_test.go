package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
)

var update = flag.Bool("update", false, "write the golden files; the run still fails where one changed")

// render writes r in memory.
func render(t testing.TB, f report.Format, r *finding.Result) []byte {
	t.Helper()
	return renderAs(t, f, r, report.Options{})
}

func renderAs(t testing.TB, f report.Format, r *finding.Result, o report.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, f, r, o); err != nil {
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

// TestRoundTrip checks that results read back from JSON and from a page render
// as the original does, in every format.
func TestRoundTrip(t *testing.T) {
	for name, r := range map[string]*finding.Result{
		"races": sample(),
		"none":  quiet(finding.Coverage{Complete: true, Instrumented: true}),
		"lossy": quiet(finding.Coverage{}),
		"plain": scheduled(),
	} {
		t.Run(name, func(t *testing.T) {
			fromJSON, err := report.ReadJSON(bytes.NewReader(render(t, report.JSON, r)))
			if err != nil {
				t.Fatal(err)
			}
			fromHTML, err := report.ReadHTML(bytes.NewReader(render(t, report.HTML, r)))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Formats() {
				want := render(t, f, r)
				if !bytes.Equal(render(t, f, fromJSON), want) {
					t.Errorf("%s of the saved JSON differs", f)
				}
				// A page gives back what it holds, which has been redacted.
				want = renderAs(t, f, r, report.Options{Redact: report.RedactTeam})
				if !bytes.Equal(render(t, f, fromHTML), want) {
					t.Errorf("%s of the saved page differs", f)
				}
			}
			if json := render(t, report.JSON, r); bytes.Contains(json, []byte("null")) {
				t.Errorf("JSON holds null: %s", json)
			}
		})
	}
}

// failing accepts n bytes, then fails.
type failing struct{ n int }

var errFull = errors.New("no space left on device")

func (w *failing) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	for _, f := range report.Formats() {
		size := len(render(t, f, sample()))
		for _, n := range []int{0, size / 2, size - 1} {
			if err := report.Write(&failing{n}, f, sample(), report.Options{}); !errors.Is(err, errFull) {
				t.Errorf("%s after %d of %d bytes: error %v, want %v", f, n, size, err, errFull)
			}
		}
	}
	if err := report.Write(&failing{}, "pdf", sample(), report.Options{}); err == nil {
		t.Error("no error for an unknown format")
	}
	if err := report.Write(&failing{}, report.Text, &finding.Result{Schema: "hindsight/9"}, report.Options{}); err == nil {
		t.Error("no error for an unknown schema")
	}
}

func TestReadErrors(t *testing.T) {
	page := string(render(t, report.HTML, sample()))
	for name, text := range map[string]string{
		"empty": "", "other": "<html></html>", "cut": page[:len(page)-2000], "newer": `{"schema":"hindsight/2"}`,
		"verdict": `{"schema":"hindsight/1","verdict":"fine"}`, "two": `{"schema":"hindsight/1","verdict":"none"} {}`,
		"type": `{"schema":"hindsight/1","verdict":"none","races":{}}`,
	} {
		if _, err := report.ReadJSON(strings.NewReader(text)); err == nil {
			t.Errorf("ReadJSON of %q: no error", name)
		}
		if name == "cut" {
			text = text[:strings.Index(text, `"hindsight-result"`)+100]
		}
		if _, err := report.ReadHTML(strings.NewReader(text)); err == nil {
			t.Errorf("ReadHTML of %q: no error", name)
		}
	}
}

// TestVerdictNeverTooGood checks the words of results in which nothing was found.
func TestVerdictNeverTooGood(t *testing.T) {
	for _, test := range []struct {
		coverage finding.Coverage
		clean    bool
	}{
		{finding.Coverage{Complete: true, Instrumented: true}, true},
		{finding.Coverage{Complete: true}, false},
		{finding.Coverage{Instrumented: true}, false},
		{finding.Coverage{Instrumented: true, LostSync: 1}, false},
		{finding.Coverage{Complete: true, Instrumented: true, Windows: []finding.Window{{}}}, true},
	} {
		r := quiet(test.coverage)
		r.Verdict = finding.None // even where the analysis said so
		for _, f := range report.Formats() {
			if f == report.JSON {
				continue
			}
			text := strings.ToLower(string(render(t, f, r)))
			if got := strings.Contains(text, "no data race"); got && !test.clean {
				t.Errorf("%s of %+v says that there is no data race", f, test.coverage)
			}
			if strings.Contains(text, "no data race in this execution") && len(test.coverage.Windows) > 0 {
				t.Errorf("%s says of a window what is true of the whole execution only", f)
			}
		}
	}
}

// The expressions of panicparse, which reads the race detector's output.
var detectorLines = []*regexp.Regexp{
	regexp.MustCompile(`^==================$`),
	regexp.MustCompile(`^WARNING: DATA RACE$`),
	regexp.MustCompile(`^(Read|Write) at (0x[0-9a-f]+) by (goroutine (\d+)|main goroutine):$`),
	regexp.MustCompile(`^Previous (read|write) at (0x[0-9a-f]+) by (goroutine (\d+)|main goroutine):$`),
	regexp.MustCompile(`^Goroutine (\d+) \((running|finished)\) created at:$`),
	regexp.MustCompile(`^  [^ ].*\(\)$`),
	regexp.MustCompile(`^      [^ ].*:\d+ \+0x[0-9a-f]+$`),
	regexp.MustCompile(`^$`),
}

func TestDetectorText(t *testing.T) {
	script := sample().Races[1]
	for i := range script.Accesses {
		a := &script.Accesses[i]
		a.Goroutine = []string{"reader", "wri\nter"}[i]
		a.Stack, a.Site = nil, finding.Frame{File: a.Goroutine, Line: 3}
		a.Created = []finding.Frame{{File: "g1", Line: 1}}
	}
	for _, race := range append(sample().Races, script) {
		text := report.DetectorText(&race)
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if !slices.ContainsFunc(detectorLines, func(re *regexp.Regexp) bool { return re.MatchString(line) }) {
				t.Errorf("the race detector writes no line %q", line)
			}
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"main.f":          "main.f",
		"größe 世界":        "größe 世界",
		"a\nb\tc":         `a\nb\tc`,
		"\u202eevil\x1b[": `\u202eevil\x1b[`,
		"\xff\x00":        `�\x00`,
		"zero\u200bwidth": `zero\u200bwidth`,
	} {
		if got := report.Visible(in); got != want {
			t.Errorf("Visible(%q) = %q, want %q", in, got, want)
		}
	}
	if got := report.Visible(strings.Repeat("é", 1<<20)); len(got) > 2000 || !strings.Contains(got, "bytes]") {
		t.Errorf("a long name became %d bytes", len(got))
	}
}

func TestDot(t *testing.T) {
	hostile := sample()
	poison(hostile, "\"]; \\N \\\" <b> & \n }")
	var whole bytes.Buffer
	if err := report.WriteGraph(&whole, report.DOT, sample().Races[1].Graph, sample().Races); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(whole.Bytes(), []byte("unordered")) {
		t.Error("the racing pair is not joined")
	}
	graphviz, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("Graphviz is not installed: what dot accepts is not tested")
	}
	for name, text := range map[string][]byte{
		"sample": render(t, report.DOT, sample()), "hostile": render(t, report.DOT, hostile), "whole": whole.Bytes(),
		"empty": render(t, report.DOT, quiet(finding.Coverage{})), "plain": render(t, report.DOT, scheduled()),
	} {
		cmd := exec.Command(graphviz, "-Tsvg")
		cmd.Stdin = bytes.NewReader(text)
		var warnings bytes.Buffer
		cmd.Stderr = &warnings
		drawn, err := cmd.Output()
		if err != nil || warnings.Len() > 0 {
			t.Errorf("%s: dot: %v %s\n%s", name, err, warnings.Bytes(), text)
		}
		if name == "sample" && !bytes.Contains(drawn, []byte("unordered")) {
			t.Error("dot has not drawn the racing pair")
		}
	}
}

// TestSVG checks that the drawing is well-formed XML, whatever the names.
func TestSVG(t *testing.T) {
	hostile := sample()
	poison(hostile, "<&>'\"\x00\x01\ufffe]]>\xff")
	for _, r := range []*finding.Result{sample(), hostile, quiet(finding.Coverage{})} {
		d := xml.NewDecoder(bytes.NewReader(render(t, report.SVG, r)))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestGraphErrors(t *testing.T) {
	node := func(id int, g string) finding.Node { return finding.Node{ID: id, Goroutine: g} }
	for name, g := range map[string]*finding.Graph{
		"cycle":     {Nodes: []finding.Node{node(1, "a"), node(2, "b")}, Edges: []finding.Edge{{From: 1, To: 2}, {From: 2, To: 1}}},
		"loop":      {Nodes: []finding.Node{node(1, "a")}, Edges: []finding.Edge{{From: 1, To: 1}}},
		"duplicate": {Nodes: []finding.Node{node(1, "a"), node(1, "b")}},
		"dangling":  {Nodes: []finding.Node{node(1, "a")}, Edges: []finding.Edge{{From: 1, To: 7}}},
	} {
		if err := report.WriteGraph(io.Discard, report.DOT, g, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		r := sample()
		r.Races[1].Graph = g
		if page := render(t, report.HTML, r); !bytes.Contains(page, []byte("cannot be drawn")) {
			t.Errorf("%s: the page does not say that the graph cannot be drawn", name)
		}
	}
	// Edges that contradict the nodes' order, but not each other, are put in order.
	reversed := &finding.Graph{
		Nodes: []finding.Node{node(2, "b"), node(1, "a")},
		Edges: []finding.Edge{{From: 1, To: 2, Kind: "go"}, {From: 1, To: 2, Kind: "lock"}, {From: 1, To: 2, Kind: "go"}},
	}
	var out bytes.Buffer
	if err := report.WriteGraph(&out, report.DOT, reversed, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `label="go, lock"`) || strings.Index(out.String(), `"n1" [`) > strings.Index(out.String(), `"n2" [`) {
		t.Errorf("nodes or merged edges are wrong:\n%s", &out)
	}
}
