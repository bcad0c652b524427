package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
)

// elements parses a page and returns its elements in order, each with the
// names of its attributes, and those within diagrams apart, since a diagram's
// layout follows the text's width.
func elements(t *testing.T, page []byte) (outside, inside []string) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *html.Node, drawn bool)
	walk = func(n *html.Node, drawn bool) {
		if n.Type == html.ElementNode {
			name := n.Data
			for _, a := range n.Attr {
				name += " " + a.Key
			}
			if drawn {
				inside = append(inside, name)
			} else {
				outside = append(outside, name)
			}
			drawn = drawn || n.Data == "svg"
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, drawn)
		}
	}
	walk(doc, false)
	return outside, inside
}

// poison appends s to every text of r that a trace decides.
func poison(r *finding.Result, s string) {
	var walk func(v reflect.Value, name string)
	walk = func(v reflect.Value, name string) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem(), name)
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i), name)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), v.Type().Name()+"."+v.Type().Field(i).Name)
			}
		case reflect.String:
			switch name {
			case "Result.Schema", "Result.Verdict", "Race.Tier", "Finding.Tier", "Finding.Severity", "Race.Kind":
				return
			case "Frame.Func", "Run.Module": // which decide what is folded
				s := strings.NewReplacer("/", "", "[", "", ".", "").Replace(s)
				v.SetString(v.String() + s)
				return
			}
			if v.String() != "" {
				v.SetString(v.String() + s)
			}
		}
	}
	walk(reflect.ValueOf(r), "")
}

// unlimited is a page without limits.
func unlimited(t *testing.T, r *finding.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, report.HTML, r, report.Options{MaxRaces: -1, MaxBytes: -1}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzHostile checks that text of a trace stays text in every format.
func FuzzHostile(f *testing.F) {
	for _, s := range []string{
		`</script><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "\u202egnp.exe\u2066", "a\nb\r\n==================\n",
		"`````` | \\ \\N \\\" <b> &lt; {{.}} -->", "\x00\x1b[31m\xff", strings.Repeat("long", 1000), "]]>", `javascript:alert(1)`, "${x}`", "\u2028*/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = s[:min(len(s), 1<<12)] // the result holds it a hundred times
		testHostile(t, s, sample(), sample())
		testHostile(t, s, scheduled(), scheduled())
	})
}

// testHostile checks that two equal results look alike when all texts of one have
// a harmless end, those of the other a hostile one.
func testHostile(t *testing.T, s string, plain, hostile *finding.Result) {
	t.Helper()
	poison(plain, "x")
	poison(hostile, "x"+s)

	want, drawn := elements(t, unlimited(t, plain))
	page := unlimited(t, hostile)
	got, drawnGot := elements(t, page)
	if !slices.Equal(got, want) {
		t.Errorf("the page has other elements: %s", firstDifference(got, want))
	}
	for _, e := range drawnGot {
		if !slices.Contains(drawn, e) {
			t.Errorf("a diagram has the element %q", e)
		}
	}
	back, err := report.ReadHTML(bytes.NewReader(page))
	if err != nil {
		t.Fatalf("ReadHTML: %v", err)
	}
	if again := unlimited(t, back); !bytes.Equal(again, page) {
		t.Error("the page read back renders differently")
	}

	for _, terminal := range []report.Options{{Color: true}, {Redact: report.RedactPublic}} {
		want, got := renderAs(t, report.Text, plain, terminal), renderAs(t, report.Text, hostile, terminal)
		if bytes.Count(got, []byte("\n")) != bytes.Count(want, []byte("\n")) || bytes.Count(got, []byte("\x1b")) != bytes.Count(want, []byte("\x1b")) {
			t.Errorf("the text has other lines or styles with %+v", terminal)
		}
	}
	for _, format := range report.Formats() {
		if format == report.JSON || format == report.SARIF {
			var want, got any
			if err := errors.Join(json.Unmarshal(render(t, format, plain), &want), json.Unmarshal(render(t, format, hostile), &got)); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if want, got := shape(want), shape(got); got != want {
				t.Errorf("%s has another shape: %s, want %s", format, got, want)
			}
			continue
		}
		if format == report.HTML {
			continue
		}
		wantLines := bytes.Count(render(t, format, plain), []byte("\n"))
		out := render(t, format, hostile)
		if lines := bytes.Count(out, []byte("\n")); lines != wantLines && format != report.SVG {
			t.Errorf("%s has %d lines, want %d", format, lines, wantLines)
		}
		if i := bytes.IndexFunc(out, unwanted); i >= 0 {
			t.Errorf("%s holds %q", format, out[i:min(i+10, len(out))])
		}
	}
}

