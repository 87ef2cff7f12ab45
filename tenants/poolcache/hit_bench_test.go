package poolcache

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// benchTenants is how many tenants the benchmarks of a hit go around.
const benchTenants = 64

// BenchmarkHit is Acquire and Release of an entry that is open. Compare it with BenchmarkMutexMap.
func BenchmarkHit(b *testing.B) {
	cache, names := benchCache(b)
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			lease, err := cache.Acquire(ctx, names[i%benchTenants])
			if err != nil {
				b.Error(err)
				return
			}
			lease.Release()
		}
	})
}

// BenchmarkHitSameTenant is BenchmarkHit when all goroutines want the same tenant.
func BenchmarkHitSameTenant(b *testing.B) {
	cache, names := benchCache(b)
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lease, err := cache.Acquire(ctx, names[0])
			if err != nil {
				b.Error(err)
				return
			}
			lease.Release()
		}
	})
}

// BenchmarkMutexMap is what a hit is measured by: the least there can be.
func BenchmarkMutexMap(b *testing.B) {
	m, names := benchMutexMap()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			m.release(m.acquire(names[i%benchTenants]))
		}
	})
}

// BenchmarkMutexMapSameTenant is what BenchmarkHitSameTenant is measured by.
func BenchmarkMutexMapSameTenant(b *testing.B) {
	m, names := benchMutexMap()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.release(m.acquire(names[0]))
		}
	})
}

func benchCache(b *testing.B) (*Cache, []string) {
	b.Helper()
	cache, err := New(Config{}, ResolverFunc(func(context.Context, string) (Target, error) { return Target{}, nil }))
	if err != nil {
		b.Fatal(err)
	}
	names := benchNames()
	for _, name := range names {
		publishFake(b, cache, name)
	}
	return cache, names
}

func benchNames() []string {
	names := make([]string, benchTenants)
	for i := range names {
		names[i] = fmt.Sprintf("t_%08d", i)
	}
	return names
}

// mutexMap is a map of reference counts under a mutex, with neither a clock nor statistics.
type mutexMap struct {
	mu      sync.Mutex
	entries map[string]*mutexEntry
}

type mutexEntry struct {
	pool *pgxpool.Pool
	refs int
}

func benchMutexMap() (*mutexMap, []string) {
	m, names := &mutexMap{entries: map[string]*mutexEntry{}}, benchNames()
	for _, name := range names {
		m.entries[name] = &mutexEntry{}
	}
	return m, names
}

func (m *mutexMap) acquire(tenant string) *mutexEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[tenant]
	e.refs++
	return e
}

func (m *mutexMap) release(e *mutexEntry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.refs--
}

// TestHitAllocatesNothing is what makes a lease worth taking for each job.
func TestHitAllocatesNothing(t *testing.T) {
	cache, err := New(Config{}, ResolverFunc(func(context.Context, string) (Target, error) { return Target{}, nil }))
	if err != nil {
		t.Fatal(err)
	}
	publishFake(t, cache, "t_1")
	ctx := context.Background()
	allocations := testing.AllocsPerRun(1000, func() {
		lease, err := cache.Acquire(ctx, "t_1")
		if err != nil {
			t.Fatal(err)
		}
		defer lease.Release()
		cache.now.Add(int64(time.Second))
	})
	if allocations != 0 {
		t.Fatalf("a hit allocates %v times", allocations)
	}
}

// publishFake adds an entry that has no pool.
func publishFake(tb testing.TB, c *Cache, tenant string) *entry {
	tb.Helper()
	e := &entry{cache: c, tenant: tenant, node: c.node("fake"), done: make(chan struct{}), published: true}
	e.ctx, e.revoke = context.WithCancelCause(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live[e] = struct{}{}
	c.table.change(func(entries map[string]*entry) { entries[tenant] = e })
	return e
}
