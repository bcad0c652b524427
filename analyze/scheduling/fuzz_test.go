package scheduling_test

import (
	"bytes"
	"encoding/json"
	"runtime"
	"runtime/trace"
	"strings"
	"testing"

	"github.com/hindsight-go/hindsight/analyze/recording"
	"github.com/hindsight-go/hindsight/analyze/scheduling"
	exptrace "golang.org/x/exp/trace"
)

// guarded lets the trace reader's accessors panic on hostile traces, which ends the
// reading, and nothing else.
func guarded(t *testing.T, event func(*exptrace.Event) bool) func(*exptrace.Event) bool {
	return func(ev *exptrace.Event) bool {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			pcs := make([]uintptr, 32)
			frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
			for {
				f, more := frames.Next()
				if strings.Contains(f.Function, "/analyze/scheduling.") {
					t.Errorf("%s:%d: %v", f.File, f.Line, p)
				}
				if !more || strings.Contains(f.Function, "golang.org/x/exp/trace.") || strings.Contains(f.Function, "/analyze/scheduling.") {
					break
				}
			}
			panic(p)
		}()
		return event(ev)
	}
}

// FuzzTrace reads whatever bytes as a trace: part of it is told, or an error.
func FuzzTrace(f *testing.F) {
	var small bytes.Buffer
	if err := trace.Start(&small); err != nil {
		f.Fatal(err)
	}
	c := make(chan int)
	go func() { c <- 1 }()
	<-c
	trace.Stop()
	f.Add(small.Bytes())
	f.Add([]byte("go 1.22 trace\x00\x00\x00"))
	f.Add([]byte("go 1.19 trace\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := scheduling.New(scheduling.Options{Graph: true})
		recording.Read(bytes.NewReader(data), recording.Options{Plain: guarded(t, b.Event)})
		s, found := b.Result()
		b.Graph()
		if _, err := json.Marshal([]any{s, found}); err != nil {
			t.Error(err)
		}
	})
}
