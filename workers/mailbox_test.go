package workers_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/fleettest"
)

// Many workers finish operations of shared tenants at once, beside the reaper, the strays' chore, cancels, retries, River UI's users and
// dying workers. Nothing deadlocks, nothing is lost, no tenant has two at a time, and turns are taken in order.
func TestMailboxUnderStress(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	slugs := paperFleet(t, f, 12)
	watchStarts(t, f)
	ctx := t.Context()
	random := seeded(t)
	errs := &errorLog{}

	const perTenant = 30
	var ids []string
	for range perTenant {
		for _, slug := range slugs {
			id, err := f.Jobs.Submit(ctx, jobs.Rotate{Tenant: slug}, nil)
			require.NoError(t, err)
			ids = append(ids, id)
		}
	}
	var settled, reaped, meddled atomic.Int64
	var retried sync.Map
	working, rest := context.WithCancel(ctx)
	defer rest()
	var crew sync.WaitGroup
	seeds := make([]uint64, 16)
	for i := range seeds {
		seeds[i] = random.Uint64()
	}
	for i := range 6 {
		crew.Go(func() { settled.Add(clerkAtWork(working, f, errs, fmt.Sprintf("w%d", i), seeds[i])) })
	}
	for i := range 2 {
		crew.Go(func() {
			chore(working, 20*time.Millisecond, func() {
				n, err := count(working, f, `SELECT count(*) FROM tenantry.reap()`)
				errs.add("reap", err)
				reaped.Add(n)
			})
		})
		crew.Go(func() {
			chore(working, 30*time.Millisecond, func() {
				_, err := count(working, f, `SELECT count(*) FROM tenantry.settle_strays()`)
				errs.add("strays", err)
			})
		})
		crew.Go(func() {
			random := rand.New(rand.NewPCG(seeds[10+i], 1))
			chore(working, 25*time.Millisecond, func() { meddled.Add(meddle(working, f, errs, random, &retried)) })
		})
	}
	// The same tenants get new work all the while.
	more := make([][]string, 3)
	for i := range more {
		crew.Go(func() {
			random := rand.New(rand.NewPCG(seeds[12+i], 2))
			for range 40 {
				id, err := f.Jobs.Submit(working, jobs.Rotate{Tenant: slugs[random.IntN(len(slugs))]}, nil)
				if err != nil {
					errs.add("submit", err)
					continue
				}
				more[i] = append(more[i], id)
			}
		})
	}
	// Chaos ends when all was asked and most is done; then it is quiet and everything must come to its end.
	require.Eventually(t, func() bool {
		n, err := count(ctx, f, `SELECT count(*) FROM tenantry.operations WHERE finished_at IS NULL`)
		return len(errs.all()) > 0 || (err == nil && n < 100)
	}, 90*time.Second, 50*time.Millisecond)
	rest()
	crew.Wait()
	require.Empty(t, errs.all())
	for _, list := range more {
		ids = append(ids, list...)
	}
	require.Len(t, ids, perTenant*len(slugs)+3*40)
	quiet(t, f, errs)
	require.Empty(t, errs.all())

	n, err := count(ctx, f, `SELECT count(*) FROM tenantry.operations WHERE id = ANY ($1) AND finished_at IS NOT NULL`, ids)
	require.NoError(t, err)
	require.EqualValues(t, len(ids), n, "an operation was lost")
	requireSteady(t, f)
	require.NotZero(t, reaped.Load(), "no worker died, the test shows too little")
	require.NotZero(t, meddled.Load())
	require.Greater(t, settled.Load(), int64(len(ids)/4))
	requireInOrder(t, f, &retried)
	t.Logf("%d operations, %d settled, %d reaped, %d times meddled", len(ids), settled.Load(), reaped.Load(), meddled.Load())
}

