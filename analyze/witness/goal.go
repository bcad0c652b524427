package witness

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// goal checks what a witness claims of the events that are next.
func (m *machine) goal(goal Goal, next []event.Event) error {
	want := map[Goal]int{Race: 2, SendClosed: 2, CloseClosed: 2, Negative: 1, AddWait: 2, UnlockUnlocked: 1}[goal]
	if goal == Deadlock {
		if len(next) < 2 {
			return errors.New("a deadlock needs two goroutines")
		}
	} else if len(next) != want {
		return fmt.Errorf("%d events are next, want %d", len(next), want)
	}
	if !m.holds(goal, next) {
		return errors.New("the events that are next do not do what is claimed")
	}
	return nil
}

func (m *machine) holds(goal Goal, next []event.Event) bool {
	a, b := &next[0], &next[len(next)-1]
	k, _ := keyOf(a)
	kb, _ := keyOf(b)
	switch goal {
	case Race:
		return conflict(a, b)
	case SendClosed:
		return a.Op == event.Close && b.Op == event.Send && k == kb && !m.object(k).closed
	case CloseClosed:
		return a.Op == event.Close && (b.Op == event.Close || b.Op == event.CloseClosed) && k == kb && !m.object(k).closed
	case Negative:
		o := m.object(k)
		return a.Op == event.Add && !m.uncounted && o.count+a.N < 0
	case AddWait:
		o := m.object(k)
		return a.Op == event.Add && a.N > 0 && b.Op == event.Wait && k == kb && !m.uncounted && o.count == 0
	case UnlockUnlocked:
		o := m.object(k)
		return a.Op == event.Unlock && !o.locked || a.Op == event.RUnlock && len(o.readers) == 0
	case Deadlock:
		for i := range next {
			if !m.blocks(&next[i], &next[(i+1)%len(next)]) {
				return false
			}
		}
		return true
	}
	return false
}

// conflict reports whether two accesses would race.
func conflict(a, b *event.Event) bool {
	return isAccess(a.Op) && isAccess(b.Op) && a.G != b.G &&
		(writes(a.Op) || writes(b.Op)) && !(isAtomic(a.Op) && isAtomic(b.Op)) &&
		a.Addr < b.Addr+b.Size && b.Addr < a.Addr+a.Size
}

// blocks reports whether acquire a has to wait for the goroutine of b, which is
// about to do b.
func (m *machine) blocks(a, b *event.Event) bool {
	k, _ := keyOf(a)
	o := m.object(k)
	switch a.Op {
	case event.Lock:
		return o.locked && o.writer == b.G || slices.Contains(o.readers, b.G)
	case event.RLock:
		if o.locked {
			return o.writer == b.G
		}
		// A reader waits for a writer that waits for other readers.
		kb, _ := keyOf(b)
		return b.Op == event.Lock && k == kb && len(o.readers) > 0
	}
	return false
}
