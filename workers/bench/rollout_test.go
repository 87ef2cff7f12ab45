package bench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A column, an index and a row of history for every tenant: as a rollout of one wave, against a bare loop over pgx and what people have in
// a shell. All begin with a connection to each tenant, as its migrator.
func TestBenchRollout(t *testing.T) {
	n := size(500, 6)
	f := fleettest.New(t)
	f.Node(t, "n1")
	const parallel = 8
	f.Worker(t, func(c *workers.Config) {
		c.Concurrency = map[string]int{jobs.QueueProvision: 4, jobs.QueueMigrate: parallel}
		c.FetchCooldown = noopCooldown
		c.SessionsPerNode = parallel
	})
	urls := fill(t, f, n)
	ctx := t.Context()

	var bare, ours, shell, goose best
	bestOf := 0
	for i, concurrency := range []int{2, 4, 8} {
		if bare.take(bareChange(ctx, t, urls, fmt.Sprintf("bare%d", i), concurrency)) {
			bestOf = concurrency
		}
	}
	// In turns, because every change makes the next one dearer: a table has one more column and one more index then.
	for i := range 2 {
		name := fmt.Sprintf("ours%d", i)
		f.Extend(t, name, fmt.Sprintf(`ALTER TABLE customers ADD COLUMN %s text`, name), fmt.Sprintf(`CREATE INDEX customers_%[1]s ON customers (%[1]s)`, name))
		ours.take(roll(ctx, t, f, name, parallel))
		shell.take(xargs(t, urls, `psql -XqAt -v ON_ERROR_STOP=1 -1 -f `+script(t, fmt.Sprintf("shell%d", i))+` "$1"`))
		if program := os.Getenv("TENANTRY_GOOSE"); program != "" { // the path of its command line program; make bench has one
			goose.take(xargs(t, urls, program+` -dir `+gooseFolder(t, i)+` postgres "$1" up`))
		}
		bare.take(bareChange(ctx, t, urls, fmt.Sprintf("again%d", i), bestOf))
	}
	rate := func(b best) float64 { return float64(n) / time.Duration(b).Seconds() }
	what := fmt.Sprintf("a column, an index and history for %d tenants, in a rollout of one wave, %d at a time", n, parallel)
	against := func(theirs best, name string, goal float64) {
		ratio := rate(ours) / rate(theirs)
		report(t, row{what, fmt.Sprintf("%.1f/s", rate(ours)), fmt.Sprintf("%.1f/s %s", rate(theirs), name), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("≥ %g", goal), ratio >= goal})
		what = "the same"
	}
	against(bare, fmt.Sprintf("bare pgx loop, best of 2, 4 and 8 at a time (%d)", bestOf), .75)
	against(shell, "psql under xargs -P4", 1.2)
	if goose != 0 {
		against(goose, "goose under xargs -P4", 2)
	}

	// Once more: everybody has it.
	connected := sessions(ctx, t, f)
	took := roll(ctx, t, f, "ours1", parallel)
	require.Equal(t, connected, sessions(ctx, t, f), "an up-to-date tenant was connected to")
	report(t, row{fmt.Sprintf("a rollout in which all %d tenants are up to date", n), ms(took), "—", "—", "≤ 2 s", took <= 2*time.Second})
}

// The same with tenants that exist on paper only, as many as a large fleet has.
func TestBenchRolloutUpToDate(t *testing.T) {
	n := size(2000, 50)
	f := fleettest.New(t)
	f.Worker(t)
	_, err := f.Pool.Exec(t.Context(), `INSERT INTO tenantry.nodes (name, state, url, provisioner, max_connections) VALUES ('n1', 'active', 'postgres://nowhere', 'nobody', 10)`)
	require.NoError(t, err)
	_, err = f.Pool.Exec(t.Context(), `
		WITH d AS (
		  INSERT INTO tenantry.databases (node_id, release_id, state)
		  SELECT n.id, r.id, 'assigned' FROM tenantry.nodes n, tenantry.releases r, generate_series(1, $1) RETURNING id
		)
		INSERT INTO tenantry.tenants (slug, name, state, database_id) SELECT 't' || row_number() OVER (), 'T', 'active', id FROM d`, n)
	require.NoError(t, err)
	took := roll(t.Context(), t, f, fleettest.Release, 8)
	report(t, row{fmt.Sprintf("a rollout in which all %d tenants are up to date, planned, started and completed", n), ms(took), "—", "—", "≤ 2 s", took <= 2*time.Second})
}

