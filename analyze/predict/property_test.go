package predict

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/detect"
	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/script"
	"github.com/hindsight-go/hindsight/analyze/witness"
)

var (
	scripts       = flag.Int("scripts", 150, "random scripts of each mix")
	longestScript = flag.Int("events", 22, "events of a random script, at most")
	seed          = flag.Uint64("seed", 1, "of the random scripts")
)

// TestAgainstAllSchedules compares predictions with an exhaustive search:
// none may be wrong, and of the pairs that happens-before misses most must be found.
func TestAgainstAllSchedules(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.name, func(t *testing.T) {
			var total tally
			for i := range *scripts {
				r := rand.New(rand.NewPCG(*seed, uint64(i)))
				text := random(r, m, 8+r.IntN(*longestScript-7))
				total.run(t, text)
				if t.Failed() {
					t.Fatalf("script %d:\n%s", i, text)
				}
			}
			t.Log(total)
			if total.predictable >= 100 && (total.share(total.fast) < 0.75 || total.share(total.deep) < 0.95) {
				t.Error("too few are found")
			}
		})
	}
}

// tally counts what a number of scripts gave.
type tally struct {
	scripts, large int
	predictable    int // pairs that happens-before misses
	fast, deep     int // of these
	chapters       int // of these, with fast, if most entries are forgotten
	rejected       int // proposals that the checker refused
}

func (x tally) String() string {
	return fmt.Sprintf("%d scripts (%d too large), %d predictable pairs beyond happens-before: fast %.3f, deep %.3f, in chapters %.3f; %d proposals refused",
		x.scripts, x.large, x.predictable, x.share(x.fast), x.share(x.deep), x.share(x.chapters), x.rejected)
}

func (x tally) share(n int) float64 { return float64(n) / float64(max(1, x.predictable)) }

func (x *tally) run(t *testing.T, text string) {
	src, err := script.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	x.scripts++
	all := newOracle(src, false)
	if !all.visit(all.start(), 60_000) {
		x.large++
		return
	}
	d, err := detect.Run(src, detect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	observed := map[[2]int]bool{}
	for i := range d.Races {
		observed[pairOf(all, src, d.Races[i].Accesses[0].Goroutine, d.Races[i].Accesses[0].Event, d.Races[i].Accesses[1].Goroutine, d.Races[i].Accesses[1].Event)] = true
	}
	want := 0
	for p := range all.pairs {
		if !observed[p] {
			want++
		}
	}
	x.predictable += want
	x.accepts(t, src, all)
	for _, o := range []Options{{Level: Fast}, {Level: Deep}, {Level: Fast, entries: 20}} {
		level := o.Level
		rejected = func(*quest, error) { x.rejected++ }
		r, err := Run(src, nil, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for i := range r.Races {
			a, b := &r.Races[i].Accesses[0], &r.Races[i].Accesses[1]
			p := pairOf(all, src, a.Goroutine, a.Event, b.Goroutine, b.Event)
			if all.pairs[p] == nil && (level == Fast || !swappable(all, src, p)) {
				t.Errorf("unsound: %v %v with %v", p, r.Races[i].Object.Name, r.Races[i].Steps)
			}
			if observed[p] {
				t.Errorf("%v was observed", p)
			}
			if all.pairs[p] != nil {
				found++
			}
		}
		switch {
		case o.entries > 0:
			x.chapters += found
		case level == Fast:
			x.fast += found
		default:
			x.deep += found
		}
	}
}

// swappable reports whether a pair is next at once in a schedule in which
// receives may get what another send sent.
func swappable(all *oracle, src event.Source, p [2]int) bool {
	if all.swapping == nil {
		all.swapping = newOracle(src, true)
		all.swapping.visit(all.swapping.start(), 500_000)
	}
	return all.swapping.pairs[p] != nil
}

// accepts shows the checker the schedules that the oracle found.
func (x *tally) accepts(t *testing.T, src event.Source, o *oracle) {
	var ws []*witness.Witness
	var named [][2]int
	for p, path := range o.pairs {
		w := &witness.Witness{Ends: map[event.G]uint64{}, Goal: witness.Race}
		for _, i := range path {
			e := &o.es[i]
			w.Ends[e.G] = e.Index + 1
			w.Order = append(w.Order, witness.ID{G: e.G, Index: e.Index})
		}
		for _, i := range p {
			w.Next = append(w.Next, witness.ID{G: o.es[i].G, Index: o.es[i].Index})
		}
		ws = append(ws, w)
		named = append(named, p)
	}
	c, err := witness.NewChecker(src)
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := c.Check(ws)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Err != nil {
			t.Logf("the checker refuses %v: %v %v", named[i], v.Err, o.pairs[named[i]])
		}
	}
}

func pairOf(o *oracle, src event.Source, g1 string, i1 uint64, g2 string, i2 uint64) [2]int {
	find := func(g string, index uint64) int {
		for i := range o.es {
			if src.Goroutine(o.es[i].G).Name == g && o.es[i].Index == index {
				return i
			}
		}
		return -1
	}
	a, b := find(g1, i1), find(g2, i2)
	return [2]int{min(a, b), max(a, b)}
}
