package scheduling_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/scheduling"
)

// converter turns the text form of the trace reader's test data into traces. It is
// built as if it lay in GOROOT, where alone it may import what reads that form.
const converter = `package main

import (
	"internal/trace/testtrace"
	"io"
	"log"
	"os"
	"strconv"
)

func main() {
	for i, name := range os.Args[2:] {
		r, _, _, err := testtrace.ParseFile(name)
		if err != nil {
			log.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(os.Args[1]+"/"+strconv.Itoa(i), data, 0o666)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}
`

// TestPublicTraces reads the traces that the trace reader's authors keep as test
// data, in GOROOT and in the module golang.org/x/exp: well-formed ones, ones that
// break the rules, what fuzzing found, and those of old versions.
func TestPublicTraces(t *testing.T) {
	goEnv := func(args ...string) string {
		out, err := exec.Command("go", args...).Output()
		if err != nil {
			t.Fatalf("go %q: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	goroot := filepath.Join(goEnv("env", "GOROOT"), "src", "internal", "trace")
	module := filepath.Join(goEnv("list", "-m", "-f", "{{.Dir}}", "golang.org/x/exp"), "trace")
	var texts []string
	traces := map[string][]byte{}
	for _, dir := range []string{goroot, module} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(name, "testdata") {
				return err
			}
			data, err := os.ReadFile(name)
			fuzzed, isFuzzed := strings.CutPrefix(string(data), "go test fuzz v1\n[]byte(")
			switch {
			case err != nil:
				return err
			case strings.HasSuffix(name, ".test"):
				texts = append(texts, name)
			case isFuzzed:
				text, err := strconv.Unquote(strings.TrimSuffix(strings.TrimSpace(fuzzed), ")"))
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				traces[name] = []byte(text)
			case bytes.HasPrefix(data, []byte("go 1.")):
				traces[name] = data
			}
			return nil
		})
		if err != nil {
			t.Logf("%s is not searched: %v", dir, err)
		}
	}

	tmp := t.TempDir()
	source, overlay := filepath.Join(tmp, "main.go"), filepath.Join(tmp, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(goroot, "testtrace", "convert", "main.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{source: []byte(converter), overlay: replace} {
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if len(texts) > 0 {
		cmd := exec.Command("go", append([]string{"run", "-overlay", overlay, "internal/trace/testtrace/convert", tmp}, texts...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("the test data cannot be converted: %v\n%s", err, out)
		}
	}
	for i, name := range texts {
		data, err := os.ReadFile(filepath.Join(tmp, strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		traces[name] = data
	}
	if len(traces) == 0 {
		t.Skip("there is no test data")
	}

	read := 0
	for name, data := range traces {
		b, err := observe(t, data, scheduling.Options{Graph: true})
		if err == nil {
			read++
		} else if strings.Contains(err.Error(), "runtime error") {
			t.Errorf("%s: %v", name, err)
		}
		s, _ := b.Result()
		if strings.Contains(name, "go122-gc-stress") && (err != nil || s.Started == 0 && s.Existed == 0 || len(s.Places) == 0) {
			t.Errorf("%s: %v, %+v", name, err, s)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d traces, of which %d can be read to their end", len(traces), read)
	if read < len(texts)/2 {
		t.Errorf("of %d traces only %d can be read", len(traces), read)
	}
}
