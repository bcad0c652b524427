package record

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

// The recorder is part of package runtime: it cannot import this package, nor a
// test the recorder. So its source is read.

const recorder = "../overlay/_runtime/"

func parseRecorder(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range []string{"race.go", "race_buffer.go", "race_symbol.go", "race_file.go", "race_std.go", "race_waits.go"} {
		f, err := parser.ParseFile(fset, recorder+name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return fset, files
}

// TestConstants compares the recorder's constants with this package's.
func TestConstants(t *testing.T) {
	fset, files := parseRecorder(t)
	config := types.Config{IgnoreFuncBodies: true, Error: func(error) {}}
	info := types.Info{Defs: make(map[*ast.Ident]types.Object)}
	config.Check("runtime", fset, files, &info) // imports are missing; constants need none
	want := map[string]uint64{
		"raceChunk": MaxChunk, "raceHeader": HeaderSize, "raceLast": FlagLast, "raceEnded": FlagEnded,
		"recSlice": TagSlice, "recCycle": TagCycle, "recStack": TagStack, "recGo": TagGo, "recEnd": TagEnd,
		"recAlloc": TagAlloc, "recSync": TagSync, "recRead": TagRead, "recWrite": TagWrite,
		"recSized": TagSized, "recViaPC": TagVia, "recRun": TagRun, "recAtomic": TagAtomic,
		"recSymbol": TagSymbol, "recString": TagString, "recType": TagType, "recField": TagField,
		"recVar": TagVar, "recPlain": TagPlain, "recExpected": TagExpected, "recReturn": TagReturn, "recCall": TagCall, "recShort": TagShort,
		"linkRead": linkRead, "linkWrite": linkWrite, "linkCall": linkCall, "linkReturn": linkReturn, "linkAtomic": uint64(linkAtomic),
		"linkPlain": linkPlain, "raceMaxPlain": maxPlain, "shortPCMax": maxPC, "raceVersion": Version,
		"recFact": TagFact, "recStatus": TagStatus, "recLast": TagLast,
		"raceOpAcquire": uint64(Acquire), "raceOpRelease": uint64(Release),
		"raceOpReleaseMerge": uint64(ReleaseMerge), "raceOpReleaseAcquire": uint64(ReleaseAcquire),
		"raceOpSend": uint64(Send), "raceOpRecv": uint64(Recv), "raceOpClose": uint64(Close),
		"raceOpRecvClosed": uint64(RecvClosed), "raceOpCondSignal": uint64(CondSignal), "raceOpCondWake": uint64(CondWake),
		"raceOpLifeCut": uint64(LifeCut), "raceOpIORead": uint64(IORead), "raceOpIOWrite": uint64(IOWrite),
		"raceOpSendClosed": uint64(SendClosed), "raceOpCloseClosed": uint64(CloseClosed),
		"raceOpDefaultSend": uint64(DefaultSend), "raceOpDefaultRecv": uint64(DefaultRecv),
		"raceOpMisuseRead": uint64(MisuseRead), "raceOpMisuseWrite": uint64(MisuseWrite), "raceOpAdd": uint64(Add), "raceOpCloseNil": uint64(CloseNil),
		"raceOpWaitSend": uint64(WaitSend), "raceOpWaitRecv": uint64(WaitRecv), "raceOpWaitMutex": uint64(WaitMutex),
		"raceOpWaitReaders": uint64(WaitReaders), "raceOpWaitWriter": uint64(WaitWriter), "raceOpWaitGroup": uint64(WaitGroup),
		"raceOpWaitCond": uint64(WaitCond), "raceOpWaitForever": uint64(WaitForever), "raceOpGoesOn": uint64(GoesOn),
		"raceAtomicLoad": uint64(AtomicLoad), "raceAtomicStore": uint64(AtomicStore),
		"raceAtomicRMW": uint64(AtomicRMW), "raceAtomicCASFail": uint64(AtomicCASFail),
		"raceNoPC": NoPC, "raceCounterBits": CounterBits,
	}
	got := make(map[string]uint64)
	for id, o := range info.Defs {
		c, ok := o.(*types.Const)
		if !ok {
			continue
		}
		if v, exact := constant.Uint64Val(constant.ToInt(c.Val())); exact {
			got[id.Name] = v
		}
	}
	for name, v := range want {
		if g, ok := got[name]; !ok || g != v {
			t.Errorf("the recorder's %s is %#x (defined: %t), here it is %#x", name, g, ok, v)
		}
	}
	for name, v := range got {
		_, known := want[name]
		if !known && (strings.HasPrefix(name, "rec") || strings.HasPrefix(name, "raceOp") || strings.HasPrefix(name, "raceAtomic")) {
			t.Errorf("the recorder's %s = %#x has no counterpart here", name, v)
		}
	}
	if n := uint64(numSync); got["raceOpGoesOn"]+1 != n {
		t.Errorf("there are %d synchronization operations", n-1)
	}
}

// TestFunctions runs the recorder's checksum and choice of counter.
func TestFunctions(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	fset, files := parseRecorder(t)
	var source strings.Builder
	source.WriteString("package main\n\nimport (\n\t\"fmt\"\n\t\"math/rand/v2\"\n\t\"sync/atomic\"\n\t\"unsafe\"\n)\n")
	found := 0
	for _, f := range files {
		for _, d := range f.Decls {
			keep := false
			switch d := d.(type) {
			case *ast.FuncDecl:
				keep = d.Name.Name == "racesum" || d.Name.Name == "racecounter"
				d.Doc = nil
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && (v.Names[0].Name == "raceCounters" || v.Names[0].Name == "raceCounterBits") {
						keep = true
					}
				}
			}
			if keep {
				found++
				source.WriteByte('\n')
				if err := format.Node(&source, fset, d); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if found != 4 {
		t.Fatalf("%d of 4 declarations found in the recorder:\n%s", found, &source)
	}
	source.WriteString(`
func main() {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := make([]byte, 16+r.IntN(1009))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		clear(b[12:16])
		addr, space := r.Uint64(), uint8(r.UintN(10))
		at := uintptr(unsafe.Pointer(racecounter(space, uintptr(addr)))) - uintptr(unsafe.Pointer(&raceCounters[0]))
		fmt.Println(racesum(b), at/8)
	}
}
`)
	name := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(name, []byte(source.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", name)
	cmd.Stderr = os.Stderr
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var want strings.Builder
	for range 300 {
		b := make([]byte, 16+r.IntN(1009))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		addr, space := r.Uint64(), uint8(r.UintN(10))
		fmt.Fprintln(&want, Sum(b), Counter(space, addr))
	}
	if string(got) != want.String() {
		t.Errorf("the recorder's checksums and counters are\n%.200s\nhere they are\n%.200s", got, &want)
	}
}

// recorded returns the chunks of a program's recording.
func chunksOf(t testing.TB) (chunks [][]byte) {
	t.Helper()
	b := recorded.Lostupdate()
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte{'H', 'S', Version})
		if i < 0 {
			break
		}
		at += i
		// A string's length stands before it.
		for _, n := range []int{int(b[at-1]), int(b[at-2])&0x7f | int(b[at-1])<<7} {
			if at+n <= len(b) {
				if _, err := Parse(b[at : at+n]); err == nil {
					chunks = append(chunks, b[at:at+n])
				}
			}
		}
		at++
	}
	if len(chunks) < 5 {
		t.Fatalf("only %d chunks", len(chunks))
	}
	return chunks
}

// TestTwin encodes what the recorder wrote once more: the same bytes.
func TestTwin(t *testing.T) {
	encoders := make(map[uint32]*Encoder)
	tags := make(map[byte]int)
	for _, b := range chunksOf(t) {
		c, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		var again [][]byte
		emit := func(b []byte) { again = append(again, bytes.Clone(b)) }
		e := encoders[c.Stream]
		if e == nil {
			e = NewEncoder(c.Stream, nil)
			encoders[c.Stream] = e
		}
		e.emit, e.seq = emit, c.Seq
		var d Decoder
		var r Record
		d.Reset(c.Payload)
		for first := true; ; first = false {
			var tag byte
			if at := d.Pos(); d.expected == 0 && at < len(c.Payload) {
				tag = c.Payload[at]
			}
			if !d.Next(&r) {
				break
			}
			tags[r.Tag]++
			if tag&TagRun != 0 && (r.Tag == TagRead || r.Tag == TagWrite) && r.Count == 1 {
				r.Count, r.Size = r.Size, 1
			}
			if first && r.Tag == TagSlice && r.Slice.Part > 0 {
				continue // the encoder's own business
			}
			e.Write(&r)
		}
		if d.Err() != nil {
			t.Fatalf("chunk %d of stream %d: %v", c.Seq, c.Stream, d.Err())
		}
		e.Flush(c.Flags)
		if len(again) != 1 || !bytes.Equal(again[0], b) {
			t.Fatalf("chunk %d of stream %d:\n%x\nagain %d chunks:\n%x", c.Seq, c.Stream, b, len(again), again)
		}
	}
	for _, tag := range []byte{TagSlice, TagStack, TagGo, TagEnd, TagAlloc, TagSync, TagRead, TagWrite, TagAtomic,
		TagSymbol, TagString, TagType, TagField, TagVar, TagFact, TagLast} {
		if tags[tag] == 0 {
			t.Errorf("no record %#x in the recording", tag)
		}
	}
}
