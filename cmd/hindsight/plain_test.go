package main

import (
	"bytes"
	"os"
	"regexp"
	"runtime"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/report"
)

// plainTrace is an ordinary trace of this process, in which a goroutine leaks.
func plainTrace(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := trace.Start(&b); err != nil {
		t.Fatal(err)
	}
	done, never := make(chan bool), make(chan bool)
	go func() { done <- true }()
	go func() { never <- true }()
	<-done
	for buf := make([]byte, 1<<20); !strings.Contains(string(buf[:runtime.Stack(buf, true)]), "[chan send"); {
		time.Sleep(time.Millisecond)
	}
	trace.Stop()
	<-never
	return b.Bytes()
}

// TestPlain analyzes a trace without records in every way.
func TestPlain(t *testing.T) {
	files(t, map[string]string{"plain.trace": string(plainTrace(t)), "racy.hbt": racyScript})
	for _, f := range report.Formats() {
		if f == report.SVG {
			continue
		}
		status, out, stderr := call("", "analyze", "--format="+string(f), "plain.trace")
		if status != exitInconclusive || stderr != "" {
			t.Errorf("%s: %d, %q", f, status, stderr)
		}
		if !strings.Contains(out, "HB052") {
			t.Errorf("%s does not tell of the leak:\n%s", f, out)
		}
		// What is saved gives the same again, and so does the trace itself.
		_, again, _ := call("", "analyze", "--format="+string(f), "plain.trace")
		if again != out {
			t.Errorf("%s is not the same twice", f)
		}
		if call("", "analyze", "--output=saved.json", "plain.trace"); f != report.JSON {
			if status, saved, _ := call("", "analyze", "--format="+string(f), "saved.json"); saved != out || status != exitInconclusive {
				t.Errorf("%s of the saved result: %d, the same: %t", f, status, saved == out)
			}
		}
	}
	_, json, _ := call("", "analyze", "--format=json", "plain.trace")
	for _, want := range []string{`"verdict": "inconclusive"`, `"races": []`, `"findings": [`, `"scheduling": {`, `"instrumented": false`, `"complete": false`} {
		if !strings.Contains(json, want) {
			t.Errorf("the result has no %s", want)
		}
	}

	// The graph has the creation of the leaking goroutine, and its wait.
	status, dot, stderr := call("", "graph", "plain.trace")
	if status != exitClean || stderr != "" || !strings.Contains(dot, `label="go"`) || !strings.Contains(dot, "wait to send") {
		t.Errorf("graph: %d, %q\n%s", status, stderr, dot)
	}
	leak := regexp.MustCompile(`HB052 note: .* \((\w+), `)
	_, text, _ := call("", "analyze", "plain.trace")
	m := leak.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no id in\n%s", text)
	}
	if status, svg, stderr := call("", "graph", "--format=svg", "--race="+m[1], "plain.trace"); status != exitClean || !strings.Contains(svg, "<svg") || stderr != "" {
		t.Errorf("graph of the finding: %d, %q", status, stderr)
	}
	if status, out, stderr := call("", "dump", "plain.trace"); status != exitInconclusive || out != "" || !strings.Contains(stderr, "no records") {
		t.Errorf("dump: %d, %q, %q", status, out, stderr)
	}

	// Several of them, and with others.
	if status, out, _ := call("", "analyze", "--format=markdown", "plain.trace", "plain.trace"); status != exitInconclusive || !strings.Contains(out, "Goroutines of process 2") {
		t.Errorf("two traces: %d\n%s", status, out)
	}
	if status, out, _ := call("", "analyze", "plain.trace", "racy.hbt"); status != exitFound || !strings.Contains(out, "DATA RACE") || !strings.Contains(out, "HB052") {
		t.Errorf("with a script: %d\n%s", status, out)
	}

	// A known leak is listed apart.
	if err := os.WriteFile("known.txt", []byte(m[1]+"  # as intended\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if status, out, _ := call("", "analyze", "--suppress=known.txt", "plain.trace"); status != exitInconclusive || !strings.Contains(out, "as intended") || leak.MatchString(out) {
		t.Errorf("suppressed: %d\n%s", status, out)
	}
}

func TestPlainFilters(t *testing.T) {
	files(t, map[string]string{"plain.trace": string(plainTrace(t)), "racy.hbt": racyScript})
	for _, test := range []struct {
		args   string
		status int
		says   string // on standard error
	}{
		{"analyze --since=1ms --until=1h plain.trace", exitInconclusive, ""},
		{"analyze --goroutine=1 --goroutine=g7,9 plain.trace", exitInconclusive, ""},
		{"graph --goroutine=1 plain.trace", exitClean, ""},
		{"analyze --since=2s --until=1s plain.trace", exitUsage, "the second after the first"},
		{"analyze --since=-1s plain.trace", exitUsage, "--since"},
		{"analyze --goroutine=main plain.trace", exitUsage, "numbers of goroutines"},
		{"analyze --goroutine=0 plain.trace", exitUsage, "numbers of goroutines"},
		{"analyze --since=1s racy.hbt", exitFound, "all of this is looked at"},
	} {
		status, out, stderr := call("", strings.Fields(test.args)...)
		if status != test.status || !strings.Contains(stderr, test.says) || test.says == "" && stderr != "" {
			t.Errorf("%s: %d, %q", test.args, status, stderr)
		}
		if strings.Contains(test.args, "until=1h") && strings.Contains(out, "1 h") {
			t.Errorf("the end is after the trace's:\n%s", out)
		}
	}
}
