// Package finding is what an analysis found: the one stored form ("hindsight/1")
// from which every report is rendered. The JSON names are a contract.
package finding

import "github.com/hindsight-go/hindsight/collect/machine"

// Schema is the value of Result.Schema.
const Schema = "hindsight/1"

// Verdicts.
const (
	Races        = "races"
	Findings     = "findings"
	None         = "none"
	Inconclusive = "inconclusive"
)

// Frame is one frame of a stack.
type Frame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Lines are source lines of a file; the first has number Start.
type Lines struct {
	Start int      `json:"start"`
	Text  []string `json:"text"`
}

// Access is one event of a race or finding.
type Access struct {
	Op        string   `json:"op"` // a script's verb
	Goroutine string   `json:"goroutine"`
	Event     uint64   `json:"event"` // index within its goroutine
	Site      Frame    `json:"site"`  // first frame outside the runtime
	Stack     []Frame  `json:"stack"` // whole, innermost first
	Created   []Frame  `json:"created"`
	Creator   string   `json:"creator,omitempty"`  // the goroutine that ran the go statement
	Running   bool     `json:"running"`            // whether the goroutine had not ended when the recording did
	Source    *Lines   `json:"source,omitempty"`   // around Site
	NoSource  string   `json:"noSource,omitempty"` // why there is no Source, of a file of the main module
	Locks     []string `json:"locks,omitempty"`    // held at the access
}

// Object is what was accessed.
type Object struct {
	Name        string  `json:"name"`
	Kind        string  `json:"kind"` // global, heap, variable, unknown
	Type        string  `json:"type,omitempty"`
	Size        uint64  `json:"size,omitempty"`   // bytes
	Offset      uint64  `json:"offset,omitempty"` // of the access within it
	Allocated   []Frame `json:"allocated,omitempty"`
	AllocatedBy string  `json:"allocatedBy,omitempty"`
}

// Node and Edge are the witness graph around a race: a slice of the
// happens-before graph that holds both accesses, their nearest common ancestor
// and the synchronization on the way. Nodes are in replay order.
type Node struct {
	ID        int    `json:"id"`
	Goroutine string `json:"goroutine"`
	Event     uint64 `json:"event"`
	Op        string `json:"op"`
	Label     string `json:"label"` // "lock m", "write main.counter"
	Site      Frame  `json:"site"`
	Racing    bool   `json:"racing,omitempty"`
	Elided    int    `json:"elided,omitempty"` // events left out before this one in its goroutine
}

// Edge is a happens-before edge; Kind is program, go, channel, lock, waitgroup,
// once, cond, atomic, pool, map, timer, finalizer, io, sync.
type Edge struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Kind string `json:"kind"`
}

// Graph is a witness graph.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// Race is one distinct race: an object and a pair of source lines.
type Race struct {
	ID          string    `json:"id"`
	Tier        string    `json:"tier"`    // observed, predicted
	Witness     string    `json:"witness"` // checked, none
	Kind        string    `json:"kind"`    // write-write, read-write
	Object      Object    `json:"object"`
	Occurrences uint64    `json:"occurrences"`
	Accesses    [2]Access `json:"accesses"`        // in replay order
	Why         string    `json:"why,omitempty"`   // why the two are unordered, one or two sentences
	First       *Moment   `json:"first,omitempty"` // the earliest of the recorded pairs, by its later access
	Last        *Moment   `json:"last,omitempty"`
	Explain     *Explain  `json:"explain,omitempty"`
	Steps       *Steps    `json:"steps,omitempty"` // a checked witness
	Graph       *Graph    `json:"graph,omitempty"`
	Weak        bool      `json:"weak,omitempty"` // id without a frame of the main module
}

// Moment places one pair of accesses in the replay.
type Moment struct {
	Events   [2]uint64 `json:"events"`   // indices of the two accesses within their goroutines
	Position uint64    `json:"position"` // of the later access among all events, from 0
	Distance uint64    `json:"distance"` // events of all goroutines between the two
}

// Point is an event that explains something.
type Point struct {
	Goroutine string `json:"goroutine"`
	Event     uint64 `json:"event"` // index within its goroutine
	Op        string `json:"op"`
	Label     string `json:"label"` // "unlock m"
	Site      Frame  `json:"site"`
}

// Explain is why two accesses are unordered, as data; Why says it in words.
type Explain struct {
	Ancestor *Point  `json:"ancestor,omitempty"` // the nearest event that happens before both
	Sides    [2]Side `json:"sides"`              // in the order of Race.Accesses
	Missing  string  `json:"missing,omitempty"`  // a sentence naming an edge that would have ordered them
}

// Side is what stands around one access in its goroutine.
type Side struct {
	Previous *Point  `json:"previous,omitempty"` // the last synchronization before the access
	Next     *Point  `json:"next,omitempty"`     // the first after it
	Ancestry []Point `json:"ancestry,omitempty"` // the go statements that led to the goroutine, its own first
}

// Steps is a witness: an execution of the recorded events at whose end both
// accesses are next.
type Steps struct {
	Steps       []Step   `json:"steps"`
	Assumptions []string `json:"assumptions"`
	Script      string   `json:"script,omitempty"` // the same as an event script, where it is short
}

