package witness

import (
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/script"
)

// A trial of the checker: a script, how far each of its goroutines goes (in
// order of appearance), what is next, and a part of the reason for which it is
// refused, or nothing.
type trialOf struct {
	name   string
	text   string
	ends   []uint64
	order  []ID // nil: as recorded
	goal   Goal
	next   []ID
	reason string
}

const (
	locks = "a go b\na write x\na lock m\na write v\na unlock m\nb lock m\nb read v\nb unlock m\nb write x\n"
	chans = "chan c 1\na go b\na send c\na write x\nb recv c\nb write x\na send c\na close c\nb recv c\nb recv-closed c\nb write y\na write y\n"
	hand  = "a go b\na send u\nb recv u\nb write x\na write x\n"
)

var trials = []trialOf{
	{"both next", locks, []uint64{1, 0}, nil, Race, []ID{{0, 1}, {1, 0}}, "not do what is claimed"},
	{"value handed over", locks, []uint64{1, 3}, nil, Race, []ID{{0, 1}, {1, 3}}, "another write"},
	{"not the next", locks, []uint64{2, 0}, nil, Race, []ID{{0, 1}, {1, 0}}, "not the next"},
	{"not started", locks, []uint64{0, 0}, nil, Race, []ID{{1, 0}}, "not been started"},
	{"acts before its start", locks, []uint64{0, 1}, nil, Race, []ID{{0, 0}, {1, 1}}, "before it has been started"},
	{"beyond the end", locks, []uint64{9, 0}, nil, Race, []ID{{0, 1}, {1, 0}}, "beyond the end"},
	{"nothing next", locks, []uint64{1, 0}, nil, Race, nil, "nothing is next"},
	{"one next twice", locks, []uint64{1, 0}, nil, Race, []ID{{0, 1}, {0, 1}}, "not the next"},

	{"lock held", "a go b\na lock m\na write x\na unlock m\nb lock m\nb unlock m\nb write x\n",
		[]uint64{2, 2}, nil, Race, []ID{{0, 2}, {1, 2}}, "lock is held"},
	{"sections reversed", "a go b\na lock m\na write x\na unlock m\nb lock m\nb unlock m\nb write x\n",
		[]uint64{2, 2}, []ID{{0, 0}, {1, 1}, {0, 1}}, Race, []ID{{0, 2}, {1, 2}}, ""},
	{"unlock without lock", "a go b\na lock m\nb unlock m\nb write x\na write x\n",
		[]uint64{1, 1}, nil, Race, []ID{{0, 2}, {1, 1}}, "not held"},
	{"reader keeps writer out", "a go b\na rlock m\na write x\na runlock m\nb lock m\nb unlock m\nb write x\n",
		[]uint64{2, 2}, nil, Race, []ID{{0, 2}, {1, 2}}, "lock is held"},
	{"writer keeps reader out", "a go b\na lock m\na write x\na unlock m\nb rlock m\nb runlock m\nb write x\n",
		[]uint64{2, 2}, nil, Race, []ID{{0, 2}, {1, 2}}, "lock is held"},
	{"readers together", "a go b\na rlock m\na write x\na runlock m\nb rlock m\nb write x\n",
		[]uint64{2, 1}, nil, Race, []ID{{0, 2}, {1, 1}}, ""},
	{"failed TryLock at any time", "a go b\na lock m\nb trylock-fail m\nb write x\na unlock m\na write x\n",
		[]uint64{1, 1}, []ID{{0, 0}, {1, 0}}, Race, []ID{{0, 1}, {1, 1}}, "not do what"},

	{"empty", chans, []uint64{1, 1}, nil, Race, []ID{{0, 1}, {1, 1}}, "empty"},
	{"full", chans, []uint64{4, 0}, nil, Race, []ID{{0, 4}, {1, 0}}, "full"},
	{"not drained", chans, []uint64{5, 4}, []ID{{0, 2}, {1, 1}, {0, 4}, {1, 3}}, Race, []ID{{0, 5}, {1, 4}}, ""},
	{"not closed", chans, []uint64{4, 4}, []ID{{0, 2}, {1, 1}, {0, 3}, {1, 3}}, Race, []ID{{0, 4}, {1, 4}}, "open"},
	{"closed receive while something is left", "chan c 1\na go b\na send c\na go d\nd recv c\na close c\nb recv-closed c\nb write x\na write x\n",
		[]uint64{4, 1, 0}, nil, Race, []ID{{0, 4}, {1, 1}}, "still holds something"},
	{"out of order", chans, []uint64{3, 2}, []ID{{1, 1}, {0, 2}}, Race, []ID{{0, 3}, {1, 2}}, "before it has been started"},
	{"order leaves out", chans, []uint64{3, 2}, []ID{{0, 2}, {1, 0}}, Race, []ID{{0, 3}, {1, 2}}, "leaves out"},
	{"partner", hand, []uint64{2, 0}, nil, Race, []ID{{0, 2}, {1, 0}}, "receive"},
	{"partner, other side", hand, []uint64{1, 1}, nil, Race, []ID{{0, 1}, {1, 1}}, "empty"},
	{"handed over", hand, []uint64{2, 1}, nil, Race, []ID{{0, 2}, {1, 1}}, ""},
	{"default on a ready channel", "chan c 1\na go b\na send c\nb recv c\na default-recv c\na write x\nb write x\n",
		[]uint64{3, 0}, nil, Race, []ID{{0, 3}, {1, 0}}, "ready"},
	{"default on a full channel", "chan c 1\na go b\na send c\nb default-send c\nb write x\na write x\n",
		[]uint64{1, 1}, nil, Race, []ID{{0, 1}, {1, 1}}, "ready"},

	{"wait too early", "a add w 1\na go b\nb write x\nb done w\na wait w\na read x\n",
		[]uint64{3, 0}, nil, Race, []ID{{0, 3}, {1, 0}}, "not zero"},
	{"wait before the add", "a go b\nb add w 1\nb write x\nb done w\na wait w\na read x\n",
		[]uint64{2, 1}, []ID{{0, 1}, {1, 0}}, Race, []ID{{0, 2}, {1, 1}}, ""},
	{"loser before the winner", "a go b\na once o\na write x\na once-done o\nb once-wait o\nb write x\n",
		[]uint64{2, 1}, nil, Race, []ID{{0, 2}, {1, 1}}, "not returned"},
	{"wake without signal", "a go b\nb cond-wait k\na write x\na cond-signal k\nb cond-wake k\nb write x\n",
		[]uint64{1, 2}, nil, Race, []ID{{0, 1}, {1, 2}}, "woken"},
	{"signal to another", "a go b\na go d\nb cond-wait k\nd cond-wait k\na cond-signal k\nb cond-wake k\na cond-signal k\nd cond-wake k\nd write x\nb write x\n",
		[]uint64{4, 2, 2}, []ID{{0, 1}, {2, 0}, {0, 2}, {1, 0}, {0, 3}, {1, 1}, {2, 1}}, Race, []ID{{1, 2}, {2, 2}}, ""},
	{"signal to who waits longest", "a go b\na go d\nb cond-wait k\nd cond-wait k\na cond-signal k\nb cond-wake k\na write x\nb write x\n",
		[]uint64{3, 2, 1}, []ID{{0, 1}, {2, 0}, {1, 0}, {0, 2}, {1, 1}}, Race, []ID{{0, 3}, {1, 2}}, "woken"},
	{"atomic reads another store", "a go b\na write x\na atomic-store p\nb atomic-load p\nb write x\n",
		[]uint64{1, 1}, nil, Race, []ID{{0, 1}, {1, 1}}, "another write"},
	{"input needs all before it", "a go b\na write x\na io-write p\nb io-read p\nb write x\n",
		[]uint64{1, 1}, nil, Race, []ID{{0, 1}, {1, 1}}, "all that came before"},
	{"observes another release", "a go b\na write x\na release s\nb acquire s\nb write x\n",
		[]uint64{1, 1}, nil, Race, []ID{{0, 1}, {1, 1}}, "observes"},
	{"memory not made", "a go b\na alloc x 8\nb write x\nb write y\na write y\n",
		[]uint64{1, 1}, nil, Race, []ID{{0, 1}, {1, 1}}, "not been allocated"},
	{"neighbours do not meet", "a go b\na write x 0 4\nb write x 4 4\n",
		[]uint64{1, 0}, nil, Race, []ID{{0, 1}, {1, 0}}, "not do what"},
	{"readers do not race", "a go b\na read x\nb read x\n", []uint64{1, 0}, nil, Race, []ID{{0, 1}, {1, 0}}, "not do what"},

	{"send after close", "chan c 1\na go b\nb send c\na recv c\na close c\n",
		[]uint64{1, 0}, nil, SendClosed, []ID{{0, 1}, {1, 0}}, "not do what"},
	{"close before a send", "chan c 2\na go b\nb send c\na close c\n", []uint64{1, 0}, nil, SendClosed, []ID{{0, 1}, {1, 0}}, ""},
	{"lock cycle", "a go b\na lock m\na lock n\na unlock n\na unlock m\nb lock n\nb lock m\n",
		[]uint64{2, 1}, nil, Deadlock, []ID{{0, 2}, {1, 1}}, ""},
	{"no lock cycle", "a go b\na lock m\na lock n\na unlock n\na unlock m\nb lock n\nb lock m\n",
		[]uint64{1, 1}, nil, Deadlock, []ID{{0, 1}, {1, 1}}, "not do what"},
	{"reader waits for a writer", "a go b\na rlock m\na rlock m\na runlock m\na runlock m\nb lock m\n",
		[]uint64{2, 0}, nil, Deadlock, []ID{{0, 2}, {1, 0}}, ""},
	{"unlock of unlocked", "a go b\na lock m\nb unlock m\n", []uint64{1, 0}, nil, UnlockUnlocked, []ID{{1, 0}}, ""},
	{"unlock of locked", "a go b\na lock m\nb unlock m\n", []uint64{2, 0}, nil, UnlockUnlocked, []ID{{1, 0}}, "not do what"},
	{"negative counter", "a go b\na add w 1\nb done w\n", []uint64{1, 0}, nil, Negative, []ID{{1, 0}}, ""},
	{"add during wait", "a go b\nb add w 1\nb done w\na wait w\n", []uint64{1, 0}, nil, AddWait, []ID{{1, 0}, {0, 1}}, ""},
}

func TestChecker(t *testing.T) {
	for _, x := range trials {
		t.Run(x.name, func(t *testing.T) {
			src, err := script.Parse(strings.NewReader(x.text))
			if err != nil {
				t.Fatal(err)
			}
			w := &Witness{Ends: map[event.G]uint64{}, Cut: NoCut, Goal: x.goal, Next: x.next}
			for g, end := range x.ends {
				w.Ends[event.G(g)] = end
			}
			if x.order != nil {
				w.Cut, w.Order = 0, x.order
			}
			c, err := NewChecker(src)
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.Check([]*Witness{w})
			if err != nil {
				t.Fatal(err)
			}
			switch got := v[0].Err; {
			case x.reason == "" && got != nil:
				t.Errorf("refused: %v", got)
			case x.reason != "" && (got == nil || !strings.Contains(got.Error(), x.reason)):
				t.Errorf("%v, want %q", got, x.reason)
			}
		})
	}
}
