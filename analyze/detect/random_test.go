package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/script"
)

// A mix says how often a random script does what.
type mix struct {
	name    string
	access  int // of plain and atomic accesses
	weights map[string]int
}

var mixes = []mix{
	{"locks", 9, map[string]int{"lock": 6, "go": 2}},
	{"rwlocks", 9, map[string]int{"lock": 2, "rlock": 5, "go": 2}},
	{"buffered", 9, map[string]int{"chan": 8, "close": 1, "go": 2}},
	{"unbuffered", 9, map[string]int{"pair": 6, "close": 1, "go": 2}},
	{"groups", 9, map[string]int{"group": 7, "go": 2}},
	{"once and cond", 9, map[string]int{"once": 4, "cond": 5, "go": 2}},
	{"atomics", 9, map[string]int{"sync": 1, "flag": 6, "go": 2}},
	{"generic", 9, map[string]int{"sync": 6, "io": 3, "go": 2}},
	{"lives", 9, map[string]int{"life": 5, "sync": 3, "go": 2}},
	{"many", 6, map[string]int{"go": 10, "group": 3, "lock": 2, "end": 2}},
	{"short lives", 12, map[string]int{"go": 10, "leave": 8, "group": 2, "sync": 2}},
	{"all", 12, map[string]int{
		"lock": 3, "rlock": 2, "chan": 3, "pair": 2, "close": 1, "group": 3, "once": 2, "cond": 2, "flag": 2,
		"sync": 3, "io": 1, "life": 2, "go": 3, "end": 1,
	}},
}

// generator writes random scripts that keep the rules, or nearly.
type generator struct {
	*rand.Rand
	*mix
	recorded bool

	lines   []string
	gs      []string
	ended   map[string]bool
	most    int // goroutines
	holder  map[string]string
	readers map[string][]string
	held    map[string]int // items in channels
	closed  map[string]bool
	count   int
	once    map[string]string // who runs it; "done"
	signals int
	cycle   int
	kinds   []string // by weight
}

// script returns a script and what it parses to.
func (p *generator) script(t *testing.T) (string, *script.Script) {
	p.ended, p.holder, p.readers = map[string]bool{}, map[string]string{}, map[string][]string{}
	p.held, p.closed, p.once = map[string]int{}, map[string]bool{}, map[string]string{}
	for kind, n := range p.weights {
		for range n {
			p.kinds = append(p.kinds, kind)
		}
	}
	slices.Sort(p.kinds)
	for range p.access {
		p.kinds = append(p.kinds, "access")
	}
	p.most = 2 + p.IntN(4)
	n := 8 + p.IntN(50)
	switch k := p.IntN(40); {
	case k == 0:
		p.most, n = 200, 450
	case k < 3, p.name == "short lives":
		p.most, n = 30, 150
	}
	if p.recorded {
		p.lines = []string{".recorded collected", ".var x 0x10000 16 global \"x\" \"\" ^0 -", ".var y 0x10ff8 16 heap \"y\" \"\" ^0 -"}
	} else {
		p.lines = []string{"chan c 1", "chan d 2"}
	}
	p.gs = []string{"g0"}
	p.start("g0")
	for len(p.lines) < n {
		p.step()
	}
	for {
		text := strings.Join(p.lines, "\n") + "\n"
		src, err := script.Parse(strings.NewReader(text))
		if err == nil {
			return text, src
		}
		var line int
		if _, bad := fmt.Sscanf(err.Error(), "line %d:", &line); bad != nil || line < 1 || line > len(p.lines) {
			t.Fatalf("%v in\n%s", err, text)
		}
		p.lines = slices.Delete(p.lines, line-1, line)
	}
}

func (p *generator) pick(words ...string) string { return words[p.IntN(len(words))] }

// do writes a line.
func (p *generator) do(g, format string, args ...any) {
	p.lines = append(p.lines, g+" "+fmt.Sprintf(format, args...))
}

func (p *generator) start(by string) {
	g := fmt.Sprintf("g%d", len(p.gs))
	p.gs = append(p.gs, g)
	p.do(by, "go %s @f.go:1", g)
}

