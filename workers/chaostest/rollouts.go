package chaostest

import (
	"maps"
	"math"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// parallel is how many tenants of a node are under way at a time.
const parallel = 6

func (c *trial) start(release string, p rollout.Policy) (rollout.Rollout, rollout.Plan) {
	c.t.Helper()
	p.Bake, p.Parallel = -1, parallel
	id, plan, err := rollout.Start(c.t.Context(), c.fleet.Pool, release, rollout.Selector{}, p, "chaos")
	require.NoError(c.t, err)
	return c.get(id), plan
}

func (c *trial) get(id string) rollout.Rollout {
	c.t.Helper()
	r, err := rollout.Get(c.t.Context(), c.fleet.Pool, id)
	require.NoError(c.t, err)
	return r
}

// goodRelease brings the release to everybody, through the chaos and the quiet after it.
func (c *trial) goodRelease() {
	c.t.Helper()
	for range atATime {
		c.startWorker()
	}
	begun := time.Now()
	r, plan := c.start(good, rollout.Policy{Canary: c.cast.canaries, Waves: []float64{10, 50, 100}, Gate: `SELECT true`})
	changing := plan.Count(rollout.Pending, -1)
	var share atomic.Uint64
	f := c.begin(func() float64 { return math.Float64frombits(share.Load()) })
	var stops []stop
	var atRest map[string]int64
	nextKill, kills := time.Now().Add(c.kill), 0
	var deadline time.Time // of the quiet phase, once it has begun
	for ; !r.State.Final(); r = c.get(r.ID) {
		done := float64(r.Of(-1, rollout.Done)) / float64(changing)
		share.Store(math.Float64bits(done))
		now := time.Now()
		switch {
		case r.State == rollout.Paused:
			stops = append(stops, c.paused(r))
		case atRest == nil && done >= .4:
			if s, stopped := c.pause(r); stopped {
				atRest = c.sessions(r)
				s.until = c.resume(r.ID)
				stops = append(stops, s)
			}
		case deadline.IsZero() && over(f.ended):
			c.quiet(f)
			deadline = time.Now().Add(c.calm)
			c.numbers.add("chaos lasted", now.Sub(begun).Round(100*time.Millisecond))
		case deadline.IsZero() && now.After(nextKill):
			c.killOne(c.lot)
			kills++
			nextKill = now.Add(time.Second + time.Duration(c.lot.Int64N(int64(c.kill))))
		case !deadline.IsZero():
			require.True(c.t, now.Before(deadline), "it does not end within %s after the faults: %+v", c.calm, r)
		}
		<-time.After(50 * time.Millisecond)
	}
	share.Store(math.Float64bits(1))
	if deadline.IsZero() {
		c.quiet(f)
	}
	c.numbers.add("rollout", time.Since(begun).Round(100*time.Millisecond))
	c.numbers.add("workers killed", kills)
	c.goodEnd(r, stops)
	require.NotNil(c.t, atRest, "there was no pause in the middle")
	c.untouched(atRest)
}

func over(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

// theRest mends what is broken and starts the release once more: it does exactly what was left.
func (c *trial) theRest() {
	c.t.Helper()
	ctx, f := c.t.Context(), c.fleet
	left := c.cast.broken()[1:] // the canary is done
	c.mend(left...)
	for _, slug := range left {
		require.NoError(c.t, rollout.Release(ctx, f.Pool, f.Tenant(c.t, slug).ID, "chaos"))
	}
	f.Do(c.t, jobs.Resume{Tenant: c.cast.away})
	for _, slug := range c.missed {
		c.until("a tenant is not resumed", c.calm, func() bool { return f.Tenant(c.t, slug).State == tenants.StateActive })
	}
	todo := len(left) + 1 + len(c.missed)
	r, _ := c.start(good, rollout.Policy{Waves: []float64{100}})
	c.until("the next rollout does not end", c.calm, func() bool { r = c.get(r.ID); return r.State.Final() })
	require.Equal(c.t, rollout.CompletedWithExceptions, r.State)
	require.Equal(c.t, todo, r.Of(-1, rollout.Done), "%+v", r.Members)
	require.Equal(c.t, 1, r.Of(-1, rollout.SkippedPinned))
	require.Equal(c.t, 1, r.Of(-1, rollout.SkippedQuarantined))
	require.Zero(c.t, r.Of(-1, rollout.Failed, rollout.Waived, rollout.SkippedInactive))
	require.Equal(c.t, todo, c.operations(r), "it did more than the rest")
	c.numbers.add("the rest: done by the next rollout", r.Of(-1, rollout.Done))
}

// badRelease fails for everybody but the canaries. It stops at the second failure of a kind, and is aborted.
func (c *trial) badRelease() {
	c.t.Helper()
	files := maps.Clone(goodFiles)
	maps.Copy(files, badFile)
	crashtest.Publish(c.t, c.fleet, bad, crashtest.Sample(c.t, files), workers.KeepCurrent)
	c.fleet.Do(c.t, jobs.Migrate{Tenant: "clean", Release: bad})
	for _, s := range c.scenes {
		if s.Node.Name == c.fleet.Tenant(c.t, "clean").Node {
			s.Remember(c.t, "clean")
		}
	}
	healthy := c.cast.canaries[:4]
	c.noOrders(healthy...)
	r, plan := c.start(bad, rollout.Policy{Canary: healthy, Waves: []float64{100}, MaxFailures: rollout.Failures{Percent: 50}})
	c.until("it does not stop", time.Minute, func() bool { r = c.get(r.ID); return r.State == rollout.Paused || r.State.Final() })
	require.Equal(c.t, rollout.Paused, r.State)
	require.Equal(c.t, rollout.Systemic, r.Reason, r.Detail)
	at := value[time.Time](c, `SELECT updated_at FROM tenantry.rollouts WHERE id = $1`, r.ID)
	second := value[time.Time](c, `
		SELECT finished_at FROM tenantry.operations WHERE parent_id = $1 AND state = 'failed' ORDER BY finished_at OFFSET 1 LIMIT 1`, r.OperationID)
	<-time.After(2 * time.Second)
	r = c.get(r.ID)
	begun := c.begunBetween(r, time.Time{}, c.now())
	c.numbers.add("bad release: tenants it was for", plan.Count(rollout.Pending, -1))
	c.numbers.add("bad release: begun, failed, done", []int{begun, r.Of(-1, rollout.Failed), r.Of(-1, rollout.Done)})
	c.numbers.add("bad release: stopped after the second failure by", at.Sub(second).Round(time.Millisecond))
	c.numbers.add("bad release: begun from that failure on", c.begunBetween(r, second, c.now()))
	// The stop's time is that at which its transaction began: who was on the way then may begin until it commits.
	require.Zero(c.t, c.begunBetween(r, at.Add(commits), c.now()), "somebody began after the second failure was recorded")
	require.Equal(c.t, len(healthy), r.Of(-1, rollout.Done))
	require.LessOrEqual(c.t, begun, len(healthy)+2*parallel+1)
	require.NoError(c.t, rollout.Abort(c.t.Context(), c.fleet.Pool, r.ID, "chaos"))
	c.until("it does not end", time.Minute, func() bool { return c.get(r.ID).State == rollout.Aborted })
}
