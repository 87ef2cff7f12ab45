package s3test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Fault is what happens to a request or to its answer.
type Fault string

// The faults.
const (
	Error500     Fault = "500"
	SlowDown     Fault = "503 SlowDown"
	Denied       Fault = "403"
	NoBackend    Fault = "404 of a load balancer"
	Silence      Fault = "no answer"
	ResetRequest Fault = "reset within the request"
	LostAnswer   Fault = "served, answer lost"
	ResetAnswer  Fault = "reset within the answer"
	Truncated    Fault = "answer cut short"
	Flipped      Fault = "answer with one bit flipped"
	FlippedIn    Fault = "request with one bit flipped"
	Slow         Fault = "slow"

	// What a server may be that is no full S3. They are no [Faults].
	Replaces    Fault = "If-None-Match is not heeded"
	NotSupports Fault = "501 NotImplemented"
)

// Faults are all of them.
var Faults = []Fault{Error500, SlowDown, Denied, NoBackend, Silence, ResetRequest, LostAnswer, ResetAnswer, Truncated, Flipped, FlippedIn, Slow}

// Plan says which requests a fault happens to.
type Plan struct {
	Fault Fault
	// Match selects requests. nil selects all.
	Match func(r *http.Request) bool
	// Times is how many of them, 0 all.
	Times int
}

// Proxy stands before a server.
type Proxy struct {
	Address string

	to     *http.Transport
	server string

	mu   sync.Mutex
	plan *Plan
	hits int
	done chan struct{} // closed when the plan ends
}

// Before starts a proxy before a server. It ends with the test.
func Before(t testing.TB, s *Server) *Proxy {
	t.Helper()
	p := &Proxy{Address: freeAddress(t), server: s.Address, to: client(), done: make(chan struct{})}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", p.Address)
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	front := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = front.Serve(l) }()
	t.Cleanup(func() {
		p.Clear()
		_ = front.Close()
		p.to.CloseIdleConnections()
	})
	return p
}

// Set makes a plan the one that holds.
func (p *Proxy) Set(plan Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.hits = &plan, 0
}

// Clear ends the plan, and says how often its fault has happened.
func (p *Proxy) Clear() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.done)
	p.done, p.plan = make(chan struct{}), nil
	return p.hits
}

func (p *Proxy) fault(r *http.Request) (Fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plan == nil || (p.plan.Match != nil && !p.plan.Match(r)) || (p.plan.Times > 0 && p.hits >= p.plan.Times) {
		return "", p.done
	}
	p.hits++
	return p.plan.Fault, p.done
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, done := p.fault(r)
	if e, is := refusals[fault]; is {
		refuse(w, r, e.status, e.code)
		return
	}
	if fault == NoBackend || fault == Silence {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	if fault == NoBackend {
		http.Error(w, "<html>no backend</html>", http.StatusNotFound)
		return
	}
	if fault == Silence {
		select {
		case <-r.Context().Done():
		case <-done:
		}
		reset(w)
		return
	}
	answer, err := p.forward(r, fault)
	if err != nil {
		reset(w)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	if fault == Replaces && answer.StatusCode == http.StatusPreconditionFailed {
		w.Header().Set("ETag", `"0"`)
		return
	}
	p.answer(w, answer, r.Method, fault)
}

// refusals are the faults that are an answer of S3.
var refusals = map[Fault]struct {
	status int
	code   string
}{
	Error500:    {http.StatusInternalServerError, "InternalError"},
	SlowDown:    {http.StatusServiceUnavailable, "SlowDown"},
	Denied:      {http.StatusForbidden, "AccessDenied"},
	NotSupports: {http.StatusNotImplemented, "NotImplemented"},
}

// refuse answers as S3 does, once half of the request has been read.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.CopyN(io.Discard, r.Body, max(r.ContentLength/2, 0))
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+code+`</Code><Message>a fault of the tests</Message></Error>`)
	}
}

var errCut = errors.New("cut")

// forward brings a request to the server.
func (p *Proxy) forward(r *http.Request, fault Fault) (*http.Response, error) {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", p.server, ""
	// The server is told that something was cut as it would be told by a network.
	switch half := r.ContentLength / 2; {
	case fault == ResetRequest:
		out.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, half), broken{}))
	case fault == FlippedIn && r.ContentLength > 0:
		out.Body = io.NopCloser(&flipping{r: r.Body, at: half})
	case fault == Slow:
		out.Body = io.NopCloser(slow{r.Body})
	case r.ContentLength == 0:
		out.Body = http.NoBody
	}
	answer, err := p.to.RoundTrip(out)
	if err == nil && (fault == ResetRequest || fault == LostAnswer) {
		_ = answer.Body.Close()
		return nil, errCut
	}
	return answer, err
}

// answer brings the server's answer to the client.
func (p *Proxy) answer(w http.ResponseWriter, answer *http.Response, method string, fault Fault) {
	var body io.Reader = answer.Body
	length := answer.ContentLength
	switch half := length / 2; {
	case fault == Truncated && length > 0:
		body, length = io.LimitReader(body, half), half
	case fault == Flipped && length > 0:
		body = &flipping{r: body, at: half}
	case fault == ResetAnswer && (length <= 0 || method == http.MethodHead):
		reset(w)
		return
	case fault == ResetAnswer:
		body = io.LimitReader(body, half)
	case fault == Slow:
		body = slow{body}
	}
	maps.Copy(w.Header(), answer.Header)
	if length >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(answer.StatusCode)
	if method == http.MethodHead {
		return
	}
	_, err := io.Copy(w, body)
	if err != nil || fault == ResetAnswer {
		_ = http.NewResponseController(w).Flush() // what was sent arrives
		reset(w)
	}
}

// reset ends a connection as a network does.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, is := conn.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// broken is where a connection ends.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errCut }

// flipping flips a bit.
type flipping struct {
	r  io.Reader
	at int64 // of this byte
}

func (f *flipping) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if f.at >= 0 && f.at < int64(n) {
		p[f.at] ^= 1
	}
	f.at -= int64(n)
	return n, err
}

// slow gives some kilobytes at a time.
type slow struct{ r io.Reader }

const (
	slowBytes = 256 << 10
	slowPause = 10 * time.Millisecond
)

func (s slow) Read(p []byte) (int, error) {
	<-time.After(slowPause)
	return s.r.Read(p[:min(len(p), slowBytes)])
}
