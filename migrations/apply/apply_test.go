package apply_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

func TestApplySampleProduct(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel, err := release.Read(os.DirFS("../tenant"), release.Options{})
	require.NoError(t, err)
	rel.Name, rel.ID = "1.0", "rel_1"

	before, err := apply.State(t.Context(), tn.admin)
	require.NoError(t, err)
	require.Equal(t, apply.Standing{}, before)

	var last string
	opts := tn.options()
	opts.Progress = func(done, total int, what string) {
		require.Equal(t, rel.StatementCount(), total)
		last = what
		require.LessOrEqual(t, done, total)
	}
	result, err := tn.apply(t, rel, opts)
	require.NoError(t, err)
	require.Equal(t, rel.StatementCount(), result.Applied)
	require.Equal(t, result.Pending, result.Applied)
	require.Equal(t, "1.0", result.Release)
	require.Positive(t, result.Duration)
	require.Equal(t, "00004_indexes.sql:6", last)

	conn := tn.connect(t)
	standing, err := apply.State(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, "1.0", standing.Release)
	require.Equal(t, "rel_1", standing.ReleaseID)
	require.Equal(t, rel.StatementCount(), standing.Applied())
	require.Nil(t, standing.Unfinished())
	entry := standing.Entries[0]
	require.Equal(t, "00001_customers.sql", entry.File)
	require.Equal(t, "1", entry.Version)
	require.Equal(t, 1, entry.StatementNo)
	require.Equal(t, "op_test", entry.OperationID)
	require.Equal(t, apply.StatusDone, entry.Status)
	require.False(t, entry.AppliedAt.IsZero())

	for _, line := range tn.snapshot(t) {
		require.False(t, strings.HasPrefix(line, "owner of") && strings.HasSuffix(line, "is f"), line)
	}
	require.Zero(t, number(t, tn.admin, `
		SELECT count(*)
		FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
		WHERE n.nspname = '_tenantry' AND a.grantee = 0`), "PUBLIC has rights on _tenantry")

	again := tn.mustApply(t, rel)
	require.Zero(t, again.Applied)
	require.Zero(t, again.Pending)
}

// A product that uses its own schema as the application does.
func TestSampleProductWorks(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel, err := release.Read(os.DirFS("../tenant"), release.Options{})
	require.NoError(t, err)
	rel.Name = "1.0"
	tn.mustApply(t, rel)
	run(t, tn.admin, `
		INSERT INTO customers (name, email) VALUES ('Ada', 'ada@example.com');
		INSERT INTO orders (customer_id, number) VALUES (1, 'O-1');
		INSERT INTO order_items (order_id, line, item, quantity, unit_price) VALUES (1, 1, 'Wheel', 2, 9.50);
		INSERT INTO invoices (customer_id, order_id, number, status, total, issued_at) VALUES (1, 1, 'I-1', 'sent', 19, now()), (1, NULL, 'I-2', 'draft', 5, NULL);
		INSERT INTO forms (slug, title) VALUES ('contact', 'Contact');
		INSERT INTO form_submissions (form_id, answers) VALUES (1, '{"a": 1}')`)
	require.Equal(t, 19, number(t, tn.admin, "SELECT sum(total)::int FROM monthly_revenue"))
	run(t, tn.admin, "UPDATE customers SET name = 'Ada L.'")
	require.Equal(t, 1, number(t, tn.admin, "SELECT count(*) FROM customers WHERE updated_at > created_at"))
}

func TestApplyFollowsReleases(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	first := []string{"1_a.sql", "CREATE TABLE a (x int)"}
	tn.mustApply(t, releaseOf(t, "1", first...))
	second := append(first, "2_b.sql", "CREATE TABLE b (x int); CREATE TABLE c (x int)")
	result := tn.mustApply(t, releaseOf(t, "2", second...))
	require.Equal(t, 2, result.Applied)

	empty := releaseOf(t, "3", append(second, "3_c.sql", "-- nothing")...)
	require.Zero(t, tn.mustApply(t, empty).Applied)
	standing, err := apply.State(t.Context(), tn.admin)
	require.NoError(t, err)
	require.Equal(t, "3", standing.Release, "a release without new statements is recorded too")
	require.Equal(t, 3, standing.Applied())
}

