package workers_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/fleettest"
)

// An API that has asked for something in a transaction and leaves it open holds that tenant's row. The tenant's own work waits for it;
// nobody else's does, and nothing is done twice.
func TestOpenTransactionHoldsUpItsTenantOnly(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	ctx := t.Context()
	slug := paperFleet(t, f, 1)[0]
	mine := make([]string, 0, 3)
	for range 3 {
		mine = append(mine, f.Submit(t, jobs.Noop{Tenant: slug}))
	}
	tx, err := f.Pool.BeginTx(ctx, pgx.TxOptions{})
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	_, err = tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	require.NoError(t, err)
	_, err = f.Jobs.SubmitTx(ctx, tx, jobs.Noop{Tenant: slug}, nil)
	require.NoError(t, err)
	// And somebody who has cancelled one, and not yet committed, holds its row, too.
	cancelled := f.Submit(t, jobs.Noop{})
	_, err = tx.Exec(ctx, `SELECT tenantry.cancel($1)`, cancelled)
	require.NoError(t, err)

	f.Worker(t)
	others, err := f.Jobs.SubmitMany(ctx, many(jobs.Noop{}, 200), nil)
	require.NoError(t, err)
	begun := time.Now()
	for _, id := range others {
		require.Equal(t, 1, f.Succeeds(t, id).Attempt)
	}
	require.Less(t, time.Since(begun), 20*time.Second)
	// For longer than the worker's lease: an end that waits must not be given up.
	require.Never(t, func() bool {
		return slices.ContainsFunc(mine, func(id string) bool { return operation(t, f, id).Attempt > 1 })
	}, 4*time.Second, 100*time.Millisecond, "it is begun again while its first run has not ended")
	require.NoError(t, tx.Rollback(ctx))
	for _, id := range append(mine, cancelled) {
		require.Equal(t, 1, f.Succeeds(t, id).Attempt)
	}
}

func many(args jobs.Args, n int) []jobs.Args {
	list := make([]jobs.Args, n)
	for i := range list {
		list[i] = args
	}
	return list
}

// What the ledger has begun for a worker and the worker knows nothing of goes back to the queue.
func TestOwnOperationsThatGotLost(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	rt := f.Worker(t)
	id := f.Submit(t, jobs.Noop{})
	f.Succeeds(t, id)
	execControl(t, f, `UPDATE tenantry.operations SET state = 'running', finished_at = NULL, updated_at = now() - interval '1 minute', worker_id = $2 WHERE id = $1`, id, rt.WorkerID())
	execControl(t, f, `UPDATE river.river_job SET state = 'cancelled', finalized_at = now()`)
	require.Equal(t, 2, f.Succeeds(t, id).Attempt)
}

// A notification that nobody stands behind cancels nothing.
func TestForgedCancelIsNotBelieved(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	f.Extend(t, "slow", `SELECT pg_sleep(2)`)
	id := f.Submit(t, jobs.Migrate{Tenant: "acme"})
	require.Eventually(t, func() bool { return operation(t, f, id).State == jobs.StateRunning }, 10*time.Second, 10*time.Millisecond)
	execControl(t, f, `SELECT pg_notify('river.river_control', json_build_object('action', 'cancel', 'job_id', river_job_id, 'queue', 'migrate')::text) FROM tenantry.operations WHERE id = $1`, id)
	require.Equal(t, jobs.StateSucceeded, f.Ends(t, id).State)
}
