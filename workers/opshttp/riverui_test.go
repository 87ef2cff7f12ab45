package opshttp_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/fleettest"
)

func TestChangesInRiverUI(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t) // without a worker nobody else touches the job
	op, err := f.Jobs.Get(t.Context(), f.Submit(t, jobs.Noop{}))
	require.NoError(t, err)
	o := serve(t, f)
	body := fmt.Sprintf(`{"ids":["%d"]}`, *op.RiverJobID)
	state := func() string {
		var s string
		require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT state FROM river.river_job WHERE id = $1`, *op.RiverJobID).Scan(&s))
		return s
	}
	change := func(what string, change ...func(*http.Request)) int {
		return o.send(http.MethodPost, "/riverui/api/jobs/"+what, body, change...).StatusCode
	}

	require.Equal(t, http.StatusUnauthorized, change("cancel"))
	require.Equal(t, "available", state())
	o.logIn()
	require.Equal(t, http.StatusOK, change("cancel", header("Sec-Fetch-Site", "same-origin")))
	require.Equal(t, "cancelled", state())
	for name, from := range map[string]func(*http.Request){
		"another site":                      header("Sec-Fetch-Site", "cross-site"),
		"another name of the same site":     header("Sec-Fetch-Site", "same-site"),
		"another origin, by an old browser": header("Origin", "https://evil.example"),
		"a page without an origin":          header("Origin", "null"),
		"another site, with the password": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.SetBasicAuth(user, password)
		},
	} {
		require.Equal(t, http.StatusForbidden, change("retry", from), name)
		require.Equal(t, "cancelled", state(), name)
	}
	require.Equal(t, http.StatusOK, change("retry", header("Origin", o.url)))
	require.Equal(t, "available", state())
	require.Equal(t, http.StatusOK, change("retry", basic(password)), "a script has no origin")

	lines := o.log.with(t, "ops change")
	require.Len(t, lines, 9, "a line for each, refused ones too")
	require.Empty(t, lines[0]["user"])
	require.EqualValues(t, http.StatusUnauthorized, lines[0]["status"])
	require.Empty(t, lines[0]["river_job_ids"], "what strangers send is not read")
	cancelled := lines[1]
	require.Equal(t, user, cancelled["user"])
	require.Equal(t, http.MethodPost, cancelled["method"])
	require.Equal(t, "/riverui/api/jobs/cancel", cancelled["path"])
	require.EqualValues(t, http.StatusOK, cancelled["status"])
	require.Equal(t, []any{float64(*op.RiverJobID)}, cancelled["river_job_ids"])
	require.Contains(t, cancelled["remote_addr"], "127.0.0.1:")
	require.EqualValues(t, http.StatusForbidden, lines[3]["status"])
	require.Equal(t, user, lines[3]["user"])

	_ = o.get("/riverui/api/jobs")
	res := o.send(http.MethodPut, "/riverui/api/queues/none/pause?token=canary-query", "", header("X-Forwarded-For", "192.0.2.7"))
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	lines = o.log.with(t, "ops change")
	require.Len(t, lines, 10, "looking leaves no line")
	require.Equal(t, "192.0.2.7", lines[9]["forwarded_for"])
	require.NotContains(t, o.log.String(), "canary")
	require.Equal(t, http.StatusRequestEntityTooLarge, o.send(http.MethodPost, "/riverui/api/jobs/cancel", strings.Repeat(" ", 65<<10)).StatusCode)
}

func TestCrossSiteLogin(t *testing.T) {
	t.Parallel()
	o := serve(t, fleettest.New(t))
	form := url.Values{"user": {user}, "password": {password}}
	require.Equal(t, http.StatusForbidden, o.post("/login", form, header("Sec-Fetch-Site", "cross-site")).StatusCode)
	require.Equal(t, http.StatusRequestEntityTooLarge, o.post("/login", url.Values{"user": {strings.Repeat("x", 65<<10)}}).StatusCode)
	o.logIn()
	require.Equal(t, http.StatusForbidden, o.post("/logout", nil, header("Origin", "https://evil.example")).StatusCode)
	require.Equal(t, http.StatusOK, o.get("/").StatusCode)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	o := serve(t, fleettest.New(t))
	check := func(path string) reply {
		res := o.get(path, html)
		require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "DENY", res.Header.Get("X-Frame-Options"), path)
		require.Equal(t, "same-origin", res.Header.Get("Referrer-Policy"), path)
		policy := res.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", path)
		require.Contains(t, policy, "frame-ancestors 'none'", path)
		require.NotContains(t, policy, "unsafe-eval", path)
		require.NotRegexp(t, `script-src[^;]*unsafe-inline`, policy, path)
		if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"), path)
		}
		return res
	}
	for _, path := range []string{"/", "/login", "/riverui/jobs/1", "/healthz", "/readyz", "/metrics", "/ops.css", "/riverui/", "/nothing", "/favicon.ico"} {
		check(path)
	}
	o.logIn()
	page := check("/riverui/")
	require.Equal(t, http.StatusOK, page.StatusCode)
	script := regexp.MustCompile(`src="(/riverui/assets/[^"]+\.js)"`).FindStringSubmatch(page.body)
	require.NotNil(t, script)
	require.Contains(t, check(script[1]).Header.Get("Cache-Control"), "max-age=86400")
	missing := check("/riverui/assets/none-such.js")
	require.Contains(t, missing.Header.Get("Content-Type"), "text/html")
	require.Equal(t, http.StatusOK, check("/riverui/jobs/1").StatusCode)
	require.Equal(t, "no-store", check("/riverui/api/jobs").Header.Get("Cache-Control"))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, o.get("/", header("X-Large", strings.Repeat("x", 64<<10))).StatusCode)
}
