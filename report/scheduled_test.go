package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/report"
)

// scheduled is a result as a plain trace of a server might give: a leak, two
// goroutines that wait for each other, a convoy, and an idle worker.
func scheduled() *finding.Result {
	const file = "/home/ana/src/shop/ask/ask.go"
	at := func(fn string, line int) finding.Frame { return frame("example.com/shop/ask."+fn, file, line) }
	send := []finding.Frame{frame("runtime.chansend1", "/usr/local/go/src/runtime/chan.go", 161), at("Ask.func1", 17)}
	started := []finding.Frame{at("Ask", 16), frame("net/http.(*conn).serve", httpFile, 2109)}
	mutex := []finding.Frame{frame("sync.(*Mutex).Lock", "/usr/local/go/src/sync/mutex.go", 46), at("move", 40)}
	idle := []finding.Frame{frame("runtime.chanrecv2", "/usr/local/go/src/runtime/chan.go", 514), frame("main.work", mainFile, 9)}
	mainStack := []finding.Frame{frame("main.main", mainFile, 31)}
	leaked := finding.Access{
		Op: "block-send", Goroutine: "g29", Event: 0, Site: send[1], Stack: send, Created: started, Creator: "g12", Running: true,
	}
	return &finding.Result{
		Schema: finding.Schema, Verdict: finding.Inconclusive, Order: "model", Tool: "v1.2.0",
		Findings: []finding.Finding{{
			Rule: "HB052", ID: "51c0ffee0052", Severity: "note", Tier: "observed", Witness: "none", Occurrences: 5,
			Message: "a goroutine waits to send, and nobody was woken here during the trace: a possible leak", Events: []finding.Access{leaked},
			Graph: &finding.Graph{
				Nodes: []finding.Node{
					{ID: 0, Goroutine: "g12", Event: 3, Op: "go", Label: "go g29", Site: started[0], Elided: 3},
					{ID: 1, Goroutine: "g29", Op: "block-send", Label: "waits to send", Site: send[1]},
				},
				Edges: []finding.Edge{{From: 0, To: 1, Kind: "go"}},
			},
		}},
		Runs: []finding.Run{{
			Start: "2026-03-02T09:41:07Z", Seconds: 3.02, Goroutines: 126, Events: 4767, Settings: "execution trace, format of go1.26",
			Scheduling: &finding.Scheduling{
				From: 1.5, To: 3.02, Existed: 12, Started: 114, Ended: 99, System: 9,
				AtEnd: finding.States{Running: 1, Runnable: 1, Syscall: 1, Sleep: 2, Network: 12, Other: 1, Waiting: 9},
				Tree: []finding.Branch{
					{Func: "main.main", Created: []finding.Frame{}, Count: 1, Goroutines: []string{"g1"}},
					{Depth: 1, Func: "net/http.(*conn).serve", Created: connCreated, Count: 9, Ended: 2, Goroutines: []string{"g12", "g13", "g14", "g15", "g16", "g17", "g18"}},
					{Depth: 2, Func: "example.com/shop/ask.Ask.func1", Created: started, Count: 7, Ended: 2, Waiting: 5, Goroutines: []string{"g29"}},
				},
				Blocked: []finding.Blocked{
					{Op: "block-send", Reason: "chan send", Site: send[1], Stack: send, Count: 5, Goroutines: []string{"g29", "g30", "g31"}, Created: started, Creator: "g12", Seconds: 1.2, Woken: 2, Passed: 3, Stuck: true},
					{Op: "block-lock", Reason: "sync", Site: mutex[1], Stack: mutex, Count: 2, Goroutines: []string{"g40", "g41"}, Created: mainStack, Seconds: 0.9, Stuck: true},
					{Op: "block-forever", Reason: "forever", Site: send[1], Stack: send, Count: 1, Goroutines: []string{"g50"}, Created: []finding.Frame{}, Seconds: 0.5, Stuck: true, Forever: true},
					{Op: "block-recv", Reason: "chan receive", Site: idle[1], Stack: idle, Count: 1, Goroutines: []string{"g7"}, Created: mainStack, Creator: "g1", Seconds: 0.0004, Earlier: 1, Woken: 40},
				},
				WaitsFor: []finding.WaitsFor{
					{From: 1, To: 1, Why: "lock", By: "g41", Count: 2},
					{From: 3, To: -1, Why: "woke", By: "g1", Count: 40},
					{From: 3, To: 0, Why: "started", By: "g29", Count: 1},
				},
				Cycles: []finding.Cycle{{Blocked: []int{1}, Goroutines: []string{"g40", "g41"}, Why: "Nobody else is known who could wake g40 and g41."}},
				Waits: []finding.Wait{
					{Goroutine: "g8", Event: 4, Op: "block-select", Reason: "select", Site: idle[1], Stack: idle, Start: 1.6, Seconds: 0.25, By: "g1", ByStack: mainStack},
					{Goroutine: "g9", Event: 2, Op: "block-recv", Reason: "chan receive", Site: idle[1], Stack: idle, Seconds: 0.000002, Earlier: true, ByStack: []finding.Frame{}},
				},
				Places: []finding.Place{
					{Op: "block-recv", Reason: "chan receive", Site: idle[1], Stack: idle, Waits: 40, Seconds: 1.4, Longest: 0.2, Open: 1, Wakers: []finding.Waker{{Site: mainStack[0], Count: 40}}},
					{Op: "block-sleep", Reason: "sleep", Site: mainStack[0], Stack: mainStack, Waits: 2, Seconds: 1, Longest: 0.5, Wakers: []finding.Waker{}},
				},
				Convoys: []finding.Convoy{{
					Op: "block-lock", Site: mutex[1], Stack: mutex, Goroutines: 12, Width: 11, Turns: 239, Start: 1.6, Seconds: 0.278, Waited: 2.99,
					First: []string{"g22", "g23", "g24"},
				}},
				Left: finding.SchedulingLeft{Waits: 428, Stacks: 1, Places: 2, Convoys: 1, Branches: 3, Blocked: 1},
			},
		}},
	}
}