func TestApplyResumesFileInTransaction(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1",
		"1_a.sql", "CREATE TABLE a (x int)",
		"2_b.sql", "CREATE TABLE b (x int);\nINSERT INTO b VALUES (1);\n\nINSERT INTO b\nSELECT x FROM elsewhere;\nCREATE TABLE c (x int)",
	)
	result, err := tn.apply(t, rel, tn.options())
	require.EqualError(t, err, `apply release 1: apply 2_b.sql:5, statement 3: ERROR: relation "elsewhere" does not exist (SQLSTATE 42P01); `+
		"1 of 5 statements are applied and stay")
	var failure *apply.StatementError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "2_b.sql", failure.File)
	require.Equal(t, 5, failure.Line, "the line of the error within the statement")
	require.Equal(t, 3, failure.StatementNo)
	require.Equal(t, "42P01", failure.SQLState)
	require.Equal(t, 1, failure.Applied)
	require.Equal(t, 5, failure.Total)
	require.Equal(t, gentle.Permanent, gentle.Classify(err))
	require.Equal(t, 1, result.Applied)
	require.Equal(t, 1, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history"))
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM pg_class WHERE relname = 'b'"))

	run(t, tn.admin, "CREATE TABLE elsewhere AS SELECT 2 AS x; GRANT SELECT ON elsewhere TO PUBLIC")
	require.Equal(t, 4, tn.mustApply(t, rel).Applied)
	require.Equal(t, 3, number(t, tn.admin, "SELECT sum(x)::int FROM b"))
}

func TestApplyResumesStatementByStatement(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1",
		"1_a.sql", "-- +goose Up\nCREATE TABLE a (x int);",
		"2_b.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY a_x ON a (x);\nINSERT INTO a VALUES (1);\n"+
			"INSERT INTO a SELECT x FROM elsewhere;\nVACUUM a;\n",
	)
	result, err := tn.apply(t, rel, tn.options())
	var failure *apply.StatementError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, 3, failure.StatementNo)
	require.Equal(t, 3, failure.Applied, "what was applied before stays")
	require.Equal(t, 5, failure.Total)
	require.Equal(t, 3, result.Applied)
	require.Equal(t, 3, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history WHERE status = 'done'"))

	run(t, tn.admin, "CREATE TABLE elsewhere AS SELECT 2 AS x; GRANT SELECT ON elsewhere TO PUBLIC")
	require.Equal(t, 2, tn.mustApply(t, rel).Applied)
	require.Equal(t, 3, number(t, tn.admin, "SELECT sum(x)::int FROM a"))
}

func TestApplyErrorsTellNoRows(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1", "1_a.sql", "CREATE TABLE a (x text); INSERT INTO a VALUES ('canary'), ('canary'); ALTER TABLE a ADD UNIQUE (x)")
	_, err := tn.apply(t, rel, tn.options())
	require.ErrorContains(t, err, "SQLSTATE 23505")
	require.NotContains(t, err.Error(), "canary")
	require.NotContains(t, err.Error(), tn.password)
}

