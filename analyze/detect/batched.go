package detect

import "github.com/hindsight-go/hindsight/analyze/event"

// batched returns src itself if it is an [event.Batched], or makes it one.
func batched(src event.Source) event.Batched {
	if b, ok := src.(event.Batched); ok {
		return b
	}
	return batches{src}
}

// mostRun bounds the accesses of a run.
const mostRun = 1 << 12

// batches makes runs of a source's events.
type batches struct{ event.Source }

func (b batches) ReplayRuns(
	shards int,
	run func(g event.G, cycle uint32, n uint64, parts [][]event.Access) bool,
	f func(*event.Event) bool,
) error {
	var g event.G
	var cycle uint32
	var n uint64
	parts := make([][]event.Access, shards)
	flush := func() bool {
		ok := n == 0 || run(g, cycle, n, parts)
		n = 0
		clear(parts)
		return ok
	}
	going := true
	err := b.Replay(func(e *event.Event) bool {
		_, small := event.PackAccess(e.Addr, e.Size, false)
		if !small || e.Op != event.Read && e.Op != event.Write {
			going = flush() && f(e)
			return going
		}
		if n > 0 && (e.G != g || e.Cycle != cycle || n == mostRun) {
			if going = flush(); !going {
				return false
			}
		}
		g, cycle = e.G, e.Cycle
		n++
		event.Split(e.Addr, e.Size, func(addr, size uint64) {
			a, _ := event.PackAccess(addr, size, e.Op == event.Write)
			i := event.Shard(addr, shards)
			parts[i] = append(parts[i], a)
		})
		return true
	})
	if going {
		flush()
	}
	return err
}

func (b batches) ReplayWhere(want, _ func(addr, size uint64) bool, f func(e *event.Event, place uint64) bool) error {
	var place uint64
	return b.Replay(func(e *event.Event) bool {
		at := place
		place++
		if (e.Op == event.Read || e.Op == event.Write) && !want(e.Addr, e.Size) {
			return true
		}
		return f(e, at)
	})
}
