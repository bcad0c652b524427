package predict

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// A mix says which pieces of code a random program is made of, as weights.
// Besides them it accesses variables.
type mix struct {
	name   string
	pieces map[string]int
}

var mixes = []mix{
	{"locks", map[string]int{"section": 1}},
	{"rwlocks", map[string]int{"section": 2, "rsection": 2, "trylock": 1}},
	{"buffered", map[string]int{"send": 3, "recv": 3, "semaphore": 2, "close": 1}},
	{"unbuffered", map[string]int{"hand": 3, "take": 3, "section": 2}},
	{"select", map[string]int{"send": 2, "recv": 2, "trysend": 2, "tryrecv": 2, "semaphore": 1, "close": 1}},
	{"groups", map[string]int{"add": 2, "done": 3, "wait": 2, "section": 2}},
	{"once and cond", map[string]int{"once": 2, "wait-cond": 2, "signal": 3, "broadcast": 1, "section": 1}},
	{"atomics", map[string]int{"atomic": 2, "section": 3}},
	{"others", map[string]int{"generic": 2, "io": 1, "section": 4}},
	{"all", map[string]int{
		"section": 4, "rsection": 2, "trylock": 1, "send": 2, "recv": 2, "semaphore": 2, "close": 1, "hand": 1, "take": 1, "trysend": 1, "tryrecv": 1,
		"add": 1, "done": 1, "wait": 1, "once": 1, "wait-cond": 1, "signal": 1, "atomic": 1, "generic": 1,
	}},
}

// program is a random program being run by a random scheduler, which writes
// down what happens.
type program struct {
	*rand.Rand
	code   [][]string // by goroutine: what it is still to do
	born   []bool
	out    []string
	events int

	writer  map[string]int // holder plus one
	readers map[string]int
	caps    map[string]int
	n       map[string]int
	closed  map[string]bool
	count   int
	onces   map[string]int // 1: running, 2: done
	waiting []int
	woken   map[int]bool
}

// random returns what a random program of a mix did in about n events.
func random(r *rand.Rand, m mix, n int) string {
	p := &program{
		Rand: r, writer: map[string]int{}, readers: map[string]int{}, n: map[string]int{}, closed: map[string]bool{},
		onces: map[string]int{}, woken: map[int]bool{}, caps: map[string]int{"c0": 1, "c1": 2},
	}
	p.out = []string{"chan c0 1", "chan c1 2"}
	var pieces []string
	for _, name := range slices.Sorted(maps.Keys(m.pieces)) {
		for range m.pieces[name] {
			pieces = append(pieces, name)
		}
	}
	gs := 2 + r.IntN(3)
	for g := range gs {
		p.born = append(p.born, g == 0)
		var code []string
		if g == 0 {
			for child := 1; child < gs; child++ {
				code = append(code, fmt.Sprintf("go g%d", child))
			}
		}
		for len(code) < n/gs+g {
			if r.IntN(2) == 0 {
				code = append(code, p.access())
			} else {
				code = append(code, p.piece(pieces[r.IntN(len(pieces))])...)
			}
		}
		p.code = append(p.code, code)
	}
	for stuck := 0; stuck < 60 && p.events < n; {
		if p.step(r.IntN(gs)) {
			stuck = 0
		} else {
			stuck++
		}
	}
	return strings.Join(p.out, "\n") + "\n"
}

func (p *program) access() string {
	return fmt.Sprintf("%s x%d", []string{"read", "write", "write"}[p.IntN(3)], p.IntN(3))
}

// body is up to two accesses, most of them to a variable that belongs to what
// guards the body, as in programs of people.
func (p *program) body(guarded string) []string {
	var code []string
	for range p.IntN(3) {
		if p.IntN(8) == 0 {
			code = append(code, p.access())
		} else {
			code = append(code, []string{"read ", "write "}[p.IntN(2)]+guarded)
		}
	}
	return code
}

func (p *program) piece(name string) []string {
	i := p.IntN(2)
	around := func(before, after string) []string {
		return slices.Concat([]string{fmt.Sprintf(before, i)}, p.body(fmt.Sprintf("%c%d", before[0], i)), []string{fmt.Sprintf(after, i)})
	}
	switch name {
	case "section":
		return around("lock m%d", "unlock m%d")
	case "rsection":
		return around("rlock m%d", "runlock m%d")
	case "semaphore":
		return around("send c%d", "recv c%d")
	case "once":
		return slices.Concat([]string{fmt.Sprintf("do o%d", i)}, p.body(fmt.Sprintf("o%d", i)), []string{fmt.Sprintf("once-done o%d", i)})
	case "wait-cond":
		return slices.Concat([]string{"lock m0"}, []string{"unlock m0", "cond-wait k", "cond-wake k", "lock m0"}, p.body("l0"), []string{"unlock m0"})
	case "signal":
		return slices.Concat([]string{"lock m0"}, p.body("l0"), []string{"cond-signal k", "unlock m0"})
	case "broadcast":
		return []string{"cond-broadcast k"}
	case "add":
		return slices.Concat([]string{"add w 1"}, p.body("w"), []string{"done w"})
	case "atomic":
		return []string{fmt.Sprintf("atomic-%s a%d", []string{"load", "store", "rmw", "cas-fail"}[p.IntN(4)], i)}
	case "generic":
		return []string{fmt.Sprintf("%s s%d", []string{"acquire", "release", "release-merge", "release-acquire"}[p.IntN(4)], i)}
	case "io":
		return []string{[]string{"io-write p", "io-write p", "io-read p"}[p.IntN(3)]}
	case "done", "wait":
		return []string{name + " w"}
	case "hand", "take":
		return []string{fmt.Sprintf("%s u%d", name, i)}
	case "trylock":
		return []string{fmt.Sprintf("trylock-fail m%d", i)}
	}
	return []string{fmt.Sprintf("%s c%d", name, i)}
}

