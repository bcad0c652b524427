//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSignals stops a recorded server as its user would.
func TestSignals(t *testing.T) {
	files(t, map[string]string{"go.mod": "module example.com/m\n\ngo 1.25\n", "main.go": `package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	fmt.Println("ready")
	fmt.Println(<-signals)
	os.Exit(3)
}
`})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := exec.Command(self, "run", "--trace=kept.trace", ".")
		cmd.Env = append(os.Environ(), asHindsight+"=1", "TMPDIR="+temp, "GOFLAGS=")
		cmd.Stderr = os.Stderr
		// In a session of its own, so that there is no terminal.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if line, err := lines.ReadString('\n'); line != "ready\n" {
			t.Fatalf("%v: %q, %v", sig, line, err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(lines)
		if strings.TrimSpace(string(rest)) != sig.String() {
			t.Errorf("%v: the program printed %q", sig, rest)
		}
		err = cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("%v: %v, want exit status 3", sig, err)
		}
		if left, _ := filepath.Glob(filepath.Join(temp, "hindsight*")); len(left) > 0 {
			t.Errorf("%v: left behind: %q", sig, left)
		}
		if left, _ := filepath.Glob(".hindsight-*"); len(left) > 0 {
			t.Errorf("%v: left behind: %q", sig, left)
		}
		if _, err := os.Stat("kept.trace"); err != nil {
			t.Error(err)
		}
	}
}