// Step runs one goroutine up to and including its event Event.
type Step struct {
	Goroutine string `json:"goroutine"`
	Event     uint64 `json:"event"`
	Label     string `json:"label"` // what it does last, "starts g7, g9" or "unlock m"
}

// Finding is of another rule than a race.
type Finding struct {
	Rule        string   `json:"rule"` // HB010 …
	ID          string   `json:"id"`
	Severity    string   `json:"severity"` // error, note
	Tier        string   `json:"tier"`
	Witness     string   `json:"witness"`
	Message     string   `json:"message"`
	Object      string   `json:"object,omitempty"`
	Occurrences uint64   `json:"occurrences"`
	Events      []Access `json:"events"`
	Why         string   `json:"why,omitempty"`
	Steps       *Steps   `json:"steps,omitempty"`
	Graph       *Graph   `json:"graph,omitempty"`
}

// Coverage says what the recording could see.
type Coverage struct {
	Complete        bool     `json:"complete"`
	Truncated       bool     `json:"truncated"`
	Instrumented    bool     `json:"instrumented"`
	LostChunks      uint64   `json:"lostChunks"`
	LostRecords     uint64   `json:"lostRecords"`
	LostSync        uint64   `json:"lostSync"`
	Records         uint64   `json:"records"`
	Foreign         uint64   `json:"foreignAccesses"` // plain accesses outside Go's memory, counted only
	NotInstrumented []string `json:"notInstrumented"`
	Notes           []string `json:"notes"`
	Windows         []Window `json:"windows,omitempty"` // if not all of a process's life was to be recorded
}

// Window is a stretch of a process's life: RFC 3339 with milliseconds, UTC.
type Window struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Run describes the recorded process.
type Run struct {
	Program    string  `json:"program,omitempty"`
	GoVersion  string  `json:"goVersion,omitempty"`
	GOOS       string  `json:"goos,omitempty"`
	GOARCH     string  `json:"goarch,omitempty"`
	Module     string  `json:"module,omitempty"`
	Version    string  `json:"version,omitempty"`
	Revision   string  `json:"revision,omitempty"`
	Start      string  `json:"start,omitempty"` // RFC 3339, UTC
	Seconds    float64 `json:"seconds,omitempty"`
	Goroutines int     `json:"goroutines"`
	Events     uint64  `json:"events"`
	Settings   string  `json:"settings,omitempty"` // the recorder's

	Dirs    map[string]string `json:"dirs,omitempty"`    // where files were at build time: "goroot", "modcache", and by main module
	Machine *machine.Names    `json:"machine,omitempty"` // where the program was built

	Scheduling *Scheduling `json:"scheduling,omitempty"` // of a trace without records
}

// Prediction says how far other schedules were looked for.
type Prediction struct {
	Level     string `json:"level"`     // fast, deep
	Tried     int    `json:"tried"`     // pairs of places for which a witness was looked for
	Found     int    `json:"found"`     // of these
	Undecided int    `json:"undecided"` // of these: the budget ended first
	Untried   uint64 `json:"untried"`   // pairs of accesses, beyond the bounds of what is kept
}

// Result is the outcome of one command over one or several traces.
type Result struct {
	Schema     string       `json:"schema"`
	Tool       string       `json:"tool,omitempty"` // version of hindsight that made the result
	Verdict    string       `json:"verdict"`
	Order      string       `json:"order"` // model, strict, tsan
	Races      []Race       `json:"races"`
	Findings   []Finding    `json:"findings"`
	Suppressed []Suppressed `json:"suppressed"`
	Coverage   Coverage     `json:"coverage"`
	Runs       []Run        `json:"runs"`
	Prediction *Prediction  `json:"prediction,omitempty"` // nil: off
	Omitted    *Omitted     `json:"omitted,omitempty"`    // only in what a page holds
	Redaction  string       `json:"redaction,omitempty"`  // what has been taken out: team, public
}

// Suppressed is a race or a finding that the user does not want to hear of. It
// counts for nothing but itself.
type Suppressed struct {
	ID          string  `json:"id"`
	Rule        string  `json:"rule"`
	Object      string  `json:"object"`
	Sites       []Frame `json:"sites"`
	Occurrences uint64  `json:"occurrences"`
	By          string  `json:"by"`               // the file and line, or the baseline, that asked for it
	Reason      string  `json:"reason,omitempty"` // as given there
}

// Omitted says what a page left out to stay within its limits.
type Omitted struct {
	Races       int           `json:"races"`
	Observed    int           `json:"observed"` // of these races
	Occurrences uint64        `json:"occurrences"`
	Findings    int           `json:"findings"`
	Schedules   int           `json:"schedules,omitempty"` // processes of whose goroutines only the numbers are there
	Named       []OmittedRace `json:"named"`               // the first of them
	Before      int           `json:"before,omitempty"`    // of the races, those on earlier parts of the page
	Part        int           `json:"part,omitempty"`      // number of the part, if there are several
}

// OmittedRace names a race, or a finding, that a page left out.
type OmittedRace struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Occurrences uint64 `json:"occurrences"`
	Observed    bool   `json:"observed,omitempty"`
	Finding     bool   `json:"finding,omitempty"` // of another rule
}
