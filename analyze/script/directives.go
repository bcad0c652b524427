package script

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/hindsight-go/hindsight/analyze/event"
)

// directives are the lines of dumps that are no events.
var directives map[string]func(*parser, []string) error

func init() {
	directives = map[string]func(*parser, []string) error{
		".recorded":  (*parser).recordedDirective,
		".gc":        (*parser).gcDirective,
		".goroutine": (*parser).goroutineDirective,
		".stack":     (*parser).stackDirective,
		".sync":      (*parser).syncDirective,
		".var":       (*parser).varDirective,
	}
}

// recordedDirective is ".recorded", the first line of a dump; "collected",
// "killed" and "defaults" may follow.
func (p *parser) recordedDirective(args []string) error {
	if len(p.events) > 0 || len(p.objects) > 0 || p.recorded {
		return errors.New(".recorded must come first")
	}
	p.recorded = true
	known := map[string]*bool{"collected": &p.collected, "killed": &p.killed, "defaults": &p.defaults}
	for _, word := range args {
		if known[word] == nil || *known[word] {
			return fmt.Errorf("unexpected %q", word)
		}
		*known[word] = true
	}
	return nil
}

func (p *parser) need(args []string, least, most int) error {
	if !p.recorded {
		return errors.New("only for dumps of recordings")
	}
	if len(args) < least || len(args) > most {
		return errors.New("the directive has too few or too many words")
	}
	return nil
}

// gcDirective is ".gc N": the following events are of cycle N.
func (p *parser) gcDirective(args []string) error {
	if err := p.need(args, 1, 1); err != nil {
		return err
	}
	n, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil || uint32(n) < p.cycle {
		return fmt.Errorf("%q is no next cycle", args[0])
	}
	p.cycle = uint32(n)
	return nil
}

// goroutineDirective is `.goroutine NAME "name" PARENT ^CREATED [system]`;
// a parent that is not known is "-".
func (p *parser) goroutineDirective(args []string) error {
	if err := p.need(args, 4, 5); err != nil {
		return err
	}
	if _, ok := p.byName[args[0]]; ok {
		return fmt.Errorf("goroutine %s is known", args[0])
	}
	parent := event.G(-1)
	if args[2] != "-" {
		g, ok := p.byName[args[2]]
		if !ok {
			return fmt.Errorf("unknown goroutine %s", args[2])
		}
		parent = g
	}
	if args[3] == "" || args[3][0] != '^' {
		return fmt.Errorf("%q is no stack", args[3])
	}
	created, err := p.site(args[3:4])
	if err != nil {
		return err
	}
	g := p.newGoroutine(args[0], parent, created)
	p.gs[g].Name = args[1]
	if len(args) == 5 {
		if args[4] != "system" {
			return fmt.Errorf("unexpected %q", args[4])
		}
		p.gs[g].System = true
	}
	return nil
}

// stackDirective is `.stack N "func" "file" line ...`, innermost frame first.
func (p *parser) stackDirective(args []string) error {
	if err := p.need(args, 1, 1+3*maxFrame); err != nil {
		return err
	}
	if _, ok := p.numbers[args[0]]; ok || args[0] == "0" {
		return fmt.Errorf("stack %s is known", args[0])
	}
	name, args := args[0], args[1:]
	var frames []event.Frame
	for ; len(args) >= 3; args = args[3:] {
		line, err := strconv.ParseInt(args[2], 10, 32)
		if err != nil || line < 0 {
			return fmt.Errorf("%q is no line", args[2])
		}
		frames = append(frames, event.Frame{Func: args[0], File: args[1], Line: int(line)})
	}
	if len(args) > 0 {
		return errors.New("a frame is function, file and line")
	}
	p.numbers[name] = event.Stack(len(p.stacks))
	p.stacks = append(p.stacks, frames)
	return nil
}

