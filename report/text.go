package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// writeText writes every race as the race detector would, so that whatever
// reads the detector's output reads this, each followed by what the detector
// does not know; then other findings, the coverage and the verdict.
func writeText(w io.Writer, r *finding.Result, o Options) error {
	var b strings.Builder
	ids := numbersOf(r)
	for i := range r.Races {
		detectorBlock(&b, &r.Races[i], ids)
		raceFacts(&b, &r.Races[i])
		b.WriteByte('\n')
	}
	for i := range r.Findings {
		textFinding(&b, &r.Findings[i])
	}
	for _, v := range schedulingViews(r) {
		schedulingText(&b, v)
	}
	if len(r.Suppressed) > 0 {
		b.WriteString("Suppressed:\n")
		for _, s := range r.Suppressed {
			v := newSuppressedView(s)
			fmt.Fprintf(&b, "  %s %s %s (%s), %s, by %s", v.ID, v.Rule, v.Object, v.Places, v.Seen, v.By)
			if v.Reason != "" {
				fmt.Fprintf(&b, ": %s", v.Reason)
			}
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	if o := r.Omitted; o != nil {
		b.WriteString(omittedText(o) + "\n\n")
	}
	b.WriteString("What this run could see:\n")
	for _, note := range runNotes(r) {
		fmt.Fprintf(&b, "  %s\n", visibleText(note))
	}
	if text := redactionText(r.Redaction); text != "" {
		fmt.Fprintf(&b, "  %s\n", text)
	}
	b.WriteByte('\n')
	for _, line := range runLines(r) {
		fmt.Fprintf(&b, "%s\n", line)
	}
	v := verdictOf(r)
	fmt.Fprintf(&b, "hindsight: %s", v.Headline)
	if e := extent(r); e != "" {
		fmt.Fprintf(&b, " (%s)", e)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, forTerminal(b.String(), o))
	return err
}

// DetectorText is a race in exactly the race detector's format. A result has
// no addresses: the race's id stands in their place, so that both accesses
// show the same one and two races different ones.
func DetectorText(r *finding.Race) string {
	var b strings.Builder
	detectorBlock(&b, r, numbersOf(&finding.Result{Races: []finding.Race{*r}}))
	return b.String()
}

const ruler = "==================\n"

func detectorBlock(b *strings.Builder, r *finding.Race, ids numbers) {
	// The detector tells the later access first.
	earlier, later := r.Accesses[0], r.Accesses[1]
	header := func(verb string, a finding.Access) {
		fmt.Fprintf(b, "%s at %s by %s:\n", verb, pseudoAddress(r.ID), ids.name(a.Goroutine))
		detectorStack(b, a.Stack, a.Site)
	}
	b.WriteString(ruler + "WARNING: DATA RACE\n")
	header(verbOf(later.Op, "Write", "Read"), later)
	b.WriteByte('\n')
	header(verbOf(earlier.Op, "Previous write", "Previous read"), earlier)
	told := map[string]bool{}
	for _, a := range []finding.Access{later, earlier} {
		if isMain(a.Goroutine) || told[a.Goroutine] {
			continue
		}
		told[a.Goroutine] = true
		fmt.Fprintf(b, "\nGoroutine %d (%s) created at:\n", ids[a.Goroutine], state(a))
		detectorStack(b, a.Created, finding.Frame{})
	}
	b.WriteString(ruler)
}

func verbOf(op, write, read string) string {
	if isWrite(op) {
		return write
	}
	return read
}

// detectorStack writes a stack, or the one frame known where there is none.
func detectorStack(b *strings.Builder, stack []finding.Frame, site finding.Frame) {
	if len(stack) == 0 && site.File != "" {
		stack = []finding.Frame{site}
	}
	if len(stack) == 0 {
		b.WriteString("  [failed to restore the stack]\n")
	}
	for _, f := range stack {
		textFrame(b, "  ", f, " +0x0")
	}
}

// textFrame writes a frame's two lines. A frame without a function (an event
// script's) is named after its goroutine, which stands in File then.
func textFrame(b *strings.Builder, indent string, f finding.Frame, suffix string) {
	fn, file := f.Func, f.File
	if fn == "" {
		fn = "script." + f.File
	}
	if file == "" {
		file = "?"
	}
	fmt.Fprintf(b, "%s%s()\n%s    %s:%d%s\n", indent, Visible(fn), indent, Visible(file), f.Line, suffix)
}

// pseudoAddress makes an address of a race's id: its hex digits.
func pseudoAddress(id string) string {
	digits, _, _ := strings.Cut(id, "-")
	if _, err := strconv.ParseUint(digits, 16, 64); err != nil {
		digits = "0"
	}
	return "0x" + fmt.Sprintf("%012s", strings.ToLower(digits))
}

// numbers gives every goroutine a number, as the race detector's format asks:
// the one in its name, or where a script chose another name, one above all these.
type numbers map[string]uint64

func numbersOf(r *finding.Result) numbers {
	ids := numbers{}
	var next uint64 = 1
	var unnumbered []string
	see := func(a finding.Access) {
		if _, ok := ids[a.Goroutine]; ok {
			return
		}
		n, ok := number(a.Goroutine)
		if !ok {
			unnumbered = append(unnumbered, a.Goroutine)
		}
		ids[a.Goroutine] = n
		next = max(next, n+1)
	}
	for _, race := range r.Races {
		see(race.Accesses[0])
		see(race.Accesses[1])
	}
	for _, g := range unnumbered {
		ids[g] = next
		next++
	}
	return ids
}

func (ids numbers) name(goroutine string) string {
	if isMain(goroutine) {
		return "main goroutine"
	}
	return fmt.Sprintf("goroutine %d", ids[goroutine])
}

// raceFacts writes what the race detector's format has no place for.
func raceFacts(b *strings.Builder, r *finding.Race) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "  %-11s %s\n", label, fmt.Sprintf(format, args...))
	}
	line("Race", "%s (%s)", Visible(r.ID), strings.Join(raceTags(r), ", "))
	object := objectName(r.Object)
	if facts := objectFacts(r.Object); facts != "" {
		object += " (" + facts + ")"
	}
	line("Object", "%s", object)
	if len(r.Object.Allocated) > 0 {
		by := ""
		if r.Object.AllocatedBy != "" {
			by = "by " + goroutineName(r.Object.AllocatedBy) + " "
		}
		line("Allocated", "%sat:", by)
		for _, f := range r.Object.Allocated {
			textFrame(b, "    ", f, "")
		}
	}
	for i := range r.Accesses {
		a := &r.Accesses[1-i]
		if strings.HasPrefix(a.Op, "atomic-") {
			line("Atomic", "%s's access is an %s", goroutineName(a.Goroutine), opName(a.Op))
		}
		if len(a.Locks) > 0 {
			line("Locks", "%s held %s", goroutineName(a.Goroutine), visibleList(a.Locks))
		}
	}
	if r.Why != "" {
		line("Unordered", "%s", prose(r.Why))
	}
	if text := missing(r); text != "" {
		line("Missing", "%s", text)
	}
	witnessText(b, r.Steps, r.Witness)
}

