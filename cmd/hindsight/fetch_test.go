package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hindsight-go/hindsight/collect/record/recorded"
)

// serving is a service whose handlers are given by path; it tells what it was asked.
type serving struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func serve(t *testing.T, handlers map[string]http.HandlerFunc) *serving {
	t.Helper()
	s := &serving{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.RequestURI())
		s.mu.Unlock()
		if h := handlers[r.URL.Path]; h != nil {
			h(w, r)
		} else {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// requests are those that it got, in a line.
func (s *serving) requests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, " ")
}

// sends is a handler that sends bytes.
func sends(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.Write(data) }
}

func TestRecord(t *testing.T) {
	trace := recorded.Lostupdate()
	for _, test := range []struct {
		at    string // the handler's path
		arg   string // %s: the server's address with http://, %h: without
		flags string
		asked string
	}{
		{"/debug/hindsight/trace", "%s", "", "/debug/hindsight/trace?seconds=5"},
		{"/debug/hindsight/trace", "%h", "--seconds=0.5", "/debug/hindsight/trace?seconds=0.5"},
		{"/debug/hindsight/trace", "%h/", "--seconds 30", "/debug/hindsight/trace?seconds=30"},
		{"/debug/hindsight/trace", "%s/debug/hindsight", "", "/debug/hindsight/trace?seconds=5"},
		{"/debug/hindsight/trace", "%s/debug/hindsight/trace?seconds=2", "--seconds=9", "/debug/hindsight/trace?seconds=2"},
		{"/debug/hindsight/flight", "%h/debug/hindsight/flight", "", "/debug/hindsight/flight"},
		{"/debug/pprof/trace", "%s/debug/pprof/", "", "/debug/pprof/trace?seconds=5"},
		{"/debug/pprof/trace", "%s", "", "/debug/hindsight/trace?seconds=5 /debug/pprof/trace?seconds=5"},
		{"/ops/debug/pprof/trace", "%h/ops", "", "/ops/debug/hindsight/trace?seconds=5 /ops/debug/pprof/trace?seconds=5"},
		{"/my/trace", "%s/my/trace?key=1", "", "/my/trace?key=1&seconds=5"},
	} {
		files(t, nil)
		s := serve(t, map[string]http.HandlerFunc{test.at: sends(trace)})
		arg := strings.NewReplacer("%s", s.URL, "%h", strings.TrimPrefix(s.URL, "http://")).Replace(test.arg)
		status, out, stderr := call("", append(append([]string{"record"}, strings.Fields(test.flags)...), arg)...)
		if status != exitFound || !strings.Contains(out, "main.counter") || s.requests() != test.asked {
			t.Errorf("%s %s: status %d, asked %q, want %q\n%s%s", test.flags, test.arg, status, s.requests(), test.asked, out, stderr)
		}
		kept, _ := filepath.Glob("127.0.0.1-*.trace")
		if len(kept) != 1 || !strings.Contains(stderr, "trace kept as "+kept[0]) {
			t.Fatalf("%s: kept %q\n%s", test.arg, kept, stderr)
		}
		if data, err := os.ReadFile(kept[0]); err != nil || string(data) != string(trace) {
			t.Errorf("%s: the kept trace differs (%v)", test.arg, err)
		}
	}
}

