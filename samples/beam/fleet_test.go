package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/trace"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/hindsight-go/hindsight/analyze"
	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	os.Exit(m.Run())
}

func packed(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The pipeline's result is that of the files one after the other, whatever the
// runner did with them.
func TestFleet(t *testing.T) {
	dir := t.TempDir()
	lostUpdate := recorded.Lostupdate()
	files := map[string][]byte{"a.trace": lostUpdate, "b.trace": lostUpdate, "c.trace.gz": packed(t, lostUpdate)}
	for n := range 20 {
		files[fmt.Sprintf("%d.hbt", n)] = fmt.Appendf(nil, "g1 go g2 @m.go:1\ng1 write x @m.go:%d\ng2 read x @m.go:%d\n", n%4, n%3)
	}
	var whole analyze.Merger
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			data = lostUpdate
		}
		unpacked := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(unpacked, data, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		result, err := analyzed(f, "fast")
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := whole.Add(result); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := whole.Result()
	if err != nil {
		t.Fatal(err)
	}
	want, err := encode(sum)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []bool{false, true} {
		if broken {
			for name, text := range map[string]string{"broken.trace": "\x7fELF\x02\x01", "empty": ""} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
		output := filepath.Join(t.TempDir(), "fleet.json")
		status, err := run(context.Background(), filepath.Join(dir, "*"), output, "fast")
		if err != nil || status != 66 {
			t.Fatalf("status %d, %v", status, err)
		}
		got, err := os.ReadFile(output)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v, the pipeline's result differs:\n%s\nwant\n%s", err, got, want)
		}
		failed, err := os.ReadFile(output + ".unreadable")
		if err != nil || broken != strings.Contains(string(failed), "broken.trace: ") || broken != strings.Contains(string(failed), "empty: is empty") {
			t.Errorf("%v, unreadable: %q", err, failed)
		}
	}
}

// A trace without records gives no verdict, and what it tells of goroutines.
func TestPlain(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "fleet.json")
	f, err := os.Create(filepath.Join(dir, "plain.trace"))
	if err != nil {
		t.Fatal(err)
	}
	if err := trace.Start(f); err != nil {
		t.Fatal(err)
	}
	trace.Stop()
	f.Close()
	if status, err := run(context.Background(), filepath.Join(dir, "*"), out, "off"); err != nil || status != 65 {
		t.Fatalf("status %d, %v", status, err)
	}
	if data, err := os.ReadFile(out); err != nil || !strings.Contains(string(data), `"scheduling": {`) {
		t.Errorf("%v\n%s", err, data)
	}
}

// Saved results are merged with what others come to.
func TestSaved(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "fleet.json")
	if err := os.WriteFile(filepath.Join(dir, "quiet"), []byte("g1 go g2\ng2 write x\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if status, err := run(context.Background(), filepath.Join(dir, "*"), out, "off"); err != nil || status != 0 {
		t.Fatalf("status %d, %v", status, err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "saved.json"), data, 0o666); err != nil {
		t.Fatal(err)
	}
	if status, err := run(context.Background(), filepath.Join(dir, "*"), out, "off"); err != nil || status != 0 {
		t.Fatalf("status %d, %v", status, err)
	}
	if data, err := os.ReadFile(out); err != nil || strings.Count(string(data), `"goroutines": 2`) != 2 {
		t.Errorf("%v\n%s", err, data)
	}
	if _, err := run(context.Background(), filepath.Join(dir, "nothing*"), out, "off"); err == nil {
		t.Error("no files, no error")
	}
}
