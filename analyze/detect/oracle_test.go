package detect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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
func oracle(src event.Source) []string {
	var es []event.Event
	src.Replay(func(e *event.Event) bool { es = append(es, *e); return true })
	before := closure(es)
	type group struct {
		name   string
		lo, hi string
	}
	type found struct {
		count  int
		ww, rw []int
	}
	races := map[group]*found{}
	site := func(i int) string {
		f := src.Frames(es[i].Stack)[0]
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	for j := range es {
		for i := range j {
			at, ok := conflict(src, es, i, j)
			if !ok || before[j][i] {
				continue
			}
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
		}
	}
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

// closure returns for every event j which events i are before its beginning.
// Operations on buffered channels, and the generic ones of that kind, release
// when they begin and acquire when they end.
func closure(es []event.Event) (began [][]bool) {
	ended := make([][]bool, len(es))
	learn := func(to []bool, i int, from []bool) {
		to[i] = true
		for k := range from {
			to[k] = to[k] || from[k]
		}
	}
	for j := range es {
		program, others := edgesInto(es, j)
		b, e := make([]bool, len(es)), make([]bool, len(es))
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
		for k := range b {
			e[k] = e[k] || b[k]
		}
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

func conflict(src event.Source, es []event.Event, i, j int) (at uint64, ok bool) {
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
		for k := range es {
			c := &es[k]
			if covers := at >= c.Addr && at < c.Addr+c.Size; !covers || c.Op != event.Alloc && c.Op != event.LifeCut {
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
func edgesInto(es []event.Event, j int) (last int, in []int) {
	e := &es[j]
	last = -1
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
		case same && x.Op == event.Unlock && (e.Op == event.Lock || e.Op == event.RLock),
			same && x.Op == event.RUnlock && e.Op == event.Lock,
			same && x.Op == event.Close && e.Op == event.RecvClosed,
			same && x.Op == event.Add && x.N < 0 && e.Op == event.Wait,
			same && x.Op == event.OnceDone && e.Op == event.OnceWait,
			same && x.Op == event.IOWrite && e.Op == event.IORead,
			same && (x.Op == event.CondSignal || x.Op == event.CondBroadcast) && e.Op == event.CondWake &&
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
func engine(t *testing.T, src event.Source) []string {
	r, err := Run(src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range r.Races {
		a, b := &x.Accesses[0], &x.Accesses[1]
		out = append(out, fmt.Sprintf("%s %s %d: %s %d, %s %d", x.Object.Name, x.Kind, x.Occurrences,
			a.Goroutine, a.Event, b.Goroutine, b.Event))
		if x.Graph == nil {
			t.Error("no graph")
		}
	}
	slices.Sort(out)
	return out
}

// random returns a random script of about n lines that keeps the rules.
func random(r *rand.Rand, n int, recorded bool) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	lines := []string{"chan c 1", "chan d 2", "g0 go g1 @f.go:1"}
	if recorded {
		lines = []string{".recorded collected", ".var x 0x10000 16 global \"x\" \"\" ^0 -", ".var y 0x10008 8 heap \"y\" \"\" ^0 -", "g0 go g1 @f.go:1"}
	}
	gs, cycle := 2, 0
	valid := func(lines []string) bool {
		_, err := script.Parse(strings.NewReader(strings.Join(lines, "\n")))
		return err == nil
	}
	for len(lines) < n {
		g := fmt.Sprintf("g%d", r.IntN(gs))
		at := fmt.Sprintf(" @f.go:%d", r.IntN(6)+2)
		var add []string
		switch k := r.IntN(20); {
		case k < 9:
			op := pick("read", "write", "read", "write", "atomic-load", "atomic-store", "atomic-rmw", "atomic-cas-fail")
			v := pick("x", "y")
			if r.IntN(3) == 0 {
				v += fmt.Sprintf(" %d %d", r.IntN(5), r.IntN(4)+1)
			} else if recorded {
				v += " 0 8"
			}
			add = []string{g + " " + op + " " + v + at}
		case k == 9 && gs < 5:
			add = []string{fmt.Sprintf("%s go g%d @f.go:1", g, gs)}
		case k < 13:
			add = []string{g + " " + pick("lock", "unlock", "rlock", "runlock") + " " + pick("m", "n")}
		case k < 15:
			add = []string{g + " " + pick("release s", "acquire s", "release-merge s", "release-acquire s", "io-write p", "io-read p",
				"cond-signal k", "cond-wake k", "cond-broadcast k", "once o", "once-done o", "once-wait o")}
		case k < 16:
			add = []string{g + " " + pick("add w 1", "done w", "wait w", "atomic-rmw a", "atomic-store a", "atomic-load a")}
		case recorded:
			switch r.IntN(3) {
			case 0:
				cycle++
				add = []string{fmt.Sprintf(".gc %d", cycle)}
			default:
				v := pick("x", "y")
				add = []string{fmt.Sprintf("%s %s %s %d %d", g, pick("life", "life", "cut"), v, r.IntN(2)*4, r.IntN(8)+1)}
			}
		case k < 17:
			add = []string{g + " send u", fmt.Sprintf("g%d recv u", r.IntN(gs))}
		case k < 19:
			add = []string{g + " " + pick("send", "recv", "recv", "recv-closed", "close") + " " + pick("c", "d")}
		default:
			add = []string{g + " " + pick("alloc x 16", "alloc y 8", "free x", "free y") + at}
		}
		// Dumps are not checked, and these make sense only as they must come.
		if recorded && (strings.Contains(add[0], "cond-") || strings.Contains(add[0], "once")) {
			continue
		}
		if try := append(slices.Clip(lines), add...); valid(try) {
			lines = try
			if strings.Contains(add[0], " go ") {
				gs++
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestOracle(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	for i := range rounds {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		text := random(r, 8+r.IntN(50), i%2 == 1)
		src, err := script.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		want, got := oracle(src), engine(t, src)
		if !slices.Equal(want, got) {
			t.Fatalf("seed %d, round %d\noracle %s\nengine %s\n%s", seed, i,
				strings.Join(want, "\n       "), strings.Join(got, "\n       "), text)
		}
		var printed bytes.Buffer
		if err := script.Print(&printed, src); err != nil {
			t.Fatal(err)
		}
		again, err := script.Parse(&printed)
		if err != nil {
			t.Fatalf("%v in\n%s", err, &printed)
		}
		if got := engine(t, again); !slices.Equal(want, got) {
			t.Fatalf("printed and parsed: %q, want %q\n%s", got, want, text)
		}
		checkGraph(t, src)
	}
}

// Words that many goroutines access without order take another path.
func TestOracleCrowds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for i := range 12 {
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
		if want, got := oracle(src), engine(t, src); !slices.Equal(want, got) {
			minimize(t, b.String())
			t.Fatalf("round %d\noracle %s\nengine %s\n%s", i, strings.Join(want, "\n       "), strings.Join(got, "\n       "), &b)
		}
	}
}

// checkGraph compares reachability in the graph with the oracle's edges.
func checkGraph(t *testing.T, src event.Source) {
	g, err := graph.Of(src, hb.Model)
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
	before := closure(es)
	for j := range es {
		for i := range j {
			a, b := bySeq[uint64(i+1)], bySeq[uint64(j+1)]
			if a != 0 && b != 0 && reach[b][a] != before[j][i] {
				var text bytes.Buffer
				script.Print(&text, src)
				t.Fatalf("graph: %d before %d is %v\n%s", i, j, reach[b][a], &text)
			}
		}
	}
}

func minimize(t *testing.T, text string) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for again := true; again; {
		again = false
		for i := range lines {
			try := slices.Delete(slices.Clone(lines), i, i+1)
			src, err := script.Parse(strings.NewReader(strings.Join(try, "\n")))
			if err == nil && !slices.Equal(oracle(src), engine(t, src)) {
				lines, again = try, true
				break
			}
		}
	}
	src, _ := script.Parse(strings.NewReader(strings.Join(lines, "\n")))
	t.Logf("oracle %q\nengine %q\n%s", oracle(src), engine(t, src), strings.Join(lines, "\n"))
}
