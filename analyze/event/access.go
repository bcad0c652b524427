package event

import "math/bits"

// An Access is a plain access of at most [MaxAccess] bytes below [MaxAddr], in
// one word: the address, the size less 1 in 12 bits, and whether it writes.
type Access uint64

// Bounds of what an Access can say.
const (
	MaxAccess = 1 << 12
	MaxAddr   = 1 << 48
)

// PackAccess packs an access; ok is false if it does not fit.
func PackAccess(addr, size uint64, write bool) (a Access, ok bool) {
	if size-1 >= MaxAccess || addr >= MaxAddr || addr+size > MaxAddr {
		return 0, false
	}
	a = Access(addr<<16 | (size-1)<<1)
	if write {
		a |= 1
	}
	return a, true
}

// Addr is the first byte's address.
func (a Access) Addr() uint64 { return uint64(a >> 16) }

// Size is the number of bytes, from 1.
func (a Access) Size() uint64 { return uint64(a>>1)%MaxAccess + 1 }

// Write reports whether the access is a write.
func (a Access) Write() bool { return a&1 != 0 }

// Page is the number of bytes that belong to one shard together.
const Page = 1 << 12

// Shard says which of n shards the page at addr belongs to.
func Shard(addr uint64, n int) int {
	hi, _ := bits.Mul64(addr/Page*0x9E3779B97F4A7C15, uint64(n))
	return int(hi)
}

// Split calls f for the parts of [addr, addr+size) in different pages.
func Split(addr, size uint64, f func(addr, size uint64)) {
	for size > 0 {
		n := min(size, Page-addr%Page)
		f(addr, n)
		addr, size = addr+n, size-n
	}
}

// Batched is a source that can deliver plain accesses without an event for each.
// All its ways of delivery keep one order, and number events alike.
type Batched interface {
	Source
	// ReplayRuns is Replay, but accesses that an [Access] can hold come as runs:
	// what one goroutine accesses between two of its other events, split by
	// [Shard] into as many lists as there are shards, of which each is in
	// order. No access crosses a page. The lists stay valid. N is the number of
	// accesses before they were split. Of the events
	// only those of waiting and of misuse need tell their stacks.
	ReplayRuns(shards int, run func(g G, cycle uint32, n uint64, parts [][]Access) bool, f func(*Event) bool) error
	// ReplayWhere is Replay of all but the plain accesses for which want returns
	// false; place is the number of events before e in Replay. Want may be
	// called by several goroutines at once, and for an access of a few pages or
	// more it is not asked. If keep is not nil, [Source.Object] then knows only
	// heap objects for which keep returned true, and is not complete before the
	// end.
	ReplayWhere(want, keep func(addr, size uint64) bool, f func(e *Event, place uint64) bool) error
}
