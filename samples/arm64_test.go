package samples_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/finding"
)

// TestArm64 records a program for linux/arm64, under an emulator where the
// machine is another one.
func TestArm64(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("arm64 programs are recorded on linux")
	}
	var emulator []string
	if runtime.GOARCH != "arm64" {
		path, err := exec.LookPath("qemu-aarch64-static")
		if err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip("needs qemu-aarch64-static (Debian's qemu-user-static)")
		}
		emulator = []string{path}
	}
	dir := t.TempDir()
	prog, trace := filepath.Join(dir, "prog"), filepath.Join(dir, "x.trace")
	build := exec.Command(hindsight, "build", "-o", prog, "./lostupdate")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	args := append(emulator, prog)
	run := exec.Command(args[0], args[1:]...)
	run.Env = append(os.Environ(), "HINDSIGHT="+trace)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, _ := exec.Command(hindsight, "analyze", "--format", "json", trace).Output()
	var r finding.Result
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&r); err != nil {
		t.Fatal(err)
	}
	// The emulator's /proc/self/exe is the emulator, so that the program finds
	// no table of its variables there.
	if len(r.Races) != 1 || !strings.HasSuffix(r.Races[0].Accesses[0].Site.File, "lostupdate.go") || r.Runs[0].GOARCH != "arm64" {
		t.Errorf("%s", out)
	}
}