// What record reports of a service is what analyze reports of the file.
func TestRecordReports(t *testing.T) {
	files(t, nil)
	s := serve(t, map[string]http.HandlerFunc{"/debug/hindsight/trace": sends(recorded.Lostupdate())})
	status, out, stderr := call("", "record", "--trace=kept", "--format=json", s.URL)
	if status != exitFound {
		t.Fatalf("%d\n%s", status, stderr)
	}
	for _, command := range []string{"analyze", "record"} {
		if status, again, stderr := call("", command, "--format=json", "kept"); status != exitFound || again != out {
			t.Errorf("%s of the kept file: %d\n%s%s", command, status, again, stderr)
		}
	}
	if status, _, _ := call("", "record", "--trace=kept", "--output=page.html", s.URL); status != exitFound {
		t.Error(status)
	}
	if page, err := os.ReadFile("page.html"); err != nil || !strings.Contains(string(page), "main.counter") {
		t.Errorf("%v\n%s", err, page)
	}
	if status, _, stderr := call("", "record", "--suppress=known", s.URL); status != exitFailed || !strings.Contains(stderr, "known") {
		t.Errorf("%d, %q", status, stderr)
	}
	if status, _, stderr := call("", "record", "--trace=nowhere/kept", s.URL); status != exitFailed || !strings.Contains(stderr, "keeping the trace") {
		t.Errorf("%d, %q", status, stderr)
	}
	if status, out, _ := call(racyScript, "record", "-"); status != exitFound || !strings.Contains(out, "DATA RACE") {
		t.Errorf("standard input: %d\n%s", status, out)
	}
	if status, _, stderr := call("", "record", "nowhere"); status != exitFailed || !strings.Contains(stderr, "no such file") {
		t.Errorf("%d, %q", status, stderr)
	}
}

// A service that has only net/http/pprof gives a trace without a verdict.
func TestRecordPprof(t *testing.T) {
	files(t, nil)
	s := serve(t, map[string]http.HandlerFunc{"/debug/pprof/trace": pprof.Trace})
	status, out, stderr := call("", "record", "--seconds=0.05", "--format=json", s.URL)
	if status != exitInconclusive || !strings.Contains(out, `"instrumented": false`) {
		t.Errorf("%d\n%s%s", status, out, stderr)
	}
}

func TestRecordRefused(t *testing.T) {
	trace := recorded.Lostupdate()
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	const at = "/debug/hindsight/trace"
	for name, test := range map[string]struct {
		handlers map[string]http.HandlerFunc
		stderr   string // has these, divided by |
	}{
		"no handler": {nil, "404|/debug/hindsight/trace|/debug/pprof/trace|needs a handler"},
		"redirect":   {map[string]http.HandlerFunc{at: http.RedirectHandler("https://user:secret@login.example.com/", http.StatusFound).ServeHTTP}, "sends on to https://user:xxxxx@login.example.com/|--header"},
		"login":      {map[string]http.HandlerFunc{at: answer(401, "who are you?\n")}, "401|who are you?|--header"},
		"busy":       {map[string]http.HandlerFunc{at: answer(409, "a recording is going on\n")}, "a recording is going on|try again"},
		"failed":     {map[string]http.HandlerFunc{at: answer(500, "Could not enable tracing: tracing is already enabled")}, "already enabled|try again"},
		"wrong":      {map[string]http.HandlerFunc{at: answer(400, "too many seconds")}, "400|too many seconds"},
		"empty":      {map[string]http.HandlerFunc{at: answer(200, "")}, "is empty|own address"},
		"text":       {map[string]http.HandlerFunc{at: answer(200, "hello\x1b[31m there\nand more")}, "no trace"},
		"plain text": {map[string]http.HandlerFunc{at: answer(200, "hello there\nand more")}, `"hello there"|ends in /trace`},
		"binary":     {map[string]http.HandlerFunc{at: answer(200, "\x7fELF")}, "no trace|ends in /trace"},
		"page":       {map[string]http.HandlerFunc{at: answer(200, "<!DOCTYPE html><p>Welcome"), "/debug/pprof/trace": answer(200, "<html>")}, "HTML page|/debug/pprof/trace"},
	} {
		files(t, nil)
		s := serve(t, test.handlers)
		status, out, stderr := call("", "record", strings.Replace(s.URL, "//", "//me:password@", 1))
		for _, want := range strings.Split(test.stderr, "|") {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q lacks %q", name, stderr, want)
			}
		}
		if left, _ := filepath.Glob("*"); status != exitFailed || out != "" || len(left) > 0 || strings.Contains(stderr, "password") || strings.Contains(stderr, "secret") || strings.Contains(stderr, "\x1b") {
			t.Errorf("%s: status %d, files %q\n%s%s", name, status, left, out, stderr)
		}
	}
	// A page in place of the one handler does not hide the other.
	s := serve(t, map[string]http.HandlerFunc{at: answer(200, "<!DOCTYPE html>"), "/debug/pprof/trace": sends(trace)})
	if status, _, stderr := call("", "record", s.URL); status != exitFound {
		t.Errorf("%d, %q", status, stderr)
	}
	// Nothing is there at all.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if status, _, stderr := call("", "record", listener.Addr().String()); status != exitFailed || !strings.Contains(stderr, "refused") {
		t.Errorf("%d, %q", status, stderr)
	}
	// TLS where there is none.
	if status, _, stderr := call("", "record", strings.Replace(s.URL, "http:", "https:", 1)); status != exitFailed || !strings.Contains(stderr, "try http://") {
		t.Errorf("%d, %q", status, stderr)
	}
}

