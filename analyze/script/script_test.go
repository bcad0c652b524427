package script

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
)

func TestErrors(t *testing.T) {
	tests := []struct{ line, text string }{
		{"line 2", "a lock m\na lock m"},
		{"line 1", "a unlock m"},
		{"line 2", "a lock m\na rlock m"},
		{"line 2", "a rlock m\na lock m"},
		{"line 1", "a runlock m"},
		{"line 3", "chan c 1\na send c\na send c"},
		{"line 2", "chan c 1\na recv c"},
		{"line 2", "a send c\na write x"},
		{"line 2", "a send c\na recv c"},
		{"line 1", "a send c"},
		{"line 2", "a go b\na recv c"},
		{"line 1", "a recv-closed c"},
		{"line 4", "chan c 1\na send c\na close c\na recv-closed c"},
		{"line 2", "chan c 1\nchan c 1"},
		{"line 2", "a close c\nchan c 1"},
		{"line 2", "a read x\nb read x"},
		{"line 3", "a go b\nb end\nb read x"},
		{"line 2", "a go b\na go b"},
		{"line 1", "a go a"},
		{"line 1", "a done w"},
		{"line 2", "a add w 1\na wait w"},
		{"line 1", "a once-wait o"},
		{"line 2", "a once o\na once o"},
		{"line 3", "a go b\na once o\nb once-done o"},
		{"line 1", "a cond-wake k"},
		{"line 3", "a cond-signal k\na cond-wake k\na cond-wake k"},
		{"line 1", "a dance x"},
		{"line 1", "a read"},
		{"line 1", "a"},
		{"line 1", "a read x here"},
		{"line 1", "a read x @here"},
		{"line 1", "a read x 4"},
		{"line 1", "a read x 0 0"},
		{"line 1", "a alloc x"},
		{"line 1", "a alloc x 99999999999"},
		{"line 2", "a alloc x 8\na read x 4 8"},
		{"line 1", "a life x"},
		{"line 1", "a read \x01"},
		{"line 1", "a read \xff"},
		{"line 1", "chan c -1"},
		{"line 1", ".gc 1"},
		{"line 2", ".recorded\n.gc x"},
		{"line 1", strings.Repeat("x", maxLine+1)},
	}
	for _, test := range tests {
		_, err := Parse(strings.NewReader(test.text))
		if err == nil || !strings.HasPrefix(err.Error(), test.line+":") {
			t.Errorf("%.60q: %v, want %s", test.text, err, test.line)
		}
	}
}

func TestAllowed(t *testing.T) {
	for _, text := range []string{
		"",
		"# nothing\n\n  # at all",
		"chan write x # a goroutine of that name",
		"a lock m # held for ever",
		"a trylock-fail m\na default-send c\na default-recv c",
		"a close c\na send c\na close c",
		"a go b\na wait w\nb add w 1",
		"a go b\nb add w 1\na wait w",
		"a go b\na cond-broadcast k\na cond-wake k\nb cond-wake k",
		"a add w 2\na add w -2\na wait w",
		"über write größe @wärme.go:3",
		"a write x#y @f#g.go:3 # comment",
		"a free x\na free x",
	} {
		if _, err := Parse(strings.NewReader(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSites(t *testing.T) {
	s, err := Parse(strings.NewReader("a go b @x.go:4\nb read x\nb read x @y.go:5\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Frame{{File: "x.go", Line: 4}, {File: "b", Line: 0}, {File: "y.go", Line: 5}}
	i := 0
	s.Replay(func(e *event.Event) bool {
		if f := s.Frames(e.Stack); len(f) != 1 || f[0] != want[i] {
			t.Errorf("event %d at %v", i, f)
		}
		i++
		return true
	})
	if f := s.Frames(s.Goroutine(1).Created); len(f) != 1 || f[0] != want[0] {
		t.Errorf("created at %v", f)
	}
}

// Every operation has a verb, and the verb that operation.
func TestVerbs(t *testing.T) {
	for op := event.Invalid + 1; op < event.NumOps; op++ {
		if v, ok := verbs[op.String()]; !ok || v.op != op {
			t.Errorf("operation %d: verb %q", op, op)
		}
	}
}

// FuzzParse: whatever is accepted is printed as something that is accepted,
// and printing that gives the same again.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("../testdata/litmus/*.hbt")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && len(text) < 2000 {
			f.Add(string(text))
		}
	}
	f.Add(".recorded collected killed defaults\n.stack 1 \"main.f\" \"f.go\" 3\n.goroutine g \"g 1\" - ^1 system\n.var x 0x1000 8 global \"main.x\" \"int\" ^1 g\n" +
		".sync m pool 0x99 \"m\"\nchan c 3\n.gc 2\ng skip 3\ng life x 0 8 @f.go:3 ^1\ng cut x 4 4\ng send c 7\ng misuse-read m 10\n" +
		"g cond-signal k 3 2\nh cond-wake k 4\nh send-closed c\nh add w -2")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		var first, second bytes.Buffer
		if err := Print(&first, s); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, &first)
		}
		if len(s.events) != len(again.events) {
			t.Fatalf("%d events, then %d", len(s.events), len(again.events))
		}
		if err := Print(&second, again); err != nil {
			t.Fatal(err)
		}
		if !s.recorded && !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("printed\n%s\nthen\n%s", &first, &second)
		}
		for i := range s.events {
			a, b := s.events[i], again.events[i]
			if s.recorded && s.gs[a.G].Name != again.gs[b.G].Name {
				t.Fatalf("event %d is of %q, then of %q\n%s", i, s.gs[a.G].Name, again.gs[b.G].Name, &first)
			}
			a.Stack, b.Stack, a.G, b.G, a.Child, b.Child = 0, 0, 0, 0, 0, 0
			if s.recorded && a != b {
				t.Fatalf("event %d is %+v, then %+v\n%s", i, a, b, &first)
			}
		}
	})
}
