// Package rule lists what Hindsight can find, each rule a document with the
// fields that explain it: "hindsight explain", the page and SARIF are made from
// them. Numbers are never used again.
package rule

import (
	"fmt"
	"strings"
)

// Rule is one kind of finding. Texts are plain, a paragraph each; Before and
// After are Go declarations that compile, without package and import clauses.
type Rule struct {
	Number int
	Title  string
	What   string // what was seen
	Why    string // why it is wrong
	Fix    string // what to do
	Before string // code that has it
	After  string // the same code without it
}

// ID returns the rule's id, such as HB010.
func (r Rule) ID() string { return ID(r.Number) }

// ID returns the id of a rule's number.
func ID(number int) string { return fmt.Sprintf("HB%03d", number) }

// Get returns the rule of an id, in upper or lower case.
func Get(id string) (Rule, bool) {
	for _, r := range All {
		if strings.EqualFold(r.ID(), id) {
			return r, true
		}
	}
	return Rule{}, false
}

// Race is the id of the rule for races of a tier.
func Race(tier string) string {
	if tier == "observed" {
		return ID(1)
	}
	return ID(2)
}
