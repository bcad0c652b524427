package detect

import (
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// maxHeld is how many locks of a goroutine are told, the oldest.
const maxHeld = 64

// locks knows which locks each goroutine holds.
type locks struct {
	held   [][]event.Obj // by goroutine; a slice never changes once it is there
	holder map[event.Obj]event.G
}

// of returns what g holds, oldest first.
func (l *locks) of(g event.G) []event.Obj {
	if int(g) < len(l.held) {
		return l.held[g]
	}
	return nil
}

func (l *locks) apply(e *event.Event) {
	switch e.Op {
	case event.Lock, event.RLock:
		for int(e.G) >= len(l.held) {
			l.held = append(l.held, nil)
		}
		if len(l.held[e.G]) < maxHeld {
			l.held[e.G] = append(slices.Clip(l.held[e.G]), e.Obj)
		}
		if e.Op == event.Lock {
			if l.holder == nil {
				l.holder = map[event.Obj]event.G{}
			}
			l.holder[e.Obj] = e.G
		}
	case event.Unlock:
		// Another goroutine than the holder may unlock.
		if g, ok := l.holder[e.Obj]; ok {
			l.release(g, e.Obj)
			delete(l.holder, e.Obj)
		}
	case event.RUnlock:
		l.release(e.G, e.Obj)
	case event.End:
		if int(e.G) < len(l.held) {
			l.held[e.G] = nil
		}
	}
}

func (l *locks) release(g event.G, o event.Obj) {
	all := l.of(g)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i] == o {
			l.held[g] = slices.Concat(all[:i], all[i+1:])
			return
		}
	}
}
