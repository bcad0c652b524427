//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var overhead = flag.Bool("overhead", false, "measure what recording costs")

// built holds the programs under test.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "hindsight-service-*"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(built)
		hindsight := filepath.Join(built, "hindsight")
		for _, command := range [][]string{
			{"go", "build", "-C", "../..", "-o", hindsight, "./cmd/hindsight"},
			{"go", "build", "-o", filepath.Join(built, "ordinary"), "."},
			{hindsight, "build", "-o", filepath.Join(built, "everything"), "."},
			{hindsight, "build", "--packages=.", "-o", filepath.Join(built, "instrumented"), "."},
		} {
			if filepath.Base(command[len(command)-2]) == "everything" && !*overhead {
				continue
			}
			cmd := exec.Command(command[0], command[1:]...)
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "%q: %v\n%s", command, err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

// start runs a program on an empty database until the test ends, and returns
// its address and process.
func start(t *testing.T, name string, args ...string) (string, *os.Process) {
	t.Helper()
	cmd := exec.Command(filepath.Join(built, name), append(args, "-db="+filepath.Join(t.TempDir(), private))...)
	cmd.Env = append(os.Environ(), "SHOP_KEY="+private)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address), cmd.Process
}

// load keeps a service busy, from several connections at once, until stop is
// called. Served counts the requests that have been answered.
func load(t *testing.T, address string) (served *atomic.Int64, stop func()) {
	served = new(atomic.Int64)
	var wg sync.WaitGroup
	var ended atomic.Bool
	for n := range 8 {
		wg.Go(func() {
			client := http.Client{Transport: new(http.Transport), Timeout: time.Minute}
			defer client.CloseIdleConnections()
			for i := n; !ended.Load(); i++ {
				var response *http.Response
				var err error
				if i%4 == 0 {
					response, err = client.Post(address+"/orders?item="+private+"&price=3", "", nil)
				} else {
					response, err = client.Get(address + "/total")
				}
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK {
					t.Errorf("%s: %q, %v", response.Status, body, err)
					return
				}
				served.Add(1)
			}
		})
	}
	return served, func() {
		ended.Store(true)
		wg.Wait()
	}
}

// private is what no trace may hold: it is in the service's arguments, its
// environment and its requests.
const private = "private-0f63c2"

func checkPrivate(t *testing.T, trace string) {
	t.Helper()
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "main.(*shop).add") || strings.Contains(string(data), private) {
		t.Error("the trace holds what it should not, or not what it should")
	}
}

// hindsight runs the command, which must exit with a status.
func hindsight(t *testing.T, status int, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(built, "hindsight"), args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != status {
		t.Fatalf("hindsight %q: %v, want exit status %d\n%s%s", args, err, status, out, &errs)
	}
	return string(out)
}

// result is what the test needs of a saved one.
type result struct {
	Verdict string
	Races   []struct {
		Tier     string
		Object   struct{ Name string }
		Accesses [2]struct{ Site struct{ Func string } }
	}
	Coverage struct{ Complete, Instrumented bool }
}

func read(t *testing.T, text string) (r result) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// planted reports whether a result has the service's mistake, and what else it has.
func planted(t *testing.T, r result) (found bool, others []string) {
	t.Helper()
	for _, race := range r.Races {
		var funcs []string
		for _, a := range race.Accesses {
			funcs = append(funcs, a.Site.Func[strings.LastIndex(a.Site.Func, ".")+1:])
		}
		slices.Sort(funcs)
		both := strings.Join(funcs, " ")
		if strings.HasSuffix(race.Object.Name, "stale") && (both == "add sum" || both == "add add") {
			found = true
		} else {
			others = append(others, race.Object.Name+": "+both)
		}
	}
	return found, others
}

// One command records three seconds of a service under load, and its page shows
// the mistake and nothing else.
func TestWindow(t *testing.T) {
	address, _ := start(t, "instrumented")
	_, stop := load(t, address)
	defer stop()
	dir := t.TempDir()
	trace, page := filepath.Join(dir, "shop.trace"), filepath.Join(dir, "page.html")
	hindsight(t, 66, "record", "--seconds=3", "--trace="+trace, "--output="+page, address)
	stop()
	r := read(t, hindsight(t, 66, "analyze", "--format=json", page)) // what the page holds
	if found, others := planted(t, r); !found || len(others) > 0 || !r.Coverage.Instrumented || !r.Coverage.Complete {
		t.Errorf("planted race %v, others %q, %+v", found, others, r.Coverage)
	}
	checkPrivate(t, trace)
	html, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(html), "stale") || !strings.Contains(string(html), "service.go") {
		t.Errorf("the page does not show the mistake (%v)", err)
	}
}

