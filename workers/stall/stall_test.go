package stall_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

const (
	// goal is the longest that a query may wait: for locks in any case, and in all where the machine is calm, which is what those tell who have
	// nothing to do with the table.
	goal = 300 * time.Millisecond
	calm = 100 * time.Millisecond
	// smallRows is the table's size among all tests, where the processors are everybody's: a change that holds its lock may itself have to
	// wait for one.
	smallRows   = 200_000
	amongOthers = time.Second
)

// rowsOf reads the table's size from STALL_ROWS.
func rowsOf(t *testing.T) (rows int, full bool) {
	t.Helper()
	given := os.Getenv("STALL_ROWS")
	if given == "" {
		return smallRows, false
	}
	rows, err := strconv.Atoi(given)
	require.NoError(t, err, "STALL_ROWS")
	return rows, true
}

// besides is how long the transaction is open beside which changes are made.
func besides(full bool) time.Duration {
	if full {
		return 5 * time.Second
	}
	return 2500 * time.Millisecond
}

// row is a line of the table.
type row struct {
	what string
	took time.Duration
	seen
}

func TestStall(t *testing.T) {
	t.Parallel()
	rows, full := rowsOf(t)
	s := newScene(t, rows)
	tr, stop := begin(t, s.fleet, rows)
	defer stop()
	var table []row
	note := func(what string, f func()) seen {
		from := time.Now()
		f()
		took := time.Since(from)
		<-time.After(200 * time.Millisecond) // what comes after it
		seen := tr.between(t, from, time.Now())
		table = append(table, row{what, took, seen})
		return seen
	}
	defer func() {
		t.Logf("%d rows, %d reads and %d writes a second\n%s", rows, perSecond, perSecond, text(table))
	}()

	allowed := goal
	if !full {
		allowed = amongOthers
	}
	note("nothing", func() { <-time.After(2 * time.Second) })
	for i, c := range changes {
		what := c.name
		if c.beside {
			what += ", beside a " + map[bool]string{false: "reader", true: "writer"}[c.writing] + " of " + besides(full).String()
		}
		s.publish(t, i, c)
		ended := func() {}
		got := note(what, func() {
			if c.beside {
				ended = s.open(t, c.writing, besides(full))
			}
			s.roll(t, i)
		})
		ended()
		require.LessOrEqual(t, got.locked, allowed, what)
		if full && got.machine <= calm {
			require.LessOrEqual(t, max(got.reader, got.writer), goal, what)
		}
	}

	plain := note("ALTER TABLE … ADD COLUMN without a policy, beside a reader of "+besides(full).String(), func() {
		defer s.open(t, false, besides(full))()
		_, err := s.owner.Exec(t.Context(), `ALTER TABLE events ADD COLUMN plain text`)
		require.NoError(t, err)
	})
	require.Greater(t, plain.locked, 2*goal, "the comparison stalls nobody: what is there to prove?")
}

func text(table []row) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "CHANGE\tTOOK\tFOR A LOCK\tLONGEST READ\tLONGEST WRITE\tELSEWHERE\tQUERIES")
	for _, r := range table {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", r.what, ms(r.took), ms(r.locked), ms(r.reader), ms(r.writer), ms(r.machine), r.queries)
	}
	_ = w.Flush()
	return out.String()
}

func ms(d time.Duration) string { return d.Round(time.Millisecond).String() }

// scene is a fleet with one tenant, whose table is large.
type scene struct {
	fleet *fleettest.Fleet
	files fstest.MapFS
	// owner is a session in the tenant's database that may do what its migrator may.
	owner *pgx.Conn
	other *pgx.Conn
}

func newScene(t *testing.T, rows int) *scene {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "big"})
	s := &scene{fleet: f, files: fstest.MapFS{}}
	sample, err := fs.Sub(migrations.Sample, "tenant")
	require.NoError(t, err)
	names, err := fs.Glob(sample, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		body, err := fs.ReadFile(sample, name)
		require.NoError(t, err)
		s.files[name] = &fstest.MapFile{Data: body}
	}
	s.publish(t, -1, change{sql: base})
	s.roll(t, -1)
	s.owner = f.Connect(t, "big", tenants.RoleMigrator)
	s.other = f.Connect(t, "big", tenants.RoleApp)
	_, err = s.owner.Exec(t.Context(), `SET ROLE `+tenants.Ident(f.Tenant(t, "big").Database+"_owner"))
	require.NoError(t, err)
	begun := time.Now()
	for from := 0; from < rows; from += smallRows {
		_, err = s.owner.Exec(t.Context(), `
			INSERT INTO events (source_id, kind, note, legacy)
			SELECT n % 100 + 1, 'kind ' || n % 10, 'note ' || n, 'legacy' FROM generate_series($1::integer + 1, $2) n`, from, min(from+smallRows, rows))
		require.NoError(t, err)
	}
	_, err = s.owner.Exec(t.Context(), `ANALYZE events`)
	require.NoError(t, err)
	_, err = f.Pool.Exec(t.Context(), `CHECKPOINT`)
	require.NoError(t, err)
	t.Logf("%d rows after %s", rows, ms(time.Since(begun)))
	return s
}

func (s *scene) publish(t *testing.T, n int, c change) {
	t.Helper()
	s.files[fmt.Sprintf("%05d_change.sql", 10+n)] = &fstest.MapFile{Data: []byte(c.sql)}
	_, err := workers.PublishRelease(t.Context(), s.fleet.Pool, s.files, name(n), "test", workers.KeepCurrent)
	require.NoError(t, err)
}

func name(n int) string { return fmt.Sprintf("stall-%d", n+1) }

// roll brings the tenant to a release.
func (s *scene) roll(t *testing.T, n int) {
	t.Helper()
	id, _, err := rollout.Start(t.Context(), s.fleet.Pool, name(n), rollout.Selector{}, rollout.Policy{Waves: []float64{100}, Bake: -1}, "test")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := rollout.Get(ctx, s.fleet.Pool, id)
		require.NoError(t, err)
		require.NotEqual(t, rollout.Paused, r.State, "%s: %s %+v", name(n), r.Detail, r.Failures)
		if r.State.Final() {
			require.Equal(t, rollout.Completed, r.State)
			return
		}
		<-tick.C
	}
}

// open begins a transaction of the tenant's own that has the table, and ends it after a while. What it returns waits for that.
func (s *scene) open(t *testing.T, writing bool, d time.Duration) (ended func()) {
	t.Helper()
	sql := `SELECT FROM events_shown WHERE id = 1`
	if writing {
		sql = `UPDATE events SET note = 'long' WHERE id = -1`
	}
	tx, err := s.other.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), sql)
	require.NoError(t, err)
	committed := make(chan error, 1)
	time.AfterFunc(d, func() { committed <- tx.Commit(context.WithoutCancel(t.Context())) })
	return func() {
		t.Helper()
		require.NoError(t, <-committed)
	}
}
