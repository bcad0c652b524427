package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

func runMan(a *app, args []string) (int, error) {
	if len(args) > 0 {
		return 0, usage("man takes no arguments")
	}
	var b strings.Builder
	b.WriteString(".TH HINDSIGHT 1\n.SH NAME\nhindsight \\- find data races of a Go program after the fact\n")
	b.WriteString(".SH SYNOPSIS\n.B hindsight\n.I COMMAND\n[flags] [arguments]\n.SH DESCRIPTION\n")
	roffText(&b, about)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range commands {
		fmt.Fprintf(&b, ".SS hindsight %s\n", roff(strings.TrimSpace(c.name+" "+c.synopsis)))
		roffText(&b, cmp.Or(strings.TrimSpace(c.long), capital(c.short)+"."))
		c.eachFlag(func(f *pflag.Flag) {
			hint, text := pflag.UnquoteUsage(f)
			value := ""
			if hint != "" {
				value = "=" + hint
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff("--"+f.Name+value), roff(text))
		})
	}
	b.WriteString(".SH EXIT STATUS\n")
	roffText(&b, exits)
	b.WriteString(".SH ENVIRONMENT\n.TP\n.B HINDSIGHT\nthe file that a program built by hindsight records to\n" +
		".TP\n.B NO_COLOR\nif it is not empty, text on a terminal has no colour\n")
	_, err := io.WriteString(a.stdout, b.String())
	return exitClean, err
}

// roffText writes paragraphs; lines that begin with a tab are examples.
func roffText(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if code := strings.HasPrefix(paragraph, "\t"); code {
			b.WriteString(".PP\n.nf\n.RS 4\n" + roff(strings.ReplaceAll("\n"+paragraph, "\n\t", "\n")[1:]) + "\n.RE\n.fi\n")
		} else {
			b.WriteString(".PP\n" + roff(paragraph) + "\n")
		}
	}
}

// roff is text without meaning for troff.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// capital begins s with a capital.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
