package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/collect/record"
	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

// madeTrace is the recording of a made-up process, long enough to be damaged:
// two goroutines take turns at a variable, each in many chunks of its own stream.
// If racy, there is a race in the first chunk of each.
func madeTrace(racy bool) []byte {
	return madeTurns(1000, func(turn uint64) bool { return racy && turn < 2 })
}

// madeTurns is such a recording of so many turns. Turns that race do so with
// those of the other goroutine that race before the next turn of either.
func madeTurns(turns uint64, races func(turn uint64) bool) []byte {
	var chunks [][]byte
	var encoders [2]*record.Encoder
	for i := range encoders {
		encoders[i] = record.NewEncoder(uint32(i+1), func(b []byte) { chunks = append(chunks, bytes.Clone(b)) })
	}
	write := func(e *record.Encoder, records ...record.Record) {
		for i := range records {
			e.Write(&records[i])
		}
	}
	op := func(op record.Sync, num uint64) record.Record {
		return record.Record{Tag: record.TagSync, Sync: op, Addr: 0xc000000100, Num: num, PC: 1}
	}
	race := record.Record{Tag: record.TagWrite, Addr: 0xc000000300, Size: 1, Count: 1, PC: 1}
	count := uint64(1)
	for i := range turns {
		g := i%2 + 1
		e := encoders[i%2]
		write(e, record.Record{Tag: record.TagSlice, Slice: record.Slice{G: g, Number: uint32(i/2) + 1, Cycle: 1, Goid: g}})
		if i == 0 {
			write(e, record.Record{Tag: record.TagGo, Child: 2, PC: 1})
		}
		if races(i) {
			write(e, race)
			count++
		}
		write(e, op(record.Acquire, 2*i),
			record.Record{Tag: record.TagRead, Addr: 0xc000000200, Size: 1, Count: 1, PC: 2},
			record.Record{Tag: record.TagWrite, Addr: 0xc000000200, Size: 1, Count: 1, PC: uint32(i + 3)},
			op(record.Release, 2*i+1))
		count += 4
	}
	encoders[1].Flush(0)
	write(encoders[0], record.Record{Tag: record.TagLast, Status: record.Status{Records: count}})
	encoders[0].Flush(record.FlagLast)
	return record.AppendTrace(nil, chunks...)
}

// A damaged input, and how analyze may exit.
type damaged struct {
	name   string
	data   []byte
	status []int
}

// try analyzes an input and says what is wrong with how that ends.
func (d *damaged) try(t *testing.T) (status int) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			buf := make([]byte, 4096)
			t.Errorf("%s: panic: %v\n%s", d.name, p, buf[:runtime.Stack(buf, false)])
		}
	}()
	if err := os.WriteFile("input", d.data, 0o666); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := call("", "analyze", "input")
	switch {
	case !slices.Contains(d.status, status):
		t.Errorf("%s: exit status %d, not one of %v\n%.600s\n%.300s", d.name, status, d.status, stdout, stderr)
	case status == exitFailed && (stdout != "" || !strings.HasPrefix(stderr, "hindsight: ") || strings.Count(stderr, "\n") > 3):
		t.Errorf("%s: output %.300q, messages %.300q", d.name, stdout, stderr)
	case status == exitInconclusive && !strings.Contains(strings.ToLower(stdout), "inconclusive"):
		t.Errorf("%s: does not say that it is inconclusive: %.600s", d.name, stdout)
	case status == exitFound && !strings.Contains(stdout, "DATA RACE"):
		t.Errorf("%s: no race shown:\n%.600s", d.name, stdout)
	}
	return status
}

