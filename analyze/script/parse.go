package script

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// Bounds of what is accepted. A script's own size bounds the rest.
const (
	maxLine  = 1 << 20 // bytes of a line
	maxCap   = 1 << 31 // of a channel
	maxSize  = 1 << 26 // bytes of one access or object
	maxTouch = 1 << 30 // bytes that all accesses of a plain script touch
	maxAdd   = 1 << 31 // a WaitGroup's counter
	maxFrame = 1 << 16 // frames of a stack
)

// parser holds what is known at a line.
type parser struct {
	*Script
	line    int
	touched uint64

	byName  map[string]event.G
	ended   []bool
	last    []int // number of a goroutine's last event, -1 before it
	current map[string]int
	named   map[string]int // recorded: variables
	objects map[object]event.Obj
	sites   map[event.Frame]event.Stack
	numbers map[string]event.Stack // recorded: stacks by name
	cycle   uint32
	skipped map[event.G]uint64 // recorded: indices before the next event
	next    uint64             // address of the next object without one

	locks map[event.Obj]*lock
	chans map[event.Obj]*channel
	wgs   map[event.Obj]*group
	onces map[event.Obj]*once
	conds map[event.Obj]*cond
	// pending is the unbuffered channel whose send has just come.
	pending *channel
}

// object is a synchronization object's name.
type object struct {
	class byte
	name  string
}

type lock struct {
	writer  bool
	readers int
}

type channel struct {
	cap          uint32
	used         bool
	sends, recvs uint64
	closed       bool
	sender       event.G
}

type group struct {
	count int64
	left  int // number of the event at which count was last changed from zero
}

type once struct {
	by   event.G
	done bool
}

// cond collects which wakes a signal or broadcast had. Numbers are of events.
type cond struct {
	signals   []int // that have woken nobody, oldest first
	broadcast int   // the last, or -1
	woken     map[int][]int
	order     []int // keys of woken, as they came
}

// Parse reads an event script. An error names the line.
func Parse(r io.Reader) (*Script, error) {
	p := &parser{
		Script:  &Script{syncs: map[event.Obj]string{}, stacks: make([][]event.Frame, 1), uses: map[uint64][]use{}},
		byName:  map[string]event.G{},
		current: map[string]int{},
		named:   map[string]int{},
		objects: map[object]event.Obj{},
		sites:   map[event.Frame]event.Stack{},
		numbers: map[string]event.Stack{},
		locks:   map[event.Obj]*lock{},
		chans:   map[event.Obj]*channel{},
		wgs:     map[event.Obj]*group{},
		onces:   map[event.Obj]*once{},
		conds:   map[event.Obj]*cond{},
		next:    1 << 12,
		skipped: map[event.G]uint64{},
	}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), maxLine)
	for in.Scan() {
		p.line++
		if err := p.parseLine(in.Bytes()); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if err := in.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d bytes", maxLine)
		}
		return nil, fmt.Errorf("line %d: %w", p.line+1, err)
	}
	if p.pending != nil {
		return nil, fmt.Errorf("line %d: a send on an unbuffered channel without its receive on the next line", p.line)
	}
	p.tickets()
	if !p.recorded {
		p.layOut()
	}
	return p.Script, nil
}

// fields splits a line, without its comment, at white space. In a directive, a
// word that begins with a quotation mark is a Go string and may hold anything.
func fields(line []byte) ([]string, error) {
	var words []string
	for {
		line = bytes.TrimLeftFunc(line, unicode.IsSpace)
		if len(line) == 0 || line[0] == '#' {
			return words, nil
		}
		if line[0] == '"' && len(words) > 0 && strings.HasPrefix(words[0], ".") {
			quoted, err := strconv.QuotedPrefix(string(line))
			if err != nil {
				return nil, errors.New("a string without its end")
			}
			word, _ := strconv.Unquote(quoted)
			words = append(words, word)
			line = line[len(quoted):]
			continue
		}
		n := bytes.IndexFunc(line, unicode.IsSpace)
		if n < 0 {
			n = len(line)
		}
		word := string(line[:n])
		if !utf8.ValidString(word) {
			return nil, errors.New("not UTF-8")
		}
		if strings.ContainsFunc(word, unicode.IsControl) {
			return nil, errors.New("a control character")
		}
		words = append(words, word)
		line = line[n:]
	}
}

