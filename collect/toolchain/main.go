package toolchain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The verbs under which the go command calls this executable back.
const (
	verbTool = "__toolexec" // LINKSTEP [WORDS] TOOL [ARGUMENTS]
	verbTake = "__take"     // DIRECTORY PROGRAM [ARGUMENTS]
)

// Main serves the go command's calls of this executable. It does not return if
// args, without the program's name, are such a call.
func Main(args []string) {
	if len(args) < 3 {
		return
	}
	var err error
	switch args[0] {
	case verbTool:
		err = runTool(args[1], args[2:])
	case verbTake:
		err = takeProgram(args[1], args[2])
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hindsight:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// takeProgram is what go run runs in place of the program: it keeps it.
func takeProgram(dir, program string) error {
	to := filepath.Join(dir, filepath.Base(program))
	if os.Link(program, to) == nil {
		return nil
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// runTool runs a tool of the toolchain, perhaps through the user's own
// -toolexec, and appends a trailer to what the linker makes.
func runTool(file string, words []string) error {
	i := slices.IndexFunc(words, isLinker)
	if i < 0 {
		return replace(words[0], words[1:])
	}
	args := words[i+1:]
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = os.Stdin
	if slices.Equal(args, []string{"-V=full"}) {
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return toolFailed(err)
		}
		return printVersion(os.Stdout, string(out), file)
	}
	var messages bytes.Buffer // the go command shows both streams as one
	cmd.Stdout, cmd.Stderr = &messages, &messages
	err := cmd.Run()
	for line := range strings.Lines(messages.String()) {
		// The linker looks for ThreadSanitizer, is content without it, and says so.
		if !strings.Contains(line, "loadinternal: cannot find runtime/race") {
			io.WriteString(os.Stderr, line)
		}
	}
	if err != nil {
		return toolFailed(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var link linkStep
	if err := json.Unmarshal(data, &link); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	output, mode := "", "exe"
	for i, a := range args {
		if a == "-o" && i+1 < len(args) {
			output = args[i+1]
		}
		if m, ok := strings.CutPrefix(a, "-buildmode="); ok {
			mode = m
		}
	}
	if mode != "exe" && mode != "pie" {
		return nil
	}
	return link.finish(output)
}

// isLinker reports whether a word names the linker of a toolchain. A user's
// -toolexec can hardly have such a word of its own.
func isLinker(word string) bool {
	name := strings.TrimSuffix(filepath.Base(word), ".exe")
	return name == "link" && filepath.IsAbs(word)
}

// printVersion adds to the linker's version what our trailer depends on, so that
// an executable with another one is not up to date. What was compiled stays so.
func printVersion(w io.Writer, version, file string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	ours := fmt.Sprintf("hindsight/%x-%s", digest(data), strings.TrimSuffix(filepath.Base(file), ".json"))
	words := strings.Fields(version)
	if n := len(words); n > 2 && strings.Contains(words[2], "devel") {
		// A development version is told by the build ID, its last word.
		words[n-1] += "-" + fmt.Sprintf("%x", digest([]byte(ours)))
	} else {
		words = append(words, ours)
	}
	_, err = fmt.Fprintln(w, strings.Join(words, " "))
	return err
}

// toolFailed ends this process as a tool ended that has said why.
func toolFailed(err error) error {
	status, err := exitStatus(err)
	if err == nil {
		os.Exit(status)
	}
	return err
}
