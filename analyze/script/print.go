package script

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// Print writes an execution as a script that parses to one with the same
// races. A plain script is written as a person would, anything else with the
// directives of a dump.
func Print(w io.Writer, src event.Source) error {
	out := bufio.NewWriterSize(w, 64<<10)
	p := &printer{
		w: out, src: src,
		taken:  map[string]bool{},
		copies: map[string]int{},
		syncs:  map[objectKey]string{},
		vars:   map[varKey]string{},
		stacks: map[event.Stack]bool{0: true},
		caps:   map[event.Obj]bool{},
	}
	if s, ok := src.(*Script); ok && !s.recorded {
		p.plain = true
	}
	if err := p.print(); err != nil {
		return err
	}
	return out.Flush()
}

type printer struct {
	w     *bufio.Writer
	src   event.Source
	plain bool

	taken  map[string]bool // names of one kind, each with the kind's letter first
	copies map[string]int  // how many names were made of one
	gs     []string
	syncs  map[objectKey]string
	vars   map[varKey]string
	stacks map[event.Stack]bool // declared
	caps   map[event.Obj]bool   // declared channels
	next   []uint64             // index that a goroutine's next event would have
	cycle  uint32
}

type objectKey struct {
	obj   event.Obj
	class byte // plain scripts: 0 otherwise
}

type varKey struct {
	name  string
	base  uint64
	alloc event.Stack
}

func (p *printer) print() error {
	if !p.plain {
		// Names are known after a replay.
		if err := p.src.Replay(func(*event.Event) bool { return true }); err != nil {
			return err
		}
		line := ".recorded"
		if p.src.Collected() {
			line += " collected"
		}
		if r, ok := p.src.(event.Recorded); ok {
			if r.Killed() {
				line += " killed"
			}
			if r.Defaults() {
				line += " defaults"
			}
		}
		fmt.Fprintln(p.w, line)
	}
	return p.src.Replay(func(e *event.Event) bool {
		p.event(e)
		return true
	})
}

// word makes a name one word that is no other name of its kind. Plain names
// are words already, and theirs alone.
func (p *printer) word(kind byte, name string) string {
	if p.plain {
		return name
	}
	word := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name)
	if word == "" || strings.ContainsRune(`#@^".-`, rune(word[0])) || kind == 'g' && word == "chan" {
		word = "_" + word
	}
	unique := word
	for p.taken[string(kind)+unique] {
		p.copies[string(kind)+word]++
		unique = word + "~" + strconv.Itoa(p.copies[string(kind)+word]+1)
	}
	p.taken[string(kind)+unique] = true
	return unique
}

// goroutine returns g's word, declaring g at its first appearance. A goroutine
// that is just being started is declared by that.
func (p *printer) goroutine(g event.G, started bool) string {
	for int(g) >= len(p.gs) {
		p.gs = append(p.gs, "")
		p.next = append(p.next, 0)
	}
	if p.gs[g] != "" {
		return p.gs[g]
	}
	info := p.src.Goroutine(g)
	name := info.Name
	if name == "" {
		name = fmt.Sprintf("g%d", g)
	}
	word := p.word('g', name)
	p.gs[g] = word
	if !p.plain && (word != name || info.System || !started && (info.Parent >= 0 || info.Created != 0)) {
		parent := "-"
		if info.Parent >= 0 && info.Parent != g {
			parent = p.goroutine(info.Parent, false)
		}
		system := ""
		if info.System {
			system = " system"
		}
		p.declareStack(info.Created)
		fmt.Fprintf(p.w, ".goroutine %s %s %s ^%d%s\n", word, strconv.Quote(name), parent, info.Created, system)
	}
	return word
}

func (p *printer) declareStack(st event.Stack) {
	if p.stacks[st] {
		return
	}
	p.stacks[st] = true
	fmt.Fprintf(p.w, ".stack %d", st)
	for i, f := range p.src.Frames(st) {
		if i == maxFrame {
			break
		}
		fmt.Fprintf(p.w, " %s %s %d", strconv.Quote(f.Func), strconv.Quote(f.File), max(f.Line, 0))
	}
	p.w.WriteByte('\n')
}

func (p *printer) sync(e *event.Event, class byte) string {
	key := objectKey{obj: e.Obj}
	if p.plain {
		key.class = class
	}
	word, ok := p.syncs[key]
	if !ok {
		word = p.nameSync(key)
	}
	if class == 'c' && e.Cap > 0 && !p.caps[e.Obj] {
		// Of a recording, only sends and receives may know the capacity.
		p.caps[e.Obj] = true
		fmt.Fprintf(p.w, "chan %s %d\n", word, e.Cap)
	}
	return word
}

func (p *printer) nameSync(key objectKey) string {
	name := p.src.SyncName(key.obj)
	display := name
	if name == "" {
		name = fmt.Sprintf("obj%d", len(p.syncs)+1)
	}
	word := p.word('s', name)
	p.syncs[key] = word
	if !p.plain {
		fmt.Fprintf(p.w, ".sync %s %s %#x %s\n", word, spaceNames[key.obj.Space], key.obj.Addr, strconv.Quote(display))
	}
	return word
}

