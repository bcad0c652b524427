package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// maxName is how many characters of a name a report shows, and maxSource of a source line.
const (
	maxName   = 400
	maxSource = 300
)

// Visible returns s as a person should see it, on one line and in the order of
// its characters: control, bidirectional and other characters that do not
// print are written as Go escapes, bytes that are not UTF-8 as U+FFFD, and what
// is longer than a few hundred characters loses its middle, whose size is
// given. Every format passes all text of a trace through it, before its own
// escaping.
func Visible(s string) string { return visible(s, maxName) }

// visible is Visible with at most max characters, before escapes.
func visible(s string, max int) string {
	s = finding.ValidText(s)
	if len(s) > max {
		head, tail := cut(s, max*3/4), cutTail(s, max/4)
		if gone := len(s) - len(head) - len(tail); gone > 0 {
			return escape(head) + fmt.Sprintf("…[%d bytes]…", gone) + escape(tail)
		}
	}
	return escape(s)
}

// cut returns the first n characters of s.
func cut(s string, n int) string {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return s[:i]
}

// cutTail returns the last n characters of s.
func cutTail(s string, n int) string {
	i := len(s)
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:i])
		i -= size
	}
	return s[i:]
}

func escape(s string) string {
	clean := true
	for _, c := range s {
		if !strconv.IsPrint(c) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if strconv.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		q := strconv.QuoteRune(c)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// visibleSource is visible for a source line: tabs become spaces.
func visibleSource(s string) string {
	return visible(strings.ReplaceAll(s, "\t", "    "), maxSource)
}

// visibleText is visible for sentences, which may be longer than names.
func visibleText(s string) string { return visible(s, 4*maxName) }
