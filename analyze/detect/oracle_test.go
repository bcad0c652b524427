package detect

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/graph"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/script"
)

// oracle finds the races of an execution in the slowest and plainest way: it
// writes down every edge of docs/memory-model.md, takes the transitive closure,
// and compares all pairs. It shares no code with the engine.
func oracle(src event.Source, mode hb.Mode) []string {
	type group struct {
		name   string
		lo, hi string
	}
	type found struct {
		count  int
		ww, rw []int
	}
	races := map[group]*found{}
	es := events(src)
	site := func(i int) string {
		f := src.Frames(es[i].Stack)[0]
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	unordered(src, es, mode, mode != hb.Strict, func(i, j int, at uint64) {
		g := group{src.Object(at, es[j].Cycle).Name, min(site(i), site(j)), max(site(i), site(j))}
		x := races[g]
		if x == nil {
			x = &found{}
			races[g] = x
		}
		x.count++
		if writes(es[i].Op) && writes(es[j].Op) {
			if x.ww == nil {
				x.ww = []int{i, j}
			}
		} else if x.rw == nil {
			x.rw = []int{i, j}
		}
	})
	var out []string
	for g, x := range races {
		p, kind := x.rw, "read-write"
		if x.ww != nil {
			p, kind = x.ww, "write-write"
		}
		a, b := es[p[0]], es[p[1]]
		out = append(out, fmt.Sprintf("%s %s %d: %s %d, %s %d", g.name, kind, x.count,
			src.Goroutine(a.G).Name, a.Index, src.Goroutine(b.G).Name, b.Index))
	}
	slices.Sort(out)
	return out
}

func events(src event.Source) (es []event.Event) {
	src.Replay(func(e *event.Event) bool { es = append(es, *e); return true })
	return es
}

// unordered calls f for every unordered pair of conflicting accesses. Cuts says
// whether a LifeCut ends a life.
func unordered(src event.Source, es []event.Event, mode hb.Mode, cuts bool, f func(i, j int, at uint64)) {
	before := closure(es, mode)
	var lives []int
	for i := range es {
		if es[i].Op == event.Alloc || es[i].Op == event.LifeCut && cuts {
			lives = append(lives, i)
		}
	}
	for j := range es {
		for i := range j {
			if before[j].has(i) {
				continue
			}
			if at, ok := conflict(src, es, lives, i, j); ok {
				f(i, j, at)
			}
		}
	}
}

// oracleNotes is how the notes begin that the engine has to make.
func oracleNotes(src event.Source) (notes []string) {
	es := events(src)
	count := func(mode hb.Mode, cuts bool) (n int) {
		unordered(src, es, mode, cuts, func(int, int, uint64) { n++ })
		return n
	}
	own, uncut, strict := count(hb.Model, true), count(hb.Model, false), count(hb.Strict, false)
	note := func(n int, by string) {
		switch {
		case n == 1:
			notes = append(notes, "1 pair of accesses is ordered only by "+by)
		case n > 1:
			notes = append(notes, fmt.Sprintf("%d pairs of accesses are ordered only by %s", n, by))
		}
	}
	note(uncut-own, "reachability")
	note(strict-uncut, "input")
	return notes
}

// set is a set of events.
type set []uint64

func (s set) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }
func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) union(o set) {
	for k := range o {
		s[k] |= o[k]
	}
}

// closure returns for every event j which events i are before its beginning.
// Operations on buffered channels, and the generic ones of that kind, release
// when they begin and acquire when they end.
func closure(es []event.Event, mode hb.Mode) (began []set) {
	ended := make([]set, len(es))
	learn := func(to set, i int, from set) {
		to.add(i)
		to.union(from)
	}
	for j := range es {
		program, others := edgesInto(es, j, mode)
		b, e := make(set, len(es)/64+1), make(set, len(es)/64+1)
		if program >= 0 {
			learn(b, program, ended[program])
		}
		op := es[j].Op
		late := op == event.ReleaseAcquire || es[j].Cap > 0 && (op == event.Send || op == event.Recv)
		for _, i := range others {
			if handOver := program >= 0 && es[program].Op == event.Send && es[program].Cap == 0 && i == program+1; late && es[i].Op != event.Go && !handOver {
				learn(e, i, began[i])
			} else {
				learn(b, i, began[i])
			}
		}
		e.union(b)
		began, ended[j] = append(began, b), e
	}
	return began
}

