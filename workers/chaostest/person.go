package chaostest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/rollout"
)

// stop is a time during which a rollout was paused. Both ends are by the control database's clock.
type stop struct {
	reason rollout.Reason
	// at is when a person's Pause had returned, or when the transaction began in which the rollout paused by itself.
	at, until time.Time
	// after is how long after the failure that was too much.
	after time.Duration
}

// latest is how much later than a stop that a rollout made by itself a tenant may be seen to begin, commits how much when nothing
// is in the way of its transaction.
const (
	latest  = time.Second
	commits = 250 * time.Millisecond
)

// paused is what the person does who looks after a rollout: a broken canary is mended and tried again, the other broken ones can wait.
func (c *trial) paused(r rollout.Rollout) stop {
	c.t.Helper()
	ctx, db := c.t.Context(), c.fleet.Pool
	s := stop{reason: r.Reason, at: value[time.Time](c, `SELECT updated_at FROM tenantry.rollouts WHERE id = $1`, r.ID)}
	last := value[*time.Time](c, `
		SELECT max(o.finished_at) FROM tenantry.rollout_members m JOIN tenantry.operations o ON o.id = m.operation_id
		WHERE m.rollout_id = $1 AND m.counted`, r.ID)
	if last != nil {
		s.after = max(s.at.Sub(*last), 0)
	}
	<-time.After(latest + 200*time.Millisecond)
	switch r.Reason {
	case rollout.Budget:
		require.Zero(c.t, r.Wave, "only in the first wave is a single failure too much: %s", r.Detail)
		require.Equal(c.t, 1, r.Of(0, rollout.Failed))
		c.mend(c.cast.unknown[0])
		n, err := rollout.Retry(ctx, db, r.ID, c.fleet.Tenant(c.t, c.cast.unknown[0]).ID, "chaos")
		require.NoError(c.t, err)
		require.Equal(c.t, 1, n)
	case rollout.Systemic:
		require.Contains(c.t, []string{"23514", "23502"}, r.Failures[0].Code, "%+v", r.Failures)
	case rollout.Manual, rollout.Gate:
		require.Fail(c.t, "it paused by itself", "%s: %s", r.Reason, r.Detail)
	}
	s.until = c.resume(r.ID)
	return s
}

func (c *trial) resume(id string) (at time.Time) {
	c.t.Helper()
	at = c.now()
	require.NoError(c.t, rollout.Resume(c.t.Context(), c.fleet.Pool, id, false))
	return at
}

// now is the control database's time.
func (c *trial) now() time.Time {
	c.t.Helper()
	return value[time.Time](c, `SELECT clock_timestamp()`)
}

// pause stops a rollout by hand for a moment. From the return of Pause on nobody begins.
func (c *trial) pause(r rollout.Rollout) (stop, bool) {
	c.t.Helper()
	if err := rollout.Pause(c.t.Context(), c.fleet.Pool, r.ID, "chaos"); err != nil {
		require.ErrorContains(c.t, err, "TY003", "it paused by itself at the same time")
		return stop{}, false
	}
	s := stop{reason: rollout.Manual, at: c.now()}
	<-time.After(latest + 500*time.Millisecond)
	c.numbers.add("begun after a person's pause had returned", c.begunBetween(r, s.at, c.now()))
	require.Zero(c.t, c.begunBetween(r, s.at, c.now()))
	return s, true
}

// begunBetween counts the tenants of a rollout whose operation ran for the first time in a time.
func (c *trial) begunBetween(r rollout.Rollout, from, to time.Time) int {
	c.t.Helper()
	return value[int](c, `SELECT count(*) FROM tenantry.operations WHERE parent_id = $1 AND started_at > $2 AND started_at < $3`, r.OperationID, from, to)
}
