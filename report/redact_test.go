package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/collect/machine"
	"github.com/hindsight-go/hindsight/report"
)

// private is a result that names its machine wherever text has a place.
func private() *finding.Result {
	r := sample()
	r.Runs[0].Machine = machine.New("salt", []string{"/home/ana"}, []string{"ana@build-07.corp.example.com"}, []string{"build-07.corp.example.com", "build-07", "ci"})
	r.Runs[0].Dirs = map[string]string{
		"goroot": "/usr/local/go", "modcache": "/home/ana/go/pkg/mod", "example.com/shop": "/home/ana/src/shop",
	}
	r.Races[1].Why = "See /home/ana/notes/why.txt:12, by ana@build-07.corp.example.com on build-07 (rebuild-07x is another) and /srv/secret/key."
	r.Races[0].Accesses[0].Stack = append(r.Races[0].Accesses[0].Stack,
		frame("other.org/tool.Run", "/opt/other/run.go", 3), frame("example.com/shop/gen.F", "../gen/gen.go", 4),
		frame("example.com/win.F", `C:\Users\bob\win.go`, 5))
	r.Coverage.Notes = append(r.Coverage.Notes, "ci wrote to /home/ana/x on BUILD-07.corp.example.com.")
	r.Findings[0].Message = `opens "/home/ana/src/shop/cmd/shopd/main.go" and /home/anatol/file`
	return r
}

// TestRedact checks every format at every level: by what it must not say, and
// by what it must go on saying.
func TestRedact(t *testing.T) {
	for _, f := range report.Formats() {
		for _, level := range []report.Redaction{"", report.RedactNone, report.RedactTeam, report.RedactPublic} {
			text := string(renderAs(t, f, private(), report.Options{Redact: level}))
			tells := level == report.RedactNone || level == "" && f != report.HTML && f != report.Markdown
			for _, secret := range []string{"/home/ana/", "ana@build-07", `Users\bob`, "/srv/secret", "/opt/other", "../gen"} {
				if f == report.SARIF && tells {
					continue // names files relatively in any case, sentences as they are
				}
				if got := strings.Contains(text, secret); got && !tells {
					t.Errorf("%s, %q: tells %s", f, level, secret)
				}
			}
			if !tells && strings.Contains(strings.ReplaceAll(text, "rebuild-07x", ""), "build-07") {
				t.Errorf("%s, %q: names the host", f, level)
			}
			if f == report.HTML || f == report.Markdown || f == report.JSON {
				if got := strings.Contains(text, "c.items[item] = price"); got != (level != report.RedactPublic) {
					t.Errorf("%s, %q: source lines: %v", f, level, got)
				}
			}
			if f == report.JSON && !tells {
				for _, want := range []string{`"cache/cache.go"`, `"$GOROOT/src/net/http/server.go"`, `"github.com/fast/stats@v1.4.0/counter.go"`, `"\u003cpath:`,
					"[user@host]", "on [host] (rebuild-07x", `"redaction": "` + string(level) + `"`, "2 host names"} {
					if !strings.Contains(text, want) {
						t.Errorf("%s, %q: does not say %s", f, level, want)
					}
				}
			}
		}
	}
}

// TestRedactTwice checks that a redacted result stays as it is, on another
// machine too, but for what a stricter level takes out.
func TestRedactTwice(t *testing.T) {
	team := renderAs(t, report.JSON, private(), report.Options{Redact: report.RedactTeam})
	back, err := report.ReadJSON(bytes.NewReader(team))
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []report.Redaction{report.RedactNone, report.RedactTeam} {
		if again := renderAs(t, report.JSON, back, report.Options{Redact: level}); !bytes.Equal(again, team) {
			t.Errorf("%s changes a redacted result", level)
		}
	}
	public := renderAs(t, report.JSON, back, report.Options{Redact: report.RedactPublic})
	if !bytes.Contains(public, []byte(`"redaction": "public"`)) || bytes.Contains(public, []byte(`"source"`)) {
		t.Error("a team's result made public holds source lines")
	}
	if direct := renderAs(t, report.JSON, private(), report.Options{Redact: report.RedactPublic}); !bytes.Equal(direct, public) {
		t.Error("by way of team, public is something else")
	}
}

// TestRedactHere checks that what names the writing machine is found in text
// that is no path of the recording, as part of a path only from its beginning.
func TestRedactHere(t *testing.T) {
	here := machine.New("x", []string{"/root", "/"}, nil, []string{"vm", "workhorse"})
	for in, want := range map[string]string{
		"/root/x":                     "[home]/x",
		"in '/root'":                  "in '[home]'",
		"/rooted/x and /a/root":       "/rooted/x and /a/root",
		"vm workhorse, workhorse.lan": "vm [host], [host].lan",
		"workhorses of aworkhorse":    "workhorses of aworkhorse",
		"the-workhorse-2":             "the-[host]-2",
	} {
		r := quiet(finding.Coverage{Complete: true, Instrumented: true, Notes: []string{"note: " + in}})
		r.Redaction = "team" // paths have been marked already
		text := string(renderAs(t, report.Text, r, report.Options{Redact: report.RedactTeam, Here: here}))
		if !strings.Contains(text, "  note: "+want+"\n") {
			t.Errorf("%s: %s", in, text)
		}
		if (in != want) != strings.Contains(text, "Redaction found and replaced") {
			t.Errorf("%s: hits are not told: %s", in, text)
		}
	}
}