// step lets a goroutine do what comes next, and reports whether it could.
func (p *program) step(g int) bool {
	if !p.born[g] || len(p.code[g]) == 0 {
		return false
	}
	op := p.code[g][0]
	verb, obj, _ := strings.Cut(op, " ")
	obj, _, _ = strings.Cut(obj, " ")
	ok, skip := true, false
	switch verb {
	case "go":
		p.born[obj[1]-'0'] = true
	case "lock":
		if ok = p.writer[obj] == 0 && p.readers[obj] == 0; ok {
			p.writer[obj] = g + 1
		}
	case "unlock":
		if skip = p.writer[obj] == 0; !skip {
			p.writer[obj] = 0
		}
	case "rlock":
		if ok = p.writer[obj] == 0; ok {
			p.readers[obj]++
		}
	case "runlock":
		p.readers[obj]--
	case "send":
		if skip = p.closed[obj]; !skip {
			if ok = p.n[obj] < p.caps[obj]; ok {
				p.n[obj]++
			}
		}
	case "recv":
		switch {
		case p.n[obj] > 0:
			p.n[obj]--
		case p.closed[obj]:
			op = "recv-closed " + obj
		default:
			ok = false
		}
	case "trysend":
		skip = p.closed[obj]
		if op = "send " + obj; p.n[obj] == p.caps[obj] {
			op = "default-send " + obj
		} else if !skip {
			p.n[obj]++
		}
	case "tryrecv":
		if op = "recv " + obj; p.n[obj] > 0 {
			p.n[obj]--
		} else if op = "default-recv " + obj; p.closed[obj] {
			op = "recv-closed " + obj
		}
	case "close":
		skip = p.closed[obj] || p.IntN(3) > 0
		p.closed[obj] = p.closed[obj] || !skip
	case "hand":
		for to := range p.code {
			if to != g && p.born[to] && len(p.code[to]) > 0 && p.code[to][0] == "take "+obj {
				p.emit(g, "send "+obj)
				p.emit(to, "recv "+obj)
				p.code[to] = p.code[to][1:]
				p.code[g] = p.code[g][1:]
				return true
			}
		}
		skip = p.IntN(20) == 0
		ok = false
	case "take":
		skip = p.IntN(20) == 0
		ok = false
	case "add":
		p.count++
	case "done":
		if skip = p.count == 0; !skip {
			p.count--
		}
	case "wait":
		ok = p.count == 0
	case "do":
		switch p.onces[obj] {
		case 0:
			p.onces[obj] = 1
			op = "once " + obj
		case 1:
			ok = false
		default: // somebody else has: without the body
			for p.code[g][0] != "once-done "+obj {
				p.code[g] = p.code[g][1:]
			}
			op = "once-wait " + obj
		}
	case "once-done":
		p.onces[obj] = 2
	case "cond-wait":
		p.waiting = append(p.waiting, g)
	case "cond-signal":
		if skip = len(p.waiting) == 0; !skip {
			p.woken[p.waiting[0]] = true
			p.waiting = p.waiting[1:]
		}
	case "cond-broadcast":
		if skip = len(p.waiting) == 0; !skip {
			for _, w := range p.waiting {
				p.woken[w] = true
			}
			p.waiting = nil
			// A script gives a wake to the oldest signal that has woken nobody.
			p.emit(g, op)
			p.code[g] = p.code[g][1:]
			return p.settle()
		}
	case "cond-wake":
		ok = p.woken[g]
		delete(p.woken, g)
	}
	if !ok && !skip {
		return false
	}
	if !skip {
		p.emit(g, op)
	}
	p.code[g] = p.code[g][1:]
	if verb == "cond-signal" && !skip {
		return p.settle()
	}
	return true
}

// settle lets everybody who was signaled wake at once.
func (p *program) settle() bool {
	for g := range p.code {
		if p.woken[g] {
			p.step(g)
		}
	}
	return true
}

func (p *program) emit(g int, op string) {
	p.out = append(p.out, fmt.Sprintf("g%d %s", g, op))
	p.events++
}