func (p *parser) parseLine(line []byte) error {
	words, err := fields(line)
	if err != nil || len(words) == 0 {
		return err
	}
	if _, known := p.byName[words[0]]; !known {
		if words[0] == "chan" && !isEvent(words) {
			return p.channel(words[1:])
		}
		if f, ok := directives[words[0]]; ok {
			return f(p, words[1:])
		}
	}
	return p.event(words)
}

// isEvent tells an event of a goroutine named chan from a declaration.
func isEvent(words []string) bool {
	if len(words) < 2 {
		return false
	}
	if _, ok := verbs[words[1]]; !ok {
		return false
	}
	if len(words) == 3 {
		_, err := strconv.ParseUint(words[2], 10, 32)
		return err != nil
	}
	return len(words) > 3 || words[1] == "end"
}

// channel is the declaration of a channel.
func (p *parser) channel(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("chan needs a name and a capacity")
	}
	var n uint64
	if len(args) == 2 {
		var err error
		if n, err = strconv.ParseUint(args[1], 10, 64); err != nil || n > maxCap {
			return fmt.Errorf("%q is no capacity", args[1])
		}
	}
	o := p.sync(verb{class: 'c', space: event.SpaceChan}, args[0])
	if p.chans[o] != nil && !p.recorded {
		return fmt.Errorf("channel %s declared after its first use or twice", args[0])
	}
	p.chans[o] = &channel{cap: uint32(n)}
	return nil
}

// sync returns the object of a name, new if need be.
func (p *parser) sync(v verb, name string) event.Obj {
	if o, ok := p.objects[object{'*', name}]; ok {
		return o
	}
	o, ok := p.objects[object{v.class, name}]
	if !ok {
		// Far from all memory: no life of memory ends this object.
		o = event.Obj{Space: v.space, Addr: 1<<62 + uint64(len(p.objects))*64}
		p.objects[object{v.class, name}] = o
		p.syncs[o] = name
	}
	return o
}

// goroutine returns the goroutine of a name, which must have been started.
func (p *parser) goroutine(name string) (event.G, error) {
	g, ok := p.byName[name]
	switch {
	case !ok && (len(p.gs) == 0 || p.recorded):
		return p.newGoroutine(name, -1, 0), nil
	case !ok:
		return 0, fmt.Errorf("goroutine %s has not been started", name)
	case p.ended[g] && !p.recorded:
		return 0, fmt.Errorf("goroutine %s has ended", name)
	}
	return g, nil
}

func (p *parser) newGoroutine(name string, parent event.G, created event.Stack) event.G {
	g := event.G(len(p.gs))
	p.gs = append(p.gs, event.Goroutine{Name: name, Parent: parent, Created: created})
	p.byName[name] = g
	p.ended = append(p.ended, false)
	p.last = append(p.last, -1)
	return g
}

