package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/collect/overlay"
	"github.com/spf13/pflag"
)

// A command is one of hindsight's.
type command struct {
	name     string
	synopsis string // of its arguments
	short    string // one line, no full stop
	long     string
	flags    []string        // names of its flags, see options.go
	ofGo     bool            // arguments that are not our flags are the go command's
	words    func() []string // that may be its argument; nil: files or whatever
	run      func(a *app, args []string) (int, error)
}

// commands is the table from which dispatch, help, shell completion and the
// manual page are made. It is filled by
// init, since help refers to it.
var commands []*command

func init() {
	commands = []*command{
		{
			name: "test", synopsis: "[flags] [go test flags] [packages]", ofGo: true, run: runTest,
			short: "run tests, record them, and report their races",
			long: `
Test builds the tests of packages so that they record, runs them, analyzes what
was recorded, and reports the data races. It takes what "go test" takes; flags of
its own are spelled with two dashes and come before -args.

	hindsight test ./...
	hindsight test -run=TestCache -count=3 --output=races.html ./cache
	hindsight test --suppress=races.known ./...

Standard output and standard error of the tests are left alone; the report goes
to standard error. If something was found, a page hindsight.html is written as
well, unless --output names another file. Every process of every test makes a
trace; --trace keeps them. No cached test result is used.

The exit status is 66 if something was found; else that of go test, if it is not
0; else 65 if the recording allows no verdict; else 0.`,
			flags: slices.Concat(recordFlags, reportFlags),
		},
		{
			name: "run", synopsis: "[flags] [go build flags] package [arguments]", ofGo: true, run: runRun,
			short: "run a program, record it, and report its races",
			long: `
Run builds a program so that it records, runs it, analyzes what was recorded, and
reports the data races. It takes what "go run" takes; flags of its own are spelled
with two dashes and come before the package.

	hindsight run ./cmd/server -addr=localhost:8080
	hindsight run --trace=server.trace ./cmd/server

The program gets its arguments, standard input and signals: stop a server as
always, and the report follows. The report goes to standard error; if something
was found, a page hindsight.html is written as well, unless --output names another
file.

The exit status is 66 if something was found; else that of the program (128+n if
signal n killed it), if it is not 0; else 65 if the recording allows no verdict;
else 0.`,
			flags: slices.Concat(recordFlags, reportFlags),
		},
		{
			name: "build", synopsis: "[flags] [go build flags] [packages]", ofGo: true, run: runBuild,
			short: "build a program that records when asked to",
			long: `
Build is "go build", but the program records its execution if the environment
variable HINDSIGHT names a file when it starts. In the name, %p stands for the
number of the process.

	hindsight build -o server ./cmd/server
	HINDSIGHT=server.trace ./server
	hindsight analyze server.trace

Child processes that inherit the variable write server.trace.PID. Without the
variable the program runs as it would, somewhat slower. HINDSIGHT_RECORD=full
or =shared:N (shared, after N records in full) overrides --record, HINDSIGHT_LIMIT=BYTES
--trace-limit, HINDSIGHT_WHENSLOW=wait or =drop --when-slow.`,
			flags: buildFlags,
		},
		{
			name: "analyze", synopsis: "[flags] TRACE|DIR...", run: runAnalyze,
			short: "report the races of recordings",
			long: `
Analyze reads traces of programs that recorded themselves, event scripts, and
results that were saved as JSON or as a page, and reports the data races of all of
them together.

	hindsight analyze server.trace
	hindsight analyze --output=report.html traces/
	ssh host cat server.trace.gz | hindsight analyze --format=json -

What an input is shows in its content; gzip is unpacked; "-" is standard input. A
directory stands for all files in it, at any depth, but for those that begin with a dot
or that a flag names; the order of inputs makes no difference. One that is unreadable
gets its message, the others are analyzed.

The report goes to standard output as text, unless --output or --format say
otherwise. Neither the program nor its source is needed; source lines are shown
if the recorded version of a file is found below the current module or --source.

A suppression file has a line for each thing that need not be told: an id, or words
rule:, object:, func: and file: with a pattern in which * stands for anything, then
after # the reason. A baseline is an earlier result, saved as JSON or as a page. What
they name is listed apart and counts for nothing.

	hindsight analyze --suppress=known.txt --baseline=main.json server.trace

Any other execution trace (runtime/trace, go test -trace, net/http/pprof, a flight
recorder) holds scheduling only. Of that it tells what goroutines there were and who
started them, who waited where, how long, and who ended it, which of them still
waited at the end, perhaps for ever or for each other, and where many waited in
turn. Of races it tells nothing, and the exit status is 65 at best.

	hindsight analyze --since=1.5s --until=2s cpu.trace
	hindsight analyze --goroutine=7,9 cpu.trace

The exit status is 66 if something was found; else 1 if an input was unreadable;
else 65 if a recording allows no verdict; else 0.`,
			flags: slices.Concat(reportFlags, chooseFlags),
		},
		{
			name: "record", synopsis: "[flags] URL|FILE", run: runRecord,
			short: "have a running service record itself, and report its races",
			long: `
Record asks a running service for a trace of the next seconds, keeps it, and analyzes
it as "hindsight analyze" does.

	hindsight record --seconds=10 localhost:6060
	hindsight record --header='Authorization: Bearer TOKEN' https://shop.example.com/ops
	hindsight record --trace=shop.trace http://localhost:6060/debug/hindsight/flight

The service is a host and port, or an address below which it serves
/debug/hindsight/ (package collect of hindsight) or /debug/pprof/ (net/http/pprof);
they are tried in this order. An address that ends in /trace or /flight is taken as it
is. Of a program that "hindsight build" built the trace holds its memory accesses, of
one that uses package collect what it annotates, of any other its scheduling only.

An interrupt ends the recording: what has arrived is kept and analyzed, as it is
when the connection breaks. Redirects are not followed. A file is analyzed.

The exit status is that of analyze, or 1 if no trace came.`,
			flags: slices.Concat(fetchFlags, reportFlags, chooseFlags),
		},
		{
			name: "graph", synopsis: "[flags] TRACE", run: runGraph,
			short: "draw the happens-before graph of a small recording",
			long: `
Graph writes the happens-before graph of a recording or an event script: what each
goroutine did, and what ordered it. The form is DOT, or SVG with --format=svg.

	hindsight graph bug.hbt | dot -Tpdf >bug.pdf
	hindsight graph --output=bug.svg bug.hbt
	hindsight graph --race=3f2a9c01b2d4 report.html

With --race, it is the part of the graph that the page shows of that race: what lies
between the two accesses and their nearest common past. A saved result will do then,
and the beginning of the id is enough. Findings have such graphs, too.

Of a trace without records the graph has what it tells: who started whom, who waited,
and who ended it. It shows up to 2000 events:

	hindsight graph --since=1s --until=1.01s --goroutine=7 cpu.trace

The exit status is 65 if the recording was cut short, else 0.`,
			flags: slices.Concat([]string{"format", "output", "order", "race"}, chooseFlags),
		},
		{
			name: "diff", synopsis: "[flags] OLD NEW", run: runDiff,
			short: "tell what one result has that an earlier one has not",
			long: `
Diff compares two saved results, or recordings, by the ids of what was found. An id
stays the same while the functions around an access do; lines, addresses and
goroutines have no part in it. A line is written for each race and finding:

	new          3f2a9c01b2d4  HB001 main.hits: write counter.go:17, read main.go:9
	still there  b90d6c208548  HB001 main.total: write main.go:20, write main.go:20
	not seen     51c0ffee0042  HB011 main.jobs: send main.go:61

What is not seen need not be fixed: another run may take other paths.

	hindsight diff main.json branch.json

The exit status is 66 if something is new, not counting notes; else 65 if one of the
two allows no verdict; else 0.`,
			flags: []string{"output", "order", "predict", "predict-strict", "predict-budget", "jobs"},
		},
		{
			name: "merge", synopsis: "[flags] RESULT|DIR...", run: runMerge,
			short: "make one result of several",
			long: `
Merge makes one result of the results of several runs. It may be done in any order
and in any number of steps: the results of a thousand test machines can be merged in
groups, and then the groups. Occurrences add up.

	hindsight merge --output=all.json run-*.json
	hindsight merge --output=all.html results/
	hindsight merge --baseline=main.json results/

The result goes to standard output as JSON, unless --output or --format say
otherwise. The exit status is that of analyze.`,
			flags: slices.Concat([]string{"format", "output", "source", "jobs"}, outputFlags),
		},
		{
			name: "explain", synopsis: "[RULE]", run: runExplain, words: ruleIDs,
			short: "explain a rule, or list them",
			long: `
Explain says what a rule means, why it matters and what to do, with code that has
the mistake and the same code without it.

	hindsight explain HB001`,
		},
		{
			name: "dump", synopsis: "[flags] TRACE", run: runDump,
			short: "write a recording as an event script",
			long: `
Dump writes a recording as an event script: a line for each thing that a goroutine
did, in an order in which it can have happened. "hindsight analyze" reads it.

	hindsight dump server.trace | grep 'write main.counter'

With --witness it writes the schedule that shows a predicted race, at whose end
both accesses happen: a part of the recording in another order.

	hindsight dump --witness=3f2a9c01b2d4 bug.hbt >race.hbt

The exit status is 65 if the recording was cut short, else 0.`,
			flags: []string{"output", "witness", "order", "predict", "predict-strict", "predict-budget"},
		},
		{
			name: "version", run: runVersion,
			short: "print the version of hindsight and the versions of Go that it knows",
		},
		{
			name: "completion", synopsis: "SHELL", run: runCompletion, words: shells,
			short: "print a script that completes commands and flags in a shell",
			long: `
Completion prints a script for bash, zsh or fish that completes the names of
commands, flags and rules. To load it in the current shell:

	source <(hindsight completion bash)
	source <(hindsight completion zsh)
	hindsight completion fish | source`,
		},
		{
			name: "man", run: runMan,
			short: "print the manual page",
			long: `
Man prints the manual page: everything that help tells, in one text.

	hindsight man >/usr/local/share/man/man1/hindsight.1`,
		},
		{
			name: "help", synopsis: "[command]", run: runHelp, words: commandNames,
			short: "explain hindsight or one of its commands",
		},
	}
}

