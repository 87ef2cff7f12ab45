package chaostest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// operations counts the operations of a rollout that were not taken back.
func (c *trial) operations(r rollout.Rollout) int {
	c.t.Helper()
	return value[int](c, `SELECT count(*) FROM tenantry.operations WHERE parent_id = $1 AND coalesce(error ->> 'code', '') <> 'recalled'`, r.OperationID)
}

// goodEnd looks at how the chaotic rollout ended.
func (c *trial) goodEnd(r rollout.Rollout, stops []stop) {
	c.t.Helper()
	for _, s := range []rollout.MemberState{rollout.Done, rollout.Failed, rollout.Waived, rollout.SkippedPinned, rollout.SkippedInactive, rollout.SkippedQuarantined, rollout.SkippedUpToDate} {
		c.numbers.add("tenants "+string(s), r.Of(-1, s))
	}
	reasons := map[rollout.Reason]int{}
	longest, begunAfter := time.Duration(0), 0
	for _, s := range stops {
		reasons[s.reason]++
		longest = max(longest, s.after)
		begunAfter += c.begunBetween(r, s.at, s.until)
		require.Zero(c.t, c.begunBetween(r, s.at.Add(latest), s.until), "somebody began during a pause (%s)", s.reason)
	}
	c.numbers.add("pauses", reasons)
	c.numbers.add("longest from the failure that was too much to the pause", longest.Round(time.Millisecond))
	c.numbers.add("begun while paused", begunAfter)

	members, err := rollout.Members(c.t.Context(), c.fleet.Pool, r.ID)
	require.NoError(c.t, err)
	state := map[string]rollout.MemberState{}
	var wrong []string
	for _, m := range members {
		state[m.Slug] = m.State
		switch want := c.wanted(m.Slug); {
		case m.State == want:
		case want == rollout.Done && m.State == rollout.SkippedInactive && c.suspendedThen(r, m.Slug):
			// The node was away when the client wanted it suspended and resumed: the next rollout has it.
			c.missed = append(c.missed, m.Slug)
		default:
			wrong = append(wrong, fmt.Sprintf("%s is %s, wanted %s: %s", m.Slug, m.State, want, m.Failure))
		}
	}
	require.Empty(c.t, wrong)
	c.numbers.add("of these suspended by the client", len(c.missed))
	require.Equal(c.t, rollout.CompletedWithExceptions, r.State)
	for _, slug := range c.cast.all {
		require.NotEmpty(c.t, state[slug], "%s was forgotten", slug)
	}
	require.Positive(c.t, reasons[rollout.Budget], "the canary did not stop it")
	require.Positive(c.t, reasons[rollout.Systemic], "the same failure twice did not stop it")
	// Each tenant by one operation that was not taken back, the mended canary by two.
	want := r.Of(-1, rollout.Done, rollout.Failed) + 1
	require.Equal(c.t, want, c.operations(r), "somebody was changed twice")
	require.Equal(c.t, r.Of(-1, rollout.Done), value[int](c, `SELECT count(DISTINCT tenant_id) FROM tenantry.operations WHERE parent_id = $1 AND state = 'succeeded'`, r.OperationID))
}

// suspendedThen reports whether a tenant was suspended when its turn came, as the ledger has it.
func (c *trial) suspendedThen(r rollout.Rollout, slug string) bool {
	c.t.Helper()
	return value[bool](c, `
		SELECT EXISTS (
		  SELECT FROM tenantry.rollout_members m
		  JOIN tenantry.operations o ON o.tenant_id = m.tenant_id AND o.kind = 'suspend' AND o.started_at <= m.ended_at
		  WHERE m.rollout_id = $1 AND m.tenant_id = $2
		    AND NOT EXISTS (SELECT FROM tenantry.operations w WHERE w.tenant_id = m.tenant_id AND w.kind = 'resume' AND w.created_at >= o.created_at AND w.finished_at <= m.ended_at))`,
		r.ID, c.fleet.Tenant(c.t, slug).ID)
}

// wanted is how a tenant's part ends.
func (c *trial) wanted(slug string) rollout.MemberState {
	if slices.Contains(c.cast.broken()[1:], slug) {
		return rollout.Failed
	}
	switch slug {
	case c.cast.pinned:
		return rollout.SkippedPinned
	case c.cast.away:
		return rollout.SkippedInactive
	case c.cast.isolated:
		return rollout.SkippedQuarantined
	case "clean":
		return rollout.SkippedUpToDate
	default:
		return rollout.Done
	}
}

