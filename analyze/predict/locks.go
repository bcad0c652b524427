package predict

import "github.com/hindsight-go/hindsight/analyze/event"

// held is a lock that a goroutine holds.
type held struct {
	obj  event.Obj
	read bool
}

// lockset is the number of a list of locks held, oldest first; 0 is none.
type lockset int32

// locksets are the lists that occurred, each once.
type locksets struct {
	lists  [][]held
	longer map[longer]lockset
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
