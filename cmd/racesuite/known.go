package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// A difference is a row of docs/race-suite.md: a function that does not get the
// verdict of its name, rightly.
type difference struct {
	name   string
	status status
	reason string // the clause of the memory model
}

// row matches a row of the table of differences:
//
//	| TestRaceOne, TestRaceTwo | model, strict | none | reason |
var row = regexp.MustCompile(`^\| *(Test[\w, ]+?) *\| *([\w, ]+?) *\| *(\w+) *\| *(.+?) *\|$`)

// words splits a cell of the table.
func words(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return r == ',' || r == ' ' })
}

// readKnown returns the differences that a file lists for an order.
func readKnown(file, order string) (map[string]difference, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	known := make(map[string]difference)
	for line := range strings.Lines(string(text)) {
		m := row.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || !slices.Contains(words(m[2]), order) {
			continue
		}
		for _, name := range words(m[1]) {
			known[name] = difference{name, status(m[3]), m[4]}
		}
	}
	return known, nil
}

// printTable prints counts and differences. It returns errDifferent if there is
// a difference that is not listed.
func printTable(w io.Writer, version, order string, outcomes []outcome, known map[string]difference) error {
	count := make(map[[2]string]int)
	var unlisted, listed, stale []string
	for _, o := range outcomes {
		kind := "Race"
		if strings.HasPrefix(o.name, "TestNoRace") {
			kind = "NoRace"
		}
		count[[2]string{kind, string(o.status)}]++
		switch k, isKnown := known[o.name]; {
		case o.status == skipped:
		case o.right() && isKnown:
			stale = append(stale, fmt.Sprintf("%s\t%s\tlisted as %s", o.name, o.status, k.status))
		case o.right():
		case isKnown && k.status == o.status:
			listed = append(listed, fmt.Sprintf("%s\t%s\t%s", o.name, o.status, k.reason))
		default:
			unlisted = append(unlisted, fmt.Sprintf("%s\t%s\t%s", o.name, o.status, o.detail))
		}
	}

	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tab, "%s, order %s\n\n", version, order)
	fmt.Fprintln(tab, "functions\trace\tnone\tinconclusive\tfailed\tskipped")
	for _, kind := range []string{"Race", "NoRace"} {
		fmt.Fprintf(tab, "Test%s…", kind)
		for _, s := range []status{found, nothing, inconclusive, failed, skipped} {
			fmt.Fprintf(tab, "\t%d", count[[2]string{kind, string(s)}])
		}
		fmt.Fprintln(tab)
	}
	for _, part := range []struct {
		title string
		lines []string
	}{
		{"different, not listed", unlisted},
		{"different, listed", listed},
		{"listed, but not different", stale},
	} {
		if len(part.lines) > 0 {
			fmt.Fprintf(tab, "\n%s: %d\n%s\n", part.title, len(part.lines), strings.Join(part.lines, "\n"))
		}
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if len(unlisted) > 0 {
		return errDifferent
	}
	return nil
}