func TestScheduledGolden(t *testing.T) {
	for _, f := range report.Formats() {
		if f == report.SVG {
			continue // for races only
		}
		ext := map[report.Format]string{report.Markdown: ".md", report.Text: ".txt"}[f]
		if ext == "" {
			ext = "." + string(f)
		}
		golden(t, "plain"+ext, render(t, f, scheduled()))
	}
}

// TestScheduledVerdict makes sure that no form of a plain trace's report says that
// races are absent, nor that anything but findings is known.
func TestScheduledVerdict(t *testing.T) {
	quiet, failed := scheduled(), scheduled()
	quiet.Findings = nil
	failed.Findings[0].Severity, failed.Findings[0].Rule = "error", "HB050"
	failed.Verdict = finding.Findings
	wrong := scheduled()
	wrong.Verdict = finding.None
	for name, r := range map[string]*finding.Result{"quiet": quiet, "noted": scheduled(), "error": failed, "wrong": wrong} {
		for _, f := range report.Formats() {
			text := strings.ToLower(string(render(t, f, r)))
			for _, claim := range []string{"no data race", "no race", "nothing found", "race-free", "without races", "no lock held"} {
				if strings.Contains(text, claim) {
					t.Errorf("%s as %s says %q", name, f, claim)
				}
			}
			if (f == report.Text || f == report.HTML || f == report.Markdown) && !strings.Contains(text, "of races this trace tells nothing") {
				t.Errorf("%s as %s does not say that it tells nothing of races", name, f)
			}
		}
	}
}

// TestScheduledSize makes sure that a page of many traces keeps to its limit, and
// says what it leaves out.
func TestScheduledSize(t *testing.T) {
	r := scheduled()
	for range 200 {
		r.Runs = append(r.Runs, scheduled().Runs[0])
	}
	const limit = 1 << 20
	page := renderAs(t, report.HTML, r, report.Options{MaxBytes: limit})
	if len(page) > limit || len(page) < limit/4 {
		t.Errorf("the page has %d bytes of %d", len(page), limit)
	}
	if !bytes.Contains(page, []byte("the goroutines of 1")) || !bytes.Contains(page, []byte("51c0ffee0052")) {
		t.Error("the page does not say what it leaves out, or leaves out the finding")
	}
	back, err := report.ReadHTML(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Runs) != 201 || back.Runs[200].Scheduling == nil || back.Runs[200].Scheduling.Left.Blocked == 0 {
		t.Errorf("%d runs, the last of which has %+v", len(back.Runs), back.Runs[len(back.Runs)-1].Scheduling)
	}
}

// TestScheduledRedaction makes sure that a page of a plain trace names files so that
// people find them, and folders nowhere.
func TestScheduledRedaction(t *testing.T) {
	page := render(t, report.HTML, scheduled())
	for _, secret := range []string{"/home/ana", "/usr/local/go"} {
		if bytes.Contains(page, []byte(secret)) {
			t.Errorf("the page names %s", secret)
		}
	}
	for _, name := range []string{"example.com/shop/ask/ask.go:17", "$GOROOT/src/runtime/chan.go", "main.go:31"} {
		if !bytes.Contains(page, []byte(name)) {
			t.Errorf("the page does not name %s", name)
		}
	}
}
