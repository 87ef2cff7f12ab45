package opshttp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
	"github.com/avenit/tenantry/workers/opshttp"
)

func TestLoginFlow(t *testing.T) {
	t.Parallel()
	o := serve(t, fleettest.New(t))

	res := o.get("/riverui/jobs?state=running", html)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Equal(t, "/login?next="+url.QueryEscape("/riverui/jobs?state=running"), res.Header.Get("Location"))
	res = o.get(res.Header.Get("Location"), html)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, res.body, `name="next" value="/riverui/jobs?state=running"`)

	res = o.post("/login", url.Values{"user": {user}, "password": {"canary-typed"}, "next": {"/x"}})
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.Empty(t, res.Cookies())
	require.Contains(t, res.body, "user or password is wrong")
	require.NotContains(t, res.body, "canary-typed")

	res = o.post("/login", url.Values{"user": {user}, "password": {password}, "next": {"/riverui/jobs?state=running"}})
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	require.Equal(t, "/riverui/jobs?state=running", res.Header.Get("Location"))
	cookie := res.Cookies()[0]
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.Equal(t, "/", cookie.Path)
	require.Equal(t, int(12*time.Hour/time.Second), cookie.MaxAge)
	require.False(t, cookie.Secure, "this connection has no TLS")

	require.Equal(t, http.StatusOK, o.get("/").StatusCode)
	require.Contains(t, o.get("/").body, user)
	require.Equal(t, http.StatusSeeOther, o.get("/login").StatusCode, "who is in needs no form")
	require.Equal(t, http.StatusNotFound, o.get("/no/such/page").StatusCode)
	require.Equal(t, http.StatusNotFound, o.get("/logout").StatusCode, "a link ends no session")
	require.Equal(t, http.StatusOK, o.get("/").StatusCode)

	res = o.post("/logout", nil)
	require.Equal(t, "/login", res.Header.Get("Location"))
	require.Equal(t, -1, res.Cookies()[0].MaxAge)
	require.Equal(t, http.StatusUnauthorized, o.get("/").StatusCode)
	require.Equal(t, http.StatusUnauthorized, o.get("/", keep(cookie)).StatusCode, "a session that was ended stays ended")

	require.Len(t, o.log.with(t, "ops login wrong"), 1)
	require.Len(t, o.log.with(t, "ops login"), 1)
	require.Len(t, o.log.with(t, "ops logout"), 1)
	for _, secret := range []string{password, "canary-typed", cookie.Value} {
		require.NotContains(t, o.log.String(), secret)
	}
}

func keep(c *http.Cookie) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) }
}

func TestEverythingIsBehindTheLogin(t *testing.T) {
	t.Parallel()
	o := serve(t, fleettest.New(t))
	for _, path := range []string{
		"/", "/riverui", "/riverui/", "/riverui/api/jobs", "/riverui/assets/x.js", "/riverui/api/health-checks/complete", "/nothing",
		"//riverui/api/jobs", "/riverui/../riverui/api/jobs", "/%72iverui/api/jobs",
	} {
		res := o.get(path)
		if res.StatusCode != http.StatusTemporaryRedirect { // to the clean path, which is asked again
			require.Equal(t, http.StatusUnauthorized, res.StatusCode, path)
			require.Equal(t, `Basic realm="tenantry"`, res.Header.Get("WWW-Authenticate"))
		}
		require.NotContains(t, res.body, "River")
		require.Equal(t, http.StatusUnauthorized, o.get("/", basic("wrong-"+path), header("X-Forwarded-For", path)).StatusCode)
	}
	require.Equal(t, `Session realm="tenantry"`, o.get("/riverui/api/jobs", header("Sec-Fetch-Mode", "cors")).Header.Get("WWW-Authenticate"),
		"a page's own request makes no password dialog")
	require.Equal(t, http.StatusOK, o.get("/riverui/api/jobs", basic(password)).StatusCode)
	for _, path := range []string{"/healthz", "/readyz", "/login", "/ops.css"} {
		require.Equal(t, http.StatusOK, o.get(path).StatusCode, path)
	}

	require.Equal(t, http.StatusOK, o.get("/metrics").StatusCode, "from this machine")
	require.Equal(t, http.StatusUnauthorized, o.get("/metrics", host("ops.example.com")).StatusCode)
	require.Equal(t, http.StatusUnauthorized, o.get("/metrics", header("X-Forwarded-For", "192.0.2.7")).StatusCode)
	require.Equal(t, http.StatusOK, o.get("/metrics", host("ops.example.com"), basic(password)).StatusCode)
}

func TestTamperedCookies(t *testing.T) {
	t.Parallel()
	o := serve(t, fleettest.New(t))
	res := o.post("/login", url.Values{"user": {user}, "password": {password}})
	good := res.Cookies()[0]
	o.client.Jar = nil
	require.Equal(t, http.StatusOK, o.get("/", keep(good)).StatusCode)
	last := good.Value[len(good.Value)-1]
	other := byte('A')
	if last == other {
		other = 'B'
	}
	for _, value := range []string{
		good.Value[:len(good.Value)-1] + string(other), good.Value + "A", strings.ToLower(good.Value), good.Value[1:], "", user,
	} {
		bad := &http.Cookie{Name: good.Name, Value: value}
		require.Equal(t, http.StatusUnauthorized, o.get("/", keep(bad)).StatusCode, value)
	}
	require.NotContains(t, o.log.String(), good.Value)

	res = o.post("/login", url.Values{"user": {user}, "password": {password}}, keep(good), header("X-Forwarded-Proto", "https"))
	require.True(t, res.Cookies()[0].Secure)
	require.NotEqual(t, good.Value, res.Cookies()[0].Value)
	require.Equal(t, http.StatusUnauthorized, o.get("/", keep(good)).StatusCode, "a new login ends the browser's old session")
}

func TestGuessingIsSlowed(t *testing.T) {
	t.Parallel()
	o := serve(t, fleettest.New(t), (*opshttp.Config).StopClock)
	o.logIn()
	from := func(sender string) func(*http.Request) { return header("X-Forwarded-For", sender) }
	statuses := map[int]int{}
	for range 10 {
		res := o.post("/login", url.Values{"user": {user}, "password": {"guess-guess"}}, from("192.0.2.66"))
		statuses[res.StatusCode]++
	}
	require.Equal(t, map[int]int{http.StatusUnauthorized: 5, http.StatusTooManyRequests: 5}, statuses)

	res := o.post("/login", url.Values{"user": {user}, "password": {password}}, from("192.0.2.66"))
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode, "out of guesses, the right one is not even looked at")
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	require.Contains(t, res.body, "try again in")
	anonymous := *o
	anonymous.client = &http.Client{Transport: o.client.Transport}
	res = anonymous.get("/", basic(password), from("192.0.2.66"))
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode)

	require.Equal(t, http.StatusOK, o.get("/", from("192.0.2.66")).StatusCode, "a session is not touched")
	require.Equal(t, http.StatusOK, anonymous.get("/", basic(password), from("192.0.2.67")).StatusCode, "nor another sender")
}