// TestNoTrace analyzes what is no recording.
func TestNoTrace(t *testing.T) {
	racy := recorded.Lostupdate()
	files(t, map[string]string{"dir/x": ""})
	plain := plainTrace(t)
	failed := []int{exitFailed}
	tests := []damaged{
		{"empty", nil, failed},
		{"one byte", []byte("g"), failed},
		{"one zero", []byte{0}, failed},
		{"text", []byte("The quick brown fox\njumps over the lazy dog.\n"), failed},
		{"a program", []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 1000)), failed},
		{"PNG", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), failed},
		{"a part of the header", racy[:7], failed},
		{"random", func() []byte {
			r := rand.New(rand.NewPCG(1, 1))
			b := make([]byte, 1<<16)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return b
		}(), failed},
		{"JSON of another schema", []byte(`{"schema":"hindsight/9","races":[]}`), failed},
		{"JSON of something else", []byte(`{"a":[1,2]}`), failed},
		{"JSON cut short", []byte(`{"schema":"hindsight/1","ra`), failed},
		{"another page", []byte("<!doctype html><title>x</title><script type=application/json>{}</script>"), failed},
		{"gzip of nothing", []byte(packed("")), failed},
		{"gzip of gzip", []byte(packed(packed(string(racy)))), failed},
		{"gzip cut in its header", []byte(packed(string(racy)))[:9], failed},
		{"gzip of random", append([]byte{0x1f, 0x8b, 8, 0}, bytes.Repeat([]byte{0x55, 0xa1}, 500)...), failed},
		{"a plain trace", plain, []int{exitInconclusive}},
		{"a plain trace, cut", plain[:len(plain)*2/3], []int{exitFailed, exitInconclusive}},
	}
	for _, version := range []string{"1.5", "1.11", "1.19", "1.20", "1.21", "1.22", "1.23", "1.25", "1.26", "1.99", "1.x"} {
		header := fmt.Sprintf("go %s trace", version)
		header += strings.Repeat("\x00", 16-len(header))
		tests = append(tests,
			damaged{"header of Go " + version, []byte(header), []int{exitFailed, exitInconclusive}},
			damaged{"header of Go " + version + " before another's body", append([]byte(header), racy[16:]...), []int{exitFailed, exitInconclusive, exitFound}})
	}
	for _, d := range tests {
		d.try(t)
		// Standard input is judged alike.
		want, _, _ := call("", "analyze", "input")
		if status, _, _ := call(string(d.data), "analyze", "-"); status != want {
			t.Errorf("%s: exit status %d, %d from standard input", d.name, want, status)
		}
		for _, command := range []string{"dump", "graph"} {
			if status, _, stderr := call("", command, "input"); status == exitClean && want == exitFailed || status == exitFailed && stderr == "" {
				t.Errorf("%s %s: %d, %q", command, d.name, status, stderr)
			}
		}
	}

	for _, name := range []string{"dir", "nowhere", "dir/x/y", ""} {
		if status, stdout, stderr := call("", "analyze", name); status != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "hindsight: ") {
			t.Errorf("%q: %d, %q, %q", name, status, stdout, stderr)
		}
	}
	if os.Geteuid() != 0 {
		if err := os.WriteFile("secret", racy, 0); err != nil {
			t.Fatal(err)
		}
		if status, _, stderr := call("", "analyze", "secret"); status != exitFailed || !strings.Contains(stderr, "permission") {
			t.Errorf("a file that may not be read: %d, %q", status, stderr)
		}
	}
}

// TestGzipBomb unpacks what grows beyond bounds.
func TestGzipBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 256 MB")
	}
	files(t, nil)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, "go 1.26 trace\x00\x00\x00")
	block := make([]byte, 1<<20)
	for range 1 << 9 {
		z.Write(block)
	}
	z.Close()
	d := damaged{"gzip bomb", b.Bytes(), []int{exitFailed}}
	d.try(t)
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "hindsight-*")); len(left) > 0 && os.Getenv("TMPDIR") != "" {
		t.Errorf("left behind: %q", left)
	}
}