// memory returns the word for the variable at e's address, and the offset of
// the address within it.
func (p *printer) memory(e *event.Event) (word string, off uint64) {
	o := p.src.Object(e.Addr, e.Cycle)
	if o.Base > e.Addr || o.Base == 0 {
		o.Base, o.Size = e.Addr, 0
	}
	key := varKey{o.Name, o.Base, o.Alloc}
	if p.plain {
		return o.Name, e.Addr - o.Base
	}
	word, ok := p.vars[key]
	if !ok {
		name := o.Name
		if name == "" {
			name = fmt.Sprintf("mem%d", len(p.vars)+1)
		}
		word = p.word('v', name)
		p.vars[key] = word
		by := "-"
		if o.AllocG >= 0 {
			by = p.goroutine(o.AllocG, false)
		}
		p.declareStack(o.Alloc)
		fmt.Fprintf(p.w, ".var %s %#x %d %s %s %s ^%d %s\n", word, o.Base, o.Size,
			p.kind(o.Kind), strconv.Quote(o.Name), strconv.Quote(o.Type), o.Alloc, by)
	}
	return word, e.Addr - o.Base
}

func (p *printer) kind(kind string) string {
	if kind == "" {
		return "unknown"
	}
	return kind
}

func (p *printer) event(e *event.Event) {
	name := e.Op.String()
	if name == "" {
		return
	}
	v := verbs[name]
	if e.Op == event.Alloc && !p.plain {
		name, v = "life", verbs["life"]
	}
	if e.Quiet {
		name = "quiet-" + name
	}
	g := p.goroutine(e.G, false)
	// Declarations come before the line that needs them.
	operand := ""
	switch v.form {
	case gofunc:
		operand = " " + p.goroutine(e.Child, true)
	case sync:
		operand = " " + p.sync(e, v.class)
	case memory:
		word, off := p.memory(e)
		operand = " " + word
		if whole := p.plain && off == 0 && e.Size == p.wholeSize(e); !whole {
			operand += fmt.Sprintf(" %d %d", off, e.Size)
		}
	case sized:
		word, _ := p.memory(e)
		operand = fmt.Sprintf(" %s %d", word, e.Size)
	}
	if !p.plain {
		p.declareStack(e.Stack)
		p.position(e, g)
		operand += p.numbers(e)
	} else {
		switch e.Op {
		case event.Add:
			if operand += fmt.Sprintf(" %d", e.N); e.N == -1 {
				name, operand = "done", strings.TrimSuffix(operand, " -1")
			}
		case event.SendClosed:
			name = "send"
		case event.CloseClosed:
			name = "close"
		}
	}
	p.w.WriteString(g)
	p.w.WriteByte(' ')
	p.w.WriteString(name)
	p.w.WriteString(operand)
	p.site(e.Stack)
	p.w.WriteByte('\n')
}

// wholeSize is the size of an access that names none.
func (p *printer) wholeSize(e *event.Event) uint64 {
	if e.Op == event.Free {
		return e.Size
	}
	if l := p.src.(*Script).lifeAt(e.Addr); l.sure {
		return min(8, l.size)
	}
	return 8
}

// position says what of the next event's index and cycle does not follow from
// the line before.
func (p *printer) position(e *event.Event, g string) {
	if e.Cycle > p.cycle {
		p.cycle = e.Cycle
		fmt.Fprintf(p.w, ".gc %d\n", e.Cycle)
	}
	if n := p.next[e.G]; e.Index > n {
		fmt.Fprintf(p.w, "%s skip %d\n", g, e.Index-n)
	}
	p.next[e.G] = e.Index + 1
}

// numbers are the numbers after the operand in dumps.
func (p *printer) numbers(e *event.Event) string {
	switch e.Op {
	case event.Send, event.Recv:
		if e.Cap > 0 {
			return fmt.Sprintf(" %d", e.Slot)
		}
	case event.CondSignal, event.CondBroadcast:
		return fmt.Sprintf(" %d %d", e.Slot, e.N)
	case event.CondWake:
		return fmt.Sprintf(" %d", e.Slot)
	case event.Add, event.MisuseRead, event.MisuseWrite:
		return fmt.Sprintf(" %d", e.N)
	}
	return ""
}

// site writes where an event happened: the top frame for people, and in dumps
// the number of the stack, which decides.
func (p *printer) site(st event.Stack) {
	if st == 0 || p.plain && st&noSite != 0 {
		return
	}
	frames := p.src.Frames(st)
	if f := siteOf(frames); f.File != "" {
		file := strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError {
				return '_'
			}
			return r
		}, f.File)
		fmt.Fprintf(p.w, " @%s:%d", file, max(f.Line, 0))
	}
	if !p.plain {
		fmt.Fprintf(p.w, " ^%d", st)
	}
}

func siteOf(frames []event.Frame) event.Frame {
	if len(frames) == 0 {
		return event.Frame{}
	}
	return frames[event.Site(frames)]
}
