package directory_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/workers/fleettest"
)

// listening is a service with a pool of each of some tenants, which hears notifications and nothing else.
type listening struct {
	*service
	f       *fleettest.Fleet
	tenants []tenants.Tenant

	mu    sync.Mutex
	heard map[string][]int64
}

func newListening(t *testing.T, slugs ...string) *listening {
	t.Helper()
	f := fleettest.New(t)
	f.Node(t, "one")
	f.Worker(t)
	l := &listening{f: f, heard: map[string][]int64{}}
	l.service = newService(t, f, poolcache.Config{EpochPoll: -1, OnSchemaChange: func(tenant string, epoch int64) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.heard[tenant] = append(l.heard[tenant], epoch)
	}})
	require.Eventually(t, func() bool { return l.asked.of("FROM tenantry.fences WHERE seq >") > 0 }, 10*time.Second, time.Millisecond)
	for _, slug := range slugs {
		f.Do(t, jobs.Provision{Slug: slug})
		l.tenants = append(l.tenants, f.Tenant(t, slug))
		require.NoError(t, use(t.Context(), l.Cache, l.tenants[len(l.tenants)-1].ID))
	}
	return l
}

// whatIsHeard empties what OnSchemaChange was told.
func (l *listening) whatIsHeard() map[string][]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.heard
	l.heard = map[string][]int64{}
	return heard
}

// schemaEpoch is what the open pool of a tenant has heard.
func (l *listening) schemaEpoch(t *testing.T, id string) int64 {
	t.Helper()
	lease, ok := l.Peek(id)
	require.True(t, ok)
	defer lease.Release()
	return lease.SchemaEpoch()
}

// hears waits until the open pool of a tenant, and OnSchemaChange after it, have heard of a schema epoch.
func (l *listening) hears(t *testing.T, id string, epoch int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		known := l.schemaEpoch(t, id)
		l.mu.Lock()
		defer l.mu.Unlock()
		return known == epoch && slices.Contains(l.heard[id], epoch)
	}, 10*time.Second, time.Millisecond)
}

// raise does what the end of a change does, and gives what is true from then on.
func (l *listening) raise(t *testing.T, ids ...string) (epoch int64) {
	t.Helper()
	_, err := l.f.Pool.Exec(t.Context(), `UPDATE tenantry.tenants SET schema_epoch = schema_epoch + 1 WHERE id = ANY ($1)`, ids)
	require.NoError(t, err)
	require.NoError(t, l.f.Pool.QueryRow(t.Context(), `SELECT schema_epoch FROM tenantry.tenants WHERE id = $1`, ids[0]).Scan(&epoch))
	return epoch
}

// Whoever can log in to the control database can notify. What is said there is not believed, and does not keep what is true from being heard.
func TestForgedNotificationsChangeNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l := newListening(t, "acme", "umbrella")
	acme, umbrella := l.tenants[0].ID, l.tenants[1].ID
	before := map[string]int64{acme: l.schemaEpoch(t, acme), umbrella: l.schemaEpoch(t, umbrella)}
	connects := l.Stat().Nodes[0].Connects
	anybody, err := pgx.Connect(ctx, fleettest.APIURL(t, l.f))
	require.NoError(t, err)
	t.Cleanup(func() { _ = anybody.Close(t.Context()) })
	forge := func(payload string) {
		_, err := anybody.Exec(ctx, `SELECT pg_notify('tenantry_epochs', $1)`, payload)
		require.NoError(t, err)
	}
	for _, payload := range []string{
		"", "null", "[]", "{", `"acme"`, `{"tenant": 7}`, `{"tenant": null, "schema_epoch": "many"}`,
		fmt.Sprintf(`{"tenant": %q, "epoch": 1, "schema_epoch": %d}`, acme, int64(math.MaxInt64)),
		fmt.Sprintf(`{"tenant": %q, "epoch": %d, "schema_epoch": 99, "fence": true}`, acme, int64(math.MaxInt64)),
		fmt.Sprintf(`{"tenant": %q, "epoch": 1, "schema_epoch": -1, "fence": false}`, acme),
		fmt.Sprintf(`{"tenant": %q, "epoch": 1, "schema_epoch": 1e400, "fence": false}`, umbrella),
		`{"tenant": "tnt_000000000000000000000000", "epoch": 9, "schema_epoch": 9, "fence": false}`,
		`{"tenant": "'; DROP TABLE tenantry.tenants; --", "epoch": 9, "schema_epoch": 9}`,
	} {
		forge(payload)
	}
	// By the end of these two everything before them is heard.
	truth := l.raise(t, umbrella)
	l.hears(t, umbrella, truth)
	require.Equal(t, map[string][]int64{umbrella: {truth}}, l.whatIsHeard(), "somebody was told what is not so")
	require.Equal(t, before[acme], l.schemaEpoch(t, acme))
	require.NoError(t, use(ctx, l.Cache, acme))
	require.Equal(t, connects, l.Stat().Nodes[0].Connects, "connections were closed for a forged notification")

	// What is true is heard all the same.
	truth = l.raise(t, acme)
	l.hears(t, acme, truth)
	require.Equal(t, map[string][]int64{acme: {truth}}, l.whatIsHeard())
	require.Empty(t, l.Stat().Evictions, "pools were closed")
}