// clerkAtWork works until ctx ends and now and then dies: it leaves what it has begun and comes back under another name.
func clerkAtWork(ctx context.Context, f *fleettest.Fleet, errs *errorLog, name string, seed uint64) (settled int64) {
	random := rand.New(rand.NewPCG(seed, 0))
	c := hire(ctx, f, name+".0", errs)
	for life := 1; ctx.Err() == nil; {
		ids := c.fetch(ctx, 1+random.IntN(8))
		if len(ids) == 0 {
			pause(ctx, 5*time.Millisecond)
			continue
		}
		if random.IntN(25) == 0 { // fetched, not begun
			life = c.die(ctx, name, life)
			continue
		}
		runs := c.start(ctx, ids)
		if len(runs) == 0 {
			c.complete(ctx, ids)
			continue
		}
		if random.IntN(15) == 0 { // begun, not ended
			life = c.die(ctx, name, life)
			continue
		}
		var ends []ending
		for _, r := range runs {
			e := ending{ID: r.ID, Attempt: r.Attempt, Outcome: "succeeded"}
			switch random.IntN(12) {
			case 0:
				e.Outcome, e.Error = "retry", map[string]any{"code": "x", "message": "again"}
			case 1:
				e.Outcome = "wait"
			case 2:
				e.Outcome = "handover"
			case 3:
				e.Outcome, e.Error = "failed", map[string]any{"code": "x", "message": "no"}
			case 4:
				e.Outcome, e.Error = "parked", map[string]any{"code": "x", "message": "look"}
			case 5:
				e.Attempt-- // an older attempt: nothing may come of it
			}
			ends = append(ends, e)
		}
		random.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
		done := c.settle(ctx, ends)
		settled += int64(len(done))
		for i, e := range ends { // what was settled as an older attempt is ended properly now, the rest has been
			ends[i].Attempt, ends[i].Outcome = runsAttempt(runs, e.ID), "succeeded"
			if e.Attempt != ends[i].Attempt && slices.Contains(done, e.ID) {
				errs.add("settle", fmt.Errorf("attempt %d of %s was settled by attempt %d", ends[i].Attempt, e.ID, e.Attempt))
			}
		}
		settled += int64(len(c.settle(ctx, ends)))
		if random.IntN(15) == 0 { // ended, and River does not know
			life = c.die(ctx, name, life)
			continue
		}
		c.complete(ctx, ids)
	}
	return settled
}

func runsAttempt(runs []begun, id string) int {
	for _, r := range runs {
		if r.ID == id {
			return r.Attempt
		}
	}
	return 0
}

// die lets the lease run out; the clerk's next life has another name.
func (c *clerk) die(ctx context.Context, name string, life int) int {
	_, err := c.f.Pool.Exec(ctx, `UPDATE tenantry.workers SET heartbeat_at = now() - interval '1 hour' WHERE id = $1`, c.id)
	c.errs.add("die", err)
	*c = *hire(ctx, c.f, fmt.Sprintf("%s.%d", name, life), c.errs)
	return life + 1
}

// meddle does what people do, through the doors and in River UI.
func meddle(ctx context.Context, f *fleettest.Fleet, errs *errorLog, random *rand.Rand, retried *sync.Map) int64 {
	var id string
	err := f.Pool.QueryRow(ctx, `SELECT id FROM tenantry.operations WHERE finished_at IS NULL OR state = 'cancelled' ORDER BY random() LIMIT 1`).Scan(&id)
	if err != nil {
		if !errors.Is(err, pgx.ErrNoRows) {
			errs.add("pick", err)
		}
		return 0
	}
	switch random.IntN(12) {
	case 0:
		_, err = f.Jobs.Cancel(ctx, id)
	case 1, 2, 3, 4, 5:
		if _, err = f.Jobs.Retry(ctx, id); err == nil {
			retried.Store(id, true)
		}
	case 6: // River UI's cancel of a job that does not run
		_, err = f.Pool.Exec(ctx, `UPDATE river.river_job SET state = 'cancelled', finalized_at = now()
			WHERE id = (SELECT river_job_id FROM tenantry.operations WHERE id = $1) AND state IN ('available', 'pending', 'retryable', 'scheduled')`, id)
	case 7: // River UI's delete
		_, err = f.Pool.Exec(ctx, `DELETE FROM river.river_job WHERE id = (SELECT river_job_id FROM tenantry.operations WHERE id = $1) AND state <> 'running'`, id)
	default: // River UI's retry, also of a job whose turn it is not
		_, err = f.Pool.Exec(ctx, `UPDATE river.river_job SET state = 'available', scheduled_at = now(), finalized_at = NULL
			WHERE id = (SELECT river_job_id FROM tenantry.operations WHERE id = $1) AND state NOT IN ('running', 'available')`, id)
	}
	if errors.Is(err, jobs.ErrConflict) {
		return 0 // it has moved on meanwhile
	}
	errs.add("meddle", err)
	return 1
}

