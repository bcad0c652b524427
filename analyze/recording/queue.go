package recording

// queue is a heap of cursors: the one with the smallest key is first, of equal
// keys that of the older goroutine.
type queue []queued

type queued struct {
	key uint64
	c   *cursor
}

func (q queue) less(i, j int) bool {
	if q[i].key != q[j].key {
		return q[i].key < q[j].key
	}
	return q[i].c.g.id < q[j].c.g.id
}

func (q *queue) push(key uint64, c *cursor) {
	*q = append(*q, queued{key, c})
	h := *q
	for i := len(h) - 1; i > 0 && h.less(i, (i-1)/2); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

// drop removes those that have been stopped.
func (q *queue) drop() {
	all := *q
	*q = nil
	for _, x := range all {
		if !x.c.lost {
			q.push(x.key, x.c)
		}
	}
}

// pop removes the first, of which there must be one.
func (q *queue) pop() *cursor {
	h := *q
	first, n := h[0].c, len(h)-1
	h[0], h[n] = h[n], queued{}
	h = h[:n]
	*q = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < n; child++ {
			if h.less(child, least) {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
