package report_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/rule"
	"github.com/hindsight-go/hindsight/report"
)

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestTerminal checks that colour adds nothing but colour, and width nothing but
// line breaks, and neither touches the race detector's lines.
func TestTerminal(t *testing.T) {
	plain := string(render(t, report.Text, sample()))
	if strings.Contains(plain, "\x1b") {
		t.Error("colour that nobody asked for")
	}
	color := string(renderAs(t, report.Text, sample(), report.Options{Color: true}))
	if color == plain || escapes.ReplaceAllString(color, "") != plain {
		t.Error("colour changes the text")
	}
	narrow := string(renderAs(t, report.Text, sample(), report.Options{Width: 60}))
	if strings.Join(strings.Fields(narrow), " ") != strings.Join(strings.Fields(plain), " ") {
		t.Error("width changes the words")
	}
	for line := range strings.Lines(narrow) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 60 && strings.Contains(strings.TrimSpace(line), " ") && !strings.HasPrefix(line, "      ") {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	for _, race := range sample().Races {
		if !strings.Contains(narrow, report.DetectorText(&race)) {
			t.Errorf("race %s is not in the race detector's format", race.ID)
		}
	}
}

func TestRuleText(t *testing.T) {
	for _, r := range rule.All {
		text := report.Rule(r)
		for line := range strings.Lines(text) {
			if len(line) > 81 {
				t.Errorf("%s: %d characters: %s", r.ID(), len(line), line)
			}
		}
		if !strings.Contains(strings.Join(strings.Fields(text), " "), r.Fix) {
			t.Errorf("%s does not say what to do", r.ID())
		}
	}
}

// TestCondense draws a graph of many events: the racing ones and what orders
// them stay, the rest is counted.
func TestCondense(t *testing.T) {
	g := &finding.Graph{}
	add := func(id int, goroutine string, racing bool) {
		g.Nodes = append(g.Nodes, finding.Node{ID: id, Goroutine: goroutine, Event: uint64(id), Op: "lock", Label: "event", Racing: racing})
	}
	const n = 1000
	add(0, "g1", false)
	for i := range n {
		add(1+i, "g2", i == n-1)
		from := i
		kind := "program"
		if i == 0 {
			from, kind = 0, "go"
		}
		g.Edges = append(g.Edges, finding.Edge{From: from, To: 1 + i, Kind: kind})
	}
	for i := range n {
		add(1+n+i, "g3", i == 0)
		from, kind := n+i, "program"
		if i == 0 {
			from, kind = 0, "go"
		}
		g.Edges = append(g.Edges, finding.Edge{From: from, To: 1 + n + i, Kind: kind})
	}
	r := sample()
	r.Races = r.Races[1:2]
	r.Races[0].Graph = g
	page := string(unlimited(t, r))
	if nodes := strings.Count(page, `class="event"`); nodes != 60 {
		t.Errorf("%d events are drawn, want 60", nodes)
	}
	shown := regexp.MustCompile(`⋮ (\d+) events? left out|(\d+) more events left out below`).FindAllStringSubmatch(page, -1)
	left := 0
	for _, m := range shown {
		for _, digits := range m[1:] {
			k := 0
			for _, c := range digits {
				k = 10*k + int(c-'0')
			}
			left += k
		}
	}
	if left != 2*n+1-60 {
		t.Errorf("%d events are counted as left out, want %d: %q", left, 2*n+1-60, shown)
	}
	if strings.Count(page, `class="mark"`) != 2 || !strings.Contains(page, "common past") {
		t.Error("the racing events or their common past are missing")
	}
	// Too many are refused, not drawn.
	for range 10_000 {
		add(len(g.Nodes), "g4", false)
	}
	if page := string(unlimited(t, r)); !strings.Contains(page, "too large to draw") {
		t.Error("a huge graph is drawn")
	}
}
