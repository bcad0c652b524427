// Fleet analyzes the recordings of a fleet, a folder or a bucket of them, and
// merges the results: "hindsight analyze DIR" on as many machines as there are.
// It is a pipeline of Apache Beam, and runs in this process (Prism) unless
// --runner names another runner:
//
//	go run . --traces='traces/*' --output=fleet.json
//	go run . --traces='gs://shop/traces/*' --output=gs://shop/fleet.json \
//	    --runner=flink --endpoint=localhost:8099 --environment_type=DOCKER
//	go run . --traces='gs://shop/traces/*' --output=gs://shop/fleet.json \
//	    --runner=dataflow --project=shop --region=europe-west1 --staging_location=gs://shop/staging
//
// Merging is associative and commutative, so that it does not matter which worker
// merges what, when, and in which groups. What cannot be read is listed in a file
// beside the result, OUTPUT.unreadable. The exit status is that of analyze.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/hindsight-go/hindsight/analyze"
	"github.com/hindsight-go/hindsight/analyze/event"
	"github.com/hindsight-go/hindsight/analyze/finding"
	"github.com/hindsight-go/hindsight/analyze/hb"
	"github.com/hindsight-go/hindsight/analyze/predict"
	"github.com/hindsight-go/hindsight/analyze/recording"
	"github.com/hindsight-go/hindsight/analyze/scheduling"
	"github.com/hindsight-go/hindsight/analyze/script"
	"github.com/hindsight-go/hindsight/report"
)

func init() {
	register.DoFn4x0[context.Context, fileio.ReadableFile, func([]byte), func(string)](&examine{})
	register.Emitter1[[]byte]()
	register.Emitter1[string]()
	register.Function2x2(merge)
	register.DoFn2x1[context.Context, []byte, error](&keep{})
	register.DoFn3x1[context.Context, []byte, func(*string) bool, error](&keepList{})
	register.Iter1[string]()
}

// examine makes a result of a file, as it is saved.
type examine struct{ Predict string }

func (x *examine) ProcessElement(ctx context.Context, f fileio.ReadableFile, emit func([]byte), unreadable func(string)) {
	result, err := x.examine(ctx, f)
	if err != nil {
		unreadable(fmt.Sprintf("%s: %v", f.Metadata.Path, err))
		return
	}
	emit(result)
}