// syncDirective is `.sync NAME SPACE ADDRESS "name"`.
func (p *parser) syncDirective(args []string) error {
	if err := p.need(args, 4, 4); err != nil {
		return err
	}
	space := slices.Index(spaceNames[:], args[1])
	addr, err := strconv.ParseUint(args[2], 0, 64)
	if space < 0 || err != nil {
		return errors.New("an object is a space, an address and a name")
	}
	key := object{'*', args[0]}
	if _, ok := p.objects[key]; ok {
		return fmt.Errorf("object %s is known", args[0])
	}
	o := event.Obj{Space: event.Space(space), Addr: addr}
	p.objects[key] = o
	p.syncs[o] = args[3]
	return nil
}

// varDirective is `.var NAME ADDRESS SIZE KIND "name" "type" ^ALLOCATED GOROUTINE`;
// size 0 is unknown, a goroutine that is not known is "-".
func (p *parser) varDirective(args []string) error {
	if err := p.need(args, 8, 8); err != nil {
		return err
	}
	if _, ok := p.named[args[0]]; ok {
		return fmt.Errorf("variable %s is known", args[0])
	}
	base, err1 := strconv.ParseUint(args[1], 0, 64)
	size, err2 := strconv.ParseUint(args[2], 10, 64)
	if err1 != nil || err2 != nil {
		return errors.New("a variable needs an address and a size")
	}
	if args[6] == "" || args[6][0] != '^' {
		return fmt.Errorf("%q is no stack", args[6])
	}
	alloc, err := p.site(args[6:7])
	if err != nil {
		return err
	}
	by := event.G(-1)
	if args[7] != "-" {
		g, ok := p.byName[args[7]]
		if !ok {
			return fmt.Errorf("unknown goroutine %s", args[7])
		}
		by = g
	}
	p.named[args[0]] = len(p.vars)
	p.vars = append(p.vars, event.Object{
		Name: args[4], Kind: args[3], Type: args[5], Base: base, Size: size, Alloc: alloc, AllocG: by,
	})
	return nil
}

// undeclared is where variables of dumps lie that no directive declares.
const undeclared = 1 << 61

// recordedMemory is memory for dumps: a declared variable, an offset that may
// wrap around, a size.
func (p *parser) recordedMemory(e *event.Event, v verb, operand string, nums []int64) error {
	i, ok := p.named[operand]
	if !ok {
		i = len(p.vars)
		p.named[operand] = i
		base := undeclared + uint64(i)*maxSize
		p.vars = append(p.vars, event.Object{Name: operand, Kind: "variable", Base: base, Size: maxSize, AllocG: -1})
	}
	e.Addr, e.Size = p.vars[i].Base, 8
	switch {
	case v.form == sized && len(nums) == 1:
		e.Size = uint64(nums[0])
	case len(nums) == 2:
		e.Addr += uint64(nums[0])
		e.Size = uint64(nums[1])
	}
	lives := e.Op == event.Alloc && p.collected || e.Op == event.LifeCut
	if e.Size < 1 || e.Size > maxSize && !lives || e.Addr > math.MaxUint64-e.Size {
		return fmt.Errorf("%d bytes at %#x", e.Size, e.Addr)
	}
	uses := p.uses[e.Addr]
	if n := len(uses); n == 0 || uses[n-1].of != i {
		p.uses[e.Addr] = append(uses, use{p.cycle, i})
	}
	return nil
}

// skip lets a goroutine's next event have an index that is N higher.
func (p *parser) skip(g event.G, nums []int64) error {
	if !p.recorded || len(nums) != 1 || nums[0] < 1 || nums[0] > math.MaxInt64/2 {
		return errors.New("skip needs a number, in the dump of a recording")
	}
	p.skipped[g] += uint64(nums[0])
	return nil
}

// step takes what g has skipped.
func (p *parser) step(g event.G) uint64 {
	n := p.skipped[g]
	delete(p.skipped, g)
	return n
}
