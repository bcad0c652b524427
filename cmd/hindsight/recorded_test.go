package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dumpOf runs a program, and returns what it prints and the lines of hindsight dump of
// what it has recorded.
func dumpOf(t *testing.T, record, bin string, args ...string) (printed, dump []string) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "HINDSIGHT="+trace, "HINDSIGHT_RECORD="+record)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var dumped, notes bytes.Buffer
	if code := run([]string{"dump", trace}, nil, &dumped, &notes); code != 0 {
		t.Fatalf("dump: %d\n%s", code, &notes)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), strings.Split(dumped.String(), "\n")
}

// TestStacks compares the stack of each of a program's writes with what the program
// says: a call that is made again from the same place is not told again.
func TestStacks(t *testing.T) {
	want, dump := dumpOf(t, "full", instrumented(t, "calls"))
	stack := regexp.MustCompile(`^\.stack (\d+) (.*)$`)
	frame := regexp.MustCompile(`"([^"]*)" "[^"]*" (\d+)`)
	write := regexp.MustCompile(`^g\d+ write main\.v\[\] (\d+) 1 @.* \^(\d+)$`)
	stacks := make(map[string]string)
	got := make(map[string]string)
	for _, line := range dump {
		if m := stack.FindStringSubmatch(line); m != nil {
			s := ""
			for _, f := range frame.FindAllStringSubmatch(m[2], -1)[1:] {
				s += fmt.Sprintf(" %s:%s", f[1], f[2])
				if f[1] == "main.main" {
					break
				}
			}
			stacks[m[1]] = s
		} else if m := write.FindStringSubmatch(line); m != nil {
			got[m[1]] = m[1] + stacks[m[2]]
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d writes, want %d", len(got), len(want))
	}
	for _, w := range want {
		if n, _, _ := strings.Cut(w, " "); got[n] != w {
			t.Errorf("write %s is called by\n%s, it says by\n%s", n, got[n], w)
		}
	}
}

// TestUntold is of functions that do not tell of their calls, as package sync's: an access
// in one is shown with who called it.
func TestUntold(t *testing.T) {
	files(t, map[string]string{"go.mod": "module example.com/m\n\ngo 1.25\n", "main.go": `package main

import "sync"

type guarded struct{ mu sync.RWMutex }

func use(g *guarded) {
	g.mu.RLock()
	g.mu.RUnlock()
}

func main() {
	g := new(guarded)
	done := make(chan bool)
	go func() {
		use(g)
		done <- true
	}()
	*g = guarded{}
	<-done
}
`})
	status, _, stderr := call("", "run", "--predict=off", ".")
	if want := regexp.MustCompile(`sync\.\(\*RWMutex\)\.RLock\(\)\n.*\n +main\.use\(\)\n.*main\.go:8 `); status != exitFound || !want.MatchString(stderr) {
		t.Errorf("exit %d\n%s", status, stderr)
	}
}

// TestRanges compares what is recorded of a program's accesses to bytes and ranges
// of bytes with what it says. In a short recording that is all; in a long
// one each byte that is read or written in a segment is recorded once there, but for
// a read after a write.
func TestRanges(t *testing.T) {
	access := regexp.MustCompile(`^g1 (read|write) main\.(v|far)\[\] (\d+) (\d+) `)
	const size, places, apart = 48, 8, 4 << 10
	bin := instrumented(t, "ranges")
	counts := make(map[string]int)
	for _, record := range []string{"full", "shared:0"} {
		want, dump := dumpOf(t, record, bin, "400")
		var got [][2][size + places]bool // of each segment, bytes read and written
		got = append(got, [2][size + places]bool{})
		for _, line := range dump {
			if strings.HasPrefix(line, "g1 send ") {
				got = append(got, [2][size + places]bool{})
			}
			m := access.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			counts[record]++
			var at, n, kind int
			fmt.Sscan(m[3], &at)
			fmt.Sscan(m[4], &n)
			if m[1] == "write" {
				kind = 1
			}
			if m[2] == "far" {
				at = size + at/apart
			}
			for i := range n {
				got[len(got)-1][kind][at+i] = true
			}
		}
		if len(got) != len(want)+1 {
			t.Fatalf("%s: %d segments, want %d", record, len(got)-1, len(want))
		}
		for i, line := range want {
			words := strings.Fields(line)
			for k := range size + places {
				read, first, written := strings.Contains(words[k], "r"), strings.Contains(words[k], "R"), strings.Contains(words[k], "w")
				if got[i][1][k] != written {
					t.Errorf("%s: segment %d, byte %d: written: %t, recorded: %t", record, i, k, written, got[i][1][k])
				}
				if got[i][0][k] && !read || !got[i][0][k] && (first || read && record == "full") {
					t.Errorf("%s: segment %d, byte %d: read: %t, recorded: %t, written: %t", record, i, k, read, got[i][0][k], written)
				}
			}
		}
	}
	if counts["shared:0"] > counts["full"]/2 {
		t.Errorf("%d accesses are recorded, %d of a short recording", counts["shared:0"], counts["full"])
	}
}