func (x *examine) examine(ctx context.Context, f fileio.ReadableFile) ([]byte, error) {
	r, err := f.Open(ctx) // unpacked, if its name ends in .gz
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// A recording is read several times.
	local, err := os.CreateTemp("", "fleet-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(local.Name())
	defer local.Close()
	if _, err := io.Copy(local, r); err != nil {
		return nil, err
	}
	result, err := analyzed(local, x.Predict)
	if err != nil {
		return nil, err
	}
	return encode(result)
}

// analyzed is the result that a file has, or that comes of it.
func analyzed(f *os.File, level string) (*finding.Result, error) {
	head := make([]byte, 16)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	o := analyze.Options{Order: hb.Model, Jobs: 1} // the runner sees to it that all processors have work
	if o.Predict, err = predict.ParseLevel(level); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	switch head = head[:n]; {
	case n == 0:
		return nil, errors.New("is empty")
	case bytes.HasPrefix(head, []byte("{")):
		return report.ReadJSON(f)
	case bytes.HasPrefix(head, []byte("<")):
		return report.ReadHTML(f)
	case bytes.HasPrefix(head, []byte("go 1.")):
		seen := scheduling.New(scheduling.Options{})
		rec, err := recording.Read(f, recording.Options{Jobs: 1, Plain: seen.Event})
		if err != nil {
			return nil, err
		}
		if !rec.Instrumented() && !rec.Annotated() {
			return analyze.Plain(seen, o.Order, rec.PlainRun(), rec.Coverage()), nil
		}
		o.Coverage = rec.Coverage
		result, err := analyze.Source(rec, o)
		if err != nil {
			return nil, err
		}
		events, goroutines := result.Runs[0].Events, result.Runs[0].Goroutines
		run := rec.Run() // known once the recording has been replayed
		run.Program, run.Events, run.Goroutines = path.Base(run.Program), events, cmp.Or(run.Goroutines, goroutines)
		result.Runs[0] = run
		result.Finish() // whose modules the run names
		return result, nil
	}
	s, err := script.Parse(f)
	if err != nil {
		return nil, err
	}
	var events uint64
	if err := s.Replay(func(*event.Event) bool { events++; return true }); err != nil {
		return nil, err
	}
	o.Coverage = func() finding.Coverage { return analyze.Whole(events) }
	return analyze.Source(s, o)
}

func encode(r *finding.Result) ([]byte, error) {
	var b bytes.Buffer
	err := report.Write(&b, report.JSON, r, report.Options{})
	return b.Bytes(), err
}

// merge makes one result of two. Beam calls it in whatever order suits it.
func merge(a, b []byte) ([]byte, error) {
	var both analyze.Merger
	for _, data := range [...][]byte{a, b} {
		r, err := report.ReadJSON(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		if err := both.Add(r); err != nil {
			return nil, err
		}
	}
	sum, err := both.Result()
	if err != nil {
		return nil, err
	}
	return encode(sum)
}

// keep writes the result.
type keep struct{ Name string }

func (k *keep) ProcessElement(ctx context.Context, result []byte) error {
	return write(ctx, k.Name, result)
}

// keepList writes lines, sorted.
type keepList struct{ Name string }

func (k *keepList) ProcessElement(ctx context.Context, _ []byte, lines func(*string) bool) error {
	var list []string
	for line := ""; lines(&line); {
		list = append(list, line)
	}
	slices.Sort(list)
	return write(ctx, k.Name, []byte(strings.Join(append(list, ""), "\n")))
}

func write(ctx context.Context, name string, data []byte) error {
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return err
	}
	defer fs.Close()
	return filesystem.Write(ctx, fs, name, data)
}

// pipeline reads the files that match a glob and writes the merged result to output.
func pipeline(traces, output, level string) *beam.Pipeline {
	p, s := beam.NewPipelineWithRoot()
	files := fileio.ReadMatches(s, beam.Reshuffle(s, fileio.MatchFiles(s, traces, fileio.MatchEmptyDisallow())))
	results, unreadable := beam.ParDo2(s, &examine{level}, files)
	beam.ParDo0(s, &keep{output}, beam.Combine(s, merge, results))
	beam.ParDo0(s, &keepList{output + ".unreadable"}, beam.Impulse(s), beam.SideInput{Input: unreadable})
	return p
}

// run runs the pipeline and returns the exit status.
func run(ctx context.Context, traces, output, level string) (int, error) {
	if err := beamx.Run(ctx, pipeline(traces, output, level)); err != nil {
		return 1, err
	}
	fs, err := filesystem.New(ctx, output)
	if err != nil {
		return 1, err
	}
	defer fs.Close()
	failed, err := filesystem.Read(ctx, fs, output+".unreadable")
	if err != nil {
		return 1, err
	}
	os.Stderr.Write(failed)
	data, err := filesystem.Read(ctx, fs, output)
	if err != nil {
		return 1, fmt.Errorf("there is no result: %w", err)
	}
	result, err := report.ReadJSON(bytes.NewReader(data))
	switch {
	case err != nil:
		return 1, err
	case result.Verdict == finding.Races || result.Verdict == finding.Findings:
		return 66, nil
	case len(failed) > 0:
		return 1, nil
	case result.Verdict == finding.None && result.Coverage.Complete:
		return 0, nil
	}
	return 65, nil
}

func main() {
	traces := flag.String("traces", "", "analyze the files that match this `glob`")
	output := flag.String("output", "", "write the result to this `file`")
	level := flag.String("predict", "fast", "`mode` of the search for races of other schedules: off, fast or deep")
	flag.Parse()
	beam.Init()
	log.SetFlags(0)
	if *traces == "" || *output == "" {
		log.Print("--traces and --output are needed")
		os.Exit(2)
	}
	status, err := run(context.Background(), *traces, *output, *level)
	if err != nil {
		log.Print(err)
	}
	os.Exit(status)
}
