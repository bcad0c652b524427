//go:build !hindsight

package collect

import (
	"bytes"
	"io"
	"runtime/trace"
	"strings"
	"testing"
	"unsafe"

	"github.com/hindsight-go/hindsight/collect/record"
	exptrace "golang.org/x/exp/trace"
)

// messages are those of the log events of category "hindsight" in a trace.
func messages(t *testing.T, b []byte) (out []string) {
	t.Helper()
	r, err := exptrace.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := r.ReadEvent()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind() == exptrace.EventLog && ev.Log().Category == record.Category {
			out = append(out, ev.Log().Message)
		}
	}
}

// A log event takes any bytes, up to the size of a chunk.
func TestLogIsBinary(t *testing.T) {
	chunk := make([]byte, record.MaxChunk)
	for i := range chunk {
		chunk[i] = byte(i * 7)
	}
	var b bytes.Buffer
	if err := trace.Start(&b); err != nil {
		t.Skip(err)
	}
	logChunk(chunk)
	trace.Stop()
	if got := messages(t, b.Bytes()); len(got) != 1 || got[0] != string(chunk) {
		t.Errorf("%d messages, not the one that was written", len(got))
	}
}

// An annotation decodes to what it says, and is a chunk of its own.
func TestAnnotationIsChunk(t *testing.T) {
	long := strings.Repeat("name ", 400)
	x := NewVar(long, int32(0))
	s := make([]uint16, 3)
	var m Mutex
	Name(&m, "the lock")
	var b bytes.Buffer
	if err := trace.Start(&b); err != nil {
		t.Skip(err)
	}
	m.Lock()
	x.Set(1)
	m.Unlock()
	ReadSlice(s)
	ReadSlice(s[:0])
	Free(&s[1])
	trace.Stop()

	type said struct {
		tag, sync byte
		size      uint64
		name      string
	}
	want := []said{
		{record.TagSync, byte(record.Lock), 0, "the lock"},
		{record.TagWrite, 0, 4, long[:nameMax]},
		{record.TagSync, byte(record.Unlock), 0, "the lock"},
		{record.TagRead, 0, 6, "[]uint16"},
		{record.TagFree, 0, 2, "uint16"},
	}
	var got []said
	var numbers []uint64
	for _, m := range messages(t, b.Bytes()) {
		ch, err := record.Parse([]byte(m))
		if err != nil || ch.Flags != record.FlagAnnotation || ch.Stream != 0 {
			t.Fatalf("%+v %v", ch, err)
		}
		var d record.Decoder
		var r record.Record
		var now said
		for d.Reset(ch.Payload); d.Next(&r); {
			switch now.tag = r.Tag; r.Tag {
			case record.TagVar, record.TagType:
				now.name = string(r.Name)
			case record.TagSync:
				now.sync = byte(r.Sync)
				numbers = append(numbers, r.Num)
			default:
				now.size = r.Size
			}
		}
		if d.Err() != nil {
			t.Fatal(d.Err())
		}
		got = append(got, now)
	}
	if len(got) != len(want) {
		t.Fatalf("%d annotations: %+v", len(got), got)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("annotation %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	if len(numbers) != 2 || numbers[1] != numbers[0]+1 {
		t.Errorf("numbers of Lock and Unlock: %d", numbers)
	}
}

// An operation that began before the trace is a load in it.
func TestLate(t *testing.T) {
	var n Int64
	late(unsafe.Pointer(&n), 8, "Int64") // no trace runs
	var b bytes.Buffer
	if err := trace.Start(&b); err != nil {
		t.Skip(err)
	}
	late(unsafe.Pointer(&n), 8, "Int64")
	trace.Stop()
	got := messages(t, b.Bytes())
	if len(got) != 1 {
		t.Fatalf("%d annotations", len(got))
	}
	ch, err := record.Parse([]byte(got[0]))
	if err != nil {
		t.Fatal(err)
	}
	var d record.Decoder
	var r record.Record
	for d.Reset(ch.Payload); d.Next(&r); {
	}
	if r.Tag != record.TagAtomic || r.Atomic != record.AtomicLoad || r.Size != 8 || d.Err() != nil {
		t.Errorf("%+v %v", r, d.Err())
	}
}

// Names of memory: the last one counts.
func TestNamed(t *testing.T) {
	defer variables.Store(variables.Load())
	nameMemory(100, 50, "a")
	nameMemory(200, 50, "b")
	nameMemory(149, 2, "c")
	for addr, want := range map[uint64]string{99: "", 100: "", 148: "", 149: "c", 150: "c", 151: "", 200: "b", 249: "b", 250: ""} {
		got := ""
		if v := named(addr); v != nil {
			got = v.name
		}
		if got != want {
			t.Errorf("%d is named %q, want %q", addr, got, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	a := identity(17)
	b := identity(1)
	if a%16 != 0 || b != a+32 || a < firstIdentity {
		t.Errorf("%#x, %#x", a, b)
	}
}