// sessions counts the sessions that databases of the first node have ever had, of tenants that a rollout is done with and that nobody else
// works on. The second node forgets its statistics when it dies.
func (c *trial) sessions(r rollout.Rollout) map[string]int64 {
	c.t.Helper()
	names := value[[]string](c, `
		SELECT coalesce(array_agg(d.name), '{}')
		FROM tenantry.rollout_members m
		JOIN tenantry.tenants t ON t.id = m.tenant_id
		JOIN tenantry.databases d ON d.id = t.database_id
		WHERE m.rollout_id = $1 AND m.state = 'done' AND d.node_id = $2 AND NOT t.slug = ANY ($3)`, r.ID, c.scenes[0].Node.ID, append(c.cast.builders, c.cast.client...))
	return c.countSessions(names)
}

func (c *trial) countSessions(names []string) map[string]int64 {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	<-time.After(1200 * time.Millisecond) // statistics are told once a second at most
	conn, err := pgx.Connect(ctx, c.scenes[0].Server)
	require.NoError(c.t, err)
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT datname, sessions FROM pg_stat_database WHERE datname = ANY ($1)`, names)
	require.NoError(c.t, err)
	counts := map[string]int64{}
	var name string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		counts[name] = n
		return nil
	})
	require.NoError(c.t, err)
	return counts
}

// untouched: nobody has been in the databases that were done at the pause.
func (c *trial) untouched(before map[string]int64) {
	c.t.Helper()
	var names []string
	for name := range before {
		names = append(names, name)
	}
	require.Equal(c.t, before, c.countSessions(names), "a tenant that was done was visited again")
	c.numbers.add("databases that nobody visited after they were done", len(names))
}

// noOrders takes away what the bad release stumbles over.
func (c *trial) noOrders(slugs ...string) {
	c.t.Helper()
	c.everywhere(slugs, func(ctx context.Context, _ string, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DELETE FROM orders`)
		return err
	})
}

// endedSQL tells what did not succeed, and whether it was meant to: broken tenants fail with the codes of their data, the bad release with its own,
// a pause takes operations back, a person cancels changes of forms.
const endedSQL = `
SELECT o.id, o.state, concat_ws(' ', t.slug, o.kind, o.error),
       (o.state = 'failed' AND o.error ->> 'code' IN ('23514', '23502') AND (t.slug = ANY ($1) OR p.release = $2))
       OR (o.state = 'cancelled' AND o.error ->> 'code' = 'recalled')
       OR (o.state = 'cancelled' AND o.kind = 'rollout' AND o.args ->> 'release' = $2)
       OR (o.state = 'cancelled' AND o.id = ANY ($3))
FROM tenantry.operations o
LEFT JOIN tenantry.tenants t ON t.id = o.tenant_id
LEFT JOIN (SELECT id, args ->> 'release' AS release FROM tenantry.operations) p ON p.id = o.parent_id
WHERE o.state <> 'succeeded'`

// look looks at everything that must hold, on both nodes.
func (c *trial) look() {
	c.t.Helper()
	rows, err := c.fleet.Pool.Query(c.t.Context(), endedSQL, c.cast.broken(), bad, c.cancelled)
	require.NoError(c.t, err)
	ended := map[string]string{}
	var id, state string
	var what string
	var meant bool
	_, err = pgx.ForEachRow(rows, []any{&id, &state, &what, &meant}, func() error {
		require.True(c.t, meant, "operation %s is %s: %s", id, state, what)
		ended[id] = state
		return nil
	})
	require.NoError(c.t, err)
	for _, s := range c.scenes {
		crashtest.Holds(c.t, s, crashtest.Expect{Ended: ended, Failures: 3, Hiccups: 3})
	}
	for slug, release := range map[string]string{c.cast.pinned: "sample-1", c.cast.isolated: "sample-1", c.cast.away: good, c.cast.back: good, c.cast.held: good, "newcomer": good} {
		tenant := c.fleet.Tenant(c.t, slug)
		require.Equal(c.t, release, tenant.Release, slug)
		require.Equal(c.t, tenants.StateActive, tenant.State, slug)
	}
}
