//go:build unix

package toolchain

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// wait runs a command to its end and passes on the signals that this process
// gets: its exit status is that of a shell, 128+n for a death by signal n.
func wait(cmd *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer func() {
		signal.Stop(signals)
		close(signals)
	}()
	// A terminal's foreground processes get its signals without our help. In
	// the background the command leads a group, so that its children are
	// reached as well.
	foreground := inForeground()
	if !foreground {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			n := s.(syscall.Signal)
			switch {
			case !foreground:
				syscall.Kill(-cmd.Process.Pid, n)
			case n != syscall.SIGINT && n != syscall.SIGQUIT:
				cmd.Process.Signal(n)
			}
		}
	}()
	return exitStatus(cmd.Wait())
}

// inForeground reports whether this process belongs to the foreground group of
// its terminal.
func inForeground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

func deathSignal(p *os.ProcessState) (int, bool) {
	s, ok := p.Sys().(syscall.WaitStatus)
	return int(s.Signal()), ok && s.Signaled()
}

// replace turns this process into another program.
func replace(name string, args []string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{name}, args...), os.Environ())
}
