package witness

import "github.com/hindsight-go/hindsight/analyze/event"

// Source returns the execution that a witness describes: what happens in it, in
// its order, and at the end what is next, which for a deadlock never happens.
func Source(src event.Source, w *Witness) event.Source { return &scheduled{src, w} }

type scheduled struct {
	event.Source
	w *Witness
}

// Replay implements [event.Source].
func (s *scheduled) Replay(f func(*event.Event) bool) error {
	w := s.w
	slots := map[event.Obj][2]uint32{} // sends and receives of buffered channels
	stopped := false
	emit := func(e event.Event) {
		if n := slots[e.Obj]; e.Cap > 0 && (e.Op == event.Send || e.Op == event.Recv) {
			i := 0
			if e.Op == event.Recv {
				i = 1
			}
			e.Slot = n[i] % e.Cap
			n[i]++
			slots[e.Obj] = n
		}
		stopped = stopped || !f(&e)
	}
	tail := map[event.G][]event.Event{}
	next := map[ID]event.Event{}
	pos := uint64(0)
	err := s.Source.Replay(func(e *event.Event) bool {
		id := ID{e.G, e.Index}
		switch {
		case !w.Has(pos, id):
			for _, n := range w.Next {
				if n == id {
					next[id] = *e
				}
			}
		case pos < w.Cut:
			emit(*e)
		default:
			tail[e.G] = append(tail[e.G], *e)
		}
		pos++
		return !stopped
	})
	for _, id := range w.Order {
		for own := tail[id.G]; len(own) > 0 && own[0].Index <= id.Index && !stopped; own = own[1:] {
			emit(own[0])
			tail[id.G] = own[1:]
		}
	}
	for _, id := range w.Next {
		if e, ok := next[id]; ok && w.Goal != Deadlock && !stopped {
			emit(e)
		}
	}
	return err
}
