// Litmus holds one small program for every case of the litmus list in
// docs/memory-model.md, each with a verdict that holds in every schedule.
//
//	litmus -list     prints the cases
//	litmus NAME...   runs cases, by name or by the number that the name begins with
//
// A case shares the variable x, unless it says otherwise, and accesses it in
// the lines that end in a comment like //03: those are the sites of the race.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// A verdict is what the analysis of a case must come to.
type verdict string

const (
	none   verdict = "none"   // no race and no misuse
	race   verdict = "race"   // exactly one race, on the object and at the marked sites
	misuse verdict = "misuse" // a finding of the object's rule, at the marked sites
	note   verdict = "note"   // the same, but no error
	// No race in what was recorded, but one on the object, at the marked sites,
	// in another schedule: a fast or a deep search finds it.
	predicted verdict = "predicted"
	deep      verdict = "deep"
)

// A litmus is one case. Its object is the name of what is raced for, "heap" for
// memory without a name, or the first digits of the rule that is broken.
type litmus struct {
	name    string
	verdict verdict
	object  string
	run     func()
}

// x is what most cases share.
//
//lint:ignore U1000 it is written, and hardly read
var x int

func all() []litmus {
	var cases []litmus
	for _, group := range [][]litmus{channels, locks, syncs, atomics, loops, others, memory, files, blocked, predictions} {
		cases = append(cases, group...)
	}
	return cases
}

func main() {
	list := flag.Bool("list", false, "print name, verdict and object of every case")
	flag.Parse()
	if err := run(os.Stdout, *list, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "litmus:", err)
		os.Exit(2)
	}
}

func run(out io.Writer, list bool, names []string) error {
	if list {
		for _, c := range all() {
			if _, err := fmt.Fprintln(out, c.name, c.verdict, c.object); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range names {
		c, err := find(name)
		if err != nil {
			return err
		}
		c.run()
	}
	return nil
}

// find returns the case that is called name or whose name begins with name and a dash.
func find(name string) (litmus, error) {
	for _, c := range all() {
		if c.name == name || strings.HasPrefix(c.name, name+"-") {
			return c, nil
		}
	}
	return litmus{}, fmt.Errorf("no case %q; see litmus -list", name)
}
