package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hindsight-go/hindsight/analyze"
	"github.com/hindsight-go/hindsight/analyze/recording"
	"github.com/spf13/pflag"
	"golang.org/x/exp/trace"
)

// analysisFlags are those of "bench analysis".
type analysisFlags struct {
	runs    int
	most    int
	jobs    int
	profile string
	one     string // what a child process measures
}

func runAnalysis(args []string, out io.Writer) error {
	var f analysisFlags
	flags := pflag.NewFlagSet("bench analysis", pflag.ContinueOnError)
	flags.IntVar(&f.runs, "runs", 5, "measure each `N` times, after a first time that does not count")
	flags.IntVar(&f.most, "records", 10_000_000, "the longest made-up recording has about `N` records")
	flags.IntVar(&f.jobs, "jobs", 0, "analyze with `N` threads")
	flags.StringVar(&f.profile, "cpuprofile", "", "write a profile of the last analysis to `FILE`")
	flags.StringVar(&f.one, "one", "", "")
	flags.MarkHidden("one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if f.one != "" {
		if flags.NArg() != 1 {
			return errors.New("one trace")
		}
		return f.measureOne(flags.Arg(0), out)
	}
	return f.table(flags.Args(), out)
}

// sample is one measurement, of a process of its own.
type sample struct {
	Seconds float64
	Records uint64
	CPU     float64 // user and system, seconds
	Peak    int64   // resident memory, bytes
}

// measureOne does in this process what a sample is about, and prints it.
func (f *analysisFlags) measureOne(name string, out io.Writer) error {
	if f.profile != "" {
		p, err := os.Create(f.profile)
		if err != nil {
			return err
		}
		defer p.Close()
		if err := pprof.StartCPUProfile(p); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	begin := time.Now()
	var s sample
	switch f.one {
	case "floor":
		r, err := trace.NewReader(bufio.NewReaderSize(file, 1<<20))
		for err == nil {
			_, err = r.ReadEvent()
		}
		if err != io.EOF {
			return err
		}
	case "analysis":
		rec, err := recording.Read(file, recording.Options{Jobs: f.jobs})
		if err != nil {
			return err
		}
		result, err := analyze.Source(rec, analyze.Options{Jobs: f.jobs, Coverage: rec.Coverage})
		if err != nil {
			return err
		}
		if c := rec.Coverage(); !c.Complete {
			return fmt.Errorf("the recording is not complete: %+v", c)
		}
		s.Records = result.Runs[0].Events
	}
	s.Seconds = time.Since(begin).Seconds()
	return json.NewEncoder(out).Encode(s)
}

// measure runs a process that takes a sample.
func (f *analysisFlags) measure(what, name string) (s sample, err error) {
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	args := []string{"analysis", "--one", what, "--jobs", strconv.Itoa(f.jobs)}
	if f.profile != "" && what == "analysis" {
		args = append(args, "--cpuprofile", f.profile)
	}
	cmd := exec.Command(self, append(args, name)...)
	cmd.Env = append(os.Environ(), "GOGC=50") // as the command itself has it
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("%s of %s: %w", what, name, err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, err
	}
	s.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	s.Peak = peak(cmd.ProcessState)
	return s, nil
}

// row is a line of the table. The floor is a bare read of the same file with the
// reader of execution traces.
type row struct {
	name            string
	floor, analysis []sample
	size            int64
}

func (f *analysisFlags) table(traces []string, out io.Writer) error {
	dir, err := os.MkdirTemp("", "hindsight-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', tabwriter.AlignRight|tabwriter.Debug)
	fmt.Fprintf(out, "%d processors, %s, medians of %d runs\n\n", runtime.NumCPU(), runtime.Version(), f.runs)
	fmt.Fprintln(w, "trace\tMB\tM events\twall / bare read\tCPU / bare read\tM events/s\tCPU ns/event\tpeak MB\t")
	print := func(name, file string) error {
		r := row{name: name}
		if info, err := os.Stat(file); err == nil {
			r.size = info.Size()
		}
		for i := range f.runs + 1 {
			a, err := f.measure("floor", file)
			if err != nil {
				return err
			}
			b, err := f.measure("analysis", file)
			if err != nil {
				return err
			}
			if i > 0 || f.runs == 0 {
				r.floor, r.analysis = append(r.floor, a), append(r.analysis, b)
			}
		}
		r.print(w)
		return w.Flush()
	}
	for _, t := range traces {
		if err := print(strings.TrimSuffix(filepath.Base(t), ".trace"), t); err != nil {
			return err
		}
	}
	for n := 1_000_000; n <= f.most; n *= 10 {
		for _, gs := range []int{100, 100_000} {
			if n < 10*gs {
				continue
			}
			file := filepath.Join(dir, "made.trace")
			if err := makeTrace(file, n, gs); err != nil {
				return err
			}
			if err := print(fmt.Sprintf("made, %d goroutines", gs), file); err != nil {
				return err
			}
			os.Remove(file)
		}
	}
	return nil
}

func (r *row) print(w io.Writer) {
	median := func(list []sample, of func(sample) float64) float64 {
		values := make([]float64, len(list))
		for i, s := range list {
			values[i] = of(s)
		}
		slices.SortFunc(values, cmp.Compare)
		return values[len(values)/2]
	}
	seconds := func(s sample) float64 { return s.Seconds }
	wall, floor := median(r.analysis, seconds), median(r.floor, seconds)
	ofCPU := func(s sample) float64 { return s.CPU }
	cpu := median(r.analysis, ofCPU)
	peak := median(r.analysis, func(s sample) float64 { return float64(s.Peak) })
	events := float64(r.analysis[0].Records)
	fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t\n", r.name, r.size>>20, events/1e6, wall/floor,
		cpu/median(r.floor, ofCPU), events/1e6/wall, cpu*1e9/events, peak/(1<<20))
}
