package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// writeDOT writes the witness graphs of all races as one Graphviz graph: a
// cluster per race, within it a cluster per goroutine.
func writeDOT(w io.Writer, r *finding.Result, _ Options) error {
	d := newDot()
	for i := range r.Races {
		race := &r.Races[i]
		if race.Graph == nil {
			continue
		}
		g, err := newWitness(race.Graph)
		if err != nil {
			return fmt.Errorf("race %s: %w", Visible(race.ID), err)
		}
		d.open("subgraph %s {", quote(fmt.Sprintf("cluster_r%d", i)))
		d.line("label=%s; style=rounded; color=\"#8a8f98\";", quote(fmt.Sprintf("%s: race %s", objectName(race.Object), Visible(race.ID))))
		d.graph(g.condense(maxDrawn), fmt.Sprintf("r%d", i), []finding.Race{*race})
		d.close()
	}
	for i := range r.Runs {
		if s := r.Runs[i].Scheduling; s != nil && len(s.WaitsFor) > 0 {
			d.open("subgraph %s {", quote(fmt.Sprintf("cluster_w%d", i)))
			d.line("label=\"who may end whose wait\"; style=rounded; color=\"#8a8f98\";")
			d.waitsFor(s, fmt.Sprintf("w%d", i))
			d.close()
		}
	}
	if plain(r) {
		for i := range r.Findings {
			f := &r.Findings[i]
			if f.Graph == nil {
				continue
			}
			g, err := newWitness(f.Graph)
			if err != nil {
				return fmt.Errorf("finding %s: %w", Visible(f.ID), err)
			}
			d.open("subgraph %s {", quote(fmt.Sprintf("cluster_f%d", i)))
			d.line("label=%s; style=rounded; color=\"#8a8f98\";", quote(fmt.Sprintf("%s %s: %s", Visible(f.Rule), Visible(f.ID), prose(f.Message))))
			d.graph(g.condense(maxDrawn), fmt.Sprintf("f%d", i), nil)
			d.close()
		}
	}
	return d.end(w)
}

// waitsFor prints the wait-for graph of a plain trace: a node for each group of
// goroutines that has a part in it.
func (d *dot) waitsFor(s *finding.Scheduling, prefix string) {
	known := map[string]bool{}
	node := func(name, label, look string) string {
		name = quote(prefix + name)
		if !known[name] {
			known[name] = true
			d.line("%s [label=%s%s];", name, quote(label), look)
		}
		return name
	}
	group := func(i int) string {
		b := &s.Blocked[i]
		look := ""
		if b.Stuck {
			look = `, style="rounded,bold", color="#b3261e"`
		}
		return node(fmt.Sprintf("b%d", i), fmt.Sprintf("%s\n%s\n%s", namesText(b.Goroutines, b.Count), waits(b.Op, b.Count), place(b.Site)), look)
	}
	for _, e := range s.WaitsFor {
		row, ok := newEdgeView(s, e)
		if !ok {
			continue
		}
		from := group(e.From)
		to := ""
		if e.To >= 0 {
			to = group(e.To)
		} else {
			to = node("g"+Visible(e.By), goroutineName(e.By), "")
		}
		d.line("%s -> %s [label=%s];", from, to, quote(row.Why))
	}
}

// WriteGraph writes a happens-before graph as DOT or SVG, with the pairs of
// races that have both accesses in it.
func WriteGraph(w io.Writer, f Format, g *finding.Graph, races []finding.Race) error {
	checked, err := newWitness(g)
	if err != nil {
		return err
	}
	switch f {
	case DOT:
		d := newDot()
		d.graph(checked, "", races)
		return d.end(w)
	case SVG:
		return writeDiagrams(w, []diagram{newDiagram(checked, races)})
	}
	return fmt.Errorf("a graph has no %s form: want dot or svg", f)
}

// dot prints Graphviz input, indented.
type dot struct {
	b     strings.Builder
	depth int
}

func newDot() *dot {
	d := &dot{}
	d.open("digraph hindsight {")
	d.line(`graph [rankdir=TB, newrank=true, fontname="Helvetica", fontsize=11];`)
	d.line(`node [shape=box, style=rounded, fontname="Helvetica", fontsize=10];`)
	d.line(`edge [fontname="Helvetica", fontsize=9];`)
	return d
}

func (d *dot) end(w io.Writer) error {
	d.close()
	_, err := io.WriteString(w, d.b.String())
	return err
}

func (d *dot) line(format string, args ...any) {
	d.b.WriteString(strings.Repeat("\t", d.depth))
	fmt.Fprintf(&d.b, format+"\n", args...)
}

func (d *dot) open(format string, args ...any) {
	d.line(format, args...)
	d.depth++
}

func (d *dot) close() {
	d.depth--
	d.line("}")
}

// graph prints a witness; prefix keeps its names apart from those of others.
func (d *dot) graph(w *witness, prefix string, races []finding.Race) {
	name := func(id int) string { return quote(fmt.Sprintf("%sn%d", prefix, id)) }
	for i, lane := range w.lanes {
		d.open("subgraph %s {", quote(fmt.Sprintf("cluster_%sg%d", prefix, i)))
		d.line("label=%s; style=dashed; color=\"#8a8f98\";", quote(goroutineName(lane)))
		for _, n := range w.members[lane] {
			label := nodeLabel(n) + "\n" + place(n.Site)
			if n.Elided > 0 {
				label = fmt.Sprintf("(%s left out)\n", count(n.Elided, "event")) + label
			}
			look := ""
			if n.Racing {
				label = "RACE\n" + label
				look = `, shape=octagon, style="filled,bold", color="#b3261e", fillcolor="#fde7e4", fontcolor="#7a140e"`
			}
			d.line("%s [label=%s%s];", name(n.ID), quote(label), look)
		}
		d.close()
	}
	for _, e := range w.edges {
		if e.program() {
			d.line("%s -> %s [weight=10, color=\"#8a8f98\"];", name(e.from), name(e.to))
			continue
		}
		style := dotStyles[e.style()]
		if style == "" {
			style = `style=dotted, color="#3d4451"`
		}
		d.line("%s -> %s [label=%s, %s];", name(e.from), name(e.to), quote(e.label()), style)
	}
	for _, p := range w.pairs(races) {
		d.line("%s -> %s [label=%s, dir=none, constraint=false, style=dashed, penwidth=2, color=\"#b3261e\", fontcolor=\"#7a140e\"];",
			name(p[0]), name(p[1]), quote(unordered))
	}
}

// dotStyles draws the kinds of edges; any other is dotted.
var dotStyles = map[string]string{
	"go":        `style=bold, color="#1f5fbf"`,
	"channel":   `style=solid, arrowhead=vee, color="#0f766e"`,
	"lock":      `style=dashed, color="#8a4b08"`,
	"waitgroup": `style=solid, arrowhead=empty, color="#6b3fa0"`,
	"atomic":    `style=dotted, arrowhead=dot, color="#3d4451"`,
	"once":      `style=dashed, arrowhead=empty, color="#6b3fa0"`,
	"cond":      `style=dashed, arrowhead=vee, color="#0f766e"`,
}

// nodeLabel is what a node says of its event.
func nodeLabel(n finding.Node) string {
	if n.Label != "" {
		return Visible(n.Label)
	}
	return opName(n.Op)
}

// quote makes a DOT string of s. Graphviz reads backslash escapes and HTML
// entities in labels, so both are undone; a newline stays one.
func quote(s string) string {
	return `"` + dotEscaper.Replace(s) + `"`
}

var dotEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "&", "&amp;")
