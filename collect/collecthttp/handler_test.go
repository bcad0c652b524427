package collecthttp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/collect"
	"golang.org/x/exp/trace"
)

// server serves the handler with limits.
func server(t *testing.T, l Limits) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(Path, l.Handler())
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, s *httptest.Server, what string) (status int, header http.Header, body []byte) {
	t.Helper()
	r, err := s.Client().Get(s.URL + Path + what)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err = io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, body
}

func check(t *testing.T, b []byte) {
	t.Helper()
	r, err := trace.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := r.ReadEvent(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func status(t *testing.T, s *httptest.Server) (st Status) {
	t.Helper()
	code, header, body := get(t, s, "status")
	if code != http.StatusOK || header.Get("Content-Type") != "application/json" {
		t.Fatal(code, header)
	}
	if err := json.Unmarshal(body, &st); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestTrace(t *testing.T) {
	s := server(t, Limits{})
	code, header, body := get(t, s, "trace?seconds=0.01")
	if code != http.StatusOK || header.Get("Content-Type") != "application/octet-stream" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatal(code, header)
	}
	check(t, body)
	if st := status(t, s); st.Recording || st.Flight || st.Go == "" || st.MaxSeconds != 60 {
		t.Errorf("%+v", st)
	}
}

func TestRefused(t *testing.T) {
	s := server(t, Limits{MaxTime: 2 * time.Second})
	folder, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	none := http.StatusNotFound
	if collect.Instrumented {
		none = http.StatusNotImplemented
	}
	for what, want := range map[string]int{
		"trace?seconds=0": 400, "trace?seconds=-1": 400, "trace?seconds=3": 400, "trace?seconds=NaN": 400,
		"trace?seconds=1e99": 400, "trace?seconds=x": 400, "trace?seconds=0x": 400,
		"flight": none, "nothing": 404, "trace/x": 404, "flight?file=/etc/passwd": none, "": 200,
	} {
		if code, _, body := get(t, s, what); code != want {
			t.Errorf("%s: %d %s", what, code, body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		req, err := http.NewRequest(method, s.URL+Path+"trace?seconds=0.01", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", method, r.Status)
		}
	}
	for site, want := range map[string]int{"cross-site": http.StatusForbidden, "same-origin": http.StatusOK, "none": http.StatusOK} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", Path+"status", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		if Handler().ServeHTTP(w, r); w.Code != want {
			t.Errorf("asked for from %s: %d", site, w.Code)
		}
	}
	if after, err := os.ReadDir("."); err != nil || len(after) != len(folder) {
		t.Errorf("requests changed the folder: %v %v", after, err)
	}
}

func TestOneAtATime(t *testing.T) {
	s := server(t, Limits{})
	if err := collect.Start(io.Discard); err != nil {
		t.Fatal(err)
	}
	if code, _, body := get(t, s, "trace?seconds=0.01"); code != http.StatusConflict {
		t.Errorf("with an open window: %d %s", code, body)
	}
	if st := status(t, s); !st.Recording {
		t.Errorf("%+v", st)
	}
	if err := collect.Stop(); err != nil {
		t.Fatal(err)
	}
}

// A client that goes away ends its window.
func TestClientGone(t *testing.T) {
	s := server(t, Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+Path+"trace?seconds=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error)
	go func() {
		r, err := s.Client().Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		gone <- err
	}()
	for !status(t, s).Recording {
		time.Sleep(time.Millisecond)
	}
	done := collect.Done()
	cancel()
	if err := <-gone; err == nil {
		t.Error("the client was not cut off")
	}
	<-done
}

func TestMaxBytes(t *testing.T) {
	s := server(t, Limits{MaxBytes: 1})
	code, _, body := get(t, s, "trace?seconds=60")
	if code != http.StatusOK {
		t.Fatal(code)
	}
	check(t, body)
}

func TestFlight(t *testing.T) {
	if collect.Instrumented {
		if code, _, body := get(t, server(t, Limits{}), "flight"); code != http.StatusNotImplemented {
			t.Errorf("%d %s", code, body)
		}
		return
	}
	f := new(collect.Flight)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	s := server(t, Limits{})
	if !status(t, s).Flight {
		t.Error("status does not tell of the flight recorder")
	}
	code, header, body := get(t, s, "flight")
	if code != http.StatusOK || header.Get("Content-Disposition") == "" {
		t.Fatal(code, header)
	}
	check(t, body)
}

func TestRegister(t *testing.T) {
	mux := http.NewServeMux()
	Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", Path, nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "trace?seconds=5") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