// step writes what one goroutine does next.
func (p *generator) step() {
	g := p.pick(p.gs...)
	if p.ended[g] {
		return
	}
	switch p.pick(p.kinds...) {
	case "access":
		p.memory(g)
	case "go":
		if len(p.gs) < p.most {
			p.start(g)
		}
	case "end":
		if g != "g0" {
			p.ended[g] = true
			p.do(g, "end")
		}
	case "leave": // its last release is soon learned of
		if g != "g0" {
			p.ended[g] = true
			switch by := p.pick(p.gs...); {
			case p.ended[by]:
			case p.IntN(2) == 0:
				p.do(g, "release-merge l")
				p.do(by, "acquire l")
			case p.count > 0:
				p.count--
				p.do(g, "done w")
				if p.count == 0 {
					p.do(by, "wait w")
				}
			}
			p.do(g, "end")
		}
	case "lock":
		m := p.pick("m", "n")
		switch {
		case p.holder[m] == "" && len(p.readers[m]) == 0:
			p.holder[m] = g
			p.do(g, "lock %s", m)
		case p.holder[m] != "" && p.IntN(5) > 0:
			by := p.holder[m]
			if p.IntN(8) == 0 || p.ended[by] {
				by = g // another one than who locked it
			}
			p.holder[m] = ""
			p.do(by, "unlock %s", m)
		default:
			p.do(g, "trylock-fail %s", m)
		}
	case "rlock":
		m := p.pick("m", "n")
		switch rs := p.readers[m]; {
		case p.holder[m] == "" && p.IntN(2) == 0:
			p.readers[m] = append(rs, g)
			p.do(g, "rlock %s", m)
		case len(rs) > 0 && !p.ended[rs[0]]:
			p.readers[m] = rs[1:]
			p.do(rs[0], "runlock %s", m)
		}
	case "chan":
		c := p.pick("c", "d", "d")
		room := map[string]int{"c": 1, "d": 2}[c]
		switch {
		case p.recorded:
		case p.closed[c] && p.IntN(3) == 0:
			p.do(g, "send %s", c) // and panic
		case p.held[c] < room && !p.closed[c] && p.IntN(2) == 0:
			p.held[c]++
			p.do(g, "send %s", c)
		case p.held[c] > 0:
			p.held[c]--
			p.do(g, "recv %s", c)
		case p.closed[c]:
			p.do(g, "recv-closed %s", c)
		default:
			p.do(g, "%s %s", p.pick("default-send", "default-recv"), c)
		}
	case "close":
		if c := p.pick("c", "d"); !p.recorded && !p.closed[c] && p.IntN(3) == 0 {
			p.closed[c] = true
			p.do(g, "close %s", c)
		}
	case "pair":
		if to := p.pick(p.gs...); to != g && !p.ended[to] && !p.recorded {
			p.do(g, "send u")
			p.do(to, "recv u")
		}
	case "group":
		switch {
		case p.count > 0 && p.IntN(3) > 0:
			p.count--
			p.do(g, "done w")
		case p.count == 0 && p.IntN(2) == 0:
			p.do(g, "wait w")
		default:
			n := 1 + p.IntN(3)
			p.count += n
			p.do(g, "add w %d", n)
		}
	case "once":
		o := p.pick("o", "p")
		switch by := p.once[o]; {
		case p.recorded:
		case by == "":
			p.once[o] = g
			p.do(g, "once %s", o)
		case by == "done":
			p.do(g, "once-wait %s", o)
		case !p.ended[by]:
			p.once[o] = "done"
			p.do(by, "once-done %s", o)
		}
	case "cond":
		switch {
		case p.recorded:
		case p.signals > 0 && p.IntN(2) == 0:
			p.do(g, "cond-wake k")
		default:
			p.signals++
			p.do(g, "%s k", p.pick("cond-signal", "cond-signal", "cond-broadcast"))
		}
	case "sync":
		p.do(g, "%s %s", p.pick("release", "acquire", "release-merge", "release-acquire"), p.pick("s", "t"))
	case "io":
		p.do(g, "%s %s", p.pick("io-write", "io-read"), p.pick("q", "q", "r"))
	case "flag":
		p.do(g, "%s a", p.pick("atomic-rmw", "atomic-store", "atomic-load", "atomic-cas-fail"))
	case "life":
		p.life(g)
	}
}

// memory writes an access.
func (p *generator) memory(g string) {
	v := p.pick("x", "y")
	switch k := p.IntN(12); {
	case k < 4:
		v += fmt.Sprintf(" %d %d", p.IntN(5), p.IntN(4)+1)
	case k == 4:
		v += fmt.Sprintf(" %d %d", p.IntN(4), p.IntN(12)+1)
	case p.recorded:
		v += " 0 8"
	}
	op := p.pick("read", "write", "read", "write", "read", "atomic-load", "atomic-store", "atomic-rmw", "atomic-cas-fail")
	p.do(g, "%s %s @f.go:%d", op, v, p.IntN(6)+2)
}

// life begins or ends one.
func (p *generator) life(g string) {
	v := p.pick("x", "y")
	switch {
	case !p.recorded:
		p.do(g, "%s @f.go:%d", p.pick("alloc x 16", "alloc y 16", "free x", "free y"), p.IntN(6)+2)
	case p.IntN(3) == 0:
		p.cycle++
		p.lines = append(p.lines, fmt.Sprintf(".gc %d", p.cycle))
	default:
		p.do(g, "%s %s %d %d", p.pick("life", "life", "cut"), v, p.IntN(2)*4, p.IntN(8)+1)
	}
}
