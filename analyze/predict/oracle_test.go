package predict

import (
	"fmt"
	"slices"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// oracle visits all schedules of a small execution: every order of the events
// of prefixes of its goroutines in which each can happen and reads what it read
// in the recording. It shares no code with predictor or checker, and is as slow
// and plain as can be.
type oracle struct {
	es       []event.Event
	own      [][]int // by goroutine: its events
	reads    [][]int // by event: for each variable byte-wise the same here, the write it read; -1: none
	got      []int   // by event: the send that a receive got, -1: none
	told     []string
	birth    []int   // by goroutine: its go, -1: none
	swapping *oracle // the same with swaps
	swaps    bool    // a receive from a buffer may get what another send sent

	seen  map[string]bool
	path  []int
	pairs map[[2]int][]int // events next at once that conflict: a schedule
}

type oracleState struct {
	at      []int // by goroutine: how many events it has done
	last    map[uint64]int
	locked  map[event.Obj]bool
	readers map[event.Obj]int
	queue   map[event.Obj][]int
	closed  map[event.Obj]bool
	count   map[event.Obj]int64
	done    map[event.Obj]bool
	parked  map[event.Obj][]event.G
	awake   map[event.Obj][]event.G
	version map[event.Obj]string
}

func newOracle(src event.Source, swaps bool) *oracle {
	o := &oracle{seen: map[string]bool{}, pairs: map[[2]int][]int{}, swaps: swaps}
	src.Replay(func(e *event.Event) bool { o.es = append(o.es, *e); return true })
	o.own = make([][]int, src.NumGoroutines())
	o.birth = make([]int, src.NumGoroutines())
	for g := range o.birth {
		o.birth[g] = -1
	}
	s := o.start()
	for i := range o.es {
		e := &o.es[i]
		o.own[e.G] = append(o.own[e.G], i)
		if e.Op == event.Go {
			o.birth[e.Child] = i
		}
		w, ok := s.last[e.Addr]
		if !ok {
			w = -1
		}
		o.reads = append(o.reads, []int{w})
		o.told = append(o.told, s.version[e.Obj])
		got := -1
		if q := s.queue[e.Obj]; e.Op == event.Recv && e.Cap > 0 && len(q) > 0 {
			got = q[0]
		}
		o.got = append(o.got, got)
		s.apply(o, i)
	}
	return o
}

func (o *oracle) start() *oracleState {
	return &oracleState{
		make([]int, len(o.own)), map[uint64]int{}, map[event.Obj]bool{}, map[event.Obj]int{}, map[event.Obj][]int{},
		map[event.Obj]bool{}, map[event.Obj]int64{}, map[event.Obj]bool{}, map[event.Obj][]event.G{}, map[event.Obj][]event.G{}, map[event.Obj]string{},
	}
}

func (s *oracleState) clone() *oracleState {
	c := &oracleState{
		slices.Clone(s.at), copyMap(s.last), copyMap(s.locked), copyMap(s.readers), map[event.Obj][]int{},
		copyMap(s.closed), copyMap(s.count), copyMap(s.done), map[event.Obj][]event.G{}, map[event.Obj][]event.G{}, copyMap(s.version),
	}
	for k, v := range s.queue {
		c.queue[k] = slices.Clone(v)
	}
	for k, v := range s.parked {
		c.parked[k] = slices.Clone(v)
	}
	for k, v := range s.awake {
		c.awake[k] = slices.Clone(v)
	}
	return c
}

func copyMap[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

func (s *oracleState) key() string {
	return fmt.Sprint(s.at, s.last, s.queue, s.parked, s.awake, s.version)
}

// can reports whether event i can happen next.
func (s *oracleState) can(o *oracle, i int) bool {
	e := &o.es[i]
	switch e.Op {
	case event.Read, event.AtomicLoad, event.AtomicRMW, event.AtomicCASFail:
		w, ok := s.last[e.Addr]
		return ok && w == o.reads[i][0] || !ok && o.reads[i][0] == -1
	case event.Lock:
		return !s.locked[e.Obj] && s.readers[e.Obj] == 0
	case event.Unlock:
		return s.locked[e.Obj]
	case event.RLock:
		return !s.locked[e.Obj]
	case event.RUnlock:
		return s.readers[e.Obj] > 0
	case event.Send:
		if e.Cap == 0 {
			r := &o.es[i+1]
			return !s.closed[e.Obj] && s.born(o, r.G) && o.next(s, r.G) == i+1
		}
		return !s.closed[e.Obj] && len(s.queue[e.Obj]) < int(e.Cap)
	case event.Recv:
		q := s.queue[e.Obj]
		return e.Cap > 0 && len(q) > 0 && (o.swaps || q[0] == o.got[i])
	case event.Close:
		return !s.closed[e.Obj]
	case event.RecvClosed:
		return s.closed[e.Obj] && len(s.queue[e.Obj]) == 0
	case event.DefaultRecv:
		return !s.closed[e.Obj] && len(s.queue[e.Obj]) == 0
	case event.DefaultSend:
		return !s.closed[e.Obj] && (e.Cap == 0 || len(s.queue[e.Obj]) == int(e.Cap))
	case event.Add:
		return s.count[e.Obj]+e.N >= 0
	case event.Wait:
		return s.count[e.Obj] == 0
	case event.OnceWait:
		return s.done[e.Obj]
	case event.CondWake:
		return slices.Contains(s.awake[e.Obj], e.G)
	case event.Acquire, event.ReleaseAcquire:
		return s.version[e.Obj] == o.told[i]
	case event.IORead:
		n := 0
		for g := range s.at {
			for _, j := range o.own[g][:s.at[g]] {
				if j > i {
					return false
				}
				n++
			}
		}
		return n == i
	}
	return true
}

func (s *oracleState) apply(o *oracle, i int) {
	e := &o.es[i]
	s.at[e.G]++
	switch e.Op {
	case event.Write, event.AtomicStore, event.AtomicRMW:
		s.last[e.Addr] = i
	case event.Lock:
		s.locked[e.Obj] = true
	case event.Unlock:
		s.locked[e.Obj] = false
	case event.RLock:
		s.readers[e.Obj]++
	case event.RUnlock:
		s.readers[e.Obj]--
	case event.Send:
		if e.Cap > 0 {
			s.queue[e.Obj] = append(s.queue[e.Obj], i)
		}
	case event.Recv:
		if e.Cap > 0 {
			s.queue[e.Obj] = s.queue[e.Obj][1:]
		}
	case event.Close:
		s.closed[e.Obj] = true
	case event.Add:
		s.count[e.Obj] += e.N
	case event.OnceDone:
		s.done[e.Obj] = true
	case event.CondWait:
		s.parked[e.Obj] = append(s.parked[e.Obj], e.G)
	case event.CondSignal:
		if p := s.parked[e.Obj]; len(p) > 0 {
			s.awake[e.Obj] = append(s.awake[e.Obj], p[0])
			s.parked[e.Obj] = p[1:]
		}
	case event.CondBroadcast:
		s.awake[e.Obj] = append(s.awake[e.Obj], s.parked[e.Obj]...)
		s.parked[e.Obj] = nil
	case event.CondWake:
		if j := slices.Index(s.awake[e.Obj], e.G); j >= 0 {
			s.awake[e.Obj] = slices.Delete(s.awake[e.Obj], j, j+1)
		}
	case event.Release:
		s.version[e.Obj] = fmt.Sprint(i)
	case event.ReleaseMerge, event.ReleaseAcquire:
		s.version[e.Obj] += fmt.Sprint("+", i)
	}
}

func (s *oracleState) born(o *oracle, g event.G) bool {
	b := o.birth[g]
	return b < 0 || slices.Contains(o.own[o.es[b].G][:s.at[o.es[b].G]], b)
}

// next is the next event of g, -1 at its end.
func (o *oracle) next(s *oracleState, g event.G) int {
	if s.at[g] == len(o.own[g]) {
		return -1
	}
	return o.own[g][s.at[g]]
}

// visit visits all states from s on, at most so many.
func (o *oracle) visit(s *oracleState, most int) bool {
	k := s.key()
	if o.seen[k] {
		return true
	}
	if len(o.seen) >= most {
		return false
	}
	o.seen[k] = true
	var next []int
	for g := range s.at {
		if i := o.next(s, event.G(g)); i >= 0 && s.born(o, event.G(g)) {
			next = append(next, i)
		}
	}
	for x, i := range next {
		for _, j := range next[x+1:] {
			a, b := &o.es[i], &o.es[j]
			if memory(a.Op) && memory(b.Op) && conflict(a.Op, b.Op) && a.Addr == b.Addr {
				key := [2]int{min(i, j), max(i, j)}
				if o.pairs[key] == nil {
					o.pairs[key] = append([]int{}, o.path...)
				}
			}
		}
	}
	for _, i := range next {
		if !s.can(o, i) {
			continue
		}
		c := s.clone()
		c.apply(o, i)
		o.path = append(o.path, i)
		n := 1
		if e := &o.es[i]; e.Op == event.Send && e.Cap == 0 {
			c.apply(o, i+1)
			o.path = append(o.path, i+1)
			n = 2
		}
		ok := o.visit(c, most)
		o.path = o.path[:len(o.path)-n]
		if !ok {
			return false
		}
	}
	return true
}

func memory(op event.Op) bool { return reads(op) || writes(op) }
