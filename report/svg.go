package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// A diagram is a laid out space-time diagram: a lane per goroutine, time
// downwards, a row per event. Edges run in the gaps between rows and in a
// corridor left of each lane, so that they never cross text. All numbers are
// pixels; the template only fills them in.
type diagram struct {
	Title         string
	Y             int // within a file of several
	Width, Height int
	Lanes         []diagramLane
	Nodes         []diagramNode
	Edges         []diagramEdge
	Legend        []diagramKind
	Racing        bool
	Left          string // events left out after the last ones shown
}

// A diagramKind is a kind of edge that the diagram has.
type diagramKind struct{ Style, Name string }

type diagramLane struct {
	Name         string
	X, Y, Bottom int
}

type diagramNode struct {
	X, Y         int
	Label, Place string
	Full         string // all of it, for the tool tip
	Racing       bool
	Common       bool // the nearest node that comes before both accesses
	BadgeWidth   int
	Elided       string
}

type diagramEdge struct {
	Style          string // of edgeClass
	Path           string
	Label          string
	LabelX, LabelY int
	ArrowX, ArrowY int
	Arrow          bool
}

const (
	rowHeight    = 50
	elidedHeight = 28 // more above a row with events left out
	laneTop      = 34 // of the first row's middle, below the lanes' names
	laneCorridor = 34 // left of a lane, for edges
	laneMin      = 120
	labelMax     = 34 // characters in a node's label
	charWidth    = 7
	commonWidth  = 86 // of the mark beside the common past
)

// newDiagram lays w out.
func newDiagram(w *witness, races []finding.Race) diagram {
	d := diagram{Title: "Happens-before graph"}
	nodes := make(map[int]*diagramNode, len(w.nodes))
	laneX := map[string]int{}
	x := laneCorridor
	for _, lane := range w.lanes {
		laneX[lane] = x
		width := max(laneMin, textWidth(goroutineName(lane)))
		for _, n := range w.members[lane] {
			width = max(width, textWidth(diagramLabel(n)), textWidth(place(n.Site))+commonWidth)
		}
		x += width + laneCorridor + 16
	}
	d.Width = x - laneCorridor + 16

	y := laneTop
	d.Nodes = make([]diagramNode, 0, len(w.nodes))
	last := map[string]int{}
	for _, n := range w.nodes {
		y += rowHeight
		node := diagramNode{
			X: laneX[n.Goroutine], Label: diagramLabel(n), Place: shorten(place(n.Site)), Racing: n.Racing,
			Full: fmt.Sprintf("%s: %s at %s:%d", goroutineName(n.Goroutine), nodeLabel(n), Visible(n.Site.File), n.Site.Line),
		}
		if n.Elided > 0 {
			y += elidedHeight
			node.Elided = count(n.Elided, "event") + " left out"
		}
		node.Y = y
		node.BadgeWidth = max(textWidth(node.Label), textWidth(node.Place)) + 12
		d.Nodes = append(d.Nodes, node)
		nodes[n.ID] = &d.Nodes[len(d.Nodes)-1]
		last[n.Goroutine] = y
	}
	d.Height = y + rowHeight
	for _, lane := range w.lanes {
		d.Lanes = append(d.Lanes, diagramLane{goroutineName(lane), laneX[lane], laneTop, last[lane] + 14})
	}

	used := map[int]int{} // edges through the corridor left of the lane at x
	labels := map[string]bool{}
	add := func(from, to int, e diagramEdge) {
		a, b := nodes[from], nodes[to]
		nearest := w.row[to] == w.row[from]+1
		corridor := max(a.X, b.X)
		e.route(a, b, nearest, corridor-12-4*(used[corridor]%4))
		if !nearest {
			used[corridor]++
		}
		spot := fmt.Sprint(e.Label, e.LabelX/40, e.LabelY)
		if labels[spot] {
			e.Label = ""
		}
		labels[spot] = true
		d.Edges = append(d.Edges, e)
	}
	for _, e := range w.edges {
		if !e.program() {
			add(e.from, e.to, diagramEdge{Style: edgeClass(e.style()), Label: e.label(), Arrow: true})
		}
	}
	for _, p := range w.pairs(races) {
		add(p[0], p[1], diagramEdge{Style: unordered, Label: unordered})
		d.Racing = true
		if id, ok := w.ancestor(p); ok {
			nodes[id].Common = true
		}
	}
	for _, e := range d.Edges {
		name := kindNames[e.Style]
		if name == "" {
			name = e.Label
		}
		if kind := (diagramKind{e.Style, name}); name != "" && !slices.Contains(d.Legend, kind) {
			d.Legend = append(d.Legend, kind)
		}
	}
	if w.left > 0 {
		d.Left = count(w.left, "more event") + " left out below"
	}
	return d
}

