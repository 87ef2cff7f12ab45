package opshttp_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/fleettest"
	"github.com/avenit/tenantry/workers/opshttp"
)

func TestStartPage(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	id, err := f.Jobs.Submit(t.Context(), jobs.Noop{}, &jobs.Options{RequestedBy: `<script>alert("x")</script>`})
	require.NoError(t, err)
	ended := f.Submit(t, jobs.Noop{})
	_, err = f.Pool.Exec(t.Context(), `SELECT tenantry.settle(jsonb_build_array(jsonb_build_object('id', $1::text, 'outcome', 'failed',
		'error', jsonb_build_object('code', 'x', 'message', '<img src=x onerror=alert(1)>'))))`, ended)
	require.NoError(t, err)
	o := serve(t, f, func(c *opshttp.Config) { c.WorkerID = func() string { return "w-<1>" } })
	res := o.get("/", basic(password))
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NotContains(t, res.body, "<script")
	require.NotContains(t, res.body, "<img")
	require.Contains(t, res.body, "&lt;script&gt;")
	require.Contains(t, res.body, "&lt;img src=x onerror=alert(1)&gt;")
	require.Contains(t, res.body, "w-&lt;1&gt;")
	for _, want := range []string{
		id, ended, `href="/riverui/"`, `href="/metrics"`, `href="/riverui/jobs/1"`, `http-equiv="refresh"`, "v1.2.3",
		`<td>queued</td><td class="number">1</td>`, `<td>failed</td><td class="number">1</td>`, "tenantry worker",
	} {
		require.Contains(t, res.body, want)
	}
}
