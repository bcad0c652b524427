package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/collect/record/recorded"
	"golang.org/x/net/html"
)

// FuzzPage checks that whatever bytes an input holds, a page of it has the
// elements that pages have, with the attributes that they have there, and that
// the other formats are written.
func FuzzPage(f *testing.F) {
	trace := recorded.Lostupdate()
	known := []string{"body class"} // of a page of many races
	for _, name := range []string{"races.html", "plain.html"} {
		golden, err := os.ReadFile("../../report/testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		known = append(known, elementsOf(f, string(golden))...)
	}
	f.Add(string(trace))
	f.Add("go 1.26 trace\x00\x00\x00")
	f.Add(strings.ReplaceAll(string(trace), "main.main", `<b>"'\;`)) // as long
	for _, name := range []string{
		"</script><script>alert(1)</script>", `"onclick="alert(1)`, "<!--", "${x}`", "{{.}}", "\u202eevil", "&lt;b&gt;", "javascript:alert(1)", "]]>", "\x7f",
	} {
		f.Add("g1 go " + name + "\ng1 lock " + name + " @" + name + ":1\ng1 write " + name + " @" + name + ":2\ng1 unlock " + name + "\n" + name + " write " + name + " @x:3\n")
		f.Add(`{"schema":"hindsight/1","verdict":"races","order":"` + name + `","races":[{"id":"` + name + `","tier":"observed","object":{"name":"x"},"accesses":[{"op":"` + name + `"},{"goroutine":"` + name + `"}]}]}`)
	}
	f.Fuzz(func(t *testing.T, input string) {
		for _, format := range []string{"html", "text", "json", "markdown", "sarif", "dot"} {
			status, out, stderr := call(input, "analyze", "--format="+format, "-")
			if status == exitFailed {
				if out != "" || stderr == "" {
					t.Errorf("%s fails with output %.100q and message %q", format, out, stderr)
				}
				continue
			}
			if out == "" {
				t.Errorf("%s is empty", format)
			}
			if format != "html" {
				continue
			}
			for _, e := range elementsOf(t, out) {
				if !slices.Contains(known, e) {
					t.Errorf("the page has %q", e)
				}
			}
		}
	})
}

// elementsOf lists the elements of a page with the names of their attributes.
// A link leads nowhere but into the page.
func elementsOf(t testing.TB, page string) (list []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		name := n.Data
		for _, a := range n.Attr {
			name += " " + a.Key
			if a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("a link leads to %q", a.Val)
			}
		}
		list = append(list, name)
	}
	return list
}
