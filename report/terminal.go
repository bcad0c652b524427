package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hindsight-go/hindsight/analyze/rule"
)

// forTerminal adds what only a terminal should get: lines no longer than its
// width where they are sentences, and colour. No line of a trace can look like
// one of ours, since names hold no line breaks.
func forTerminal(text string, o Options) string {
	if o.Width <= 0 && !o.Color {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		style := lineStyle(line)
		if o.Width > 0 && style != styleFrame {
			line = wrap(line, o.Width)
		}
		if o.Color && style != "" {
			line = style + line + "\x1b[0m"
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// Styles of lines, as a terminal takes them.
const (
	styleWarning = "\x1b[1;31m"
	styleHeading = "\x1b[1m"
	styleFrame   = "\x1b[2m"
)

// lineStyle tells from the beginning of a line what it is.
func lineStyle(line string) string {
	switch {
	case line == "WARNING: DATA RACE":
		return styleWarning
	case line == strings.TrimSuffix(ruler, "\n"), strings.HasPrefix(line, "      "):
		return styleFrame
	case line != "" && line[0] != ' ':
		return styleHeading
	}
	return ""
}

// wrap breaks a line at spaces; what follows is indented as the line's text is.
func wrap(line string, width int) string {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if at := strings.Index(line[indent:], "  "); at >= 0 && indent > 0 { // a label, then text
		rest := line[indent+at:]
		indent += at + len(rest) - len(strings.TrimLeft(rest, " "))
	}
	if utf8.RuneCountInString(line) <= width || indent >= width/2 {
		return line
	}
	var b strings.Builder
	b.WriteString(line[:indent])
	column := indent
	for i, word := range strings.Split(line[indent:], " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// textWidth80 is the width of texts that are no part of a report.
const textWidth80 = 80

// Rule is a rule as a text: what, why, what to do, and code before and after.
func Rule(r rule.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.ID(), r.Title)
	for _, text := range []string{r.What, r.Why, r.Fix} {
		b.WriteString("\n" + wrap(text, textWidth80) + "\n")
	}
	for _, code := range [][2]string{{"With the mistake:", r.Before}, {"Without it:", r.After}} {
		b.WriteString("\n" + code[0] + "\n\n")
		for line := range strings.SplitSeq(strings.TrimSpace(code[1]), "\n") {
			if line != "" {
				line = "    " + line
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
