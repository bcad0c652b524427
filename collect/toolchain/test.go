package toolchain

import (
	"os"
	"path/filepath"
	"slices"
)

// Test is go test. Every process of every test program makes a trace in
// o.Traces. A cached result is never accepted.
func Test(o Options) (Outcome, error) {
	c, err := prepare(o, true)
	if err != nil {
		return Outcome{}, err
	}
	if err := c.coverMode(); err != nil {
		return Outcome{}, err
	}
	var more []string
	if _, ok := c.last("count", "test.count"); !ok {
		more = append(more, "-count=1")
	}
	linked, err := os.MkdirTemp("", "hindsight-linked-*")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(linked)

	cmd := c.build("test", more...)
	cmd.Env = append(cmd.Env, o.traceEnv(), envLinked+"="+linked)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.Stdin, o.Stdout, o.Stderr
	status, err := wait(cmd)
	if err != nil {
		return Outcome{}, err
	}
	made, err := os.ReadDir(o.Traces)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Status: status, Started: len(made) > 0}
	if w, ok := c.last("c"); ok && w.on() {
		return out, nil // built only
	}
	logs, err := os.ReadDir(linked)
	if err != nil {
		return Outcome{}, err
	}
	for _, l := range logs {
		data, err := os.ReadFile(filepath.Join(linked, l.Name()))
		if err != nil {
			return Outcome{}, err
		}
		out.Linked = append(out.Linked, string(data))
	}
	slices.Sort(out.Linked)
	return out, nil
}

// envLinked names the directory where the link steps of a go test leave a file
// each, holding the import path of the program.
const envLinked = "HINDSIGHT_LINKED"

// logLinked leaves such a file.
func logLinked(path string) error {
	dir := os.Getenv(envLinked)
	if dir == "" || path == "" {
		return nil
	}
	f, err := os.CreateTemp(dir, "linked-*")
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(path)
	return err
}
