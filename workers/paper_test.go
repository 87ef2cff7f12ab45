package workers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/workers/fleettest"
)

// These tests start and settle operations through the control database's functions alone, as a worker does, but at a rate and
// with accidents that real work would never reach.

// paperFleet has tenants that exist in the control database only.
func paperFleet(t *testing.T, f *fleettest.Fleet, n int) []string {
	t.Helper()
	_, err := f.Pool.Exec(t.Context(), `INSERT INTO tenantry.nodes (name, state, url, provisioner, max_connections) VALUES ('n1', 'active', 'postgres://nowhere', 'nobody', 10)`)
	require.NoError(t, err)
	rows, err := f.Pool.Query(t.Context(), `
		WITH d AS (
		  INSERT INTO tenantry.databases (node_id, release_id, state)
		  SELECT n.id, r.id, 'assigned' FROM tenantry.nodes n, tenantry.releases r, generate_series(1, $1)
		  RETURNING id
		)
		INSERT INTO tenantry.tenants (slug, name, state, database_id)
		SELECT 't' || row_number() OVER (), 'T', 'active', id FROM d
		RETURNING slug`, n)
	require.NoError(t, err)
	slugs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return slugs
}

// clerk is a worker process on paper: it fetches as River does, starts and settles as the ledger does.
type clerk struct {
	f    *fleettest.Fleet
	id   string
	errs *errorLog
}

// errorLog keeps what went wrong in any goroutine.
type errorLog struct {
	mu   sync.Mutex
	list []string
}

func (l *errorLog) add(what string, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) < 20 {
		l.list = append(l.list, what+": "+err.Error())
	}
}

func (l *errorLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list
}

func hire(ctx context.Context, f *fleettest.Fleet, id string, errs *errorLog) *clerk {
	_, err := f.Pool.Exec(ctx, `INSERT INTO tenantry.workers (id, host, pid, version, lease) VALUES ($1, 'h', 1, 'v', '1 minute')`, id)
	errs.add("hire", err)
	return &clerk{f, id, errs}
}

// fetch takes available jobs as River does, and gives the ids of their operations.
func (c *clerk) fetch(ctx context.Context, most int) []string {
	rows, err := c.f.Pool.Query(ctx, `
		WITH locked AS (
		  SELECT id FROM river.river_job
		  WHERE state = 'available' AND scheduled_at <= now()
		  ORDER BY priority, scheduled_at, id
		  LIMIT $2 FOR UPDATE SKIP LOCKED
		)
		UPDATE river.river_job j
		SET state = 'running', attempt = attempt + 1, attempted_at = now(), attempted_by = array_append(attempted_by, $1)
		FROM locked WHERE j.id = locked.id
		RETURNING j.args ->> 'operation_id'`, c.id, most)
	if err != nil {
		c.errs.add("fetch", err)
		return nil
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	c.errs.add("fetch", err)
	return ids
}

type begun struct {
	ID       string
	Attempt  int
	TenantID *string
}

// start begins operations and gives those that this clerk is to run.
func (c *clerk) start(ctx context.Context, ids []string) []begun {
	rows, err := c.f.Pool.Query(ctx, `SELECT id, attempt, tenant_id FROM tenantry.start($1, $2) WHERE verdict = 'run'`, c.id, ids)
	if err != nil {
		c.errs.add("start", err)
		return nil
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[begun])
	c.errs.add("start", err)
	return list
}

type ending struct {
	ID      string         `json:"id"`
	Attempt int            `json:"attempt"`
	Outcome string         `json:"outcome"`
	Delay   float64        `json:"delay"`
	Error   map[string]any `json:"error,omitempty"`
}

func (c *clerk) settle(ctx context.Context, ends []ending) []string {
	encoded, err := json.Marshal(ends)
	c.errs.add("encode", err)
	rows, err := c.f.Pool.Query(ctx, `SELECT tenantry.settle($1::jsonb)`, string(encoded))
	if err != nil {
		c.errs.add("settle", err)
		return nil
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	c.errs.add("settle", err)
	return ids
}

// complete does what River's client does with every job whose work is over, in a moment when the job may already be another's.
func (c *clerk) complete(ctx context.Context, ids []string) {
	_, err := c.f.Pool.Exec(ctx, `UPDATE river.river_job SET state = 'completed', finalized_at = now() WHERE state = 'running' AND args ->> 'operation_id' = ANY ($1)`, ids)
	c.errs.add("complete", err)
}

func chore(ctx context.Context, every time.Duration, do func()) {
	for pause(ctx, every) {
		do()
	}
}

// pause waits and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func count(ctx context.Context, f *fleettest.Fleet, sql string, args ...any) (int64, error) {
	var n int64
	err := f.Pool.QueryRow(ctx, sql, args...).Scan(&n)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		err = fmt.Errorf("%w (SQLSTATE %s, %s)", err, pg.Code, pg.Where)
	}
	return n, err
}

// seeded gives random numbers whose seed a failure prints.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// requireClosed looks that nobody gets in with a URL.
func requireClosed(t *testing.T, u string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), u)
	if err == nil {
		_ = conn.Close(t.Context())
	}
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.Equal(t, "55000", pg.Code, pg.Message)
}
