package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hindsight-go/hindsight/report"
)

func runRecord(a *app, args []string) (int, error) {
	if len(args) != 1 {
		return 0, usage("record needs one service or file")
	}
	if err := a.checkFetch(); err != nil {
		return 0, err
	}
	format, err := a.reportFormat(report.Text)
	if err != nil {
		return 0, err
	}
	from, err := serviceOf(args[0])
	if err != nil {
		return 0, err
	}
	if from == nil {
		return a.analyzeAndReport(args, format)
	}
	name, err := a.fetch(from)
	if err != nil {
		return 0, err
	}
	return a.analyzeAndReport([]string{name}, format)
}

// Where services serve traces: of the handler of package collect, and of net/http/pprof.
const (
	collectPath = "/debug/hindsight/"
	pprofPath   = "/debug/pprof/"
)

// serviceOf is the address of a service, or nil if the argument names a file or
// standard input. What is both a file and an address is a file.
func serviceOf(arg string) (*url.URL, error) {
	if !strings.Contains(arg, "://") {
		_, err := os.Stat(arg)
		if arg == "-" || err == nil || !addressForm.MatchString(arg) {
			return nil, nil
		}
		if strings.HasPrefix(arg, ":") {
			arg = "localhost" + arg
		}
		arg = "http://" + arg
	}
	from, err := url.Parse(arg)
	if err != nil {
		return nil, usage("%v", err)
	}
	if from.Scheme != "http" && from.Scheme != "https" || from.Host == "" {
		return nil, usage("%s is no address of a service: want http://HOST:PORT or https://HOST:PORT", from.Redacted())
	}
	return from, nil
}

// addressForm is a host, which may be left out, a port, and perhaps a path.
var addressForm = regexp.MustCompile(`^([\w.-]*|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}(/.*)?$`)

// candidates are the addresses at which a service may serve a trace of some
// seconds, in the order in which they are tried. An address that already names a
// handler is the only one; any other is the place below which the handlers are.
func (a *app) candidates(from *url.URL) []*url.URL {
	at := func(where string) *url.URL {
		u := *from
		u.Path, u.RawPath, u.Fragment = where, "", ""
		if q := u.Query(); !q.Has("seconds") && path.Base(where) == "trace" {
			q.Set("seconds", strconv.FormatFloat(a.seconds, 'f', -1, 64))
			u.RawQuery = q.Encode()
		}
		return &u
	}
	switch base := strings.TrimSuffix(from.Path, "/"); {
	case path.Base(base) == "trace" || path.Base(base) == "flight":
		return []*url.URL{at(base)}
	case strings.HasSuffix(base+"/", collectPath), strings.HasSuffix(base+"/", pprofPath):
		return []*url.URL{at(base + "/trace")}
	default:
		return []*url.URL{at(base + collectPath + "trace"), at(base + pprofPath + "trace")}
	}
}

// duration is for how long a service records at an address.
func (a *app) duration(at *url.URL) time.Duration {
	seconds := 0.0
	if path.Base(at.Path) == "trace" {
		var err error
		if seconds, err = strconv.ParseFloat(at.Query().Get("seconds"), 64); err != nil {
			seconds = a.seconds // the service will say what it thinks of it
		}
	}
	return time.Duration(min(max(seconds, 0), maxSeconds) * float64(time.Second))
}

// maxSeconds is for how long a service may be asked to record.
const maxSeconds = 24 * 3600

// errNoHandler says that a service does not serve traces at an address: another
// may.
var errNoHandler = errors.New("no trace is served here")

// fetch has a service record itself, and returns the name of the file that
// keeps the trace.
func (a *app) fetch(from *url.URL) (string, error) {
	client, err := a.client()
	if err != nil {
		return "", err
	}
	list := a.candidates(from)
	var missed []string
	for _, at := range list {
		name, err := a.fetchAt(client, at)
		if !errors.Is(err, errNoHandler) {
			return name, err
		}
		missed = append(missed, fmt.Sprintf("%s: %v", at.Redacted(), err))
	}
	return "", fmt.Errorf(`%s
The service needs a handler: package collect of hindsight has one, net/http/pprof another.
If it has one at another place, or on another port, give the whole address, which ends in /trace`, strings.Join(missed, "\n"))
}

