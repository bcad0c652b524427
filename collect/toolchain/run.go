package toolchain

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// An Outcome is how a recorded command went.
type Outcome struct {
	Status  int      // exit status of the program, or of go test
	Started bool     // a program was run; if not, Status is the go command's
	Pid     int      // Run: of the program
	Linked  []string // Test: import paths of the test programs that were built ("example.com/m/p.test")
}

// Run is go run. It builds the program, then runs it in the place where go run
// would. Every process of it makes a trace in o.Traces.
func Run(o Options) (Outcome, error) {
	var arguments []string // the program's: none of go run's business
	o.Args, arguments = splitRun(o.Args)
	c, err := prepare(o, false)
	if err != nil {
		return Outcome{}, err
	}
	if err := c.coverMode(); err != nil {
		return Outcome{}, err
	}

	var wrapper []string
	for _, w := range append(c.env.take("exec"), c.args.take("exec")...) {
		if wrapper, err = splitQuoted(w.value); err != nil {
			return Outcome{}, &UsageError{"-exec: " + err.Error()}
		}
	}
	if len(wrapper) == 0 {
		// go run finds an emulator under this name.
		if path, err := exec.LookPath("go_" + c.GOOS + "_" + c.GOARCH + "_exec"); err == nil {
			wrapper = []string{path}
		}
	}
	dir, err := os.MkdirTemp("", "hindsight-run-*")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return Outcome{}, err
	}
	take, err := joinQuoted([]string{self, verbTake, dir})
	if err != nil {
		return Outcome{}, err
	}
	cmd := c.build("run", "-exec="+take)
	cmd.Stdout, cmd.Stderr = o.Stdout, o.Stderr
	status, err := wait(cmd)
	if err != nil || status != 0 {
		return Outcome{Status: status}, err
	}
	built, err := os.ReadDir(dir)
	if err != nil || len(built) == 0 {
		return Outcome{}, err // -n
	}

	program := filepath.Join(dir, built[0].Name())
	words := append(append(wrapper, program), arguments...)
	cmd = exec.Command(words[0], words[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), o.traceEnv())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.Stdin, o.Stdout, o.Stderr
	status, err = wait(cmd)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Status: status, Started: true, Pid: cmd.Process.Pid}, nil
}

// splitRun separates the flags and the package of go run from the program's
// arguments.
func splitRun(args []string) (gos, programs []string) {
	list := parse(args, false)
	n := 0
	for n < len(list) && list[n].name != "" {
		n++
	}
	first := n
	for n < len(list) && strings.HasSuffix(list[n].text[0], ".go") {
		n++
	}
	if n == first {
		n = min(first+1, len(list))
	}
	return list[:n].args(), list[n:].args()
}
