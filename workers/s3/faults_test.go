//go:build !race

package s3_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/s3/s3test"
)

// target is a request of an operation that faults happen to.
type target struct {
	name  string
	op    func(t *testing.T, s *scene, cell int) jobs.Operation
	match func(r *http.Request) bool
	large bool
}

func put(end string) func(r *http.Request) bool { return method(http.MethodPut, end) }
func get(end string) func(r *http.Request) bool { return method(http.MethodGet, end) }

func method(m, end string) func(r *http.Request) bool {
	return func(r *http.Request) bool { return r.Method == m && strings.HasSuffix(r.URL.Path, end) }
}

// asks matches requests by a parameter.
func asks(m, parameter string) func(r *http.Request) bool {
	return func(r *http.Request) bool { return r.Method == m && r.URL.Query().Has(parameter) }
}

func targets() []target {
	return []target{
		{name: "backup, data", op: backUp(small), match: put(".data")},
		{name: "backup, contents", op: backUp(small), match: put(".contents")},
		{name: "backup, manifest", op: backUp(small), match: put("manifest.json")},
		{name: "backup, manifest read back", op: backUp(small), match: get("manifest.json")},
		{name: "backup, data looked at", op: backUp(small), match: method(http.MethodHead, ".data")},
		{name: "backup, all", op: backUp(small)},
		{name: "backup in parts, first request", op: backUp(large), large: true, match: asks(http.MethodPost, "uploads")},
		{name: "backup in parts, part", op: backUp(large), large: true, match: asks(http.MethodPut, "partNumber")},
		{name: "backup in parts, last request", op: backUp(large), large: true, match: asks(http.MethodPost, "uploadId")},
		{name: "verify, manifest", op: verify, match: get("manifest.json")},
		{name: "verify, contents", op: verify, match: get(".contents")},
		{name: "verify, data", op: verify, match: get(".data")},
		{name: "verify, data of the large one", op: verify, large: true, match: get(".data")},
		{name: "restore, manifest", op: restore, match: get("manifest.json")},
		{name: "restore, contents", op: restore, match: get(".contents")},
		{name: "restore, data", op: restore, match: get(".data")},
		{name: "expire, manifest deleted", op: expire, match: method(http.MethodDelete, "manifest.json")},
		{name: "expire, data deleted", op: expire, match: method(http.MethodDelete, ".data")},
		{name: "expire, data looked at", op: expire, match: method(http.MethodHead, ".data")},
		{name: "expire, list", op: expire, match: asks(http.MethodGet, "list-type")},
		{name: "expire, uploads listed", op: expire, match: asks(http.MethodGet, "uploads")},
	}
}

func backUp(slug string) func(t *testing.T, s *scene, cell int) jobs.Operation {
	return func(t *testing.T, s *scene, _ int) jobs.Operation {
		t.Helper()
		return s.Ends(t, s.Submit(t, jobs.Backup{Tenant: slug}))
	}
}

func verify(t *testing.T, s *scene, _ int) jobs.Operation {
	t.Helper()
	return s.Ends(t, s.Submit(t, jobs.VerifyBackup{Backup: s.newest(t).ID}))
}

func restore(t *testing.T, s *scene, cell int) jobs.Operation {
	t.Helper()
	slug := fmt.Sprintf("again-%d", cell)
	op := s.Ends(t, s.Submit(t, jobs.Restore{Backup: s.newest(t).ID, To: slug}))
	if op.State == jobs.StateSucceeded {
		var n int
		require.NoError(t, s.Connect(t, slug, tenants.RoleApp).QueryRow(t.Context(), `SELECT count(*) FROM customers`).Scan(&n))
		require.Equal(t, 500, n)
	}
	return op
}

func expire(t *testing.T, s *scene, _ int) jobs.Operation {
	t.Helper()
	return s.Ends(t, s.Submit(t, jobs.ExpireBackups{}))
}

// lasting is how often a fault that lasts happens: more often than the client of S3 tries by itself.
const lasting = 4

// TestFaults: whatever happens to which request.
func TestFaults(t *testing.T) {
	t.Parallel()
	full := os.Getenv("S3_FAULTS") == "full"
	for i, at := range targets() {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			slug := small
			if at.large {
				slug = large
			}
			var s *scene
			for j, fault := range s3test.Faults {
				for k, times := range []int{1, lasting} {
					if !full && (i+j)%6 != 3*k {
						continue
					}
					if s == nil {
						s = newScene(t, slug)
						s.set(t, "backup_retention", `{"last": 1}`)
						s.Do(t, jobs.Backup{Tenant: slug})
					}
					s.cell(t, at, fault, times, slug, 2*j+k)
				}
			}
		})
	}
}

// cell has one fault happen to one operation.
func (s *scene) cell(t *testing.T, at target, fault s3test.Fault, times int, slug string, cell int) {
	t.Helper()
	name := fmt.Sprintf("%s, %q %d times", at.name, fault, times)
	verified, expires := strings.HasPrefix(at.name, "verify"), strings.HasPrefix(at.name, "expire")
	if verified || expires {
		s.Do(t, jobs.Backup{Tenant: slug}) // one that comes out as failed goes
	}
	if expires {
		s.Do(t, jobs.VerifyBackup{Backup: s.newest(t).ID}) // so the one before goes
	}
	if fault == s3test.Silence { // each costs the worker's whole patience
		times = min(times, 2)
	}
	begun := time.Now()
	s.proxy.Set(s3test.Plan{Fault: fault, Match: at.match, Times: times})
	op := at.op(t, s, cell)
	hits := s.proxy.Clear()
	said := ""
	if op.Error != nil {
		said = op.Error.Code + ": " + op.Error.Message
	}
	t.Logf("%s: hit %d times, %s after %s, attempt %d %s", name, hits, op.State, time.Since(begun).Round(time.Millisecond), op.Attempt, said)
	require.Positive(t, hits, name)
	require.Contains(t, []jobs.State{jobs.StateSucceeded, jobs.StateFailed}, op.State, name)
	if mustSucceed(fault, times) {
		require.Equal(t, jobs.StateSucceeded, op.State, "%s: %s", name, said)
	}
	s.clean(t)
}

// mustSucceed: what is over before long must not make an operation fail.
func mustSucceed(fault s3test.Fault, times int) bool {
	damaging := []s3test.Fault{s3test.Flipped, s3test.Truncated}
	return times == 1 || !slices.Contains(damaging, fault)
}
