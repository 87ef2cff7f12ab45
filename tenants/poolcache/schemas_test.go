package poolcache_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// A changed schema renews connections, and breaks neither a lease nor what runs.
func TestSchemaChanged(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	heard := map[string][]int64{}
	b := newBundle(t, poolcache.Config{OnSchemaChange: func(tenant string, epoch int64) {
		mu.Lock()
		defer mu.Unlock()
		heard[tenant] = append(heard[tenant], epoch)
	}})
	tenant := databases(t, fleetSize)[0]
	lease := b.lease(t, tenant)
	defer lease.Release()
	require.Zero(t, lease.SchemaEpoch())
	conn, err := lease.Acquire(within(t))
	require.NoError(t, err)
	pid := conn.Conn().PgConn().PID()
	b.SchemaChanged(tenant, 7)
	b.SchemaChanged(tenant, 7)
	b.SchemaChanged(tenant, 6)
	b.SchemaChanged("nobody", 7)
	require.Equal(t, int64(7), lease.SchemaEpoch())
	require.NoError(t, conn.Ping(within(t)), "what is leased goes on")
	conn.Release()
	conn, err = lease.Acquire(within(t))
	require.NoError(t, err)
	require.NotEqual(t, pid, conn.Conn().PgConn().PID(), "it was renewed when it came back")
	conn.Release()
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, map[string][]int64{tenant: {7}}, heard)
}

// changeTables is what has happened when somebody asks.
func (b *bundle) changeTables(tenants ...string) {
	for _, tenant := range tenants {
		b.resolver.change(tenant, func(t *poolcache.Target) { t.SchemaEpoch++ })
	}
}

// Only what the resolver says counts. It is asked at once, then for all that came meanwhile, and not about tenants without a pool.
func TestAskSchema(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{EpochPoll: -1})
	tenants := databases(t, 4)
	var leases []poolcache.Lease
	for _, tenant := range tenants[:3] {
		lease := b.lease(t, tenant)
		defer lease.Release()
		leases = append(leases, lease)
	}
	asked := func(want ...[]string) {
		var list [][]string
		eventually(t, "it is asked", func() bool { list = append(list, b.resolver.wasAsked()...); return len(list) >= len(want) })
		require.Equal(t, want, list)
	}
	b.AskSchema(tenants[0])
	asked(tenants[:1])
	require.Zero(t, leases[0].SchemaEpoch(), "it was not so")
	b.changeTables(tenants...)
	for range 100 {
		for _, tenant := range slices.Concat(tenants, []string{"nobody", ""}) {
			b.AskSchema(tenant)
		}
	}
	require.Empty(t, b.resolver.wasAsked(), "it was asked again at once")
	b.advance(t, time.Second)
	asked(tenants[:3])
	for i := range leases {
		eventually(t, "all have heard", func() bool { return leases[i].SchemaEpoch() == 1 })
	}
	b.advance(t, time.Second)
	require.Empty(t, b.resolver.wasAsked())

	// A question without an answer is asked again, with what came meanwhile.
	b.changeTables(tenants...)
	b.resolver.answer(errors.New("away"))
	b.AskSchema(tenants[0])
	asked(tenants[:1])
	eventually(t, "the error has come", func() bool { return slices.Equal(b.Doubts(), tenants[:1]) })
	b.AskSchema(tenants[1])
	b.resolver.answer(nil)
	b.advance(t, time.Second)
	asked(tenants[:2])
	eventually(t, "both have heard", func() bool { return leases[0].SchemaEpoch() == 2 && leases[1].SchemaEpoch() == 2 })
	require.EqualValues(t, 1, leases[2].SchemaEpoch())
}

// A change that comes while a pool is being opened is not lost, although the resolver has answered before it.
func TestAskSchemaDuringOpen(t *testing.T) {
	t.Parallel()
	for name, hear := range map[string]func(*bundle, string) error{
		"asked":        func(b *bundle, tenant string) error { b.AskSchema(tenant); return nil },
		"synchronized": func(b *bundle, _ string) error { return b.SyncEpochs(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t, poolcache.Config{EpochPoll: -1})
			tenant := databases(t, 1)[0]
			entered, resume := b.resolver.hold()
			defer resume()
			got := make(chan error, 1)
			var lease poolcache.Lease
			go func() {
				var err error
				lease, err = b.Acquire(within(t), tenant)
				got <- err
			}()
			<-entered // with a target of schema epoch 0 in hand
			b.changeTables(tenant)
			require.NoError(t, hear(b, tenant))
			eventually(t, "it is asked", func() bool { return len(b.resolver.wasAsked()) == 1 })
			resume()
			require.NoError(t, <-got)
			defer lease.Release()
			eventually(t, "it has heard", func() bool { return lease.SchemaEpoch() == 1 })
		})
	}
}

// A stopped cache asks nothing, and stopping does not wait for an answer.
func TestAskSchemaOfAStoppedCache(t *testing.T) {
	t.Parallel()
	b := newBundle(t, poolcache.Config{EpochPoll: -1})
	tenant := databases(t, 1)[0]
	require.NoError(t, b.use(within(t), tenant))
	b.resolver.answer(errors.New("away"))
	b.AskSchema(tenant)
	eventually(t, "it is asked", func() bool { return len(b.resolver.wasAsked()) > 0 })
	b.Stop()
	b.AskSchema(tenant)
	require.Empty(t, b.resolver.wasAsked())
}
