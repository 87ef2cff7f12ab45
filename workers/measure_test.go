package workers_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// measuredAs is the result of measuring.
type measuredAs struct {
	Tenants, Measured int
	Missed            []struct {
		Node, Why string
		Count     int
		Tenants   []string
	}
	Forgotten int
}

func measure(t *testing.T, f *fleettest.Fleet) (m measuredAs) {
	t.Helper()
	require.NoError(t, json.Unmarshal(f.Do(t, jobs.Measure{}).Result, &m))
	return m
}

// leave ends the sessions of a tenant, so that all that they have done is counted.
func leave(t *testing.T, f *fleettest.Fleet, tenant string) {
	t.Helper()
	f.Do(t, jobs.Suspend{Tenant: tenant})
	f.Do(t, jobs.Resume{Tenant: tenant})
}

func write(t *testing.T, f *fleettest.Fleet, tenant string, rows int) {
	t.Helper()
	execIn(t, f.Connect(t, tenant, tenants.RoleApp), fmt.Sprintf(`INSERT INTO customers (name, email) SELECT 'c', gen_random_uuid() || '@example.com' FROM generate_series(1, %d)`, rows))
	leave(t, f, tenant)
}

func statsOf(t *testing.T, f *fleettest.Fleet, tenant string) tenants.Stats {
	t.Helper()
	list, err := f.Registry.Stats(t.Context(), 30)
	require.NoError(t, err)
	for _, s := range list {
		if s.Tenant == tenant {
			return s
		}
	}
	require.Fail(t, "no statistics of "+tenant)
	return tenants.Stats{}
}

// Every tenant has one row for a day, with all that was done in it, however often it is measured.
func TestMeasure(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	f.Do(t, jobs.Provision{Slug: "globex"})
	require.Nil(t, statsOf(t, f, "acme").MeasuredAt)
	leave(t, f, "acme")
	f.Do(t, jobs.Suspend{Tenant: "globex"})

	got := measure(t, f)
	require.Equal(t, measuredAs{Tenants: 2, Measured: 2, Missed: got.Missed}, got)
	require.Empty(t, got.Missed)
	first := statsOf(t, f, "acme")
	require.Greater(t, *first.Bytes, int64(5<<20))
	require.Zero(t, *first.Grown)
	require.Nil(t, first.RowsWritten, "nobody knows since when")
	require.False(t, first.Whole)
	require.Equal(t, *first.Bytes, scan[int64](t, f, `SELECT bytes FROM tenantry.sizes WHERE database_id = (SELECT database_id FROM tenantry.tenants WHERE slug = 'acme')`))

	write(t, f, "acme", 300)
	measure(t, f)
	write(t, f, "acme", 20_000)
	measure(t, f)
	measure(t, f)
	second := statsOf(t, f, "acme")
	require.GreaterOrEqual(t, *second.RowsWritten, int64(20_300))
	require.Less(t, *second.RowsWritten, int64(21_300), "nothing is counted twice; autovacuum may have written statistics")
	require.Positive(t, *second.Transactions)
	require.GreaterOrEqual(t, *second.Sessions, int64(2))
	require.Greater(t, *second.Bytes, *first.Bytes)
	require.NotNil(t, second.LastActive)
	require.Zero(t, scan[int](t, f, `SELECT count(*) FROM (SELECT FROM tenantry.tenant_days GROUP BY tenant_id, day HAVING count(*) > 1) twice`))
	require.Equal(t, scan[int64](t, f, `SELECT sum(rows_written)::bigint FROM tenantry.tenant_days d JOIN tenantry.tenants t ON t.id = d.tenant_id WHERE t.slug = 'acme'`), *second.RowsWritten)
	require.Less(t, *statsOf(t, f, "globex").RowsWritten, int64(300), "it is suspended; autovacuum may have written statistics")
}

// What is counted is of the day in which most of the time lies: the look after midnight is about the day before. Of 400 days there are rows, of older ones none any more.
func TestMeasuredDays(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	leave(t, f, "acme")
	measure(t, f)
	id := f.Tenant(t, "acme").ID
	execControl(t, f, `DELETE FROM tenantry.tenant_days`)
	execControl(t, f, `UPDATE tenantry.measured SET at = now() - interval '3 days'`)
	for _, days := range []int{400, 401, 500} {
		execControl(t, f, `INSERT INTO tenantry.tenant_days (tenant_id, day, bytes, whole, measured_at) VALUES ($1, (now() AT TIME ZONE 'UTC')::date - $2::integer, 1000, true, now())`, id, days)
	}
	write(t, f, "acme", 10)
	require.Equal(t, 2, measure(t, f).Forgotten)
	days, err := f.Registry.StatsDays(t.Context(), id, 1000)
	require.NoError(t, err)
	require.Len(t, days, 2)
	middle := scan[string](t, f, `SELECT ((now() - interval '36 hours') AT TIME ZONE 'UTC')::date::text`)
	require.Equal(t, middle, days[0].Day)
	require.True(t, days[0].Whole)
	require.Positive(t, *days[0].Grown)
	require.GreaterOrEqual(t, *days[0].RowsWritten, int64(10))
	require.Equal(t, &middle, statsOf(t, f, "acme").LastActive)
}

