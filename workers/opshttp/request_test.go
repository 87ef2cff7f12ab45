package opshttp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"/", "/riverui/jobs?state=running&id=1", "/riverui/", "/a%20b"} {
		require.Equal(t, good, localPath(good))
	}
	for _, bad := range []string{
		"", "riverui", "https://evil.example", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example",
		"/%2f/evil.example", "javascript:alert(1)", "/login", "/login?next=/login", "/logout", "/" + strings.Repeat("a", 3000), "/%zz",
	} {
		require.Equal(t, "/", localPath(bad), bad)
	}
}

func TestJobIDs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		path, body string
		want       []int64
	}{
		{"/riverui/api/jobs/retry", `{"ids":["1","9007199254740993"]}`, []int64{1, 9007199254740993}},
		{"/riverui/api/jobs/retry", `{"ids":[1, 2]}`, []int64{1, 2}},
		{"/riverui/api/jobs/7/retry", ``, []int64{7}},
		{"/riverui/api/jobs/7", `{"ids":["8"]}`, []int64{7, 8}},
		{"/riverui/api/queues/default/pause", `{}`, nil},
		{"/riverui/api/jobs/retry", `{"ids":["x", null, {"a":1}, "3"]}`, []int64{3}},
		{"/riverui/api/jobs/retry", `not json`, nil},
	} {
		require.Equal(t, tc.want, jobIDs(tc.path, []byte(tc.body)), tc.path+" "+tc.body)
	}
	require.Len(t, jobIDs("/", []byte(`{"ids":[1`+strings.Repeat(",1", 2*maxAuditIDs)+`]}`)), maxAuditIDs)
}

func TestSender(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5000", nil, "192.0.2.1|"},
		{"[2001:db8:1:2:3:4:5:6]:5000", nil, "2001:db8:1:2::/64|"},
		{"[::ffff:192.0.2.1]:5000", nil, "::ffff:192.0.2.1|"},
		{"192.0.2.1:5000", []string{"10.0.0.1, 10.0.0.2"}, "192.0.2.1|10.0.0.2"},
		{"192.0.2.1:5000", []string{"10.0.0.1", "10.0.0.3"}, "192.0.2.1|10.0.0.3"},
		{"192.0.2.1:5000", []string{strings.Repeat("x", 200)}, "192.0.2.1|" + strings.Repeat("x", 64)},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = tc.remote
		r.Header["X-Forwarded-For"] = tc.forwarded
		require.Equal(t, tc.want, sender(r))
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for _, yes := range []string{"localhost", "localhost:8484", "LOCALHOST.:1", "a.localhost", "127.0.0.1:1", "127.9.9.9", "[::1]:8484", "[::1]", "::1"} {
		require.True(t, isLoopback(yes), yes)
	}
	for _, no := range []string{"", "example.com", "localhost.example.com", "127.0.0.1.example.com", "192.0.2.1:8484", "[2001:db8::1]", "notlocalhost"} {
		require.False(t, isLoopback(no), no)
	}
}
