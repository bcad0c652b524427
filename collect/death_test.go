//go:build unix && !hindsight

package collect

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// In the environment of a child of the tests: what it should die of, and its
// dump. See TestMain.
const dieOf, dieInto = "COLLECT_TEST_DIE", "COLLECT_TEST_DUMP"

func TestMain(m *testing.M) {
	if how := os.Getenv(dieOf); how != "" {
		die(how, os.Getenv(dieInto))
		return
	}
	os.Exit(m.Run())
}

// die dies of what it is told, with a flight recorder if there is a file to
// dump into.
func die(how, name string) {
	f := new(Flight)
	if name != "" {
		if err := f.Start(); err != nil {
			panic(err)
		}
	} else {
		how = strings.TrimPrefix(how, "flight ")
	}
	switch how {
	case "flight quit":
		if _, err := f.OnQuit(name); err != nil {
			panic(err)
		}
		fallthrough
	case "quit":
		syscall.Kill(os.Getpid(), syscall.SIGQUIT)
		select {}
	case "flight panic":
		defer f.OnPanic(name)
		_ = []int(nil)[len(how)]
	case "panic":
		_ = []int(nil)[len(how)]
	case "flight return", "return":
		func() {
			defer f.OnPanic(name)
		}()
		defer func() { recover() }()
		defer func() { func() { defer f.OnPanic(name) }() }() // itself in no panic
		panic("of no interest to the deferred function's function")
	case "flight goexit", "goexit":
		done := make(chan bool)
		go func() {
			defer close(done)
			defer f.OnPanic(name)
			runtime.Goexit()
		}()
		<-done
	}
}

// The flight recorder writes its file when it should, and the program dies as
// it would have without.
func TestDeath(t *testing.T) {
	for _, c := range []struct {
		how    string
		status int
		stderr string // how its first line begins
		dump   bool
	}{
		{"quit", 2, "SIGQUIT: quit", true},
		{"panic", 2, "panic: runtime error: index out of range", true},
		{"return", 0, "", false},
		{"goexit", 0, "", false},
	} {
		t.Run(c.how, func(t *testing.T) {
			for _, name := range []string{"", filepath.Join(t.TempDir(), "dump.trace")} {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), dieOf+"=flight "+c.how, dieInto+"="+name)
				var stderr strings.Builder
				cmd.Stderr = &stderr
				cmd.Run()
				if got := cmd.ProcessState.ExitCode(); got != c.status {
					t.Errorf("dump %q: exit status %d, want %d\n%s", name, got, c.status, &stderr)
				}
				if got, _, _ := strings.Cut(stderr.String(), "\n"); !strings.HasPrefix(got, c.stderr) || c.stderr == "" && got != "" {
					t.Errorf("dump %q: standard error begins %q, want %q", name, got, c.stderr)
				}
				if name == "" {
					continue
				}
				b, err := os.ReadFile(name)
				switch {
				case !c.dump:
					if err == nil {
						t.Error("there is a dump")
					}
				case err != nil:
					t.Error(err)
				default:
					check(t, b)
				}
			}
		})
	}
}