// Many notifications, true or not, are few questions: those that come meanwhile are asked about together.
func TestNotificationsAreAskedAboutTogether(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l := newListening(t, "a", "b", "c")
	ids := []string{l.tenants[0].ID, l.tenants[1].ID, l.tenants[2].ID}
	about := []string{"schema_epoch FROM tenantry.tenants WHERE id = ANY", "FROM tenantry.fences WHERE seq >"}
	before := []int{l.asked.of(about[0]), l.asked.of(about[1])}
	begun := time.Now()
	for round := range 5 {
		for _, fence := range []bool{false, true} {
			payload, err := json.Marshal(map[string]any{"tenant": ids[round%3], "epoch": 5, "schema_epoch": 5 + round, "fence": fence})
			require.NoError(t, err)
			_, err = l.f.Pool.Exec(ctx, `SELECT pg_notify('tenantry_epochs', $1 || repeat(' ', g)) FROM generate_series(1, 400) g`, string(payload))
			require.NoError(t, err)
		}
		truth := l.raise(t, ids...)
		for _, id := range ids {
			l.hears(t, id, truth)
		}
	}
	most := int(time.Since(begun)/(50*time.Millisecond)) + 5
	for i, words := range about {
		require.LessOrEqual(t, l.asked.of(words)-before[i], most, "%s, after 4000 notifications", words)
	}
	for id, epochs := range l.whatIsHeard() {
		require.Len(t, epochs, 5, "tenant %s: %v", id, epochs)
	}

	// Of tenants without a pool here nothing is asked at all.
	others := l.asked.of(about[0])
	_, err := l.f.Pool.Exec(ctx, `SELECT pg_notify('tenantry_epochs', json_build_object('tenant', 'tnt_' || lpad(g::text, 24, '0'), 'fence', false)::text) FROM generate_series(1, 1000) g`)
	require.NoError(t, err)
	truth := l.raise(t, ids[0])
	l.hears(t, ids[0], truth)
	require.LessOrEqual(t, l.asked.of(about[0])-others, 1)
}

// Changed tables cost no look at where tenants are, and fences are heard beside them.
func TestChangedTablesCostNoRouting(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l := newListening(t, "acme")
	acme := l.tenants[0].ID
	fences, places := l.asked.of("FROM tenantry.fences WHERE seq >"), l.asked.of("JOIN tenantry.nodes")
	begun := time.Now()
	for range 20 {
		truth := l.raise(t, acme)
		l.hears(t, acme, truth)
		require.NoError(t, use(ctx, l.Cache, acme))
	}
	require.LessOrEqual(t, l.asked.of("FROM tenantry.fences WHERE seq >")-fences, int(time.Since(begun)/(5*time.Second))+1)
	require.Equal(t, places, l.asked.of("JOIN tenantry.nodes"))
	require.Empty(t, l.Stat().Evictions)
	require.Len(t, l.whatIsHeard()[acme], 20)

	// Changes of tables that never stop do not keep a fence from being heard, or from being found where its notification is lost.
	stop := make(chan struct{})
	var changing sync.WaitGroup
	changing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := l.f.Pool.Exec(ctx, `UPDATE tenantry.tenants SET schema_epoch = schema_epoch + 1 WHERE id = $1`, acme); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer changing.Wait()
	defer close(stop)
	epoch := l.f.Tenant(t, "acme").Epoch
	_, err := l.f.Pool.Exec(ctx, `INSERT INTO tenantry.fences (tenant_id, epoch) VALUES ($1, $2)`, acme, epoch+1)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return epochOf(l.Cache, acme) == 0 }, 15*time.Second, 5*time.Millisecond)
}
