package poolcache

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	cache, names := newTestCache(b, Config{}), benchNames()
	for _, name := range names {
		publishPool(b, cache, name)
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

type mutexEntry struct{ refs int }

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
	cache := newTestCache(t, Config{})
	publishPool(t, cache, "t_1")
	ctx := context.Background()
	allocations := testing.AllocsPerRun(1000, func() {
		lease, err := cache.Acquire(ctx, "t_1")
		if err != nil {
			panic(err)
		}
		defer lease.Release()
		cache.now.Add(int64(time.Second))
	})
	require.Zero(t, allocations)
}
