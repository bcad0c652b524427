package report

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// writeMarkdown writes the report as the text of a ticket, in GitHub's dialect.
func writeMarkdown(w io.Writer, r *finding.Result, _ Options) error {
	var b strings.Builder
	v := verdictOf(r)
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", mdText(v.Headline), mdText(v.Detail))
	for _, line := range runLines(r) {
		fmt.Fprintf(&b, "%s\n\n", mdText(line))
	}
	if e := extent(r); e != "" {
		fmt.Fprintf(&b, "Recorded: %s.\n\n", e)
	}
	if len(r.Races) > 0 {
		b.WriteString("| # | Object | Accesses | Seen | Tier | Id |\n|--:|---|---|--:|---|---|\n")
		for i := range r.Races {
			race := &r.Races[i]
			later, earlier := race.Accesses[1], race.Accesses[0]
			fmt.Fprintf(&b, "| %d | %s | %s %s, %s %s | %d | %s | %s |\n", i+1, mdCell(objectName(race.Object)),
				mdText(opName(later.Op)), mdCell(place(later.Site)), mdText(opName(earlier.Op)), mdCell(place(earlier.Site)),
				race.Occurrences, mdText(Visible(race.Tier)), mdCell(Visible(race.ID)))
		}
		b.WriteByte('\n')
	}
	ids := numbersOf(r)
	for i := range r.Races {
		mdRace(&b, i+1, &r.Races[i], ids)
	}
	if len(r.Findings) > 0 {
		heading := "## Other findings\n\n"
		if plain(r) {
			heading = "## Findings\n\n"
		}
		b.WriteString(heading)
	}
	for i := range r.Findings {
		mdFinding(&b, &r.Findings[i])
	}
	if len(r.Findings) > 0 {
		b.WriteByte('\n')
	}
	for _, v := range schedulingViews(r) {
		schedulingMarkdown(&b, v)
	}
	if len(r.Suppressed) > 0 {
		b.WriteString("## Suppressed\n\n")
		for _, s := range r.Suppressed {
			v := newSuppressedView(s)
			fmt.Fprintf(&b, "- %s %s %s, %s: by %s", mdText(v.Rule), mdCode(v.ID), mdCode(v.Object), v.Seen, mdCode(v.By))
			if v.Reason != "" {
				fmt.Fprintf(&b, " (%s)", mdText(v.Reason))
			}
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	if r.Omitted != nil {
		fmt.Fprintf(&b, "%s\n\n", mdText(omittedText(r.Omitted)))
	}
	b.WriteString("## What this run could not see\n\n")
	for _, note := range runNotes(r) {
		fmt.Fprintf(&b, "- %s\n", mdText(visibleText(note)))
	}
	if text := redactionText(r.Redaction); text != "" {
		fmt.Fprintf(&b, "- %s\n", mdText(text))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ticket is a race as the text of a ticket of its own.
func ticket(r *finding.Race, ids numbers) string {
	var b strings.Builder
	mdRace(&b, 0, r, ids)
	fmt.Fprintf(&b, "To open it again: the attached page at `#r-%s`, or %s.\n", Visible(r.ID), mdCode("hindsight analyze hindsight.html"))
	return b.String()
}

func findingTicket(f *finding.Finding) string {
	var b strings.Builder
	mdFinding(&b, f)
	for _, a := range f.Events {
		var stack strings.Builder
		fmt.Fprintf(&stack, "%s by %s:\n", capital(opName(a.Op)), goroutineName(a.Goroutine))
		detectorStack(&stack, a.Stack, a.Site)
		b.WriteByte('\n')
		mdFence(&b, "text", stack.String())
	}
	fmt.Fprintf(&b, "To open it again: the attached page at `#f-%s`, or %s.\n", Visible(f.ID), mdCode("hindsight analyze hindsight.html"))
	return b.String()
}

func mdFinding(b *strings.Builder, f *finding.Finding) {
	fmt.Fprintf(b, "- **%s** (%s, %s): %s\n", mdText(Visible(f.Rule)), mdText(Visible(f.Severity)), mdCode(Visible(f.ID)), mdText(prose(f.Message)))
	for _, a := range f.Events {
		fmt.Fprintf(b, "  - %s at %s in %s by %s\n", mdText(opName(a.Op)), mdCode(place(a.Site)), mdCode(title(a)), mdText(goroutineName(a.Goroutine)))
	}
}

// mdRace writes a race; rank is 0 where it stands alone.
func mdRace(b *strings.Builder, rank int, r *finding.Race, ids numbers) {
	later, earlier := r.Accesses[1], r.Accesses[0]
	heading := "## Data race: "
	if rank > 0 {
		heading = fmt.Sprintf("## Race %d: ", rank)
	}
	fmt.Fprintf(b, "%s%s, %s and %s\n\n", heading, mdCode(objectName(r.Object)), mdCode(title(later)), mdCode(title(earlier)))
	fmt.Fprintf(b, "Id %s: %s.\n\n", mdCode(Visible(r.ID)), mdText(strings.Join(raceTags(r), ", ")))
	if r.Why != "" {
		why := "Why nothing orders them"
		if r.Tier != "observed" {
			why = "Why their order was chance"
		}
		fmt.Fprintf(b, "**%s:** %s\n\n", why, mdText(prose(r.Why)))
	}
	if text := missing(r); text != "" {
		fmt.Fprintf(b, "**What would order them:** %s\n\n", mdText(text))
	}
	if w := newWitnessView(r.Steps, r.Witness); w != nil {
		b.WriteString("**Events of this run, in an order that shows it:**\n\n")
		for _, step := range w.Steps {
			fmt.Fprintf(b, "1. %s %s\n", mdText(step[0]), mdText(step[1]))
		}
		for _, text := range w.Assumptions {
			fmt.Fprintf(b, "- assumed: %s\n", mdText(text))
		}
		b.WriteByte('\n')
	}
	if facts := objectFacts(r.Object); facts != "" {
		fmt.Fprintf(b, "**Object:** %s, %s", mdCode(objectName(r.Object)), mdText(facts))
		if a := r.Object.Allocated; len(a) > 0 {
			fmt.Fprintf(b, "; allocated at %s in %s", mdCode(place(a[0])), mdCode(shortFunc(a[0].Func)))
			if r.Object.AllocatedBy != "" {
				fmt.Fprintf(b, " by %s", mdText(goroutineName(r.Object.AllocatedBy)))
			}
		}
		b.WriteString("\n\n")
	}
	for _, a := range []finding.Access{later, earlier} {
		fmt.Fprintf(b, "**%s** at %s by %s", mdText(capital(opName(a.Op))), mdCode(place(a.Site)), mdText(goroutineName(a.Goroutine)))
		if len(a.Locks) > 0 {
			fmt.Fprintf(b, ", holding %s", mdCode(visibleList(a.Locks)))
		}
		b.WriteString("\n\n")
		if a.Source != nil {
			mdFence(b, "go", sourceText(a))
		}
	}
	var block strings.Builder
	detectorBlock(&block, r, ids)
	mdFence(b, "text", block.String())
}

// sourceText is the source around an access, numbered and its line marked.
func sourceText(a finding.Access) string {
	var b strings.Builder
	for i, line := range a.Source.Text {
		mark := "  "
		if a.Source.Start+i == a.Site.Line {
			mark = "> "
		}
		fmt.Fprintf(&b, "%s%5d  %s\n", mark, a.Source.Start+i, visibleSource(line))
	}
	return b.String()
}

// mdFence writes text as a code block whose fence occurs nowhere in it.
func mdFence(b *strings.Builder, language, text string) {
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	fmt.Fprintf(b, "%s%s\n%s%s\n\n", fence, language, text, fence)
}

// mdCode is s, visible already, as a code span.
func mdCode(s string) string {
	if s == "" {
		return ""
	}
	tick := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.Contains(s, "`") {
		s = " " + s + " "
	}
	return tick + s + tick
}

// mdCell is mdCode within a table, where even there a bar divides cells.
func mdCell(s string) string { return strings.ReplaceAll(mdCode(s), "|", `\|`) }

// mdText is s, visible already, as text: no character of it is markup.
func mdText(s string) string {
	var b strings.Builder
	for i, c := range s {
		switch {
		case strings.ContainsRune("\\`*_{}[]<>#|~!$", c):
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '&':
			b.WriteString("&amp;")
		case c == '@': // would notify people
			b.WriteString("&#64;")
		case strings.HasPrefix(s[i:], "://"): // would link
			b.WriteString("&#58;")
		default:
			b.WriteRune(c)
		}
	}
	return lineStart.ReplaceAllString(b.String(), "&#8203;$0")
}

// lineStart is what makes a line a list's item or a heading's underline.
var lineStart = regexp.MustCompile(`^([-+=]|[0-9]+[.)])`)

// longestRun is the length of the longest run of c in s.
func longestRun(s string, c byte) int {
	longest, n := 0, 0
	for i := range len(s) {
		n++
		if s[i] != c {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}