// shape is what of a JSON value is no text.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var b strings.Builder
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(key + ":" + shape(v[key]) + " ")
		}
		return "{" + b.String() + "}"
	case []any:
		var b strings.Builder
		for _, x := range v {
			b.WriteString(shape(x) + " ")
		}
		return "[" + b.String() + "]"
	case string:
		return "text"
	}
	return fmt.Sprint(v)
}

// unwanted reports characters that no format of text may hold.
func unwanted(c rune) bool {
	return c < ' ' && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0 || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("element %d is %q, want %q", i, got[i], want[i])
		}
	}
	return fmt.Sprintf("%d elements, want %d", len(got), len(want))
}

// TestPolicy checks that the policy admits the page's style and script and
// that nothing on the page would need more.
func TestPolicy(t *testing.T) {
	page := string(render(t, report.HTML, sample()))
	_, rest, _ := strings.Cut(page, `http-equiv="Content-Security-Policy" content="`)
	quoted, _, _ := strings.Cut(rest, `">`)
	policy := html.UnescapeString(quoted)
	for _, want := range []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	for directive, element := range map[string]string{"style-src": "style", "script-src": "script"} {
		_, rest, _ := strings.Cut(page, "<"+element+">")
		text, _, ok := strings.Cut(rest, "</"+element+">")
		sum := sha256.Sum256([]byte(text))
		if want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !ok || !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	all, drawn := elements(t, []byte(page))
	for _, e := range append(all, drawn...) {
		for _, attribute := range strings.Fields(e)[1:] {
			if attribute == "style" || attribute == "src" || strings.HasPrefix(attribute, "on") {
				t.Errorf("the page has the attribute %s on %s", attribute, e)
			}
		}
	}
}

// TestMegabytes checks that one long text is cut short where it is shown.
func TestMegabytes(t *testing.T) {
	r := sample()
	r.Races[1].Object.Name = strings.Repeat("n", 1<<20)
	r.Races[1].Why = strings.Repeat("y\u202e", 1<<18)
	for _, f := range report.Formats() {
		out := render(t, f, r)
		if f == report.HTML { // which holds the result, too
			out, _, _ = bytes.Cut(out, []byte(`<script type="application/json"`))
		}
		if f != report.JSON && len(out) > 100<<10 {
			t.Errorf("%s has %d bytes", f, len(out))
		}
	}
}

// TestLimits checks that a page leaves the lowest ranks out, counts and names
// them, and that reading such a page and writing it again changes nothing.
func TestLimits(t *testing.T) {
	r := sample()
	for i := range 300 {
		race := r.Races[1]
		race.ID, race.Occurrences = fmt.Sprintf("%012x", i), uint64(i+1)
		r.Races = append(r.Races, race)
	}
	for _, test := range []struct {
		name    string
		options report.Options
		most    int // races shown
	}{
		{"default", report.Options{}, 200},
		{"races", report.Options{MaxRaces: 2}, 2},
		{"bytes", report.Options{MaxBytes: 200 << 10}, 30},
		{"nothing fits", report.Options{MaxBytes: 1}, 0},
		{"none", report.Options{MaxRaces: -1, MaxBytes: -1}, 303},
	} {
		t.Run(test.name, func(t *testing.T) {
			var page, again, direct bytes.Buffer
			if err := report.Write(&page, report.HTML, r, test.options); err != nil {
				t.Fatal(err)
			}
			if most := int(test.options.MaxBytes); most > 1 && page.Len() > most {
				t.Errorf("page has %d bytes, want at most %d", page.Len(), most)
			}
			shown := strings.Count(page.String(), `<article class="race card"`)
			if shown > test.most || shown == 0 && test.most > 0 {
				t.Errorf("page shows %d races, want up to %d", shown, test.most)
			}
			if !strings.Contains(page.String(), "<h1>303 distinct data races") {
				t.Error("the headline does not count all races")
			}
			back, err := report.ReadHTML(bytes.NewReader(page.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			switch omitted := back.Omitted; {
			case shown == 303:
			case omitted == nil:
				t.Error("the page does not say that it omits races")
			case omitted.Races != 303-shown || len(omitted.Named) != omitted.Races+omitted.Findings:
				t.Errorf("the page omits %d races and %d findings and names %d, want %d races", omitted.Races, omitted.Findings, len(omitted.Named), 303-shown)
			}
			if err := report.Write(&again, report.HTML, back, test.options); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(page.Bytes(), again.Bytes()) {
				t.Error("the page read back renders differently")
			}
			if shown == 303 {
				if err := report.Write(&direct, report.JSON, back, test.options); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(direct.Bytes(), renderAs(t, report.JSON, r, report.Options{Redact: report.RedactTeam})) {
					t.Error("JSON of the page differs from JSON of the result")
				}
			}
		})
	}
}