// fill makes tenants and gives their migrators' URLs.
func fill(t *testing.T, f *fleettest.Fleet, n int) []string {
	t.Helper()
	ids, tenantIDs := make([]string, n), make([]string, n)
	for i := range n {
		made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: fmt.Sprintf("t%04d", i)}, nil)
		require.NoError(t, err)
		ids[i], tenantIDs[i] = made.OperationID, made.TenantID
	}
	urls := make([]string, n)
	for i, id := range ids {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		op, err := f.Jobs.Wait(ctx, id)
		cancel()
		require.NoError(t, err)
		require.Equal(t, jobs.StateSucceeded, op.State, "%+v", op.Error)
		urls[i], err = f.Registry.TenantURL(t.Context(), tenantIDs[i], tenants.RoleMigrator, true)
		require.NoError(t, err)
	}
	// Where the bare sides write their history.
	for _, u := range urls {
		conn, err := pgx.Connect(t.Context(), u)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), `CREATE TABLE bare_history (version text PRIMARY KEY, at timestamptz DEFAULT now())`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
	return urls
}

// change is what every side does.
func change(name string) string {
	return fmt.Sprintf("ALTER TABLE customers ADD COLUMN %[1]s text;\nCREATE INDEX customers_%[1]s ON customers (%[1]s);\nINSERT INTO bare_history (version) VALUES ('%[1]s');\n", name)
}

// gooseFolder is a folder that goose has applied up to its last file.
func gooseFolder(t *testing.T, last int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range last + 1 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d_add.sql", i+1)), []byte("-- +goose Up\n"+change(fmt.Sprintf("goose%d", i))), 0o600))
	}
	return dir
}

// best is the shortest time that was taken, 0 before the first.
type best time.Duration

// take says whether a time is the shortest.
func (b *best) take(d time.Duration) bool {
	shorter := *b == 0 || d < time.Duration(*b)
	if shorter {
		*b = best(d)
	}
	return shorter
}

func script(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".sql")
	require.NoError(t, os.WriteFile(path, []byte(change(name)), 0o600))
	return path
}

func bareChange(ctx context.Context, t *testing.T, urls []string, name string, concurrency int) time.Duration {
	t.Helper()
	begun := time.Now()
	var g errgroup.Group
	g.SetLimit(concurrency)
	for _, u := range urls {
		g.Go(func() error {
			conn, err := pgx.Connect(ctx, u)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(ctx) }()
			_, err = conn.PgConn().Exec(ctx, "BEGIN; SET LOCAL lock_timeout = '1s';"+change(name)+"COMMIT").ReadAll()
			return err
		})
	}
	require.NoError(t, g.Wait())
	return time.Since(begun)
}

// roll brings all to a release and gives the time from the start to the end.
func roll(ctx context.Context, t *testing.T, f *fleettest.Fleet, release string, parallel int) time.Duration {
	t.Helper()
	begun := time.Now()
	id, _, err := rollout.Start(ctx, f.Pool, release, rollout.Selector{}, rollout.Policy{Waves: []float64{100}, Bake: -1, Parallel: parallel + parallel/2}, "bench")
	require.NoError(t, err)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		r, err := rollout.Get(ctx, f.Pool, id)
		require.NoError(t, err)
		require.NotEqual(t, rollout.Paused, r.State, r.Detail)
		if r.State.Final() {
			require.Equal(t, rollout.Completed, r.State)
			break
		}
	}
	return time.Since(begun)
}

// xargs runs a command for every URL, four at a time.
func xargs(t *testing.T, urls []string, command string) time.Duration {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "xargs", "-d", "\n", "-P4", "-n1", "sh", "-c", command, "sh")
	cmd.Stdin = strings.NewReader(strings.Join(urls, "\n"))
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%.2000s", out)
	return time.Since(begun)
}

// sessions counts the connections that tenants' databases have ever had.
func sessions(ctx context.Context, t *testing.T, f *fleettest.Fleet) int64 {
	t.Helper()
	var n int64
	<-time.After(1200 * time.Millisecond) // statistics are told once a second at most
	require.NoError(t, f.Pool.QueryRow(ctx, `SELECT coalesce(sum(sessions), 0)::bigint FROM pg_stat_database WHERE datname IN (SELECT name FROM tenantry.databases)`).Scan(&n))
	return n
}