// quiet ends everything in an orderly way: nobody dies, nobody meddles, parked operations are retried.
func quiet(t *testing.T, f *fleettest.Fleet, errs *errorLog) {
	t.Helper()
	ctx := t.Context()
	_, err := f.Pool.Exec(ctx, `UPDATE tenantry.workers SET heartbeat_at = now() - interval '1 hour'`)
	require.NoError(t, err)
	c := hire(ctx, f, "last", errs)
	require.Eventually(t, func() bool {
		for _, sql := range []string{
			`SELECT count(*) FROM tenantry.reap()`, `SELECT count(*) FROM tenantry.settle_strays()`,
			`SELECT count(tenantry.retry(id)) FROM tenantry.operations WHERE state IN ('parked', 'retrying')`,
		} {
			_, err := count(ctx, f, sql)
			errs.add(sql, err)
		}
		var ends []ending
		ids := c.fetch(ctx, 100)
		for _, r := range c.start(ctx, ids) {
			ends = append(ends, ending{ID: r.ID, Attempt: r.Attempt, Outcome: "succeeded"})
		}
		if len(ends) > 0 {
			c.settle(ctx, ends)
		}
		c.complete(ctx, ids)
		n, err := count(ctx, f, `SELECT (SELECT count(*) FROM tenantry.operations WHERE finished_at IS NULL)
			+ (SELECT count(*) FROM river.river_job WHERE state = 'available')`)
		return len(errs.all()) > 0 || (err == nil && n == 0)
	}, 30*time.Second, time.Millisecond, "not everything ends")
}

// requireSteady looks that ledger and queue agree when nothing is under way.
func requireSteady(t *testing.T, f *fleettest.Fleet) {
	t.Helper()
	for what, sql := range map[string]string{
		"a free tenant is held":             `SELECT count(*) FROM tenantry.tenants WHERE current_operation_id IS NOT NULL`,
		"a job of an ended operation is on": `SELECT count(*) FROM river.river_job j JOIN tenantry.operations o ON o.river_job_id = j.id WHERE j.finalized_at IS NULL AND o.finished_at IS NOT NULL`,
		"an operation has two live jobs":    `SELECT count(*) FROM (SELECT FROM river.river_job WHERE finalized_at IS NULL GROUP BY args ->> 'operation_id' HAVING count(*) > 1) d`,
	} {
		n, err := count(t.Context(), f, sql)
		require.NoError(t, err)
		require.Zero(t, n, what)
	}
}

// watchStarts has the database itself see to it that a tenant has one running operation at most, and note who began when.
func watchStarts(t *testing.T, f *fleettest.Fleet) {
	t.Helper()
	_, err := f.Pool.Exec(t.Context(), `
		CREATE UNIQUE INDEX one_at_a_time ON tenantry.operations (tenant_id) WHERE state = 'running';
		CREATE TABLE starts (nr bigint GENERATED ALWAYS AS IDENTITY, id text, tenant_id text, seq bigint);
		CREATE FUNCTION note_start() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
		  INSERT INTO public.starts (id, tenant_id, seq) VALUES (NEW.id, NEW.tenant_id, NEW.seq);
		  RETURN NULL;
		END $$;
		CREATE TRIGGER note_start AFTER UPDATE OF state ON tenantry.operations FOR EACH ROW WHEN (NEW.state = 'running') EXECUTE FUNCTION note_start()`)
	require.NoError(t, err)
}

// requireInOrder looks that a tenant's operations first began in the order in which they were asked for. What was cancelled and
// retried by a person comes when the person says.
func requireInOrder(t *testing.T, f *fleettest.Fleet, retried *sync.Map) {
	t.Helper()
	var ids []string
	retried.Range(func(id, _ any) bool {
		ids = append(ids, fmt.Sprint(id))
		return true
	})
	n, err := count(t.Context(), f, `
		WITH first AS (SELECT DISTINCT ON (id) id, tenant_id, seq, nr FROM starts ORDER BY id, nr)
		SELECT count(*)
		FROM first a
		JOIN first b ON b.tenant_id = a.tenant_id AND b.seq > a.seq AND b.nr < a.nr
		WHERE a.id <> ALL ($1::text[])`, append(ids, ""))
	require.NoError(t, err)
	require.Zero(t, n, "operations that began before one that was asked for earlier")
}