func TestRecordUsage(t *testing.T) {
	files(t, nil)
	for args, want := range map[string]string{
		"":                                "one service or file",
		"a b":                             "one service or file",
		"--seconds=0 x:1":                 "--seconds=0",
		"--seconds=-3 x:1":                "--seconds=-3",
		"--seconds=NaN x:1":               "--seconds=NaN",
		"--seconds=Inf x:1":               "--seconds=+Inf",
		"--seconds=86401 x:1":             "--seconds=86401",
		"--timeout=0s x:1":                "--timeout=0s",
		"--cert=a x:1":                    "--cert and --key",
		"--key=a x:1":                     "--cert and --key",
		"--header=X x:1":                  "NAME: VALUE",
		"--header=X\x01:y x:1":            "NAME: VALUE",
		"--max-trace=much x:1":            "want a size",
		"ftp://example.com":               "http://HOST:PORT",
		"http://":                         "http://HOST:PORT",
		"http://%zz":                      "invalid",
		"--format=svg http://localhost:1": "svg is for graph",
	} {
		if status, out, stderr := call("", append([]string{"record"}, strings.Fields(args)...)...); status != exitUsage || out != "" || !strings.Contains(stderr, want) {
			t.Errorf("record %s: %d, %q", args, status, stderr)
		}
	}
	for args, want := range map[string]string{"--cert=a --key=b x:1": "--cert and --key", "--cacert=a x:1": "--cacert", "--cacert=go.mod x:1": "no certificate"} {
		os.WriteFile("go.mod", []byte("module m\n"), 0o666)
		if status, _, stderr := call("", append([]string{"record"}, strings.Fields(args)...)...); status != exitFailed || !strings.Contains(stderr, want) {
			t.Errorf("record %s: %d, %q", args, status, stderr)
		}
	}
}

func TestServiceOf(t *testing.T) {
	files(t, map[string]string{"host:80": "", "dir/x": ""})
	for arg, want := range map[string]string{
		"localhost:6060": "http://localhost:6060", ":6060": "http://localhost:6060", "[::1]:6060/ops": "http://[::1]:6060/ops",
		"https://a.example/b": "https://a.example/b", "a.b-c.example:1": "http://a.b-c.example:1",
		"host:80": "", "dir": "", "-": "", "x.trace": "", "c:/x": "", "localhost": "",
	} {
		got := ""
		if u, err := serviceOf(arg); err != nil {
			t.Errorf("%s: %v", arg, err)
		} else if u != nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", arg, got, want)
		}
	}
}

