// Hindsight finds the data races of a Go program after the fact: it records an
// execution, then analyzes the recording.
//
// Usage:
//
//	hindsight COMMAND [flags] [arguments]
//
// "hindsight help" lists the commands, "hindsight help COMMAND" explains one.
//
// The exit status is 0 if nothing was found and the recording was complete, 66
// if something was found, 65 if nothing was found but the recording does not
// allow a verdict, 2 after a mistake in the arguments and 1 after any other
// failure. "hindsight test" and "hindsight run" exit as the program did if
// nothing was found.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/witness"
	"github.com/hindsight-go/hindsight/collect/toolchain"
	"github.com/spf13/pflag"
)

// Exit statuses.
const (
	exitClean        = 0
	exitFailed       = 1
	exitUsage        = 2
	exitInconclusive = 65
	exitFound        = 66
)

func main() {
	toolchain.Main(os.Args[1:])
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // a large trace needs its memory for itself
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// An app is one call of the command.
type app struct {
	options
	stdin          io.Reader
	stdout, stderr io.Writer
	temp           temp
	sources        *sources
	progress       *progress
	copies         copies
	interrupted    atomic.Bool                            // the user wants to see what there is so far
	took           func(*finding.Steps, *witness.Witness) // see analyze.Options
}

// note tells the user something on standard error.
func (a *app) note(format string, args ...any) {
	a.progress.clear()
	fmt.Fprintf(a.stderr, "hindsight: "+format+"\n", args...)
}

// usage makes an error about the arguments.
func usage(format string, args ...any) error {
	return &toolchain.UsageError{Message: fmt.Sprintf(format, args...)}
}

// run is the whole command: it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, progress: newProgress(stderr), sources: newSources("")}
	return a.run(args)
}

func (a *app) run(args []string) int {
	defer a.temp.clean()
	if len(args) == 0 {
		writeHelp(a.stderr)
		return exitUsage
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "--version", "-version":
		name = "version"
	}
	c := commandNamed(name)
	if c == nil {
		a.note("unknown command %q\nRun 'hindsight help' for the list of commands.", name)
		return exitUsage
	}
	status, err := c.call(a, args[1:])
	var mistake *toolchain.UsageError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		if err := c.writeHelp(a.stdout); err != nil {
			a.note("%v", err)
			return exitFailed
		}
		return exitClean
	case errors.As(err, &mistake):
		a.note("%v\nRun 'hindsight help %s' for how to use it.", err, c.name)
		return exitUsage
	case err != nil:
		a.note("%s", strings.TrimSpace(err.Error()))
		return exitFailed
	}
	return status
}

// call parses the command's flags and runs it.
func (c *command) call(a *app, args []string) (int, error) {
	flags := c.flagSet(&a.options)
	var err error
	if c.ofGo {
		ours, gos := splitArgs(flags, args, c.name == "run")
		if err = flags.Parse(ours); err == nil {
			args = gos
		}
	} else if err = flags.Parse(args); err == nil {
		args = flags.Args()
	}
	if errors.Is(err, pflag.ErrHelp) {
		return 0, err
	}
	if err != nil {
		return 0, usage("%v", err)
	}
	if err := a.options.check(); err != nil {
		return 0, err
	}
	return c.run(a, args)
}

// splitArgs separates our flags, spelled --name, from the arguments of the go
// command. Ours come before -args or, if beforePackage is true, before the first
// argument that is not a flag.
func splitArgs(flags *pflag.FlagSet, args []string, beforePackage bool) (ours, gos []string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		name, long := strings.CutPrefix(a, "--")
		name, _, hasValue := strings.Cut(name, "=")
		ourFlag := flags.Lookup(name)
		switch {
		case a == "-args" || a == "--args" || a == "--",
			beforePackage && (!strings.HasPrefix(a, "-") || a == "-"):
			return ours, append(gos, args[i:]...)
		case a == "-h" || a == "-help" || a == "--help":
			return []string{"--help"}, nil
		case long && ourFlag != nil:
			ours = append(ours, a)
			if !hasValue && ourFlag.NoOptDefVal == "" && i+1 < len(args) {
				i++
				ours = append(ours, args[i])
			}
		default:
			gos = append(gos, a)
			if !hasValue && strings.HasPrefix(a, "-") && toolchain.TakesValue(strings.TrimLeft(name, "-")) && i+1 < len(args) {
				i++
				gos = append(gos, args[i])
			}
		}
	}
	return ours, gos
}