// witnessText writes another schedule, a step a line.
func witnessText(b *strings.Builder, steps *finding.Steps, witness string) {
	w := newWitnessView(steps, witness)
	if w == nil {
		return
	}
	b.WriteString("  Schedule    events of this run, in an order that shows it:\n")
	for i, step := range w.Steps {
		fmt.Fprintf(b, "    %3d. %s %s\n", i+1, step[0], step[1])
	}
	for _, text := range w.Assumptions {
		fmt.Fprintf(b, "    Assumed: %s\n", text)
	}
}

// raceTags says of what sort a race is: tier, kind, occurrences.
func raceTags(r *finding.Race) []string {
	tags := []string{Visible(r.Tier), Visible(r.Kind), count(r.Occurrences, "occurrence")}
	if r.Tier != "observed" {
		tags[0] += ", witness " + Visible(r.Witness)
	}
	if r.Weak {
		tags = append(tags, "weak id")
	}
	return tags
}

func textFinding(b *strings.Builder, f *finding.Finding) {
	fmt.Fprintf(b, "%s %s: %s (%s, %s, %s)\n", Visible(f.Rule), Visible(f.Severity), prose(f.Message),
		Visible(f.ID), Visible(f.Tier), count(f.Occurrences, "occurrence"))
	for _, a := range f.Events {
		fmt.Fprintf(b, "%s by %s:\n", capital(opName(a.Op)), goroutineName(a.Goroutine))
		detectorStack(b, a.Stack, a.Site)
	}
	if f.Why != "" {
		fmt.Fprintf(b, "  %-11s %s\n", "Why", prose(f.Why))
	}
	witnessText(b, f.Steps, f.Witness)
	b.WriteByte('\n')
}

func visibleList(names []string) string {
	shown := make([]string, len(names))
	for i, n := range names {
		shown[i] = Visible(n)
	}
	return strings.Join(shown, ", ")
}

// maxRunLines is how many recorded processes a text lists.
const maxRunLines = 20

// runLines identify the recorded processes, each a line, the first of many. Equal
// ones share a line.
func runLines(r *finding.Result) []string {
	var lines []string
	times := map[string]int{}
	for _, run := range r.Runs {
		line := strings.Join(runFacts(run), ", ")
		if times[line]++; times[line] == 1 && line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > maxRunLines {
		more := 0
		for _, line := range lines[maxRunLines:] {
			more += times[line]
		}
		lines = append(lines[:maxRunLines], "and "+count(more, "more process"))
	}
	for i, line := range lines {
		if n := times[line]; n > 1 {
			lines[i] += fmt.Sprintf(" (%d processes)", n)
		}
	}
	return lines
}

// runFacts are the facts of a recorded process that identify it.
func runFacts(run finding.Run) []string {
	var facts []string
	add := func(label, s string) {
		if s != "" {
			facts = append(facts, label+Visible(s))
		}
	}
	add("", run.Program)
	add("", run.GoVersion)
	if run.GOOS != "" || run.GOARCH != "" {
		add("", run.GOOS+"/"+run.GOARCH)
	}
	module := run.Module
	if run.Version != "" && run.Version != "(devel)" {
		module += "@" + run.Version
	}
	add("module ", module)
	add("revision ", run.Revision)
	add("recorded ", run.Start)
	return facts
}

// omittedText says what a page's limits left out.
func omittedText(o *finding.Omitted) string {
	var parts []string
	if o.Races > 0 {
		parts = append(parts, count(o.Races, "race"))
	}
	if o.Findings > 0 {
		parts = append(parts, count(o.Findings, "other finding"))
	}
	var goroutines string
	if o.Schedules > 0 {
		goroutines = "the goroutines of " + count(o.Schedules, "process")
	}
	if o.Part > 0 {
		text := fmt.Sprintf("This is part %d of the report; %s are on the other parts.", o.Part, strings.Join(parts, " and "))
		if goroutines != "" {
			text += " Left out of all of them: " + goroutines + "."
		}
		return text
	}
	if goroutines != "" {
		parts = append(parts, goroutines)
	}
	what := strings.Join(parts, " and ")
	return "Left out of this page for its size: " + what + ". For all of them: hindsight analyze --split --output=all.html TRACE, or --max-size=0; the JSON form is never cut."
}