func writes(op event.Op) bool {
	switch op {
	case event.Write, event.AtomicStore, event.AtomicRMW, event.Alloc, event.Free:
		return true
	}
	return false
}

func isAtomic(op event.Op) bool { return op >= event.AtomicLoad && op <= event.AtomicCASFail }

// conflict returns the first byte in which events i and j conflict, given the
// ends of lives.
func conflict(src event.Source, es []event.Event, lives []int, i, j int) (at uint64, ok bool) {
	a, b := &es[i], &es[j]
	access := func(op event.Op) bool {
		return op == event.Read || op == event.Write || isAtomic(op) ||
			!src.Collected() && (op == event.Alloc || op == event.Free)
	}
	if a.G == b.G || !access(a.Op) || !access(b.Op) || !writes(a.Op) && !writes(b.Op) || isAtomic(a.Op) && isAtomic(b.Op) {
		return 0, false
	}
	for at := max(a.Addr, b.Addr); at < min(a.Addr+a.Size, b.Addr+b.Size); at++ {
		same := true
		for _, k := range lives {
			c := &es[k]
			if at < c.Addr || at >= c.Addr+c.Size {
				continue
			}
			if src.Collected() {
				same = same && !(c.Cycle > a.Cycle && c.Cycle <= b.Cycle)
			} else {
				same = same && !(k > i && k <= j)
			}
		}
		if same {
			return at, true
		}
	}
	return 0, false
}

// edgesInto returns the event before j in program order, or -1, and the others
// with an edge to j.
func edgesInto(es []event.Event, j int, mode hb.Mode) (last int, in []int) {
	e := &es[j]
	last = -1
	unlock := -1
	var sends, recvs []int
	for i := range j {
		x := &es[i]
		if x.G == e.G {
			last = i
		}
		if x.Op == event.Go && x.Child == e.G {
			in = append(in, i)
		}
		same := x.Obj == e.Obj
		switch {
		case same && x.Op == event.Unlock && (e.Op == event.Lock || e.Op == event.RLock):
			if mode == hb.TSan {
				unlock = i // which forgets those before it
			} else {
				in = append(in, i)
			}
		case same && x.Op == event.RUnlock && e.Op == event.Lock,
			same && x.Op == event.Close && e.Op == event.RecvClosed,
			same && x.Op == event.Close && e.Op == event.SendClosed && mode == hb.TSan,
			same && x.Op == event.Add && x.N < 0 && e.Op == event.Wait,
			same && x.Op == event.OnceDone && e.Op == event.OnceWait,
			(same || mode == hb.TSan) && x.Op == event.IOWrite && e.Op == event.IORead && mode != hb.Strict,
			same && (x.Op == event.CondSignal || x.Op == event.CondBroadcast) && e.Op == event.CondWake && mode != hb.TSan &&
				int64(e.Slot) >= int64(x.Slot) && int64(e.Slot) < int64(x.Slot)+x.N:
			in = append(in, i)
		}
		if same && x.Op == event.Send {
			sends = append(sends, i)
		}
		if same && x.Op == event.Recv {
			recvs = append(recvs, i)
		}
	}
	if unlock >= 0 {
		in = append(in, unlock)
	}
	if last >= 0 {
		// A send on an unbuffered channel ends with its receive, the next event.
		if es[last].Op == event.Send && es[last].Cap == 0 && last+1 < j {
			in = append(in, last+1)
		}
	}
	switch e.Op {
	case event.Send:
		if k := len(sends) - int(e.Cap); e.Cap > 0 && k >= 0 {
			in = append(in, recvs[k])
		}
	case event.Recv:
		in = append(in, sends[len(recvs)])
	case event.AtomicLoad, event.AtomicRMW, event.AtomicCASFail:
		for i := j - 1; i >= 0; i-- {
			x := &es[i]
			if x.Op == event.Alloc && e.Addr >= x.Addr && e.Addr < x.Addr+x.Size && x.Cycle > lastUse(es[:i], e.Addr) {
				break // another life
			}
			if x.Addr == e.Addr && (x.Op == event.AtomicStore || x.Op == event.AtomicRMW) {
				in = append(in, i)
				break
			}
		}
	case event.Acquire, event.ReleaseAcquire:
		for i := j - 1; i >= 0; i-- {
			if x := &es[i]; x.Obj == e.Obj {
				if x.Op == event.Release || x.Op == event.ReleaseMerge || x.Op == event.ReleaseAcquire {
					in = append(in, i)
				}
				if x.Op == event.Release || x.Op == event.ReleaseAcquire {
					break
				}
			}
		}
	}
	return last, in
}

