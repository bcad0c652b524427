package record

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
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
	"slices"
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
	for _, name := range []string{"race.go", "race_buffer.go", "race_symbol.go", "race_file.go", "race_std.go", "race_waits.go", "race_pack.go"} {
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
		"raceChunk": MaxChunk, "raceHeader": HeaderSize, "racePack": MaxPack, "racePiece": MaxPiece, "racePieceHeader": pieceHeader, "racePacked": FlagPacked, "raceFollowBits": followBits, "raceLastBits": lastBits, "raceAllocs": allocSizes, "raceSlices": sliceNums, "raceSlots": slotOps, "raceLast": FlagLast, "raceEnded": FlagEnded,
		"recSlice": TagSlice, "recCycle": TagCycle, "recStack": TagStack, "recGo": TagGo, "recEnd": TagEnd,
		"recAlloc": TagAlloc, "recSync": TagSync, "recRead": TagRead, "recWrite": TagWrite,
		"recSized": TagSized, "recViaPC": TagVia, "recRun": TagRun, "recAtomic": TagAtomic,
		"recSymbol": TagSymbol, "recString": TagString, "recType": TagType, "recField": TagField,
		"recVar": TagVar, "recPlain": TagPlain, "recExpected": TagExpected, "recReturn": TagReturn, "recCall": TagCall, "recShort": TagShort,
		"recLike": TagLike, "recLikeSize": TagLikeSize, "recLikeVia": TagLikeVia, "recAllocLike": TagAllocLike, "recAllocOf": TagAllocOf,
		"linkRead": linkRead, "linkWrite": linkWrite, "linkCall": linkCall, "linkReturn": linkReturn, "linkAtomic": uint64(linkAtomic),
		"linkPlain": linkPlain, "linkLike": linkLike, "linkAlloc": linkAlloc, "raceMaxPlain": maxPlain, "shortPCMax": maxPC, "raceVersion": Version,
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

// TestFunctions runs the recorder's checksum, choice of counter and compression.
func TestFunctions(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	fset, files := parseRecorder(t)
	var source strings.Builder
	source.WriteString("package main\n\nimport (\n\t\"fmt\"\n\tsys \"math/bits\"\n\t\"math/rand/v2\"\n\t\"sync/atomic\"\n\t\"unsafe\"\n)\n")
	found := 0
	for _, f := range files {
		for _, d := range f.Decls {
			keep := false
			switch d := d.(type) {
			case *ast.FuncDecl:
				keep = slices.Contains([]string{"racesum", "racecounter", "racecompress"}, d.Name.Name)
				d.Doc = nil
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && slices.Contains([]string{"raceCounters", "raceCounterBits", "racePlaceBits"}, v.Names[0].Name) {
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
	if found != 6 {
		t.Fatalf("%d of 6 declarations found in the recorder:\n%s", found, &source)
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
	fmt.Println()
	places := new([1 << racePlaceBits]uint32)
	for i := range 120 {
		n := r.IntN(1 << (i % 19)) + i / 19
		if i == 119 {
			n = 1 << 18
		}
		b := make([]byte, 0, n)
		for len(b) < n { // bytes of a small alphabet, and what was there before
			if m := len(b); m > 0 && r.IntN(3) > 0 {
				from := r.IntN(m)
				b = append(b, b[from:from+r.IntN(min(m, n)-from+1)]...)
			}
			b = append(b, byte(r.IntN(1 << (i % 9))))
		}
		b = b[:n]
		src, dst := append(b, make([]byte, 8)...), make([]byte, n+n/255+16+8)
		size := racecompress(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), uintptr(n), places)
		fmt.Printf(".%x .%x\n", b, dst[:size])
	}
}
`)
	name := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(name, []byte(source.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", name)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
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
	got, compressed, _ := strings.Cut(string(out), "\n\n")
	if got+"\n" != want.String() {
		t.Errorf("the recorder's checksums and counters are\n%.200s\nhere they are\n%.200s", got, &want)
	}
	words := strings.Fields(compressed)
	plain, packed := 0, 0
	for i := 0; i+1 < len(words); i += 2 {
		in, err := hex.DecodeString(words[i][1:])
		out, err2 := hex.DecodeString(words[i+1][1:])
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		pack := append(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(in))), 0), out...)
		if again, _, err := unpack(nil, pack); err != nil || !bytes.Equal(again, in) || len(pack) > maxPacked {
			t.Fatalf("%d bytes, compressed to %d: %d, %v", len(in), len(out), len(again), err)
		}
		plain, packed = plain+len(in), packed+len(out)
	}
	if len(words) != 240 || packed > plain/2 {
		t.Errorf("%d words, %d bytes have become %d", len(words), plain, packed)
	}
}

// chunksOf returns the whole chunks of a recording.
func chunksOf(t testing.TB, b []byte) (chunks []Chunk) {
	t.Helper()
	var pieces Pieces
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte{'H', 'S', Version})
		if i < 0 {
			break
		}
		at += i
		// A string's length stands before it.
		for _, n := range []int{int(b[at-1]), int(b[at-2])&0x7f | int(b[at-1])<<7} {
			if at+n > len(b) {
				continue
			}
			if c, err := Parse(b[at : at+n]); err == nil {
				if c, whole := pieces.Add(c); whole {
					chunks = append(chunks, c)
				}
			}
		}
		at++
	}
	if len(chunks) < 2 || pieces.Lost() > 0 {
		t.Fatalf("only %d chunks, %d pieces lost", len(chunks), pieces.Lost())
	}
	return chunks
}

// recordsOf returns the bytes of a chunk's records.
func recordsOf(t testing.TB, c Chunk) []byte {
	t.Helper()
	records, _, err := unpack(nil, c.Payload)
	if err != nil {
		t.Fatalf("chunk %d of stream %d: %v", c.Seq, c.Stream, err)
	}
	return records
}

// TestTwin encodes what the recorder wrote once more: the same bytes.
func TestTwin(t *testing.T) {
	tags := make(map[byte]int)
	twin(t, chunksOf(t, recorded.Lostupdate()), tags)
	twin(t, chunksOf(t, recorded.Ranges()), tags)
	for _, tag := range []byte{TagSlice, TagStack, TagGo, TagEnd, TagAlloc, TagSync, TagRead, TagWrite, TagAtomic,
		TagSymbol, TagString, TagType, TagField, TagVar, TagFact, TagLast} {
		if tags[tag] == 0 {
			t.Errorf("no record %#x in the recording", tag)
		}
	}
}

// twin encodes the records of chunks once more, and counts them by tag.
func twin(t *testing.T, chunks []Chunk, tags map[byte]int) {
	t.Helper()
	encoders := make(map[uint32]*Encoder)
	for _, c := range chunks {
		if c.Pieces == 0 {
			t.Fatalf("chunk %d of stream %d is not packed", c.Seq, c.Stream)
		}
		var pieces Pieces
		var again []Chunk
		emit := func(b []byte) {
			piece, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			if whole, ok := pieces.Add(piece); ok {
				again = append(again, whole)
			}
		}
		e := encoders[c.Stream]
		if e == nil {
			e = NewPackEncoder(c.Stream, nil)
			encoders[c.Stream] = e
		}
		e.emit, e.seq = emit, c.Seq
		records := recordsOf(t, c)
		var d Decoder
		var r Record
		d.Open(c)
		for first := true; ; first = false {
			var tag byte
			if at := d.Pos(); d.expected == 0 && at < len(records) {
				tag = records[at]
			}
			if !d.Next(&r) {
				break
			}
			tags[r.Tag]++
			if (tag == TagRead|TagRun || tag == TagWrite|TagRun) && r.Count == 1 {
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
		e.Flush(c.Flags &^ FlagPacked)
		if len(again) != 1 || again[0].Seq != c.Seq || again[0].Flags != c.Flags || !bytes.Equal(recordsOf(t, again[0]), records) {
			t.Fatalf("chunk %d of stream %d:\n%x\nagain %d chunks:\n%+v", c.Seq, c.Stream, records, len(again), again)
		}
	}
}