func TestApplyFailsAtCommit(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1", "1_a.sql", `
		CREATE TABLE a (x int PRIMARY KEY);
		CREATE TABLE b (x int REFERENCES a DEFERRABLE INITIALLY DEFERRED);
		INSERT INTO b VALUES (1)`)
	_, err := tn.apply(t, rel, tn.options())
	require.ErrorContains(t, err, "apply 1_a.sql, COMMIT: ERROR: insert or update on table")
	require.NotErrorIs(t, err, gentle.ErrOutcomeUnknown)
	require.Equal(t, gentle.Permanent, gentle.Classify(err))
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history"))
}

func TestApplyRunsNothingOnADivergedDatabase(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	tn.mustApply(t, releaseOf(t, "1", "1_a.sql", "CREATE TABLE a (x int)", "2_b.sql", "CREATE TABLE b (x int)"))
	for _, files := range [][]string{
		{"1_a.sql", "CREATE TABLE a (x  int)", "2_b.sql", "CREATE TABLE b (x int)", "3_c.sql", "CREATE TABLE c (x int)"},
		{"1_a.sql", "CREATE TABLE a (x int)", "3_c.sql", "CREATE TABLE c (x int)"},
		{"1_a.sql", "CREATE TABLE a (x int)"},
	} {
		_, err := tn.apply(t, releaseOf(t, "2", files...), tn.options())
		require.ErrorIs(t, err, apply.ErrDiverged)
		var diverged *apply.DivergedError
		require.ErrorAs(t, err, &diverged)
		require.NotEmpty(t, diverged.File)
		require.Equal(t, 1, diverged.StatementNo)
	}
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM pg_class WHERE relname = 'c'"))
	require.Equal(t, 2, number(t, tn.admin, "SELECT count(*) FROM _tenantry.schema_history"))
}

func TestApplyRefusesAnUnnamedRelease(t *testing.T) {
	t.Parallel()
	_, err := apply.Apply(t.Context(), nil, &release.Release{}, apply.Options{})
	require.ErrorContains(t, err, "has no name")
}

func TestApplyNeedsTheOwnersRole(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	opts := tn.options()
	opts.OwnerRole = `no "such" role`
	_, err := tn.apply(t, releaseOf(t, "1", "1_a.sql", "SELECT 1"), opts)
	require.ErrorContains(t, err, `open session: ERROR: role "no "such" role" does not exist`)
	require.Equal(t, gentle.Permanent, gentle.Classify(err))
}

// Whatever a file sets is over with the file, and the session is afterwards as it was.
func TestApplyLeavesTheSessionAsItWas(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	run(t, tn.admin, "CREATE SCHEMA other AUTHORIZATION "+tn.owner)
	rel := releaseOf(t, "1",
		"1_a.sql", "SET search_path = other; SET statement_timeout = '1h'; SELECT set_config('work_mem', '1MB', false); CREATE TABLE a (x int)",
		"2_b.sql", "CREATE TABLE b AS SELECT current_setting('work_mem') AS x, current_setting('statement_timeout') AS t, current_user AS u",
	)
	conn := tn.connect(t)
	run(t, conn, "SET application_name = 'renamed'")
	for range 2 {
		_, err := apply.Apply(t.Context(), conn, rel, tn.options())
		require.NoError(t, err)
	}
	var schema, timeout, user string
	require.NoError(t, tn.admin.QueryRow(t.Context(), "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'a'").Scan(&schema))
	require.Equal(t, "other", schema)
	require.NoError(t, tn.admin.QueryRow(t.Context(), "SELECT t, u FROM public.b").Scan(&timeout, &user))
	require.Equal(t, "15s", timeout)
	require.Equal(t, tn.owner, user)
	require.Equal(t, []string{"renamed", tn.migrator, "0", "0", "0", `"$user", public`}, sessionOf(t, conn))
	require.Zero(t, number(t, tn.admin, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"))
}

func sessionOf(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	values := make([]string, 6)
	require.NoError(t, conn.QueryRow(t.Context(), `
		SELECT current_setting('application_name'), current_user, current_setting('lock_timeout'), current_setting('statement_timeout'),
		       current_setting('idle_in_transaction_session_timeout'), current_setting('search_path')`).
		Scan(&values[0], &values[1], &values[2], &values[3], &values[4], &values[5]))
	return values
}

func TestApplyStopsWithTheContext(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := releaseOf(t, "1", "1_a.sql", "CREATE TABLE a (x int)", "2_b.sql", "SELECT pg_sleep(600)")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := tn.options()
	opts.Crash = func(point string) {
		if point == apply.PointTxCommitted {
			cancelOnceActive(ctx, t, tn, cancel)
		}
	}
	_, err := apply.Apply(ctx, tn.connect(t), rel, opts)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, gentle.Transient, gentle.Classify(err))
	var failure *apply.StatementError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "2_b.sql", failure.File)
	require.Equal(t, 1, failure.Applied)
	require.Empty(t, failure.SQLState)
}

// cancelOnceActive cancels as soon as the server runs pg_sleep.
func cancelOnceActive(ctx context.Context, t *testing.T, tn *tenant, cancel context.CancelFunc) {
	t.Helper()
	watcher := dial(t, tn.admin.Config())
	go func() {
		defer cancel()
		for active := 0; active == 0 && ctx.Err() == nil; {
			err := watcher.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'").Scan(&active)
			if err != nil {
				return
			}
		}
	}()
}
