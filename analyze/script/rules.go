package script

import (
	"errors"
	"fmt"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// rules checks that a plain script may go on with e, whose operand is called
// name, and notes what e changes.
func (p *parser) rules(e *event.Event, name string) error {
	if ch := p.pending; ch != nil {
		if e.Op != event.Recv || p.chans[e.Obj] != ch {
			return errors.New("the send before is on an unbuffered channel: its receive must follow at once")
		}
		if e.G == ch.sender {
			return errors.New("a goroutine cannot receive what it sends on an unbuffered channel")
		}
		p.pending = nil
		ch.recvs++
		return nil
	}
	switch e.Op {
	case event.Go:
		if e.Child == e.G {
			return errors.New("a goroutine cannot start itself")
		}
	case event.End:
		p.ended[e.G] = true
	case event.Lock, event.Unlock, event.RLock, event.RUnlock:
		return p.lockRules(e, name)
	case event.Send, event.Recv, event.Close, event.RecvClosed, event.SendClosed, event.CloseClosed:
		return p.channelRules(e, name)
	case event.Add, event.Wait:
		return p.groupRules(e, name)
	case event.Once, event.OnceDone, event.OnceWait:
		return p.onceRules(e, name)
	case event.CondSignal, event.CondBroadcast, event.CondWake:
		return p.condRules(e, name)
	}
	return nil
}

// state returns the state of an object, a new one before its first use.
func state[T any](m map[event.Obj]*T, o event.Obj) *T {
	s := m[o]
	if s == nil {
		s = new(T)
		m[o] = s
	}
	return s
}

func (p *parser) lockRules(e *event.Event, name string) error {
	l := state(p.locks, e.Obj)
	switch e.Op {
	case event.Lock:
		if l.writer || l.readers > 0 {
			return fmt.Errorf("lock of %s, which is locked", name)
		}
		l.writer = true
	case event.Unlock:
		if !l.writer {
			return fmt.Errorf("unlock of %s, which is not locked", name)
		}
		l.writer = false
	case event.RLock:
		if l.writer {
			return fmt.Errorf("rlock of %s, which is locked", name)
		}
		l.readers++
	case event.RUnlock:
		if l.readers == 0 {
			return fmt.Errorf("runlock of %s, which no reader has locked", name)
		}
		l.readers--
	}
	return nil
}

func (p *parser) channelRules(e *event.Event, name string) error {
	ch := p.chans[e.Obj]
	switch e.Op {
	case event.Send:
		switch {
		case ch.closed:
			e.Op = event.SendClosed
		case ch.cap == 0:
			p.pending, ch.sender = ch, e.G
			ch.sends++
		case ch.sends-ch.recvs == uint64(ch.cap):
			return fmt.Errorf("send on %s, which is full", name)
		default:
			e.Slot = uint32(ch.sends % uint64(ch.cap))
			ch.sends++
		}
	case event.Recv:
		switch {
		case ch.cap == 0:
			return fmt.Errorf("receive from %s, which is unbuffered, must follow its send", name)
		case ch.sends == ch.recvs:
			return fmt.Errorf("receive from %s, which is empty", name)
		}
		e.Slot = uint32(ch.recvs % uint64(ch.cap))
		ch.recvs++
	case event.Close:
		if ch.closed {
			e.Op = event.CloseClosed
		}
		ch.closed = true
	case event.RecvClosed:
		switch {
		case !ch.closed:
			return fmt.Errorf("recv-closed from %s, which is open", name)
		case ch.sends > ch.recvs:
			return fmt.Errorf("recv-closed from %s, which still holds something", name)
		}
	case event.SendClosed, event.CloseClosed:
		if !ch.closed {
			return fmt.Errorf("%s is open", name)
		}
	}
	return nil
}

func (p *parser) groupRules(e *event.Event, name string) error {
	w := state(p.wgs, e.Obj)
	if e.Op == event.Wait {
		// Wait returns if the counter was zero at one moment since it was
		// called, and it was called after the goroutine's last event.
		if w.count != 0 && w.left <= p.last[e.G] {
			return fmt.Errorf("wait for %s, whose counter is %d", name, w.count)
		}
		return nil
	}
	if w.count == 0 {
		w.left = len(p.events)
	}
	w.count += e.N
	switch {
	case w.count < 0:
		return fmt.Errorf("the counter of %s becomes negative", name)
	case w.count > maxAdd:
		return fmt.Errorf("the counter of %s becomes too large", name)
	}
	return nil
}

func (p *parser) onceRules(e *event.Event, name string) error {
	o, begun := p.onces[e.Obj]
	switch e.Op {
	case event.Once:
		if begun {
			return fmt.Errorf("once of %s, which has begun before", name)
		}
		p.onces[e.Obj] = &once{by: e.G}
	case event.OnceDone:
		if !begun || o.done || o.by != e.G {
			return fmt.Errorf("once-done of %s, which this goroutine is not running", name)
		}
		o.done = true
	case event.OnceWait:
		if !begun || !o.done {
			return fmt.Errorf("once-wait of %s, which is not done", name)
		}
	}
	return nil
}

func (p *parser) condRules(e *event.Event, name string) error {
	k := p.conds[e.Obj]
	if k == nil {
		k = &cond{broadcast: -1, woken: map[int][]int{}}
		p.conds[e.Obj] = k
	}
	now := len(p.events)
	switch e.Op {
	case event.CondSignal:
		k.signals = append(k.signals, now)
	case event.CondBroadcast:
		k.broadcast = now
	case event.CondWake:
		by := k.broadcast
		if len(k.signals) > 0 {
			by, k.signals = k.signals[0], k.signals[1:]
		}
		if by < 0 {
			return fmt.Errorf("cond-wake of %s without a signal", name)
		}
		if k.woken[by] == nil {
			k.order = append(k.order, by)
		}
		k.woken[by] = append(k.woken[by], now)
	}
	return nil
}
