package collect

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/hindsight-go/hindsight/collect/record"
)

// A Chan is a channel of T that says what it does. What a send releases is
// acquired by who receives its value, and what a close releases by who learns of it.
//
// That a receive makes room for a later send orders as well, but which receive a
// send has waited for cannot be seen from outside the channel: a send that has completed acquires
// what any receive has released that had begun. That may hide what is
// unordered, and never makes up what is not.
//
// A select statement with more than a context or a default needs the channel
// itself, and annotations around it: [Release] before sending, [Acquire] after receiving.
type Chan[T any] struct {
	c    chan message[T]
	base uint64 // the objects: below, slots from here on
	next atomic.Uint64
}

// The objects of a channel: what receives release, what a close does, and what
// sends do, for so many that follow each other. A send and the next of its slot
// are merged: that orders more than there is only if so many values wait.
const (
	chanRecv = iota
	chanClose
	chanSlot
	chanSlots = 1 << 12
)

// message is a value with its slot, 0 if it was sent while no trace ran.
type message[T any] struct {
	v    T
	slot uint64
}

// NewChan returns a channel with a capacity.
func NewChan[T any](capacity int) *Chan[T] {
	return &Chan[T]{c: make(chan message[T], capacity), base: identity(chanSlot + chanSlots)}
}

// sending releases what comes before a send.
func (c *Chan[T]) sending(v T) message[T] {
	if !on() {
		return message[T]{v: v}
	}
	slot := chanSlot + c.next.Add(1)%chanSlots
	synchronize(record.ReleaseMerge, c.base+slot, "Chan")
	return message[T]{v, slot}
}

// sent acquires what a completed send has waited for.
func (c *Chan[T]) sent() {
	if on() {
		synchronize(record.Acquire, c.base+chanRecv, "Chan")
	}
}

// receiving releases what comes before a receive.
func (c *Chan[T]) receiving() {
	if on() {
		synchronize(record.ReleaseMerge, c.base+chanRecv, "Chan")
	}
}

// received acquires what the send of m released, or the close if it is not ok.
func (c *Chan[T]) received(m message[T], ok bool) (T, bool) {
	switch {
	case !on():
	case !ok:
		synchronize(record.Acquire, c.base+chanClose, "Chan")
	case m.slot != 0:
		synchronize(record.Acquire, c.base+m.slot, "Chan")
	}
	return m.v, ok
}

// Send is c <- v.
func (c *Chan[T]) Send(v T) {
	c.c <- c.sending(v)
	c.sent()
}

// Recv is v, ok := <-c.
func (c *Chan[T]) Recv() (v T, ok bool) {
	c.receiving()
	m, ok := <-c.c
	return c.received(m, ok)
}

// TrySend is Send if that need not wait, and reports whether it was.
func (c *Chan[T]) TrySend(v T) bool {
	select {
	case c.c <- c.sending(v):
		c.sent()
		return true
	default:
		return false
	}
}

// TryRecv is Recv if that need not wait, and reports whether it was.
func (c *Chan[T]) TryRecv() (v T, ok, done bool) {
	c.receiving()
	select {
	case m, ok := <-c.c:
		v, ok = c.received(m, ok)
		return v, ok, true
	default:
		return v, false, false
	}
}

// SendContext is Send until ctx is done: then it returns the context's error.
func (c *Chan[T]) SendContext(ctx context.Context, v T) error {
	select {
	case c.c <- c.sending(v):
		c.sent()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RecvContext is Recv until ctx is done: then it returns the context's error.
func (c *Chan[T]) RecvContext(ctx context.Context) (v T, ok bool, err error) {
	c.receiving()
	select {
	case m, ok := <-c.c:
		v, ok = c.received(m, ok)
		return v, ok, nil
	case <-ctx.Done():
		return v, false, ctx.Err()
	}
}

// All receives until the channel is closed: for v := range c.
func (c *Chan[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for v, ok := c.Recv(); ok && yield(v); v, ok = c.Recv() {
		}
	}
}

// Close is close(c).
func (c *Chan[T]) Close() {
	if on() {
		synchronize(record.Release, c.base+chanClose, "Chan")
	}
	close(c.c)
}

// Len is len(c).
func (c *Chan[T]) Len() int { return len(c.c) }

// Cap is cap(c).
func (c *Chan[T]) Cap() int { return cap(c.c) }
