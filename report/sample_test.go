package report_test

import (
	"encoding/json"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// frame makes a frame of "func file:line".
func frame(fn, file string, line int) finding.Frame {
	return finding.Frame{Func: fn, File: file, Line: line}
}

const (
	cacheFile = "/home/ana/src/shop/cache/cache.go"
	mainFile  = "/home/ana/src/shop/cmd/shopd/main.go"
	statsFile = "/home/ana/src/shop/stats/stats.go"
	httpFile  = "/usr/local/go/src/net/http/server.go"
	pkg       = "example.com/shop/"
)

var (
	serveStack = []finding.Frame{
		frame(pkg+"cache.(*Handler).ServeHTTP", "/home/ana/src/shop/cache/handler.go", 27),
		frame("net/http.serverHandler.ServeHTTP", httpFile, 3340),
		frame("net/http.(*conn).serve", httpFile, 2109),
	}
	connCreated = []finding.Frame{
		frame("net/http.(*Server).Serve", httpFile, 3493),
		frame("net/http.(*Server).ListenAndServe", httpFile, 3360),
		frame("main.main", mainFile, 31),
	}
	cacheSource = strings.Split(`// Put stores the price of an item.
func (c *Cache) Put(item string, price int) {
	c.mu.Lock()
	c.items[item] = price
	c.mu.Unlock()
	c.size++
}

// Len returns the number of stored items.
func (c *Cache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.size
}`, "\n")
)

func lines(around int) *finding.Lines {
	const first = 36
	from, to := around-3, around+3
	return &finding.Lines{Start: from, Text: cacheSource[from-first : min(to-first+1, len(cacheSource))]}
}

// sample returns a result that shares no memory with another.
func sample() *finding.Result {
	data, err := json.Marshal(shop())
	if err != nil {
		panic(err)
	}
	var r finding.Result
	if err := json.Unmarshal(data, &r); err != nil {
		panic(err)
	}
	return &r
}

// shop is a result as a real server might give: two observed races, one of
// them in code of another module, a predicted one and two other findings.
func shop() *finding.Result {
	put := finding.Access{
		Op: "write", Goroutine: "g9", Event: 14, Creator: "g1", Running: true,
		Site:    frame(pkg+"cache.(*Cache).Put", cacheFile, 41),
		Stack:   append([]finding.Frame{frame(pkg+"cache.(*Cache).Put", cacheFile, 41)}, serveStack...),
		Created: connCreated, Source: lines(41),
	}
	size := finding.Access{
		Op: "read", Goroutine: "g7", Event: 22, Creator: "g1",
		Site: frame(pkg+"cache.(*Cache).Len", cacheFile, 48),
		Stack: []finding.Frame{
			frame(pkg+"cache.(*Cache).Len", cacheFile, 48),
			frame("main.report", mainFile, 52),
			frame("main.main.func1", mainFile, 24),
		},
		Created: []finding.Frame{frame("main.main", mainFile, 23)},
		Source:  lines(48), Locks: []string{"Cache.mu (read)"},
	}
	node := func(id int, g string, event uint64, op, label, file string, line int) finding.Node {
		return finding.Node{ID: id, Goroutine: g, Event: event, Op: op, Label: label, Site: frame("f", file, line)}
	}
	racing := func(n finding.Node) finding.Node { n.Racing = true; return n }
	elided := func(n finding.Node, left int) finding.Node { n.Elided = left; return n }
	graph := &finding.Graph{
		Nodes: []finding.Node{
			node(1, "g1", 3, "go", "go main.main.func1", mainFile, 23),
			elided(node(2, "g1", 19, "go", "go (*conn).serve", httpFile, 3493), 15),
			node(3, "g9", 11, "lock", "lock Cache.mu", cacheFile, 38),
			node(4, "g9", 13, "unlock", "unlock Cache.mu", cacheFile, 40),
			elided(node(5, "g7", 20, "rlock", "rlock Cache.mu", cacheFile, 46), 18),
			racing(node(6, "g9", 14, "write", "write Cache.size", cacheFile, 41)),
			racing(node(7, "g7", 22, "read", "read Cache.size", cacheFile, 48)),
			node(8, "g7", 23, "runlock", "runlock Cache.mu", cacheFile, 48),
		},
		Edges: []finding.Edge{
			{From: 1, To: 2, Kind: "program"}, {From: 1, To: 5, Kind: "go"}, {From: 2, To: 3, Kind: "go"},
			{From: 3, To: 4, Kind: "program"}, {From: 4, To: 6, Kind: "program"}, {From: 4, To: 5, Kind: "lock"},
			{From: 5, To: 7, Kind: "program"}, {From: 7, To: 8, Kind: "program"},
		},
	}
	point := func(g string, event uint64, op, label, file string, line int) *finding.Point {
		return &finding.Point{Goroutine: g, Event: event, Op: op, Label: label, Site: frame("f", file, line)}
	}
	explain := &finding.Explain{
		Ancestor: point("g9", 13, "unlock", "unlock Cache.mu", cacheFile, 40),
		Sides: [2]finding.Side{
			{Previous: point("g9", 13, "unlock", "unlock Cache.mu", cacheFile, 40), Ancestry: []finding.Point{*point("g1", 19, "go", "go g9", httpFile, 3493)}},
			{
				Previous: point("g7", 20, "rlock", "rlock Cache.mu", cacheFile, 46), Next: point("g7", 23, "runlock", "runlock Cache.mu", cacheFile, 48),
				Ancestry: []finding.Point{*point("g1", 3, "go", "go g7", mainFile, 23)},
			},
		},
		Missing: "Had goroutine 9 unlocked Cache.mu only after its write, goroutine 7's rlock at cache.go:46 would have ordered the two.",
	}
	hits := func(g string, event uint64) finding.Access {
		return finding.Access{
			Op: "write", Goroutine: g, Event: event, Creator: "g1", Running: true,
			Site:    frame("github.com/fast/stats.(*Counter).Hit", "/home/ana/go/pkg/mod/github.com/fast/stats@v1.4.0/counter.go", 19),
			Stack:   []finding.Frame{frame("github.com/fast/stats.(*Counter).Hit", "/home/ana/go/pkg/mod/github.com/fast/stats@v1.4.0/counter.go", 19), frame("net/http.(*conn).serve", httpFile, 2109)},
			Created: connCreated,
		}
	}
	ready := func(g string, event uint64, op, fn string, line int, caller finding.Frame) finding.Access {
		site := frame(pkg+"stats."+fn, statsFile, line)
		return finding.Access{Op: op, Goroutine: g, Event: event, Site: site, Stack: []finding.Frame{site, caller}, Running: g == "g1"}
	}
	init := ready("g1", 9, "write", "Init", 14, frame("main.main", mainFile, 19))
	poll := ready("g7", 4, "atomic-load", "Ready", 33, frame("main.main.func1", mainFile, 24))
	poll.Created, poll.Creator = size.Created, "g1"
	poll.NoSource = "the file has changed since it was built"
	return &finding.Result{
		Schema: finding.Schema, Verdict: finding.Races, Order: "model",
		Races: []finding.Race{
			{
				ID: "9d01b2c477aa", Tier: "predicted", Witness: "checked", Kind: "read-write", Occurrences: 1,
				Object:   finding.Object{Name: pkg + "stats.ready", Kind: "global", Type: "uint32", Size: 4},
				Accesses: [2]finding.Access{init, poll},
				Why:      "In this execution the lock of stats.mu happened to order them. With the critical sections the other way round nothing does.",
				Steps: &finding.Steps{
					Steps: []finding.Step{
						{Goroutine: "g1", Event: 7, Label: "starts g7"},
						{Goroutine: "g7", Event: 3, Label: "lock and unlock stats.mu"},
						{Goroutine: "g1", Event: 8, Label: "unlock stats.mu"},
					},
					Assumptions: []string{"goroutine 7 takes the lock whoever held it before"},
					Script:      "g1 go g7\ng7 lock mu\ng7 unlock mu\ng1 lock mu\ng1 unlock mu\n",
				},
			},
			{
				ID: "3f2a9c01b2d4", Tier: "observed", Witness: "checked", Kind: "read-write", Occurrences: 6,
				Object: finding.Object{
					Name: "cache.Cache.size", Kind: "heap", Type: "cache.Cache", Size: 48, Offset: 40,
					Allocated: []finding.Frame{frame(pkg+"cache.New", cacheFile, 22), frame("main.main", mainFile, 20)}, AllocatedBy: "g1",
				},
				Accesses: [2]finding.Access{put, size},
				Why: "Goroutine 9 writes after it has unlocked Cache.mu (cache.go:40), and does not synchronize again before goroutine 7 reads. " +
					"They hold no lock in common: goroutine 7 holds Cache.mu for reading, goroutine 9 holds none.",
				Explain: explain,
				First:   &finding.Moment{Events: [2]uint64{14, 22}, Position: 1207, Distance: 31},
				Last:    &finding.Moment{Events: [2]uint64{812, 440}, Position: 171233, Distance: 4},
				Graph:   graph,
			},
			{
				ID: "b7710e55c0de", Tier: "observed", Witness: "checked", Kind: "write-write", Occurrences: 31, Weak: true,
				Object:   finding.Object{Name: "32-byte object allocated at counter.go:8", Kind: "heap", Size: 32, Offset: 8},
				Accesses: [2]finding.Access{hits("g9", 40), hits("g12", 8)},
				Why:      "Nothing that the two goroutines did after they were created synchronizes with the other.",
			},
		},
		Findings: []finding.Finding{
			{
				Rule: "HB011", ID: "51c0ffee0042", Severity: "error", Tier: "observed", Witness: "checked", Occurrences: 1,
				Message: "send on main.jobs, which is closed", Object: "main.jobs",
				Events: []finding.Access{{
					Op: "send", Goroutine: "g12", Event: 31, Site: frame("main.enqueue", mainFile, 61),
					Stack: []finding.Frame{frame("main.enqueue", mainFile, 61), frame("main.main.func2", mainFile, 40)},
				}},
			},
			{
				Rule: "HB050", ID: "51c0ffee0043", Severity: "note", Tier: "observed", Witness: "none", Occurrences: 2,
				Message: "blocked at exit in a receive from main.done", Why: "Goroutine 3 could still have sent.",
				Events: []finding.Access{{Op: "recv", Goroutine: "g14", Event: 3, Site: frame("main.wait", mainFile, 70)}},
			},
		},
		Suppressed: []finding.Suppressed{{
			ID: "77aa01c0ffee", Rule: "HB001", Object: pkg + "stats.total", Sites: []finding.Frame{frame(pkg+"stats.Add", statsFile, 21)},
			Occurrences: 12, By: "races.known:3", Reason: "a statistic, SHOP-12",
		}},
		Tool: "v1.2.0",
		Coverage: finding.Coverage{
			Complete: true, Instrumented: true, Records: 182044, Foreign: 12,
			Notes: []string{"bytes.IndexByte and the other assembly of package bytes has no hook: its reads went unseen."},
		},
		Runs: []finding.Run{{
			Program: "shopd", GoVersion: "go1.26.8", GOOS: "linux", GOARCH: "amd64", Module: "example.com/shop",
			Version: "v1.8.2", Revision: "4c7be0d1f7ae", Start: "2026-03-02T09:41:07Z", Seconds: 1.84, Goroutines: 41, Events: 182044,
			Settings: "record=shared",
		}},
	}
}

// quiet is a result in which nothing was found, of the given coverage.
func quiet(c finding.Coverage) *finding.Result {
	verdict := finding.None
	if !c.Complete {
		verdict = finding.Inconclusive
	}
	return &finding.Result{Schema: finding.Schema, Verdict: verdict, Order: "model", Coverage: c}
}