// event is a line that says what a goroutine did.
func (p *parser) event(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("goroutine %s does nothing", words[0])
	}
	name, args := words[1], words[2:]
	v, ok := verbs[name]
	if !ok {
		return fmt.Errorf("unknown verb %q", name)
	}
	if len(p.events) >= int(noSite)-1 {
		return errors.New("too many events")
	}
	g, err := p.goroutine(words[0])
	if err != nil {
		return err
	}
	e := event.Event{Op: v.op, G: g, Cycle: p.cycle, Quiet: v.quiet}
	if p.last[g] >= 0 {
		e.Index = p.events[p.last[g]].Index + 1
	}
	if p.recorded && v.op != event.Invalid {
		e.Index += p.step(g)
	}
	operand := ""
	if v.form != bare {
		if len(args) == 0 {
			return fmt.Errorf("%s needs a name", name)
		}
		operand, args = args[0], args[1:]
	}
	nums, args, err := numbers(v, args)
	if err != nil {
		return err
	}
	if e.Stack, err = p.site(args); err != nil {
		return err
	}
	if v.op == event.Invalid { // skip
		return p.skip(g, nums)
	}
	if err := p.operand(&e, v, name, operand, nums); err != nil {
		return err
	}
	if !p.recorded {
		if err := p.rules(&e, operand); err != nil {
			return err
		}
	} else if e.Op == event.End {
		p.ended[g] = true
	}
	if e.Stack == 0 && !p.recorded {
		e.Stack = noSite | event.Stack(len(p.events))
		if e.Op == event.Go {
			p.gs[e.Child].Created = e.Stack
		}
	}
	p.last[g] = len(p.events)
	p.events = append(p.events, e)
	return nil
}

// numbers takes the numbers off the front of args.
func numbers(v verb, args []string) (nums []int64, rest []string, err error) {
	most := v.nums
	switch v.form {
	case memory:
		most = 2
	case sized:
		most = 1
	}
	for len(nums) < most && len(args) > 0 && args[0][0] != '@' && args[0][0] != '^' {
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("%q is no number", args[0])
		}
		nums, args = append(nums, n), args[1:]
	}
	return nums, args, nil
}

// site is what is left of an event: @file:line, ^stack or both, of which the
// latter decides.
func (p *parser) site(args []string) (event.Stack, error) {
	var st event.Stack
	for i, a := range args {
		switch {
		case i < 2 && a[0] == '^' && p.recorded:
			var ok bool
			if st, ok = p.numbers[a[1:]]; !ok && a != "^0" {
				return 0, fmt.Errorf("unknown stack %s", a)
			}
		case i == 0 && a[0] == '@':
			f, ok := siteFrame(a[1:])
			if !ok {
				return 0, fmt.Errorf("%q is no site (@file:line)", a)
			}
			if p.recorded && len(args) > 1 {
				continue
			}
			if st, ok = p.sites[f]; !ok {
				st = event.Stack(len(p.stacks))
				p.stacks = append(p.stacks, []event.Frame{f})
				p.sites[f] = st
			}
		default:
			return 0, fmt.Errorf("unexpected %q", a)
		}
	}
	return st, nil
}

func siteFrame(s string) (event.Frame, bool) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return event.Frame{}, false
	}
	n, err := strconv.ParseInt(s[i+1:], 10, 32)
	return event.Frame{File: s[:i], Line: int(n)}, err == nil && n >= 0
}

// operand fills in what e works on.
func (p *parser) operand(e *event.Event, v verb, name, operand string, nums []int64) error {
	switch v.form {
	case gofunc:
		return p.start(e, operand)
	case memory, sized:
		return p.memory(e, v, name, operand, nums)
	case sync:
		e.Obj = p.sync(v, operand)
	}
	switch {
	case v.class == 'c':
		ch := p.chans[e.Obj]
		if ch == nil {
			ch = &channel{}
			p.chans[e.Obj] = ch
		}
		ch.used = true
		e.Cap = ch.cap
	case name == "done":
		e.N = -1
	case name == "add":
		e.N = 1
	}
	if len(nums) == 0 {
		return nil
	}
	if name != "add" && !p.recorded {
		return fmt.Errorf("%s takes no number", name)
	}
	if name != "add" && (nums[0] < 0 || nums[0] > math.MaxUint32) {
		return fmt.Errorf("%d is out of range", nums[0])
	}
	switch v.op {
	case event.Add:
		if e.N = nums[0]; e.N > maxAdd || e.N < -maxAdd {
			return fmt.Errorf("%d is out of range", e.N)
		}
	case event.MisuseRead, event.MisuseWrite:
		e.N = nums[0]
	case event.Send, event.Recv:
		if e.Cap > 0 {
			e.Slot = uint32(nums[0])
		}
	default:
		e.Slot = uint32(nums[0])
		if len(nums) == 2 {
			if e.N = nums[1]; e.N < 0 || e.N > math.MaxUint32 {
				return fmt.Errorf("%d is out of range", e.N)
			}
		}
	}
	return nil
}

