package preflight_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/preflight"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// newFleet makes a fleet with these tenants on one node.
func newFleet(t *testing.T, slugs ...string) *fleettest.Fleet {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	settle(t, f, slugs...)
	return f
}

func settle(t *testing.T, f *fleettest.Fleet, slugs ...string) {
	t.Helper()
	ids := make([]string, len(slugs))
	for i, slug := range slugs {
		ids[i] = f.Submit(t, jobs.Provision{Slug: slug})
	}
	for _, id := range ids {
		f.Succeeds(t, id)
	}
}

// publish publishes the sample product with more files after it (name, content, …) as the release next.
func publish(t *testing.T, f *fleettest.Fleet, files ...string) {
	t.Helper()
	folder := fstest.MapFS{}
	sample, err := fs.Sub(migrations.Sample, "tenant")
	require.NoError(t, err)
	names, err := fs.Glob(sample, "*.sql")
	require.NoError(t, err)
	for _, n := range names {
		body, err := fs.ReadFile(sample, n)
		require.NoError(t, err)
		folder[n] = &fstest.MapFile{Data: body}
	}
	for i := 0; i < len(files); i += 2 {
		folder[files[i]] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + files[i+1])}
	}
	_, err = workers.PublishRelease(t.Context(), f.Pool, folder, "next", "test", workers.KeepCurrent)
	require.NoError(t, err)
}

// look plans a rollout of next and runs its preflight.
func look(t *testing.T, f *fleettest.Fleet, o preflight.Options) preflight.Report {
	t.Helper()
	plan, err := rollout.Make(t.Context(), f.Pool, "next", rollout.Selector{}, rollout.Policy{})
	require.NoError(t, err)
	report, err := preflight.Run(t.Context(), f.Registry, plan, o)
	require.NoError(t, err)
	return report
}

// told is what a report says: for each thing that is wrong, with whom, and each one's detail.
func told(r preflight.Report, s preflight.Severity) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, g := range r.Groups {
		if g.Severity != s {
			continue
		}
		all[g.What] = map[string]string{}
		for _, e := range g.Examples {
			all[g.What][e.Tenant] = e.Detail
		}
	}
	return all
}

func blockedSlugs(r preflight.Report) []string {
	slugs := []string{}
	for _, b := range r.Blocked {
		slugs = append(slugs, b.Tenant)
	}
	return slugs
}

// admin is a superuser's session in a tenant's database.
func admin(t *testing.T, f *fleettest.Fleet, slug string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), adminURL(t, f, slug))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

func adminURL(t *testing.T, f *fleettest.Fleet, slug string) string {
	t.Helper()
	u, err := url.Parse(fleettest.ServerURL(t))
	require.NoError(t, err)
	u.Path = "/" + f.Tenant(t, slug).Database
	return u.String()
}

// tamper runs statements in a tenant's database, one after the other, as its owner; "!" before one is as a superuser.
func tamper(t *testing.T, f *fleettest.Fleet, slug string, statements ...string) {
	t.Helper()
	conn := admin(t, f, slug)
	owner := tenants.Ident(database(t, f, slug).Owner())
	for _, sql := range statements {
		role := "SET ROLE " + owner
		if sql[0] == '!' {
			role, sql = "RESET ROLE", sql[1:]
		}
		_, err := conn.Exec(t.Context(), role)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	require.NoError(t, conn.Close(t.Context()))
}

func database(t *testing.T, f *fleettest.Fleet, slug string) tenants.Database {
	t.Helper()
	db, err := f.Registry.DatabaseOf(t.Context(), f.Tenant(t, slug).ID)
	require.NoError(t, err)
	return db
}

// fails applies next to a tenant as a rollout does, and says whether it failed.
func fails(t *testing.T, f *fleettest.Fleet, slug string) error {
	t.Helper()
	rel, err := release.Load(t.Context(), f.Pool, "next")
	require.NoError(t, err)
	conn := f.Connect(t, slug, tenants.RoleMigrator)
	opts := apply.Options{OwnerRole: database(t, f, slug).Owner(), LockWait: 50 * time.Millisecond}
	opts.LockPolicy.Budget = 200 * time.Millisecond
	_, err = apply.Apply(t.Context(), conn, rel, opts)
	return err
}

// restricted are lines of pg_dump with a word that differs from run to run.
var restricted = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// dump is everything that a tenant's database holds.
func dump(t *testing.T, f *fleettest.Fleet, slug string) string {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("TEST_PG_BINDIR"), "pg_dump"), "--dbname", adminURL(t, f, slug))
	cmd.Stdout, cmd.Stderr = &out, &problems
	require.NoError(t, cmd.Run(), problems.String())
	return restricted.ReplaceAllString(out.String(), "")
}

func slugs(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("t%03d", i)
	}
	return list
}

func writeJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
