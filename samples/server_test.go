//go:build unix

package samples_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// TestServer puts a racy server under load, stops it by SIGTERM, and analyzes a
// copy of its trace where there is neither its binary nor its source.
func TestServer(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "server")
	if err := os.Link(filepath.Join(bin, "racyserver"), binary); err != nil {
		t.Fatal(err)
	}
	recorded := filepath.Join(t.TempDir(), "trace")
	server := exec.CommandContext(t.Context(), binary)
	server.Env = append(os.Environ(), "HINDSIGHT="+recorded)
	server.Stderr = os.Stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	load(t, strings.TrimSpace(url))
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	server.Wait()
	if status := server.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the server ended with %v, want death by SIGTERM", server.ProcessState)
	}
	if err := os.Remove(binary); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	trace, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "copy"), trace, 0o666); err != nil {
		t.Fatal(err)
	}
	result := analyze(t, dir, "copy")

	want, _ := expected(t, "racyserver/racyserver.go")
	checkRaces(t, result, want)
	for _, r := range result.Races {
		for _, a := range r.Accesses {
			checkStack(t, "stack", a.Stack, "main.count", "main.visit", "net/http.HandlerFunc.ServeHTTP",
				"net/http.serverHandler.ServeHTTP", "net/http.(*conn).serve")
			checkStack(t, "created", a.Created, "net/http.(*Server).Serve", "net/http.Serve", "main.main")
		}
	}
}

// load sends requests over several connections at once, for a second.
func load(t *testing.T, url string) {
	end := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			client := http.Client{Transport: new(http.Transport)}
			for time.Now().Before(end) {
				resp, err := client.Get(url)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(body) != "welcome\n" {
					t.Errorf("got %q, %v", body, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// checkStack checks the functions of a stack, innermost first. What the runtime
// and the compiler add below them is not compared.
func checkStack(t *testing.T, what string, stack []finding.Frame, want ...string) {
	t.Helper()
	var funcs []string
	for _, f := range stack {
		if !strings.HasPrefix(f.Func, "runtime.") && !strings.Contains(f.Func, ".gowrap") {
			funcs = append(funcs, f.Func)
		}
	}
	if !slices.Equal(funcs, want) {
		t.Errorf("%s is %q, want %q", what, funcs, want)
	}
}