// client makes the client, with the certificates that the user gave.
func (a *app) client() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: a.timeout}).DialContext
	transport.TLSHandshakeTimeout = a.timeout
	transport.TLSClientConfig = &tls.Config{}
	if a.cert != "" {
		pair, err := tls.LoadX509KeyPair(a.cert, a.key)
		if err != nil {
			return nil, fmt.Errorf("--cert and --key: %w", err)
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	if a.caCert != "" {
		pem, err := os.ReadFile(a.caCert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert: %s holds no certificate in PEM form", a.caCert)
		}
	}
	return &http.Client{
		Transport: transport,
		// Headers may hold what only this service should know.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Why a fetch was ended before its end.
var (
	errInterrupted = errors.New("interrupted")
	errSilent      = errors.New("the service is silent")
)

// fetchAt fetches a trace from one address. What has arrived when the
// connection breaks, the service falls silent or the user interrupts is kept.
func (a *app) fetchAt(client *http.Client, at *url.URL) (string, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer a.temp.yield(func() bool { cancel(errInterrupted); return false })()
	lasts := a.duration(at)
	begun := time.Now()
	// A service may send nothing, not even a header, before the last second.
	silence := time.AfterFunc(lasts+a.timeout, func() { cancel(errSilent) })
	defer silence.Stop()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("User-Agent", "hindsight")
	for _, h := range a.headers {
		name, value, _ := strings.Cut(h, ":")
		if value = strings.TrimSpace(value); strings.EqualFold(name, "Host") {
			request.Host = value
		} else {
			request.Header.Add(name, value)
		}
	}
	if lasts > 0 {
		a.note("recording %v at %s", lasts, at.Redacted())
	}
	var arrived atomic.Int64
	defer a.showFetch(begun, lasts, &arrived)()
	where := at.Redacted()
	response, err := client.Do(request)
	if err != nil {
		return "", a.explainFetch(ctx, where, err)
	}
	defer response.Body.Close()
	if err := refused(where, response); err != nil {
		return "", err
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(response.Body, head)
	head = head[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", a.explainFetch(ctx, where, err)
	}
	if err := notTrace(where, head); err != nil {
		return "", err
	}

	f, err := a.keptTrace(at.Hostname(), begun)
	if err != nil {
		return "", fmt.Errorf("keeping the trace: %w", err)
	}
	defer f.Close()
	body := &limited{r: io.MultiReader(bytes.NewReader(head), response.Body), left: int64(a.maxTrace), passed: func(n int) {
		arrived.Add(int64(n))
		silence.Reset(max(0, lasts-time.Since(begun)) + a.timeout)
	}}
	_, err = io.Copy(f, body)
	if e := f.Close(); err == nil {
		err = e
	}
	size := amount(arrived.Load())
	var disk *os.PathError
	switch {
	case err == nil:
		a.note("trace kept as %s (%s)", f.Name(), size)
	case errors.As(err, &disk):
		return "", fmt.Errorf("keeping the trace: %w", err)
	default:
		a.note("%v\nWhat has arrived is kept as %s (%s)", a.explainFetch(ctx, where, err), f.Name(), size)
	}
	return f.Name(), nil
}

// showFetch shows how far a recording has got, until the function that it
// returns is called.
func (a *app) showFetch(begun time.Time, lasts time.Duration, arrived *atomic.Int64) (done func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				a.progress.clear()
				return
			case <-tick.C:
				a.progress.set("recording, %.0f of %.0f s, %s", min(time.Since(begun), lasts).Seconds(), lasts.Seconds(), amount(arrived.Load()))
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// keptTrace creates the file for a trace: the user's, or a new one in the working directory.
func (a *app) keptTrace(host string, begun time.Time) (*os.File, error) {
	if a.trace != "" {
		return os.Create(a.trace)
	}
	stem := strings.Trim(hostile.ReplaceAllString(host, "-"), "-.") + begun.UTC().Format("-20060102-150405")
	for n := 1; ; n++ {
		name := stem
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		f, err := os.OpenFile(filepath.Join(".", name+".trace"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) || n == 100 {
			return f, err
		}
	}
}

var hostile = regexp.MustCompile(`[^0-9A-Za-z.]+`)

// limited reads at most some bytes: more are an error.
type limited struct {
	r      io.Reader
	left   int64 // 0: no limit
	total  int64
	passed func(n int)
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left > 0 {
		if l.total == l.left {
			// A trace of just the limit is whole.
			if n, err := l.r.Read(p[:1]); n == 0 {
				return 0, err
			}
			return 0, fmt.Errorf("the trace is larger than %s: --max-trace sets another limit", amount(l.left))
		}
		p = p[:min(int64(len(p)), l.left-l.total)]
	}
	n, err := l.r.Read(p)
	l.total += int64(n)
	l.passed(n)
	return n, err
}

// explainFetch says why a connection ended, and what to do about it.
func (a *app) explainFetch(ctx context.Context, where string, err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var alert *net.OpError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var sent *url.Error
	if errors.As(err, &sent) {
		err = sent.Err // its text has the address, with the password
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errInterrupted):
		return fmt.Errorf("%s: interrupted", where)
	case errors.Is(cause, errSilent):
		return fmt.Errorf("%s: nothing came for %v longer than it should record: --timeout sets another limit", where, a.timeout)
	case errors.As(err, &unknown), errors.As(err, &name):
		return fmt.Errorf("%s: %w: --cacert names a file with the authority that signed the service's certificate", where, err)
	case errors.As(err, &alert) && alert.Op == "remote error" && a.cert == "":
		return fmt.Errorf("%s: %w: the service may want a certificate of yours, --cert and --key", where, err)
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s: %w: the service does not speak TLS there; try http://", where, err)
	case errors.As(err, &dns):
		return fmt.Errorf("%s: %w: check the name", where, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the service closed the connection before the end of the trace: it may have ended, or allow answers less time than --seconds=%v (WriteTimeout)", where, a.seconds)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// refused says what an answer other than 200 means.
func refused(where string, r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	says := r.Status
	if text := firstLine(r.Body); text != "" {
		says += ": " + text
	}
	switch {
	case r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusMethodNotAllowed || r.StatusCode == http.StatusGone:
		return fmt.Errorf("%w (%s)", errNoHandler, says)
	case r.StatusCode >= 300 && r.StatusCode < 400:
		to := "another address"
		if u, err := r.Location(); err == nil {
			to = report.Visible(u.Redacted())
		}
		return fmt.Errorf("%s sends on to %s (%s), which is not followed, since it may be another service: if it is the right one, give that address; if it is a login, give --header or --cert", where, to, r.Status)
	case r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden, r.StatusCode == http.StatusProxyAuthRequired:
		return fmt.Errorf("%s refuses (%s): give what it asks for, such as --header 'Authorization: Bearer TOKEN', or --cert and --key", where, says)
	case r.StatusCode == http.StatusConflict, r.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("%s is busy (%s): it makes one recording at a time; try again later", where, says)
	case r.StatusCode >= 500 && r.StatusCode != http.StatusNotImplemented:
		return fmt.Errorf("%s failed (%s): if it records already, try again later; else its log may say why", where, says)
	}
	return fmt.Errorf("%s: %s", where, says)
}

// notTrace says what is wrong with the beginning of an answer, if it is that of no trace.
func notTrace(where string, head []byte) error {
	kind, err := inputKind(head)
	switch {
	case len(head) == 0:
		return fmt.Errorf("%s: the answer is empty: what is there records nothing; if a proxy is between, give the service's own address", where)
	case kind == traceInput, isGzip(head):
		return nil
	case kind == pageInput:
		return fmt.Errorf("%w (it answers with an HTML page)", errNoHandler)
	case err == nil: // a text
		return fmt.Errorf("%s: the answer is no trace: %q: check the address, which ends in /trace or /flight", where, firstLine(bytes.NewReader(head)))
	}
	return fmt.Errorf("%s: the answer is no trace: check the address, which ends in /trace or /flight", where)
}

// firstLine is the beginning of a text for an error, as far as it is one.
func firstLine(r io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(r, 512))
	if !isText(text) {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if strings.HasPrefix(line, "<") {
		return ""
	}
	return report.Visible(strings.TrimSpace(line))
}

// amount is a number of bytes for people.
func amount(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
