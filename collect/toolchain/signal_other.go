//go:build !unix

package toolchain

import (
	"os"
	"os/exec"
	"os/signal"
)

// wait runs a command to its end. The console sends an interrupt to it as well
// as to this process, which goes on to analyze.
func wait(cmd *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	defer signal.Stop(signals)
	return exitStatus(cmd.Run())
}

func deathSignal(*os.ProcessState) (int, bool) { return 0, false }

// replace runs another program in place of this one.
func replace(name string, args []string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	status, err := exitStatus(cmd.Run())
	if err == nil {
		os.Exit(status)
	}
	return err
}
