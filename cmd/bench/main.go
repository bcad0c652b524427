// Bench measures what Hindsight costs and prints it as tables, which are what the
// tables in docs/performance.md are made of.
//
// Usage:
//
//	bench analysis [flags] [trace...]
//	bench recording [flags]
//
// "bench analysis" measures the analysis of recordings: of the given ones, and of
// made-up ones of growing length and of growing numbers of goroutines.
//
// "bench recording" measures recording: benchmarks of the standard library, built
// plain, with -race and instrumented, run by turns. It needs what -race needs: a C
// compiler.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
)

// subcommands are what can be measured.
var subcommands = map[string]func(args []string, out io.Writer) error{
	"analysis":  runAnalysis,
	"recording": runRecording,
}

func main() {
	if len(os.Args) < 2 || subcommands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bench analysis [flags] [trace...]\n       bench recording [flags]")
		os.Exit(2)
	}
	err := subcommands[os.Args[1]](os.Args[2:], os.Stdout)
	switch {
	case errors.Is(err, pflag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
