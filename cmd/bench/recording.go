package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// workload is a benchmark of the standard library with a fixed number of
// iterations, so that each way of building it does the same.
type workload struct {
	pkg, bench, times string
}

func (w workload) String() string {
	return fmt.Sprintf("%s %s %s", w.pkg, strings.NewReplacer("$", "", "|", ", ").Replace(w.bench), w.times)
}

var workloads = []workload{
	{"net/http", "ClientServer$", "8000x"},
	{"net/http", "ServerFakeConnWithKeepAlive$", "120000x"},
	{"net/http", "ReadRequestChrome$", "150000x"},
	{"sync", "Mutex$|MutexWork$|RWMutexWrite10$|WaitGroupUncontended$", "3000000x"},
	{"sync", "MapLoadMostlyHits$|MapLoadOrStoreBalanced$", "500000x"},
	{"sync", "Cond32$", "30000x"},
	{"encoding/json", "CodeMarshal$|CodeUnmarshal$", "30x"},
	{"encoding/json", "UnmarshalMap$", "300000x"},
	{"context", "WithTimeout/concurrency=40$", "5000x"},
	{"context", "ContextCancelDone$|CommonParentCancel$", "500000x"},
	{"compress/flate", "Encode/Newton/Default/1e5$", "100x"},
	{"compress/flate", "Decode/Newton/Default/1e5$", "300x"},
	{"go/types", "Check/runtime/funcbodies/info$", "4x"},
}

// ways are how a workload is built and run.
var ways = []string{"plain", "race", "idle", "recorded"}

type recordingFlags struct {
	runs    int
	only    string
	tool    string // hindsight
	scratch string
}

func runRecording(args []string, out io.Writer) error {
	var f recordingFlags
	flags := pflag.NewFlagSet("bench recording", pflag.ContinueOnError)
	flags.IntVar(&f.runs, "runs", 5, "measure each `N` times, after a first time that does not count")
	flags.StringVar(&f.only, "only", "", "only workloads whose name matches `REGEXP`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	only, err := regexp.Compile(f.only)
	if err != nil {
		return err
	}
	if f.runs < 1 {
		return errors.New("--runs: at least 1")
	}
	f.scratch, err = os.MkdirTemp("", "hindsight-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(f.scratch)
	f.tool = filepath.Join(f.scratch, "hindsight")
	if err := command("go", "build", "-o", f.tool, "github.com/hindsight-go/hindsight/cmd/hindsight"); err != nil {
		return err
	}
	fmt.Fprintln(out, "| benchmark | CPU: `-race` / plain | idle / plain | recorded / plain | recorded / `-race` | peak memory: recorded / `-race` | trace, MB per plain CPU-second |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	var cpu, mem, idle geomean
	for _, w := range workloads {
		if !only.MatchString(w.String()) {
			continue
		}
		c, err := f.compare(w)
		if err != nil {
			return fmt.Errorf("%v: %w", w, err)
		}
		plain := c["plain"]
		ratio := func(a, b string) float64 { return c[a].cpu / c[b].cpu }
		fmt.Fprintf(out, "| %v | %.1f | %.1f | %.1f | %.2f | %.2f | %.0f |\n", w,
			ratio("race", "plain"), ratio("idle", "plain"), ratio("recorded", "plain"), ratio("recorded", "race"),
			c["recorded"].peak/c["race"].peak, c["recorded"].trace/1e6/plain.cpu)
		cpu.add(ratio("recorded", "race"))
		mem.add(c["recorded"].peak / c["race"].peak)
		idle.add(ratio("idle", "plain"))
	}
	if cpu.n == 0 {
		return fmt.Errorf("no workload matches %q", f.only)
	}
	fmt.Fprintf(out, "| geometric mean | | %.1f | | %.2f | %.2f | |\n", idle.mean(), cpu.mean(), mem.mean())
	return nil
}

type geomean struct {
	sum float64
	n   int
}

func (g *geomean) add(v float64) { g.sum += math.Log(v); g.n++ }

func (g *geomean) mean() float64 { return math.Exp(g.sum / float64(g.n)) }

// cost is what a run took: user and system CPU in seconds, bytes of peak
// resident memory, bytes of trace.
type cost struct{ cpu, peak, trace float64 }

// compare builds a workload and runs it by turns in each way.
func (f *recordingFlags) compare(w workload) (map[string]cost, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", w.pkg).Output()
	if err != nil {
		return nil, err
	}
	bin := func(way string) string { return filepath.Join(f.scratch, way+".test") }
	for _, args := range [][]string{
		{"go", "test", "-c", "-o", bin("plain"), w.pkg},
		{"go", "test", "-race", "-c", "-o", bin("race"), w.pkg},
		{f.tool, "test", "-c", "-o", bin("recorded"), w.pkg},
	} {
		if err := command(args[0], args[1:]...); err != nil {
			return nil, err
		}
	}
	trace := filepath.Join(f.scratch, "trace")
	all := make(map[string][]cost)
	for i := range f.runs + 1 {
		for _, way := range ways {
			name := way
			if way == "idle" {
				name = "recorded"
			}
			cmd := exec.Command(bin(name), "-test.run=NONE", "-test.bench="+w.bench, "-test.benchtime="+w.times)
			cmd.Dir = string(bytes.TrimSpace(dir))
			cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "HINDSIGHT") })
			if way == "recorded" {
				cmd.Env = append(cmd.Env, "HINDSIGHT="+trace)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("%s: %w\n%s", way, err, out)
			}
			c := cost{
				cpu:  (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
				peak: float64(peak(cmd.ProcessState)),
			}
			if way == "recorded" {
				info, err := os.Stat(trace)
				if err != nil {
					return nil, err
				}
				c.trace = float64(info.Size())
			}
			if i > 0 {
				all[way] = append(all[way], c)
			}
		}
	}
	medians := make(map[string]cost)
	for way, costs := range all {
		medians[way] = cost{
			cpu:   median(costs, func(c cost) float64 { return c.cpu }),
			peak:  median(costs, func(c cost) float64 { return c.peak }),
			trace: median(costs, func(c cost) float64 { return c.trace }),
		}
	}
	return medians, nil
}

func median(costs []cost, of func(cost) float64) float64 {
	var v []float64
	for _, c := range costs {
		v = append(v, of(c))
	}
	slices.Sort(v)
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