// lastUse returns the cycle of the last atomic operation at addr.
func lastUse(es []event.Event, addr uint64) uint32 {
	for i := len(es) - 1; i >= 0; i-- {
		if isAtomic(es[i].Op) && es[i].Addr == addr {
			return es[i].Cycle
		}
	}
	return 0
}

// engine is what the engine finds, in the oracle's words.
func engine(src event.Source, mode hb.Mode, jobs int) ([]string, error) {
	r, err := Run(src, Options{Mode: mode, Jobs: jobs})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, x := range r.Races {
		a, b := &x.Accesses[0], &x.Accesses[1]
		out = append(out, fmt.Sprintf("%s %s %d: %s %d, %s %d", x.Object.Name, x.Kind, x.Occurrences,
			a.Goroutine, a.Event, b.Goroutine, b.Event))
		if x.Graph == nil || x.First == nil || x.Last == nil || x.Explain == nil {
			return nil, errors.New("a race is not explained")
		}
	}
	slices.Sort(out)
	var notes []string
	if mode == hb.Model {
		notes = oracleNotes(src)
	}
	if !slices.EqualFunc(r.Notes, notes, strings.HasPrefix) {
		return nil, fmt.Errorf("notes %q, want %q", r.Notes, notes)
	}
	return out, nil
}

// differ says how the oracle and the engine, with some numbers of jobs, differ on a
// script; "" if they agree.
func differ(src event.Source, mode hb.Mode, jobs ...int) string {
	want := oracle(src, mode)
	for _, n := range jobs {
		got, err := engine(src, mode, n)
		if err != nil || !slices.Equal(want, got) {
			return fmt.Sprintf("order %v, %d jobs: %v\noracle %s\nengine %s", mode, n, err,
				strings.Join(want, "\n       "), strings.Join(got, "\n       "))
		}
	}
	return ""
}

// compare compares the engine with the oracle. A script on which they differ is
// made as small as can be and kept.
func compare(t *testing.T, text string, src event.Source, mode hb.Mode, jobs ...int) {
	t.Helper()
	if differ(src, mode, jobs...) == "" {
		return
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for again := true; again; {
		again = false
		for i := range lines {
			try := slices.Delete(slices.Clone(lines), i, i+1)
			src, err := script.Parse(strings.NewReader(strings.Join(try, "\n")))
			if err == nil && differ(src, mode, jobs...) != "" {
				lines, again = try, true
				break
			}
		}
	}
	text = strings.Join(lines, "\n") + "\n"
	src, err := script.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o777); err != nil {
		t.Error(err)
	}
	name := fmt.Sprintf("testdata/differ-%08x.hbt", crc32.ChecksumIEEE([]byte(text)))
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Error(err)
	}
	t.Fatalf("%s\n%s\n%s", differ(src, mode, jobs...), text, name)
}

var (
	rounds = flag.Int("rounds", 400, "compare the engine with the oracle on `N` random scripts")
	seeded = flag.Uint64("seed", 0, "make random scripts of this seed, not the time's")
)

func seed(t *testing.T) uint64 {
	s := *seeded
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", s)
	return s
}

