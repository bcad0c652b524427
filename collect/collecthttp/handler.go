// Package collecthttp lets a running program be recorded over HTTP, in the
// manner of net/http/pprof:
//
//	http.Handle(collecthttp.Path, collecthttp.Handler())
//
// Below [Path] there are
//
//	trace?seconds=5   a window of so many seconds, as it is recorded
//	flight            the last moments, if a flight recorder runs
//	status            what is going on, as JSON
//
// It is a package of its own, since package collect is for programs without
// net/http as well, which is larger than most of them.
//
// What a request asks for never touches the file system, one window is open at
// a time, and [Limits] bound what a request can cost. Importing the package serves
// nothing, unlike net/http/pprof. Still, a recording shows a program's inner
// life, names of files included: serve it where only those can reach it who may see that.
package collecthttp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/hindsight-go/hindsight/collect"
)

// Path is where the handler belongs.
const Path = "/debug/hindsight/"

// Limits bound a request. The zero value of a field means its default.
type Limits struct {
	// MaxTime is the longest window that a request can open: 60 seconds by default.
	MaxTime time.Duration
	// MaxBytes ends a window: 256 MB by default. See [collect.Window.MaxBytes].
	MaxBytes int64
	// Patience is how long a client may take for what is written after the
	// window has closed, and for a flight recording: 30 seconds by default. One that reads more slowly is cut off.
	Patience time.Duration
}

// byDefault is how long a window is that no seconds are asked for.
const byDefault = 5 * time.Second

// Handler returns the handler with default limits.
func Handler() http.Handler { return Limits{}.Handler() }

// Register adds the handler with default limits to mux, at [Path].
func Register(mux *http.ServeMux) { mux.Handle(Path, Handler()) }

// Handler returns a handler for requests below [Path].
func (l Limits) Handler() http.Handler {
	h := handler{Limits{
		MaxTime:  cmp.Or(l.MaxTime, time.Minute),
		MaxBytes: cmp.Or(l.MaxBytes, 256<<20),
		Patience: cmp.Or(l.Patience, 30*time.Second),
	}}
	mux := http.NewServeMux()
	for name, serve := range map[string]http.HandlerFunc{"{$}": h.index, "trace": h.trace, "flight": h.flight, "status": h.status} {
		mux.HandleFunc("GET "+Path+name, serve)
	}
	return sameSite(mux)
}

// sameSite refuses what a page of another site has a browser ask for: it could
// not read the answer, but it could have the program record.
func sameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			fail(w, http.StatusForbidden, "asked for by a page of another site")
			return
		}
		next.ServeHTTP(w, r)
	})
}

type handler struct{ Limits }

func (h handler) index(w http.ResponseWriter, r *http.Request) {
	text(w)
	fmt.Fprint(w, `hindsight

trace?seconds=5   a window of so many seconds, as it is recorded
flight            the last moments, if a flight recorder runs
status            what is going on, as JSON
`)
}

// trace answers with a window.
func (h handler) trace(w http.ResponseWriter, r *http.Request) {
	d := min(byDefault, h.MaxTime)
	if s := r.FormValue("seconds"); s != "" {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n > 0) || n > h.MaxTime.Seconds() {
			fail(w, http.StatusBadRequest, fmt.Sprintf("seconds must be a number above 0, at most %g", h.MaxTime.Seconds()))
			return
		}
		d = time.Duration(n * float64(time.Second))
	}
	ctx, cancel := context.WithTimeout(r.Context(), d)
	defer cancel()
	h.deadline(w, d)
	out := attachment{w: w}
	err := collect.Window{MaxBytes: h.MaxBytes}.Record(ctx, &out)
	switch {
	case err == nil && out.begun:
	case out.begun:
		panic(http.ErrAbortHandler) // a cut recording must not look whole
	case errors.Is(err, collect.ErrRecording):
		fail(w, http.StatusConflict, "a window is open already: try again when it has closed")
	case err != nil:
		fail(w, http.StatusConflict, err.Error())
	}
}

// flight answers with the last moments.
func (h handler) flight(w http.ResponseWriter, r *http.Request) {
	f := collect.Running()
	if f == nil {
		if collect.Instrumented {
			fail(w, http.StatusNotImplemented, collect.ErrInstrumented.Error())
			return
		}
		fail(w, http.StatusNotFound, "no flight recorder runs: the program starts one with collect.Flight")
		return
	}
	h.deadline(w, 0)
	out := attachment{w: w}
	if _, err := f.WriteTo(&out); err != nil {
		if out.begun {
			panic(http.ErrAbortHandler)
		}
		fail(w, http.StatusConflict, err.Error())
	}
}

// Status is what status answers, as JSON.
type Status struct {
	Instrumented bool    `json:"instrumented"` // built with hindsight
	Recording    bool    `json:"recording"`    // a window is open
	Bytes        int64   `json:"bytes"`        // recorded in it so far
	Seconds      float64 `json:"seconds"`      // since it was opened
	Flight       bool    `json:"flight"`       // a flight recorder runs
	MaxSeconds   float64 `json:"maxSeconds"`   // of a window
	MaxBytes     int64   `json:"maxBytes"`
	Go           string  `json:"go"` // version
}

func (h handler) status(w http.ResponseWriter, r *http.Request) {
	s := collect.Now()
	w.Header().Set("Content-Type", "application/json")
	harmless(w)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.Encode(Status{
		Instrumented: collect.Instrumented, Recording: s.Recording, Bytes: s.Bytes, Seconds: s.Time.Seconds(),
		Flight: s.Flight, MaxSeconds: h.MaxTime.Seconds(), MaxBytes: h.MaxBytes, Go: runtime.Version(),
	})
}

// deadline bounds how long the client may take, whatever the server allows otherwise.
func (h handler) deadline(w http.ResponseWriter, d time.Duration) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + h.Patience)) // where there are deadlines
}

// attachment is a response that begins with its first byte, so that what fails
// before can be answered with an error.
type attachment struct {
	w     http.ResponseWriter
	begun bool
}

func (a *attachment) Write(b []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.w.Header().Set("Content-Type", "application/octet-stream")
		a.w.Header().Set("Content-Disposition", `attachment; filename="hindsight.trace"`)
		harmless(a.w)
	}
	return a.w.Write(b)
}

func fail(w http.ResponseWriter, status int, message string) {
	text(w)
	w.WriteHeader(status)
	io.WriteString(w, message+"\n")
}

func text(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	harmless(w)
}

// harmless keeps browsers from guessing what a response is, and from storing it.
func harmless(w http.ResponseWriter) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
}
