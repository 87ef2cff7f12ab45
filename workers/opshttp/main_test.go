package opshttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/avenit/tenantry/workers/fleettest"
	"github.com/avenit/tenantry/workers/opshttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The login of the tests; the password is the canary that no log line may hold.
const (
	user     = "ada"
	password = "canary-7f3c-password"
)

// ops is a running server and what it logged.
type ops struct {
	t      *testing.T
	server *opshttp.Server
	log    *lines
	url    string
	client *http.Client // with a cookie jar; follows no redirect
}

// serve starts a server with a login on a fleet.
func serve(t *testing.T, f *fleettest.Fleet, change ...func(*opshttp.Config)) *ops {
	t.Helper()
	log := &lines{}
	cfg := opshttp.Config{
		Addr: "127.0.0.1:0", User: user, Password: password, ControlPool: f.Pool, Version: "v1.2.3",
		Log: zerolog.New(log),
	}
	for _, c := range change {
		c(&cfg)
	}
	server, err := opshttp.New(cfg)
	require.NoError(t, err)
	require.Empty(t, server.Addr())
	require.NoError(t, server.Start(t.Context()))
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	o := &ops{t: t, server: server, log: log, url: "http://" + server.Addr(), client: &http.Client{
		Jar: jar, Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		server.Stop(ctx)
		server.Stop(ctx)
	})
	return o
}

func noLogin(cfg *opshttp.Config) { cfg.User, cfg.Password = "", "" }

// reply is an answer with its body read.
type reply struct {
	*http.Response
	body string
}

// send makes a request as the change leaves it.
func (o *ops) send(method, path, body string, change ...func(*http.Request)) reply {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, strings.NewReader(body))
	require.NoError(o.t, err)
	for _, c := range change {
		c(req)
	}
	res, err := o.client.Do(req)
	require.NoError(o.t, err)
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	require.NoError(o.t, err)
	return reply{Response: res, body: string(read)}
}

func (o *ops) get(path string, change ...func(*http.Request)) reply {
	o.t.Helper()
	return o.send(http.MethodGet, path, "", change...)
}

// post sends a form.
func (o *ops) post(path string, form url.Values, change ...func(*http.Request)) reply {
	o.t.Helper()
	return o.send(http.MethodPost, path, form.Encode(), append([]func(*http.Request){header("Content-Type", "application/x-www-form-urlencoded")}, change...)...)
}

// logIn begins a session, which the client then has.
func (o *ops) logIn() {
	o.t.Helper()
	res := o.post("/login", url.Values{"user": {user}, "password": {password}})
	require.Equal(o.t, http.StatusSeeOther, res.StatusCode, res.body)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func basic(password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

func html(r *http.Request) { r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8") }

// lines is a log that tests read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// with gives the lines that have the message.
func (l *lines) with(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		fields := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		if fields["message"] == message {
			found = append(found, fields)
		}
	}
	return found
}