func (p *parser) start(e *event.Event, name string) error {
	if g, ok := p.byName[name]; ok {
		if p.recorded && p.last[g] < 0 && g != e.G {
			e.Child = g // declared by a directive
			p.gs[g].Parent = e.G
			if p.gs[g].Created == 0 {
				p.gs[g].Created = e.Stack
			}
			return nil
		}
		return fmt.Errorf("goroutine %s has been started before", name)
	}
	e.Child = p.newGoroutine(name, e.G, e.Stack)
	return nil
}

// memory fills in the address of an access. In a plain script it is the life's
// number and the offset until layOut knows how large the lives are.
func (p *parser) memory(e *event.Event, v verb, name, operand string, nums []int64) error {
	for _, n := range nums {
		if n < 0 || n > math.MaxInt64/2 {
			return fmt.Errorf("%d is out of range", n)
		}
	}
	if len(nums) == 1 && v.form == memory {
		return fmt.Errorf("%s needs an offset and a size, or neither", name)
	}
	if p.recorded {
		return p.recordedMemory(e, v, operand, nums)
	}
	if (e.Op == event.Alloc) != (v.form == sized) || e.Op == event.LifeCut {
		return fmt.Errorf("%s is only for dumps of recordings", name)
	}
	i, ok := p.current[operand]
	if !ok || e.Op == event.Alloc {
		i = len(p.lives)
		p.lives = append(p.lives, life{name: operand})
		p.current[operand] = i
	}
	l := &p.lives[i]
	var off uint64
	switch {
	case e.Op == event.Alloc:
		if len(nums) == 0 || nums[0] < 1 || nums[0] > maxSize {
			return fmt.Errorf("alloc needs a size from 1 to %d", maxSize)
		}
		l.size, l.sure = uint64(nums[0]), true
		e.Size = l.size
	case e.Op == event.Free:
		if len(nums) > 0 {
			return errors.New("free takes the whole object")
		}
		l.size = max(l.size, 1)
		e.Size = l.size
	case len(nums) == 0:
		e.Size = 8
		if l.sure {
			e.Size = min(8, l.size)
		}
	default:
		off, e.Size = uint64(nums[0]), uint64(nums[1])
		if e.Size == 0 || off+e.Size > maxSize || l.sure && off+e.Size > l.size {
			return fmt.Errorf("%s of %d bytes at %d: not within %s", name, e.Size, off, operand)
		}
	}
	if !l.sure {
		l.size = max(l.size, off+e.Size)
	}
	if p.touched += e.Size; p.touched > maxTouch {
		return fmt.Errorf("the script touches more than %d bytes", maxTouch)
	}
	e.Addr = uint64(i)<<32 | off
	return nil
}

// layOut gives every life its memory.
func (p *parser) layOut() {
	addr := p.next
	for i := range p.lives {
		l := &p.lives[i]
		l.base = addr
		addr += (l.size + 7) &^ 7
	}
	for i := range p.events {
		if e := &p.events[i]; e.Size > 0 {
			l := &p.lives[e.Addr>>32]
			e.Addr = l.base + e.Addr&(1<<32-1)
			if e.Op == event.Free {
				e.Size = l.size
			}
		}
	}
}

// tickets gives the signals and wakes of plain scripts their numbers: those of
// one signal or broadcast are next to each other.
func (p *parser) tickets() {
	for _, k := range p.conds {
		var n uint32
		for _, by := range k.order {
			wakes := k.woken[by]
			p.events[by].Slot, p.events[by].N = n, int64(len(wakes))
			for _, w := range wakes {
				p.events[w].Slot = n
				n++
			}
		}
	}
}
