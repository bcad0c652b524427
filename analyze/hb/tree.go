package hb

// A tree is an immutable array of times, indexed by slot: fan-out 32,
// absent parts are zero. A change copies the path to the leaf and shares the
// rest, so two trees with a common past are compared by pointer where they agree.
type tree struct {
	root   *node
	height uint8 // levels of inner nodes above the leaves
}

const (
	fanBits = 5
	fan     = 1 << fanBits
)

// node is an inner node, with kids, or a leaf, with times; its level in the tree
// tells which. The array is allocated together with the node.
type node struct {
	kids *[fan]*node
	time *[fan]Time
}

func newLeaf() *node {
	l := &struct {
		node
		array [fan]Time
	}{}
	l.time = &l.array
	return &l.node
}

func newInner() *node {
	n := &struct {
		node
		array [fan]*node
	}{}
	n.kids = &n.array
	return &n.node
}

// at returns element i.
func (t tree) at(i uint32) Time {
	if t.root == nil || i>>(fanBits*(uint32(t.height)+1)) != 0 {
		return 0
	}
	n := t.root
	for h := uint32(t.height); h > 0; h-- {
		if n = n.kids[i>>(fanBits*h)%fan]; n == nil {
			return 0
		}
	}
	return n.time[i%fan]
}

// grown returns t with at least the given height.
func (t tree) grown(height uint8) tree {
	if t.root == nil {
		t.height = max(t.height, height)
		return t
	}
	for t.height < height {
		n := newInner()
		n.kids[0] = t.root
		t.root, t.height = n, t.height+1
	}
	return t
}

// with returns t with element i set to v.
func (t tree) with(i uint32, v Time) tree {
	height := t.height
	for i>>(fanBits*(uint32(height)+1)) != 0 {
		height++
	}
	t = t.grown(height)
	if t.at(i) == v {
		return t
	}
	t.root = set(t.root, uint32(t.height), i, v)
	return t
}

func set(n *node, h, i uint32, v Time) *node {
	if h == 0 {
		m := newLeaf()
		if n != nil {
			*m.time = *n.time
		}
		m.time[i%fan] = v
		return m
	}
	m := newInner()
	if n != nil {
		*m.kids = *n.kids
	}
	k := i >> (fanBits * h) % fan
	m.kids[k] = set(m.kids[k], h-1, i, v)
	return m
}

// union returns the elementwise maximum of a and b. It returns a itself where b
// adds nothing, and b itself where a adds nothing.
func union(a, b tree) tree {
	switch {
	case b.root == nil || a == b:
		return a
	case a.root == nil:
		return b
	}
	h := max(a.height, b.height)
	ga, gb := a.grown(h), b.grown(h)
	switch root := join(ga.root, gb.root, uint32(h)); root {
	case ga.root:
		return a
	case gb.root:
		return b
	default:
		return tree{root, h}
	}
}

// join is union of two nodes of one level. It prefers a.
func join(a, b *node, h uint32) *node {
	switch {
	case a == b || b == nil:
		return a
	case a == nil:
		return b
	}
	if h == 0 {
		return joinLeaf(a, b)
	}
	var m [fan]*node
	asA, asB := true, true
	for i := range m {
		m[i] = join(a.kids[i], b.kids[i], h-1)
		asA = asA && m[i] == a.kids[i]
		asB = asB && m[i] == b.kids[i]
	}
	switch {
	case asA:
		return a
	case asB:
		return b
	}
	n := newInner()
	*n.kids = m
	return n
}

func joinLeaf(a, b *node) *node {
	var less, greater uint64 // if some element of a is, the top bit is set
	for i, x := range a.time {
		y := b.time[i]
		less |= uint64(x) - uint64(y)
		greater |= uint64(y) - uint64(x)
	}
	switch {
	case less>>63 == 0:
		return a
	case greater>>63 == 0:
		return b
	}
	n := newLeaf()
	for i, x := range a.time {
		n.time[i] = max(x, b.time[i])
	}
	return n
}