// Headers, and certificates on both sides.
func TestRecordTLS(t *testing.T) {
	files(t, nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "me"}, NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) {
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("me.pem", "CERTIFICATE", der)
	write("me.key", "PRIVATE KEY", secret)
	me, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trace := recorded.Lostupdate()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer 123" || strings.Join(r.Header.Values("X-Who"), ",") != "a,b" || r.Host != "shop.example" {
			http.Error(w, "wrong headers", http.StatusForbidden)
			return
		}
		w.Write(trace)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	s.TLS.ClientCAs.AddCert(me)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	write("authority.pem", "CERTIFICATE", s.Certificate().Raw)

	headers := []string{"--header=Authorization: Bearer 123", "--header=X-Who:a", "--header", "X-Who: b", "--header=Host: shop.example"}
	certs := []string{"--cert=me.pem", "--key=me.key"}
	for _, test := range []struct {
		args   [][]string
		status int
		stderr string
	}{
		{[][]string{headers, certs, {"--cacert=authority.pem"}}, exitFound, "trace kept as"},
		{[][]string{headers, certs}, exitFailed, "--cacert"},
		{[][]string{headers, {"--cacert=authority.pem"}}, exitFailed, "--cert and --key"},
		{[][]string{certs, {"--cacert=authority.pem"}}, exitFailed, "wrong headers"},
	} {
		args := []string{"record"}
		for _, a := range test.args {
			args = append(args, a...)
		}
		status, _, stderr := call("", append(args, s.URL)...)
		if status != test.status || !strings.Contains(stderr, test.stderr) {
			t.Errorf("%q: status %d\n%s", args, status, stderr)
		}
	}
}

// What has arrived when a connection ends early is kept and analyzed.
func TestRecordCut(t *testing.T) {
	trace := recorded.Lostupdate()
	part := trace[:len(trace)*9/10]
	half := func(after func(r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Write(part)
			http.NewResponseController(w).Flush()
			after(r)
		}
	}
	limit := fmt.Sprint("--max-trace=", len(trace))
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		flags   string
		stderr  string
		size    int
	}{
		"broken": {half(func(*http.Request) { panic(http.ErrAbortHandler) }), "", "closed the connection", len(part)},
		"silent": {half(func(r *http.Request) { <-r.Context().Done() }), "--seconds=0.01 --timeout=200ms", "--timeout", len(part)},
		"large":  {sends(append(trace, 0)), limit, "--max-trace", len(trace)},
	} {
		files(t, nil)
		s := serve(t, map[string]http.HandlerFunc{"/debug/hindsight/trace": test.handler})
		args := append([]string{"record", "--trace=kept"}, strings.Fields(test.flags)...)
		status, out, stderr := call("", append(args, s.URL)...)
		info, err := os.Stat("kept")
		if err != nil || info.Size() != int64(test.size) {
			t.Fatalf("%s: %v, %+v\n%s", name, err, info, stderr)
		}
		want, text, _ := call("", "analyze", "kept")
		if status != want || out != text || !strings.Contains(stderr, test.stderr) || !strings.Contains(stderr, "What has arrived is kept as kept") {
			t.Errorf("%s: status %d, analyze's %d\n%s%s", name, status, want, out, stderr)
		}
	}
	// A trace as large as the limit is whole; a service that says nothing leaves nothing.
	files(t, nil)
	s := serve(t, map[string]http.HandlerFunc{
		"/debug/hindsight/trace": sends(trace),
		"/mute/trace":            func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	})
	if status, _, stderr := call("", "record", limit, s.URL); status != exitFound || strings.Contains(stderr, "max-trace") {
		t.Errorf("%d, %q", status, stderr)
	}
	status, _, stderr := call("", "record", "--trace=none", "--seconds=0.01", "--timeout=50ms", s.URL+"/mute/trace")
	if _, err := os.Stat("none"); status != exitFailed || err == nil || !strings.Contains(stderr, "--timeout") {
		t.Errorf("%d, %v, %q", status, err, stderr)
	}
}

// Traces of one second have different names, and none is replaced.
func TestKeptTrace(t *testing.T) {
	files(t, nil)
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, want := range []string{"a.b-20260102-030405.trace", "a.b-20260102-030405-2.trace", "a.b-20260102-030405-3.trace"} {
		f, err := new(app).keptTrace("a.b", begun)
		if err != nil || f.Name() != want {
			t.Fatalf("%v, %s, want %s", err, f.Name(), want)
		}
		f.Close()
	}
	if f, err := new(app).keptTrace("fe80::1%eth0/../x", begun); err != nil || f.Name() != "fe80-1-eth0-..-x-20260102-030405.trace" {
		t.Fatal(err, f.Name())
	}
}