// damages calls f with b damaged in every way.
func damages(b []byte, every int, f func(name string, b []byte, tail bool)) {
	for n := 17; n < len(b); n += every {
		f(fmt.Sprintf("cut after %d of %d bytes", n, len(b)), b[:n], true)
	}
	packed := []byte(packed(string(b)))
	for n := 100; n < len(packed); n += every {
		// Behind the trace there is its checksum.
		z, err := gzip.NewReader(bytes.NewReader(packed[:n]))
		if err != nil {
			panic(err)
		}
		left, _ := io.ReadAll(z)
		f(fmt.Sprintf("gzip cut after %d of %d bytes", n, len(packed)), packed[:n], len(left) < len(b))
	}
	r := rand.New(rand.NewPCG(7, 11))
	for _, flips := range []int{1, 1, 1, 3, 30, 300} {
		for range max(2, 10_000/every) {
			c := bytes.Clone(b)
			for range flips {
				c[r.IntN(len(c))] ^= 1 << r.IntN(8)
			}
			f(fmt.Sprintf("%d bits flipped", flips), c, false)
		}
	}
	for at := 0; at+2000 < len(b); at += every * 3 {
		f(fmt.Sprintf("zeros at %d", at), slices.Concat(b[:at], make([]byte, 1500), b[at+1500:]), false)
		f(fmt.Sprintf("1500 bytes missing at %d", at), slices.Concat(b[:at], b[at+1500:]), false)
	}
	var chunks [][]byte
	for at := range b {
		for _, size := range []int{int(b[max(at-1, 0)]), int(b[max(at-1, 0)])<<7 | int(b[max(at-2, 0)])&0x7f} {
			if b[at] == 'H' && at+size <= len(b) {
				if _, err := record.Parse(b[at : at+size]); err == nil {
					chunks = append(chunks, b[at:at+size])
				}
			}
		}
	}
	for i := range chunks {
		f(fmt.Sprintf("chunk %d of %d missing", i, len(chunks)), record.AppendTrace(nil, slices.Concat(chunks[:i], chunks[i+1:])...), false)
	}
	slices.Reverse(chunks)
	f("chunks in another order", record.AppendTrace(nil, chunks...), false)
	f("twice", append(bytes.Clone(b), b...), false)
}

// TestDamaged analyzes damaged recordings. What is left of one with a race
// may hold it or not; what is left of one without does not, and never allows
// the verdict that there is none, unless all records are there.
func TestDamaged(t *testing.T) {
	every := 997
	if testing.Short() {
		every *= 5
	}
	racy, early, clean := recorded.Lostupdate(), madeTrace(true), madeTrace(false)
	files(t, nil)
	for _, d := range []damaged{
		{"racy", racy, []int{exitFound}},
		{"packed", []byte(packed(string(racy))), []int{exitFound}},
		{"early", early, []int{exitFound}},
		{"clean", clean, []int{exitClean}},
		{"packed", []byte(packed(string(clean))), []int{exitClean}},
	} {
		d.try(t)
	}
	damages(racy, every, func(name string, b []byte, _ bool) {
		d := damaged{"racy, " + name, b, []int{exitFailed, exitInconclusive, exitFound}}
		d.try(t)
	})
	// The good part holds the race if it holds the first chunks of both streams.
	const chunks = 3 * (record.MaxChunk + 20)
	damages(early, every, func(name string, b []byte, _ bool) {
		d := damaged{"early, " + name, b, []int{exitFailed, exitInconclusive, exitFound}}
		var chunk int
		if len(b) >= chunks && bytes.Equal(b[:chunks], early[:chunks]) {
			d.status = d.status[2:]
		} else if n, _ := fmt.Sscanf(name, "chunk %d", &chunk); n == 1 && chunk >= 3 {
			d.status = d.status[2:]
		}
		d.try(t)
	})
	damages(clean, every, func(name string, b []byte, cut bool) {
		d := damaged{"clean, " + name, b, []int{exitFailed, exitInconclusive}}
		if !cut {
			// Damage may have missed the chunks.
			d.status = append(d.status, exitClean)
		}
		if strings.Contains(name, "missing") || strings.HasPrefix(name, "300") {
			d.status = d.status[:2]
		}
		d.try(t)
	})
}

// TestGoodPart makes sure that a race before a cut is found: whatever is cut
// off behind the chunks that hold it.
func TestGoodPart(t *testing.T) {
	racy := recorded.Lostupdate()
	files(t, nil)
	first := 0
	for n := len(racy); n > 16; n -= 499 {
		d := damaged{fmt.Sprintf("cut after %d of %d bytes", n, len(racy)), racy[:n], []int{exitInconclusive, exitFound, exitFailed}}
		if d.try(t) == exitFound {
			if first < n && first != 0 {
				t.Errorf("found in the first %d bytes, not in more", n)
			}
		} else if first == 0 {
			first = n // no shorter one may hold it
		}
	}
	if first == 0 || first > len(racy)*95/100 {
		t.Errorf("the race is found only in more than %d of %d bytes", first, len(racy))
	}
}