// commandNamed finds a command; nil if there is none.
func commandNamed(name string) *command {
	for _, c := range commands {
		if c.name == name {
			return c
		}
	}
	return nil
}

// flagSet makes the command's flags, which set o.
func (c *command) flagSet(o *options) *pflag.FlagSet {
	flags := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.SortFlags = false
	o.define(flags, c)
	return flags
}

func (c *command) writeHelp(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s\n", strings.TrimSpace("hindsight "+c.name+" "+c.synopsis))
	if long := cmp.Or(strings.TrimSpace(c.long), capital(c.short)+"."); long != "" {
		fmt.Fprintf(&b, "\n%s\n", long)
	}
	if flags := c.flagSet(new(options)); flags.HasFlags() {
		fmt.Fprintf(&b, "\nFlags:\n%s", flags.FlagUsages())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const about = `Hindsight finds the data races of a Go program after the fact: it records an
execution, then analyzes the recording.
`

const exits = `Exit status: 0 nothing found, 66 something found, 65 nothing found but the
recording allows no verdict, 2 mistake in the arguments, 1 other failure. "test"
and "run" exit as the program did if nothing was found.
`

func writeHelp(w io.Writer) error {
	var b strings.Builder
	b.WriteString(about + `
usage: hindsight COMMAND [flags] [arguments]

`)
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-11s %s\n", c.name, c.short)
	}
	b.WriteString(`
To begin with, run the tests of a module, or a program:

	hindsight test ./...
	hindsight run ./cmd/server

"hindsight help COMMAND" explains a command and its flags.

` + exits)
	_, err := io.WriteString(w, b.String())
	return err
}

func runHelp(a *app, args []string) (int, error) {
	switch len(args) {
	case 0:
		return exitClean, writeHelp(a.stdout)
	case 1:
		if c := commandNamed(args[0]); c != nil {
			return exitClean, c.writeHelp(a.stdout)
		}
		return 0, usage("unknown command %q", args[0])
	}
	return 0, usage("help takes one command")
}

func runVersion(a *app, args []string) (int, error) {
	if len(args) > 0 {
		return 0, usage("version takes no arguments")
	}
	version, revision := version()
	_, err := fmt.Fprintf(a.stdout, "hindsight %s%s %s %s/%s, records programs of Go %s\n",
		version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(overlay.Supported, " and "))
	return exitClean, err
}

// version is that of this command, and the revision that it was built from
// after a space, unless the version says it.
func version() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && !strings.Contains(info.Main.Version, s.Value[:min(12, len(s.Value))]) {
			revision = " " + s.Value
		}
	}
	return info.Main.Version, revision
}