// Scripts on which the engine was wrong once.
func TestDiffered(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hbt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		src, err := script.Parse(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, mode := range []hb.Mode{hb.Model, hb.Strict, hb.TSan} {
			if d := differ(src, mode, 1, 2, 5); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

// TestOracle compares the engine with the oracle on random scripts. "go test
// ./analyze/detect -run Oracle -rounds 200000" takes some minutes.
func TestOracle(t *testing.T) {
	seed := seed(t)
	n := *rounds
	if testing.Short() {
		n = min(n, 50)
	}
	for i := range n {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		g := generator{Rand: r, mix: &mixes[r.IntN(len(mixes))], recorded: i%2 == 1}
		text, src := g.script(t)
		mode := hb.Mode(i / 2 % 3)
		compare(t, text, src, mode, 1+i/4%4)
		if i%16 > 1 {
			continue
		}
		var printed bytes.Buffer
		if err := script.Print(&printed, src); err != nil {
			t.Fatal(err)
		}
		again, err := script.Parse(&printed)
		if err != nil {
			t.Fatalf("%v in\n%s", err, &printed)
		}
		want := oracle(src, mode)
		if got, err := engine(again, mode, 1); err != nil || !slices.Equal(want, got) {
			t.Fatalf("printed and parsed: %q, want %q, %v\n%s", got, want, err, text)
		}
		checkGraph(t, src, mode)
	}
}

// Words that many goroutines access without order take another path.
func TestOracleCrowds(t *testing.T) {
	seed := seed(t)
	for i := range min(*rounds, 12) {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		var b strings.Builder
		b.WriteString(".recorded collected\n.var x 0x10000 16 global \"x\" \"\" ^0 -\n")
		const gs = 40
		for g := 1; g < gs; g++ {
			fmt.Fprintf(&b, "g0 go g%d @f.go:1\n", g)
		}
		cycle := 0
		for range 250 {
			g := r.IntN(gs)
			off := r.IntN(4) * 4
			op := "read"
			switch k := r.IntN(100); {
			case k < 20:
				op = "atomic-store"
			case k < 30:
				op = "atomic-load"
			case k == 30:
				op = "write"
			case k == 31:
				cycle++
				fmt.Fprintf(&b, ".gc %d\n", cycle)
				continue
			case k < 34:
				fmt.Fprintf(&b, "g%d life x %d 4\n", g, off)
				continue
			case k < 45:
				fmt.Fprintf(&b, "g%d release-acquire s\n", g)
				continue
			}
			if off%8 == 0 && r.IntN(4) == 0 {
				fmt.Fprintf(&b, "g%d %s x %d 8 @f.go:%d\n", g, op, off, r.IntN(3)+2)
			} else if op == "atomic-store" || op == "atomic-load" {
				fmt.Fprintf(&b, "g%d %s x 8 4 @f.go:%d\n", g, op, r.IntN(3)+2)
			} else {
				fmt.Fprintf(&b, "g%d %s x %d 4 @f.go:%d\n", g, op, off, r.IntN(3)+2)
			}
		}
		src, err := script.Parse(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, b.String(), src, hb.Mode(i%3), 1, 3)
	}
}

// checkGraph compares reachability in the graph with the oracle's edges.
func checkGraph(t *testing.T, src event.Source, mode hb.Mode) {
	g, err := graph.Of(src, mode)
	if err != nil {
		t.Fatal(err)
	}
	var es []event.Event
	src.Replay(func(e *event.Event) bool { es = append(es, *e); return true })
	reach := make([]map[graph.Node]bool, g.Len())
	bySeq := map[uint64]graph.Node{}
	var edges []graph.Edge
	for n := 1; n < g.Len(); n++ {
		reach[n] = map[graph.Node]bool{}
		for _, e := range g.Preds(edges[:0], graph.Node(n)) {
			if int(e.From) >= n {
				t.Fatal("an edge backwards")
			}
			reach[n][e.From] = true
			for m := range reach[e.From] {
				reach[n][m] = true
			}
		}
		if !g.IsVersion(graph.Node(n)) {
			bySeq[g.Event(graph.Node(n)).Seq] = graph.Node(n)
		}
	}
	before := closure(es, mode)
	for j := range es {
		for i := range j {
			a, b := bySeq[uint64(i+1)], bySeq[uint64(j+1)]
			if a != 0 && b != 0 && reach[b][a] != before[j].has(i) {
				var text bytes.Buffer
				script.Print(&text, src)
				t.Fatalf("graph, order %v: %d before %d is %v\n%s", mode, i, j, reach[b][a], &text)
			}
		}
	}
}