// After the fact: the ordinary program's flight recorder, of which the
// annotations make a recording. It has no verdict of absence.
func TestFlight(t *testing.T) {
	address, _ := start(t, "ordinary", "-flight")
	served, stop := load(t, address)
	defer stop()
	for served.Load() < 1000 {
		time.Sleep(time.Millisecond)
	}
	stop() // what is asked for now has happened
	trace := filepath.Join(t.TempDir(), "shop.trace")
	hindsight(t, 66, "record", "--trace="+trace, address+"/debug/hindsight/flight")
	r := read(t, hindsight(t, 66, "analyze", "--format=json", trace))
	if found, others := planted(t, r); !found || len(others) > 0 || r.Coverage.Instrumented {
		t.Errorf("planted race %v, others %q, %+v", found, others, r.Coverage)
	}
	checkPrivate(t, trace)
	if text := hindsight(t, 66, "analyze", trace); !strings.Contains(text, "as far as recorded") {
		t.Errorf("the report does not say how far it goes:\n%s", text)
	}
	// An instrumented program has none, and says so.
	address, _ = start(t, "instrumented")
	hindsight(t, 1, "record", address+"/debug/hindsight/flight")
}

// cpu is what a process has used, in seconds.
func cpu(t *testing.T, p *os.Process) float64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	sum := 0.0
	for _, f := range fields[11:13] { // user and system time, in hundredths
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n / 100
	}
	return sum
}

// TestOverhead prints what the service costs before, during and after a window, and
// with a flight recorder, as multiples of the ordinary program.
func TestOverhead(t *testing.T) {
	if !*overhead {
		t.Skip("not asked for: -overhead")
	}
	const span, turns = 4 * time.Second, 3
	type cost struct{ requests, cpu []float64 } // per second; per request
	costs := map[string]*cost{}
	var names []string
	in := func(name string, served *atomic.Int64, p *os.Process) {
		n, used, begun := served.Load(), cpu(t, p), time.Now()
		time.Sleep(span)
		c := costs[name]
		if c == nil {
			c = new(cost)
			costs[name] = c
			names = append(names, name)
		}
		answered := float64(served.Load() - n)
		c.requests = append(c.requests, answered/time.Since(begun).Seconds())
		c.cpu = append(c.cpu, (cpu(t, p)-used)/answered)
	}
	sizes := map[string]float64{}
	for range turns {
		for _, program := range []string{"ordinary", "instrumented", "everything"} {
			address, process := start(t, program)
			served, stop := load(t, address)
			time.Sleep(time.Second)
			in(program+", outside a window", served, process)
			trace := filepath.Join(t.TempDir(), "trace")
			done := make(chan error)
			go func() {
				response, err := http.Get(fmt.Sprintf("%s/debug/hindsight/trace?seconds=%g", address, (span + 2*time.Second).Seconds()))
				if err == nil {
					defer response.Body.Close()
					var f *os.File
					if f, err = os.Create(trace); err == nil {
						_, err = io.Copy(f, response.Body)
						f.Close()
					}
				}
				done <- err
			}()
			time.Sleep(time.Second)
			in(program+", in a window", served, process)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(trace); err == nil {
				sizes[program] = float64(info.Size()) / (span + 2*time.Second).Seconds() / 1e6
			}
			in(program+", after the window", served, process)
			stop()
		}
		address, process := start(t, "ordinary", "-flight")
		served, stop := load(t, address)
		time.Sleep(time.Second)
		in("ordinary, flight recorder", served, process)
		stop()
	}
	median := func(list []float64) float64 {
		slices.Sort(list)
		return list[len(list)/2]
	}
	base := costs[names[0]]
	for _, name := range names {
		c := costs[name]
		program, _, _ := strings.Cut(name, ",")
		size := ""
		if strings.HasSuffix(name, "in a window") {
			size = fmt.Sprintf("%.1f", sizes[program])
		}
		fmt.Printf("| %s | %.2f | %.2f | %s |\n", name, median(c.requests)/median(base.requests), median(c.cpu)/median(base.cpu), size)
	}
}
