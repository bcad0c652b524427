package report

import (
	"fmt"
	"strings"
)

// maxTextRows is how many rows of each list the text shows, and maxTextFrames how
// many frames of a stack.
const (
	maxTextRows   = 10
	maxTextFrames = 8
)

// schedulingText writes what a plain trace tells.
func schedulingText(b *strings.Builder, v *schedulingView) {
	line := func(indent int, format string, args ...any) {
		fmt.Fprintf(b, "%s%s\n", strings.Repeat("  ", indent), strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
	// list writes the heading of a list and how many of its rows are shown.
	list := func(heading string, n int, row func(i int)) {
		if n == 0 {
			return
		}
		line(1, "%s", heading)
		for i := range min(n, maxTextRows) {
			row(i)
		}
		if n > maxTextRows {
			line(2, "and %d more, which the page shows", n-maxTextRows)
		}
	}
	line(0, "%s:", v.Title)
	for _, s := range v.Summary {
		line(1, "%s", s)
	}
	list("Waiting for each other:", len(v.Cycles), func(i int) {
		line(2, "%s", v.Cycles[i].Who)
		line(3, "%s", v.Cycles[i].Why)
	})
	list("Still waiting at the end:", len(v.Blocked), func(i int) {
		g := &v.Blocked[i]
		mark := ""
		if g.Stuck {
			mark = "stuck: "
		}
		line(2, "%s%s %s at %s, for %s (%s)", mark, count(g.Count, "goroutine"), g.What, g.Place, g.For, strings.Join(g.Signs, ", "))
		line(3, "%s", g.Names)
		for _, f := range g.Frames[:min(len(g.Frames), maxTextFrames)] {
			textFrame(b, "        ", f, "")
		}
		if n := len(g.Frames) - maxTextFrames; n > 0 {
			line(4, "… and %s more", count(n, "frame"))
		}
	})
	list("Who may end it:", len(v.Edges), func(i int) {
		line(2, "%s ← %s: %s", v.Edges[i].From, v.Edges[i].To, v.Edges[i].Why)
	})
	list("In turn:", len(v.Convoys), func(i int) {
		c := &v.Convoys[i]
		line(2, "%s at %s in %s", c.What, c.Place, c.Func)
		line(3, "%s", c.Text)
		line(3, "%s", c.First)
	})
	list("Longest waits that ended:", len(v.Waits), func(i int) {
		w := &v.Waits[i]
		line(2, "%-8s %s %s at %s, ended by %s", w.For, w.Who, w.What, w.Place, w.By)
	})
	list("Where they waited (ended, in all, longest, still open):", len(v.Places), func(i int) {
		p := &v.Places[i]
		line(2, "%6d× %8s %8s %4d  %s at %s in %s", p.Waits, p.Total, p.Longest, p.Open, p.What, p.Place, p.Func)
		if p.Wakes != "" {
			line(3, "ended by %s", p.Wakes)
		}
	})
	list("Who started whom:", len(v.Tree), func(i int) {
		t := &v.Tree[i]
		text := t.Text
		if t.Place != "" {
			text += " at " + t.Place
		}
		if t.States != "" {
			text += " (" + t.States + ")"
		}
		line(2+min(t.Depth, 8), "%s: %s", text, t.Who)
	})
	if len(v.Left) > 0 {
		line(1, "Left out: %s.", strings.Join(v.Left, ", "))
	}
	b.WriteByte('\n')
}

// schedulingMarkdown writes the same as the text of a ticket.
func schedulingMarkdown(b *strings.Builder, v *schedulingView) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n", v.Title, mdText(strings.Join(v.Summary, " ")))
	for _, c := range v.Cycles {
		fmt.Fprintf(b, "**Waiting for each other:** %s. %s\n\n", mdText(c.Who), mdText(c.Why))
	}
	table := func(title, head, rule string, n int, row func(i int) []string) {
		if n == 0 {
			return
		}
		fmt.Fprintf(b, "### %s\n\n%s\n%s\n", title, head, rule)
		for i := range min(n, maxTextRows) {
			fmt.Fprintf(b, "| %s |\n", strings.Join(row(i), " | "))
		}
		b.WriteByte('\n')
		if n > maxTextRows {
			fmt.Fprintf(b, "And %d more, which the page shows.\n\n", n-maxTextRows)
		}
	}
	table("Still waiting at the end", "| # | Goroutines | Where | For | Signs |", "|--:|---|---|--:|---|", len(v.Blocked), func(i int) []string {
		g := &v.Blocked[i]
		signs := strings.Join(g.Signs, ", ")
		if g.Stuck {
			signs = "stuck: " + signs
		}
		return []string{fmt.Sprint(g.Number), mdText(fmt.Sprintf("%d %s: %s", g.Count, g.What, g.Names)), mdCell(g.Func + " " + g.Place), g.For, mdText(signs)}
	})
	table("Who may end it", "| Who waits | For whom | Sign |", "|---|---|---|", len(v.Edges), func(i int) []string {
		return []string{mdText(v.Edges[i].From), mdText(v.Edges[i].To), mdText(v.Edges[i].Why)}
	})
	table("In turn", "| What | Where | How |", "|---|---|---|", len(v.Convoys), func(i int) []string {
		c := &v.Convoys[i]
		return []string{mdText(c.What), mdCell(c.Func + " " + c.Place), mdText(c.Text)}
	})
	table("Longest waits that ended", "| For | Goroutine | Where | Ended by |", "|--:|---|---|---|", len(v.Waits), func(i int) []string {
		w := &v.Waits[i]
		return []string{w.For, mdText(w.Who + " " + w.What), mdCell(w.Func + " " + w.Place), mdText(w.By)}
	})
	table("Where they waited", "| Waits | In all | Longest | Open | What | Where | Ended by |", "|--:|--:|--:|--:|---|---|---|", len(v.Places), func(i int) []string {
		p := &v.Places[i]
		return []string{fmt.Sprint(p.Waits), p.Total, p.Longest, fmt.Sprint(p.Open), mdText(p.What), mdCell(p.Func + " " + p.Place), mdText(p.Wakes)}
	})
	if len(v.Tree) > 0 {
		b.WriteString("### Who started whom\n\n")
		for _, t := range v.Tree[:min(len(v.Tree), 3*maxTextRows)] {
			fmt.Fprintf(b, "%s- %s", strings.Repeat("  ", min(t.Depth, 8)), mdCode(t.Text))
			if t.Place != "" {
				fmt.Fprintf(b, " at %s", mdCode(t.Place))
			}
			if t.States != "" {
				fmt.Fprintf(b, " (%s)", mdText(t.States))
			}
			fmt.Fprintf(b, ": %s\n", mdText(t.Who))
		}
		b.WriteByte('\n')
	}
	if len(v.Left) > 0 {
		fmt.Fprintf(b, "Left out: %s.\n\n", mdText(strings.Join(v.Left, ", ")))
	}
}