// Counters that begin anew, or are another database's, count for what there was, and nothing more.
func TestMeasureAfterReset(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	write(t, f, "acme", 500)
	measure(t, f)
	inDatabase(t, f, "acme", `SELECT pg_stat_reset()`)
	write(t, f, "acme", 30)
	measure(t, f)
	after := statsOf(t, f, "acme")
	require.GreaterOrEqual(t, *after.RowsWritten, int64(30))
	require.Less(t, *after.RowsWritten, int64(400), "what was counted before is in the look before")
	require.False(t, after.Whole)

	// Restored in place, it lives in another database: what the restore has written there is not the tenant's doing.
	execControl(t, f, `UPDATE tenantry.settings SET value = '0' WHERE key = 'verify_at_once'`)
	f.Do(t, jobs.Backup{Tenant: "acme"})
	f.Do(t, jobs.RestoreInPlace{Tenant: "acme", Backup: newestBackup(t, f).ID, Confirm: "acme"})
	measure(t, f)
	require.Equal(t, *after.RowsWritten, *statsOf(t, f, "acme").RowsWritten)
	write(t, f, "acme", 7)
	measure(t, f)
	require.GreaterOrEqual(t, *statsOf(t, f, "acme").RowsWritten, *after.RowsWritten+7)
}

// Two that measure at the same time count what was done once.
func TestMeasureTwiceAtOnce(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	leave(t, f, "acme")
	measure(t, f)
	was := scan[int64](t, f, `SELECT (counters ->> 'rows_written')::bigint FROM tenantry.measured`)
	for range 3 {
		write(t, f, "acme", 50)
		var ids []string
		for range 4 {
			ids = append(ids, f.Submit(t, jobs.Measure{}))
		}
		for _, id := range ids {
			f.Succeeds(t, id)
		}
	}
	require.Equal(t, scan[int64](t, f, `SELECT (counters ->> 'rows_written')::bigint FROM tenantry.measured`)-was, *statsOf(t, f, "acme").RowsWritten)
}

// One of two nodes does not answer: its tenants are named, and the others are measured.
func TestMeasureWhileANodeIsAway(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	n2 := f.NodeAt(t, fleettest.SecondServerURL(t), "n2")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme", Node: "n1"})
	f.Do(t, jobs.Provision{Slug: "globex", Node: "n2"})
	f.Do(t, jobs.Provision{Slug: "initech", Node: "n2"})
	leave(t, f, "globex")
	require.Equal(t, 3, measure(t, f).Measured)
	before := statsOf(t, f, "globex")
	write(t, f, "globex", 25)

	hole, _ := blackHole(t)
	setNodeURL(t, f, n2, hole)
	got := measure(t, f)
	require.Equal(t, 3, got.Tenants)
	require.Equal(t, 1, got.Measured)
	require.Len(t, got.Missed, 1)
	require.Equal(t, "n2", got.Missed[0].Node)
	require.Contains(t, got.Missed[0].Why, "node n2")
	require.ElementsMatch(t, []string{"globex", "initech"}, got.Missed[0].Tenants)
	require.Equal(t, before, statsOf(t, f, "globex"))
	require.Greater(t, *statsOf(t, f, "acme").MeasuredAt, *before.MeasuredAt)

	// What was done meanwhile is counted when the node is there again.
	setNodeURL(t, f, n2, "")
	require.Empty(t, measure(t, f).Missed)
	require.GreaterOrEqual(t, *statsOf(t, f, "globex").RowsWritten, int64(25))

	_, err := f.Registry.LoseNode(t.Context(), n2.ID)
	require.NoError(t, err)
	got = measure(t, f)
	require.Equal(t, 1, got.Measured)
	require.Contains(t, got.Missed[0].Why, "lost")
	require.WithinDuration(t, time.Now(), *statsOf(t, f, "acme").MeasuredAt, time.Minute)
}