// kindNames says what an edge of a style means; one of style "other" says it itself.
var kindNames = map[string]string{
	"go": "go statement", "channel": "channel", "lock": "lock", "waitgroup": "WaitGroup", "once": "Once",
	"cond": "Cond", "atomic": "atomic", unordered: "the race: no order",
}

// route draws the edge from a to b, which is below: down into the gap below a,
// along it, down a corridor at x to the gap above b, along that and down. Of
// neighbouring rows the two gaps are one.
func (e *diagramEdge) route(a, b *diagramNode, nearest bool, x int) {
	const radius = 6
	below, above := a.Y+28, b.Y-20
	if nearest {
		below = (below + above) / 2
		above = below
	}
	type point struct{ x, y int }
	points := []point{{a.X, a.Y + 7}, {a.X, below}}
	switch {
	case nearest && a.X != b.X:
		points = append(points, point{b.X, above})
	case !nearest:
		points = append(points, point{x, below}, point{x, above}, point{b.X, above})
	}
	points = append(points, point{b.X, b.Y - 8})

	var path strings.Builder
	fmt.Fprintf(&path, "M%d %d", points[0].x, points[0].y)
	for i := 1; i < len(points)-1; i++ {
		// Round the corner, by no more than half of the shorter side.
		p, c, n := points[i-1], points[i], points[i+1]
		r := min(radius, (abs(c.x-p.x)+abs(c.y-p.y))/2, (abs(n.x-c.x)+abs(n.y-c.y))/2)
		toward := func(q point) point { return point{c.x + sign(q.x-c.x)*r, c.y + sign(q.y-c.y)*r} }
		in, out := toward(p), toward(n)
		fmt.Fprintf(&path, "L%d %dQ%d %d %d %d", in.x, in.y, c.x, c.y, out.x, out.y)
	}
	end := points[len(points)-1]
	fmt.Fprintf(&path, "L%d %d", end.x, end.y)
	e.Path = path.String()
	e.ArrowX, e.ArrowY = end.x, end.y
	switch { // at the middle of the longest way across
	case a.X == b.X:
		e.LabelX, e.LabelY = a.X+16, below+4
	case !nearest && abs(b.X-x) > abs(x-a.X):
		e.LabelX, e.LabelY = (x+b.X)/2, above+4
	default:
		e.LabelX, e.LabelY = (points[1].x+points[2].x)/2, below+4
	}
}

func abs(n int) int { return max(n, -n) }

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func diagramLabel(n finding.Node) string { return shorten(nodeLabel(n)) }

// shorten cuts a label that is made visible already to what fits a lane.
func shorten(s string) string {
	if utf8.RuneCountInString(s) <= labelMax {
		return s
	}
	return cut(s, labelMax-1) + "…"
}

// textWidth estimates the width of s in the diagram's font.
func textWidth(s string) int {
	width := 0
	for _, c := range s {
		width += charWidth
		if c >= 0x1100 { // wide scripts
			width += charWidth
		}
	}
	return width
}

// edgeClass is the style sheet's name for a kind of edge.
func edgeClass(kind string) string {
	switch kind {
	case "go", "channel", "lock", "waitgroup", "once", "cond", "atomic":
		return kind
	}
	return "other"
}

//go:embed diagram.css
var diagramCSS string

//go:embed diagram.tmpl
var diagramTemplate string

// svgTemplate holds the template "diagram", which a page shares.
var svgTemplate = template.Must(template.New("svg").Parse(diagramTemplate))

// writeSVG draws the witness graphs of all races below each other.
func writeSVG(w io.Writer, r *finding.Result, _ Options) error {
	var all []diagram
	for i := range r.Races {
		race := &r.Races[i]
		if race.Graph == nil {
			continue
		}
		g, err := newWitness(race.Graph)
		if err != nil {
			return fmt.Errorf("race %s: %w", Visible(race.ID), err)
		}
		d := newDiagram(g.condense(maxDrawn), []finding.Race{*race})
		d.Title = fmt.Sprintf("Race %s on %s", Visible(race.ID), objectName(race.Object))
		all = append(all, d)
	}
	return writeDiagrams(w, all)
}

func writeDiagrams(w io.Writer, all []diagram) error {
	file := struct {
		CSS           template.CSS // ours
		Diagrams      []diagram
		Width, Height int
	}{CSS: template.CSS(diagramCSS), Width: 1, Height: 1}
	const titleHeight = 28
	for _, d := range all {
		d.Y = file.Height + titleHeight
		file.Diagrams = append(file.Diagrams, d)
		file.Width = max(file.Width, d.Width, textWidth(d.Title)+2*laneCorridor)
		file.Height = d.Y + d.Height
	}
	return svgTemplate.ExecuteTemplate(w, "file", file)
}
