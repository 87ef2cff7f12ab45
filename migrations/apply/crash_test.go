package apply_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// crashRelease passes every kind of step. The table steps gets one row for each INSERT that took effect.
func crashRelease(t *testing.T) *release.Release {
	t.Helper()
	return releaseOf(t, "1",
		"1_base.sql", `-- +goose Up
CREATE TABLE t (id int PRIMARY KEY, a int, b text);
CREATE TABLE steps (n int);
INSERT INTO steps VALUES (1);
INSERT INTO t SELECT n, n, 'x' FROM generate_series(1, 50) n;`,
		"2_indexes.sql", `-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY t_a ON t (a);
INSERT INTO steps VALUES (2);
VACUUM (ANALYZE) t;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_b ON t (b, id);
DROP INDEX CONCURRENTLY t_a;
REINDEX TABLE CONCURRENTLY t;`,
		"3_more.sql", `-- +goose Up
ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 1;
INSERT INTO steps VALUES (3);
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;
-- +goose StatementEnd`,
		"4_last.sql", `-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY t_c ON t (c);`,
	)
}

// crash is what a process dies of.
type crash struct{ point string }

// death says at which point a call ends; passed counts from 1.
type death func(passed int, point string) bool

// nth dies at the nth point, whatever it is.
func nth(n int) death { return func(passed int, _ string) bool { return passed == n } }

// at dies at the first pass of a point.
func at(name string) death { return func(_ int, point string) bool { return point == name } }

// dying returns a hook that ends the call: by killing the process, as far as the database can tell, or by ending its
// context.
func dying(conn *pgx.Conn, when death, cancel context.CancelFunc) func(string) {
	passed := 0
	return func(point string) {
		passed++
		switch {
		case !when(passed, point):
		case cancel != nil:
			cancel()
		default:
			_ = conn.PgConn().Conn().Close()
			panic(crash{point})
		}
	}
}

// dies applies until it dies, and returns the point.
func (tn *tenant) dies(t *testing.T, rel *release.Release, when death) (point string) {
	t.Helper()
	conn := tn.connect(t)
	defer hangUp(t, conn)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			dead, ok := reason.(crash)
			require.True(t, ok, reason)
			point = dead.point
		}
	}()
	opts := tn.options()
	opts.Crash = dying(conn, when, nil)
	_, err := apply.Apply(ctx, conn, rel, opts)
	require.NoError(t, err)
	return ""
}

// isCancelled applies until its context ends, and reports whether it did before everything was done.
func (tn *tenant) isCancelled(t *testing.T, rel *release.Release, when death) bool {
	t.Helper()
	conn := tn.connect(t)
	defer hangUp(t, conn)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	opts := tn.options()
	opts.Crash = dying(conn, when, cancel)
	_, err := apply.Apply(ctx, conn, rel, opts)
	if err == nil {
		return false
	}
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, gentle.Transient, gentle.Classify(err))
	return true
}

// undisturbed applies without a crash and returns how the database looks then, and the points passed.
func (tn *tenant) undisturbed(t *testing.T, rel *release.Release) (snapshot, points []string) {
	t.Helper()
	opts := tn.options()
	opts.Crash = func(point string) { points = append(points, point) }
	_, err := tn.apply(t, rel, opts)
	require.NoError(t, err)
	return tn.snapshot(t), points
}

// converges applies once more and compares.
func (tn *tenant) converges(t *testing.T, rel *release.Release, want []string, when string) {
	t.Helper()
	_, err := tn.apply(t, rel, tn.options())
	require.NoError(t, err, when)
	require.Equal(t, want, tn.snapshot(t), when)
	require.Equal(t, 6, number(t, tn.admin, "SELECT sum(n)::int FROM steps"), when)
	require.Equal(t, 3, number(t, tn.admin, "SELECT count(*) FROM steps"), when)
}

func TestCrashAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"killed", "cancelled"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			rel := crashRelease(t)
			want, points := tn.undisturbed(t, rel)
			for _, point := range apply.Points() {
				if point != apply.PointAloneCleared && point != apply.PointRelease {
					require.Contains(t, points, point)
				}
			}
			for n := range points {
				tn.reset(t)
				if name == "killed" {
					require.Equal(t, points[n], tn.dies(t, rel, nth(n+1)))
				} else {
					tn.isCancelled(t, rel, nth(n+1))
				}
				tn.converges(t, rel, want, fmt.Sprintf("%s at point %d, %s", name, n+1, points[n]))
			}
		})
	}
}

// Dying again and again while recovering converges too.
func TestCrashWhileRecovering(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	rel := crashRelease(t)
	want, points := tn.undisturbed(t, rel)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 3 {
		tn.reset(t)
		deaths := 0
		for tn.dies(t, rel, nth(1+random.IntN(8))) != "" {
			deaths++
			require.LessOrEqual(t, deaths, 10*len(points), "no progress with seed %d", seed)
		}
		require.Positive(t, deaths, "seed %d", seed)
		tn.converges(t, rel, want, fmt.Sprintf("after %d deaths with seed %d", deaths, seed))
	}
}

func TestCrashBeforeTheReleaseIsRecorded(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	files := []string{"1_a.sql", "CREATE TABLE a (x int)"}
	tn.mustApply(t, releaseOf(t, "1", files...))
	next := releaseOf(t, "2", append(files, "2_b.sql", "")...)
	require.Equal(t, apply.PointRelease, tn.dies(t, next, at(apply.PointRelease)))
	tn.mustApply(t, next)
	standing, err := apply.State(t.Context(), tn.admin)
	require.NoError(t, err)
	require.Equal(t, "2", standing.Release)
}
