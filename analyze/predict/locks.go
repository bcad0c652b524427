package predict

import "github.com/hindsight-go/hindsight/analyze/event"

// held is a lock that a goroutine holds.
type held struct {
	obj  event.Obj
	read bool
}

// lockset is the number of a list of locks held, oldest first; 0 is none.
type lockset int32

// locksets are the lists that are in use, each once.
type locksets struct {
	lists  [][]held
	longer map[longer]lockset
	most   int // lists at which unused ones are looked for
}

const (
	fewLists = 1 << 16 // need no sweep
	maxHeld  = 64      // locks in a list; those taken later are not known to be held
)

// sweepLocks forgets the lists that nothing names: in a program with a lock in
// each of its objects there are as many as objects.
func (c *collector) sweepLocks() {
	old := c.locks
	c.locks = locksets{}
	to := make([]lockset, len(old.lists)+1)
	again := func(n *lockset) {
		if *n == 0 {
			return
		}
		if to[*n] == 0 {
			for _, h := range old.list(*n) {
				to[*n] = c.locks.with(to[*n], h)
			}
		}
		*n = to[*n]
	}
	for g := range c.held {
		again(&c.held[g])
	}
	for n := range int32(c.used) {
		x := c.numbered(n)
		for i := range x.pasts {
			again(&x.pasts[i].locks)
		}
	}
	c.locks.most = max(2*len(c.locks.lists), c.used/4)
}

// longer is a list and one lock more.
type longer struct {
	than lockset
	by   held
}

func (l *locksets) list(n lockset) []held {
	if n == 0 {
		return nil
	}
	return l.lists[n-1]
}

// with returns a list and one lock more.
func (l *locksets) with(n lockset, h held) lockset {
	if len(l.list(n)) >= maxHeld {
		return n
	}
	k := longer{n, h}
	m, ok := l.longer[k]
	if !ok {
		old := l.list(n)
		l.lists = append(l.lists, append(old[:len(old):len(old)], h))
		m = lockset(len(l.lists))
		if l.longer == nil {
			l.longer = map[longer]lockset{}
		}
		l.longer[k] = m
	}
	return m
}

// without returns a list without the latest hold of a lock.
func (l *locksets) without(n lockset, o event.Obj) lockset {
	all := l.list(n)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].obj == o {
			m := lockset(0)
			for j, h := range all {
				if j != i {
					m = l.with(m, h)
				}
			}
			return m
		}
	}
	return n
}

// guarded reports whether one lock is held at both, by one of them for writing.
func guarded(a, b []held) bool {
	for i := range a {
		for j := range b {
			if a[i].obj == b[j].obj && !(a[i].read && b[j].read) {
				return true
			}
		}
	}
	return false
}
