package scheduling_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/recording"
	"github.com/hindsight-go/hindsight/analyze/scheduling"
)

// observe reads a trace; what cannot be read ends it.
func observe(t testing.TB, data []byte, o scheduling.Options) (*scheduling.Observer, error) {
	t.Helper()
	b := scheduling.New(o)
	rec, err := recording.Read(bytes.NewReader(data), recording.Options{Plain: b.Event})
	if err != nil {
		return b, err
	}
	return b, rec.Unread()
}

// toolchains are the installed one, and that of Go 1.25 if the go command has
// fetched it for something else.
var toolchains = sync.OnceValue(func() []string {
	list := []string{"local"}
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return list
	}
	found, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "golang.org", "toolchain@v0.0.1-go1.25.*."+runtime.GOOS+"-"+runtime.GOARCH))
	if len(found) > 0 {
		name := strings.TrimPrefix(filepath.Base(found[0]), "toolchain@v0.0.1-")
		list = append(list, strings.TrimSuffix(name, "."+runtime.GOOS+"-"+runtime.GOARCH))
	}
	return list
})

// record builds a program of testdata with a toolchain and returns the trace that it
// writes.
func record(t testing.TB, program, toolchain string) []byte {
	t.Helper()
	dir := t.TempDir()
	source, err := os.ReadFile(filepath.Join("testdata", program, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"main.go": source, "go.mod": []byte("module example.com/" + program + "\n\ngo 1.25\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", "program", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOTOOLCHAIN="+toolchain, "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(filepath.Join(dir, "program"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// lines finds the lines of a program of testdata that have a text.
func line(t *testing.T, program, text string) int {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", program, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range strings.Split(string(source), "\n") {
		if strings.Contains(l, text) {
			return i + 1
		}
	}
	t.Fatalf("%s has no line %q", program, text)
	return 0
}

// programs calls test with the trace of a program by each toolchain.
func programs(t *testing.T, program string, test func(t *testing.T, s *finding.Scheduling, found []finding.Finding)) {
	for _, toolchain := range toolchains() {
		t.Run(toolchain, func(t *testing.T) {
			b, err := observe(t, record(t, program, toolchain), scheduling.Options{})
			if err != nil {
				t.Fatal(err)
			}
			s, found := b.Result()
			test(t, s, found)
			if t.Failed() {
				text, _ := json.MarshalIndent(s, "", " ")
				t.Logf("%+v\n%s", found, text)
			}
		})
	}
}

// brief says of findings what does not differ from run to run.
func brief(found []finding.Finding) []string {
	list := []string{}
	for _, f := range found {
		text := fmt.Sprintf("%s %s %d", f.Rule, f.Severity, f.Occurrences)
		for _, e := range f.Events {
			text += fmt.Sprintf(" %s:%d", e.Op, e.Site.Line)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestLeak(t *testing.T) {
	programs(t, "leak", func(t *testing.T, s *finding.Scheduling, found []finding.Finding) {
		leak := line(t, "leak", "// the leak")
		same(t, "findings", brief(found), []string{fmt.Sprintf("HB052 note 5 block-send:%d", leak)})
		if len(s.Blocked) != 2 {
			t.Fatalf("%d groups wait, want the leak and the idle worker", len(s.Blocked))
		}
		b, idle := s.Blocked[0], s.Blocked[1]
		if b.Count != 5 || !b.Stuck || b.Forever || b.Op != "block-send" || b.Site.Line != leak || b.Site.Func != "main.ask.func1" || b.Earlier != 0 ||
			len(b.Stack) < 2 || len(b.Created) == 0 || b.Created[0].Func != "main.ask" {
			t.Errorf("the leak: %+v", b)
		}
		if idle.Count != 1 || idle.Stuck || idle.Op != "block-recv" || idle.Woken != 3 {
			t.Errorf("the idle worker: %+v", idle)
		}
		if len(s.Cycles) != 0 || len(s.Convoys) != 0 {
			t.Errorf("cycles %v, convoys %v", s.Cycles, s.Convoys)
		}
		// main.main > 7 requests > 7 answers, and the worker
		var tree []string
		for _, br := range s.Tree {
			tree = append(tree, fmt.Sprintf("%d %s %d %d", br.Depth, br.Func, br.Count, br.Waiting))
		}
		same(t, "tree", tree, []string{"0 main.main 1 0", "1 sync.(*WaitGroup).Go.func1 7 0", "2 main.ask.func1 7 5", "1 main.main.func2 1 1"})
		if s.Started != 15 || s.Existed != 1 || s.Ended != 9 || s.AtEnd.Waiting != 6 {
			t.Errorf("%+v", s)
		}
	})
}

func TestDeadlock(t *testing.T) {
	programs(t, "deadlock", func(t *testing.T, s *finding.Scheduling, found []finding.Finding) {
		lock := line(t, "deadlock", "// the deadlock")
		same(t, "findings", brief(found), []string{fmt.Sprintf("HB053 note 1 block-lock:%d block-lock:%d", lock, lock)})
		var cycle, all *finding.Cycle
		for i := range s.Cycles {
			if s.Cycles[i].All {
				all = &s.Cycles[i]
			} else {
				cycle = &s.Cycles[i]
			}
		}
		if cycle == nil || len(s.Cycles) != 2 || len(cycle.Goroutines) != 2 || slices.Contains(cycle.Goroutines, "g1") {
			t.Fatalf("cycles %+v, want that of the two goroutines and that of all", s.Cycles)
		}
		if all == nil || len(all.Goroutines) != 3 {
			t.Errorf("that all wait is not said: %+v", s.Cycles)
		}
		for _, i := range cycle.Blocked {
			if b := s.Blocked[i]; b.Op != "block-lock" || b.Site.Line != lock || !b.Stuck {
				t.Errorf("in the cycle: %+v", b)
			}
		}
		// main waits for what it started.
		waits := 0
		for _, e := range s.WaitsFor {
			if s.Blocked[e.From].Op == "block-wait" && e.To >= 0 && s.Blocked[e.To].Op == "block-lock" && e.Why == "started" {
				waits++
			}
		}
		if waits != 2 {
			t.Errorf("main waits for %d of the two: %+v", waits, s.WaitsFor)
		}
	})
}

// TestCycle has waits that have ended before to tell who waits for whom.
func TestCycle(t *testing.T) {
	programs(t, "pingpong", func(t *testing.T, s *finding.Scheduling, found []finding.Finding) {
		first, second := line(t, "pingpong", "// the first of the cycle"), line(t, "pingpong", "// the second of the cycle")
		same(t, "findings", brief(found), []string{fmt.Sprintf("HB053 note 1 block-recv:%d block-recv:%d", first, second)})
		if len(s.Cycles) != 1 || len(s.Cycles[0].Goroutines) != 2 || s.Cycles[0].All {
			t.Fatalf("%+v", s.Cycles)
		}
		var woke []string
		for _, e := range s.WaitsFor {
			if e.To >= 0 {
				woke = append(woke, fmt.Sprintf("%d %s %d, %d times", s.Blocked[e.From].Site.Line, e.Why, s.Blocked[e.To].Site.Line, e.Count))
			}
		}
		slices.Sort(woke)
		same(t, "wait-for graph", woke, []string{fmt.Sprintf("%d woke %d, 3 times", first, second), fmt.Sprintf("%d woke %d, 3 times", second, first)})
		// Each ended waits of the other, the longest of which are told.
		ended := map[string]int{}
		for _, w := range s.Waits {
			if w.Site.Line == first || w.Site.Line == second {
				ended[w.Goroutine+" by "+w.By]++
			}
		}
		if len(ended) != 2 {
			t.Errorf("who ended what: %v", ended)
		}
	})
}

func TestConvoy(t *testing.T) {
	programs(t, "convoy", func(t *testing.T, s *finding.Scheduling, found []finding.Finding) {
		lock, channel := line(t, "convoy", "// the convoy of a lock"), line(t, "convoy", "// the convoy of a channel")
		same(t, "findings", brief(found), []string{
			fmt.Sprintf("HB054 note 1 block-lock:%d", lock), fmt.Sprintf("HB054 note 1 block-send:%d", channel),
		})
		for _, c := range s.Convoys {
			if c.Goroutines != 10 || c.Width != 10 || c.Turns != 10 || len(c.First) != 10 || c.Waited <= 0 {
				t.Errorf("%+v", c)
			}
		}
		for _, p := range s.Places {
			if p.Site.Line == lock && (p.Waits != 10 || p.Open != 0 || len(p.Wakers) == 0) {
				t.Errorf("%+v", p)
			}
		}
		if len(s.Blocked) != 0 {
			t.Errorf("%+v", s.Blocked)
		}
	})
}

// TestEarlier makes sure that goroutines which wait since before the trace, of which
// the runtime gives no reason and another stack, are told with those that came later.
func TestEarlier(t *testing.T) {
	programs(t, "earlier", func(t *testing.T, s *finding.Scheduling, found []finding.Finding) {
		var got, want []string
		for _, b := range s.Blocked {
			got = append(got, fmt.Sprintf("%s:%d %d, earlier %d", b.Op, b.Site.Line, b.Count, b.Earlier))
		}
		for text, op := range map[string]string{
			"// a send": "block-send", "// a receive": "block-recv", "// a select": "block-select", "// a lock": "block-lock", "// a WaitGroup": "block-wait",
		} {
			want = append(want, fmt.Sprintf("%s:%d 2, earlier 1", op, line(t, "earlier", text)))
		}
		slices.Sort(got)
		slices.Sort(want)
		same(t, "blocked", got, want)
		if s.AtEnd.Network != 2 {
			t.Errorf("two wait for the network: %+v", s.AtEnd)
		}
	})
}

// TestFilters looks at parts of a trace.
func TestFilters(t *testing.T) {
	data := record(t, "convoy", "local")
	whole, _ := observe(t, data, scheduling.Options{})
	s, _ := whole.Result()
	convoy := s.Convoys[0]
	at := func(seconds float64) time.Duration { return time.Duration(seconds * 1e9) }

	// Until the first turn all wait.
	b, err := observe(t, data, scheduling.Options{Until: at(convoy.Start) - time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	s, found := b.Result()
	if s.AtEnd.Waiting < 10 || s.To >= convoy.Start || len(found) > 1 {
		t.Errorf("until the first turn: %+v, %v", s.AtEnd, found)
	}
	// After the last one nothing is left of it.
	b, _ = observe(t, data, scheduling.Options{Since: at(convoy.Start+convoy.Seconds) + time.Microsecond})
	s, _ = b.Result()
	for _, c := range s.Convoys {
		if c.Op == convoy.Op {
			t.Errorf("after the last turn: %+v", c)
		}
	}
	for _, w := range s.Waits {
		if w.Op == convoy.Op {
			t.Errorf("after the last turn: %+v", w)
		}
	}
	// One goroutine: its own wait, and that which it ends.
	var id uint64
	fmt.Sscanf(convoy.First[3], "g%d", &id)
	b, _ = observe(t, data, scheduling.Options{Goroutines: []uint64{id}, Graph: true})
	s, _ = b.Result()
	for _, w := range s.Waits {
		if w.Goroutine != convoy.First[3] && w.By != convoy.First[3] {
			t.Errorf("of goroutine %d: %+v", id, w)
		}
	}
	if len(s.Waits) < 2 {
		t.Errorf("of goroutine %d: %+v", id, s.Waits)
	}
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	var own, edges int
	for _, n := range g.Nodes {
		if n.Goroutine == convoy.First[3] {
			own++
		}
	}
	for _, e := range g.Edges {
		if from, to := g.Nodes[e.From], g.Nodes[e.To]; e.Kind != "program" {
			edges++
			if from.Goroutine != convoy.First[3] && to.Goroutine != convoy.First[3] || from.ID >= to.ID {
				t.Errorf("an edge from %+v to %+v", from, to)
			}
		}
	}
	// It is started, woken, and wakes the next.
	if own < 4 || edges < 3 {
		t.Errorf("%d events of goroutine %d, %d edges: %+v", own, id, edges, g)
	}
}

// TestDeterministic makes sure that a trace gives the same result always.
func TestDeterministic(t *testing.T) {
	for _, program := range []string{"leak", "deadlock", "convoy", "pingpong"} {
		data := record(t, program, "local")
		var want []byte
		for range 5 {
			b, err := observe(t, data, scheduling.Options{Graph: true})
			if err != nil {
				t.Fatal(err)
			}
			s, found := b.Result()
			g, err := b.Graph()
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal([]any{s, found, g})
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: %s\n%s", program, got, want)
			}
		}
	}
}

// TestCut makes sure that what can be read of a cut trace is told.
func TestCut(t *testing.T) {
	data := record(t, "leak", "local")
	for n := 16; n < len(data); n += 37 {
		b, _ := observe(t, data[:n], scheduling.Options{Graph: true})
		b.Result()
		b.Graph()
	}
}

// TestStopped makes sure that a trace of which the user has enough is said to be cut.
func TestStopped(t *testing.T) {
	var out bytes.Buffer
	if err := trace.Start(&out); err != nil {
		t.Fatal(err)
	}
	c := make(chan int)
	go func() {
		for i := range 1000 {
			c <- i
		}
		close(c)
	}()
	for range c {
		runtime.Gosched() // an event at least
	}
	trace.Stop()
	asked := 0
	stop := func() bool { asked++; return asked > 1 } // first when there are no records
	b := scheduling.New(scheduling.Options{})
	rec, err := recording.Read(bytes.NewReader(out.Bytes()), recording.Options{Plain: b.Event, Stop: stop})
	if err != nil {
		t.Fatal(err)
	}
	if c := rec.Coverage(); !c.Truncated || len(c.Notes) == 0 || !strings.Contains(c.Notes[0], "interrupted") {
		t.Errorf("asked %d times: %+v", asked, c)
	}
}
