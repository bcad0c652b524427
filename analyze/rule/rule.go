// Package rule lists what Hindsight can find. Numbers are never used again.
package rule

import "fmt"

// Rule is one kind of finding.
type Rule struct {
	Number int
	Title  string
	Text   string // a paragraph: what it means, and what to do
}

// ID returns the rule's id, such as HB010.
func (r Rule) ID() string { return ID(r.Number) }

// ID returns the id of a rule's number.
func ID(number int) string { return fmt.Sprintf("HB%03d", number) }

// All are the rules, by number.
var All = []Rule{
	{1, "Data race", "Two goroutines access the same memory, at least one of them writes, at least one access is not atomic, and nothing orders the two: the program's meaning is then undefined. Order them with a mutex, a channel, a WaitGroup, or make both atomic."},
	{2, "Data race in another schedule", "The two accesses were ordered in this run by chance, such as the order in which two goroutines took a lock. Another schedule of the same events, shown step by step, makes both happen at once. The remedies are those of a data race."},
	{10, "Close not ordered with a send", "A channel is closed while another goroutine may be sending on it; had the close come first, the send would have panicked. Let the sender close, or wait for all senders before closing."},
	{11, "Send on a closed channel", "A goroutine sent on a channel that had been closed, which panics. Let the sender close, or wait for all senders before closing."},
	{12, "Close of a closed channel", "A channel was closed twice, which panics. Let one goroutine own the close, or guard it with sync.Once."},
	{20, "Lock order cycle", "Goroutines take the same locks in different orders, so that each can come to wait for the other for ever. Take locks in one order everywhere."},
	{21, "Unlock of an unlocked lock", "A lock was unlocked that nobody had locked, which ends the program. Pair each Unlock with its Lock, best with defer."},
	{30, "Add not ordered with Wait", "WaitGroup.Add was called with the counter at zero while another goroutine was in Wait: Wait may return before the work is counted. Call Add before starting the goroutine, in the goroutine that waits."},
	{31, "Negative WaitGroup counter", "Done was called more often than Add counted, which panics. Call Done once for each unit added."},
	{40, "Use after free", "Memory was accessed after it had been freed, or freed twice, and the order of the two is certain. Free only after the last use."},
	{50, "Blocked for ever", "A goroutine waits for something that no other goroutine could still do: nobody is left who holds the other end. It leaks, with all it refers to. Close the channel, cancel the context, or receive what it sends."},
	{51, "Blocked at exit", "A goroutine was still waiting when the program ended. Something might have woken it, so this may be as intended."},
}

// Get returns the rule of an id.
func Get(id string) (Rule, bool) {
	for _, r := range All {
		if r.ID() == id {
			return r, true
		}
	}
	return Rule{}, false
}
