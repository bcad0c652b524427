package finding

// Scheduling is what an execution trace tells of goroutines, whether the program
// was instrumented or not: who started whom, who waited where and who ended the
// wait. It never tells which mutex or channel it was, and nothing of an operation
// that did not block. Times are in seconds since the trace's first event.
type Scheduling struct {
	From float64 `json:"from"` // the part that was looked at
	To   float64 `json:"to"`

	Existed int      `json:"existed"` // goroutines of the program that there were at the beginning
	Started int      `json:"started"`
	Ended   int      `json:"ended"`
	System  int      `json:"system"` // goroutines of the runtime, which count for nothing else
	AtEnd   States   `json:"atEnd"`
	Tree    []Branch `json:"tree"` // a branch before those that it has

	Blocked  []Blocked  `json:"blocked"`  // at the end, in groups
	WaitsFor []WaitsFor `json:"waitsFor"` // between these groups
	Cycles   []Cycle    `json:"cycles"`

	Waits   []Wait   `json:"waits"`   // those that ended, the longest first
	Places  []Place  `json:"places"`  // all waits, by stack
	Convoys []Convoy `json:"convoys"` // the longest first

	Left SchedulingLeft `json:"left"`
}

// Brief is what is left of it where there is no room: its numbers.
func (s *Scheduling) Brief() *Scheduling {
	b := *s
	b.Tree, b.Blocked, b.WaitsFor, b.Cycles = []Branch{}, []Blocked{}, []WaitsFor{}, []Cycle{}
	b.Waits, b.Places, b.Convoys = []Wait{}, []Place{}, []Convoy{}
	b.Left.Branches += len(s.Tree)
	b.Left.Blocked += len(s.Blocked)
	b.Left.Waits += uint64(len(s.Waits))
	b.Left.Places += len(s.Places)
	b.Left.Convoys += len(s.Convoys)
	return &b
}

// States counts the program's goroutines by what they are doing.
type States struct {
	Running  int `json:"running"`
	Runnable int `json:"runnable"`
	Syscall  int `json:"syscall"`
	Sleep    int `json:"sleep"`   // in time.Sleep
	Network  int `json:"network"` // for a descriptor
	Other    int `json:"other"`   // for something else that is not another goroutine
	Waiting  int `json:"waiting"` // for another goroutine
}

// SchedulingLeft counts what the bounds of the lists left out.
type SchedulingLeft struct {
	Branches int    `json:"branches"`
	Blocked  int    `json:"blocked"` // groups
	Waits    uint64 `json:"waits"`
	Places   int    `json:"places"`
	Convoys  int    `json:"convoys"`
	Stacks   uint64 `json:"stacks"` // events whose stack was not kept
}

// Branch is the goroutines that one go statement started from one place of the
// tree.
type Branch struct {
	Depth      int      `json:"depth"` // 0 for what nobody is known to have started
	Func       string   `json:"func"`  // what they run; empty if that is not known
	Created    []Frame  `json:"created"`
	Count      int      `json:"count"`
	Ended      int      `json:"ended"`
	Waiting    int      `json:"waiting"`    // at the end, for another goroutine
	Goroutines []string `json:"goroutines"` // the first of them
}

// Blocked is a group of goroutines that waited at the end at one stack for one
// reason.
type Blocked struct {
	Op         string   `json:"op"`     // block-recv, block-lock, ...
	Reason     string   `json:"reason"` // the runtime's word
	Site       Frame    `json:"site"`
	Stack      []Frame  `json:"stack"`
	Count      int      `json:"count"`
	Goroutines []string `json:"goroutines"` // the first of them
	Created    []Frame  `json:"created"`    // of the first
	Creator    string   `json:"creator,omitempty"`
	Seconds    float64  `json:"seconds"` // of the longest wait so far
	Earlier    int      `json:"earlier"` // how many waited before the trace began: longer than it tells
	Woken      uint64   `json:"woken"`   // waits here that did end
	Passed     int      `json:"passed"`  // how many saw a wait that began later end before theirs
	Forever    bool     `json:"forever"` // the runtime says that nothing can end it
	Stuck      bool     `json:"stuck"`   // nothing in the trace speaks for an end: see docs/reports.md
}

// WaitsFor says who may end the waits of a group.
type WaitsFor struct {
	From  int    `json:"from"`         // index in Blocked
	To    int    `json:"to"`           // index in Blocked, -1: goroutines that are not blocked
	Why   string `json:"why"`          // woke, started, lock
	By    string `json:"by,omitempty"` // one of them
	Count uint64 `json:"count"`        // woke: how often; else goroutines
}

// Cycle is groups that wait for each other, and for nobody else that is known.
type Cycle struct {
	Blocked    []int    `json:"blocked"` // indices
	Goroutines []string `json:"goroutines"`
	All        bool     `json:"all"` // nobody else is left but who ended the trace
	Why        string   `json:"why"`
}

// Wait is one wait that ended.
type Wait struct {
	Goroutine string  `json:"goroutine"`
	Event     uint64  `json:"event"` // see Node
	Op        string  `json:"op"`
	Reason    string  `json:"reason"`
	Site      Frame   `json:"site"`
	Stack     []Frame `json:"stack"`
	Start     float64 `json:"start"`
	Seconds   float64 `json:"seconds"`
	Earlier   bool    `json:"earlier"`      // it began before the trace
	By        string  `json:"by,omitempty"` // who ended it; empty: the runtime, for a timer or a descriptor
	ByStack   []Frame `json:"byStack"`
}

// Place is all waits at one stack.
type Place struct {
	Op      string  `json:"op"`
	Reason  string  `json:"reason"`
	Site    Frame   `json:"site"`
	Stack   []Frame `json:"stack"`
	Waits   uint64  `json:"waits"` // that ended
	Seconds float64 `json:"seconds"`
	Longest float64 `json:"longest"`
	Open    int     `json:"open"` // waits that had not ended
	Wakers  []Waker `json:"wakers"`
}

// Waker is a line that ended waits; the runtime has none.
type Waker struct {
	Site  Frame  `json:"site"`
	Count uint64 `json:"count"`
}

// Convoy is goroutines that waited at one line in turn: the wait of each ended
// while others went on waiting.
type Convoy struct {
	Op         string   `json:"op"`
	Site       Frame    `json:"site"`
	Stack      []Frame  `json:"stack"` // of one of them
	Goroutines int      `json:"goroutines"`
	Width      int      `json:"width"` // how many waited at once, at most
	Turns      uint64   `json:"turns"` // waits that ended so, without the line becoming free between
	Start      float64  `json:"start"`
	Seconds    float64  `json:"seconds"` // from the first turn to the last
	Waited     float64  `json:"waited"`  // seconds, by all of them together
	First      []string `json:"first"`   // the first goroutines, in turn
}
