package predict

import (
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/script"
)

// TestEnds: who waits in vain, and who might have been woken.
func TestEnds(t *testing.T) {
	const begin = ".stack 1 \"main.main\" \"a.go\" 1\n.stack 2 \"runtime.block\" \"select.go\" 104 \"main.main\" \"a.go\" 2\n" +
		".stack 3 \"main.f\" \"a.go\" 3\n.var x 0x1000 8 global \"x\" \"int\" ^0 -\n" +
		".goroutine main \"main\" - ^0\n.goroutine g \"g\" main ^1\n.goroutine t \"timer3\" - ^0 system\n"
	tests := []struct {
		name, text string
		want       string // rule and goroutine of each finding
	}{
		{"all wait", ".recorded\n" + begin + "main go g ^1\ng block-recv c ^3\nmain block-recv c ^1\n", "HB050 main, HB050 g"},
		{"all wait, and a signal ends them", ".recorded killed\n" + begin + "main go g ^1\ng block-recv c ^3\nmain block-recv c ^1\n", "HB051 main, HB051 g"},
		{"a lock of one who waits in vain, and a signal", ".recorded killed\n" + begin + "main go g ^1\ng lock m ^1\ng block-lock m ^3\nmain block-lock m ^1\n",
			"HB050 main, HB050 g"},
		{"one has been started and not heard of", ".recorded\n" + begin + "main go g ^1\nmain block-recv c ^1\n", "HB051 main"},
		{"a timer has fired", ".recorded\n" + begin + "t read x ^1\nmain block-recv c ^1\n", "HB050 main"},
		{"main rests", ".recorded\n" + begin + "main go g ^1\nmain block-forever ^2\ng write x ^1\n", "HB051 main"},
		{"main rests, and nobody works", ".recorded\n" + begin + "main go g ^1\nmain block-forever ^2\ng block-recv c ^3\n", "HB050 main, HB050 g"},
		{"main on a nil channel", ".recorded\n" + begin + "main go g ^1\nmain block-forever ^1\ng write x ^1\n", "HB050 main"},
		{"another in a select without cases", ".recorded\n" + begin + "main go g ^1\ng block-forever ^2\n", "HB050 g"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src, err := script.Parse(strings.NewReader(test.text))
			if err != nil {
				t.Fatal(err)
			}
			b := NewEnds(src)
			if err := b.replay("ends", b.Add); err != nil {
				t.Fatal(err)
			}
			found, err := b.Findings()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, f.Rule+" "+f.Events[0].Goroutine)
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("found %s, want %s", s, test.want)
			}
		})
	}
}
