package detect

import (
	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/hb"
)

// checker checks accesses in the order in which it is told of them. Locations
// are divided among shards, each with a goroutine of its own; what is found in a
// location depends on the accesses to it only, so their number does not matter.
type checker struct {
	shards  []*shadow
	batches []*batch
	queues  []chan *batch // nil: there is only one shard, which checks at once
	spare   chan *batch
	done    chan struct{}
	piece   piece // that shards are told of: one for all, they are many
}

// piece is what a shard is told: a run of accesses, one access of some other
// kind or size, or a cut.
type piece struct {
	clock      hb.Clock
	run        []event.Access // if not nil
	addr, size uint64
	epoch      hb.Epoch
	cycle      uint32
	kind       kind
	cut        bool
}

// batch is pieces that are handed over together.
type batch struct {
	pieces []piece
	weight int // accesses in runs
}

const (
	batchPieces = 1 << 10
	batchWeight = 1 << 15
)

func newChecker(shards int) *checker {
	c := &checker{shards: make([]*shadow, shards)}
	for i := range c.shards {
		c.shards[i] = newShadow()
	}
	if shards == 1 {
		return c
	}
	c.spare = make(chan *batch, 4*shards)
	c.done = make(chan struct{})
	for _, s := range c.shards {
		queue := make(chan *batch, 2) // bounds what is in flight
		c.queues = append(c.queues, queue)
		c.batches = append(c.batches, new(batch))
		go func() {
			for b := range queue {
				for i := range b.pieces {
					s.apply(&b.pieces[i])
				}
				clear(b.pieces)
				b.pieces, b.weight = b.pieces[:0], 0
				select {
				case c.spare <- b:
				default:
				}
			}
			c.done <- struct{}{}
		}()
	}
	return c
}

// add tells a shard of the piece.
func (c *checker) add(shard int) {
	if c.queues == nil {
		c.shards[0].apply(&c.piece)
		return
	}
	b := c.batches[shard]
	b.pieces = append(b.pieces, c.piece)
	if b.weight += len(c.piece.run); len(b.pieces) < batchPieces && b.weight < batchWeight {
		return
	}
	c.queues[shard] <- b
	select {
	case c.batches[shard] = <-c.spare:
	default:
		c.batches[shard] = new(batch)
	}
}

// runs tells of a run of plain accesses, split by shards.
func (c *checker) runs(ep hb.Epoch, cycle uint32, clock *hb.Clock, parts [][]event.Access) {
	c.piece = piece{clock: *clock, epoch: ep, cycle: cycle}
	for i, run := range parts {
		if len(run) > 0 {
			c.piece.run = run
			c.add(i)
		}
	}
}

// access tells of one access.
func (c *checker) access(ep hb.Epoch, cycle uint32, clock *hb.Clock, kd kind, addr, size uint64) {
	c.piece = piece{clock: *clock, epoch: ep, cycle: cycle, kind: kd}
	event.Split(addr, size, func(addr, size uint64) {
		c.piece.addr, c.piece.size = addr, size
		c.add(event.Shard(addr, len(c.shards)))
	})
}

// cut tells of the end of lives in [addr, addr+size).
func (c *checker) cut(addr, size uint64, cycle uint32) {
	c.piece = piece{addr: addr, size: size, cycle: cycle, cut: true}
	if addr/event.Page == (addr+size-1)/event.Page {
		c.add(event.Shard(addr, len(c.shards)))
		return
	}
	for i := range c.shards {
		c.add(i)
	}
}

// finish waits for all checks and returns the racy bytes by word.
func (c *checker) finish() map[uint64]uint8 {
	for i, q := range c.queues {
		q <- c.batches[i]
		close(q)
	}
	for range c.queues {
		<-c.done
	}
	racy := c.shards[0].racy
	for _, s := range c.shards[1:] {
		for w, mask := range s.racy {
			racy[w] = mask
		}
	}
	return racy
}
