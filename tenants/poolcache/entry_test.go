package poolcache

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// newTestCache makes a cache that is not started.
func newTestCache(tb testing.TB, cfg Config) *Cache {
	tb.Helper()
	c, err := New(cfg, ResolverFunc(func(context.Context, string) (Target, error) { return Target{}, nil }))
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, c.EvictAll().Wait(context.Background()))
		require.NoError(tb, c.crew.wait(context.Background()))
		c.Stop()
	})
	return c
}

// publishPool adds an entry whose pool has no connections and cannot have any.
func publishPool(tb require.TestingT, c *Cache, tenant string) *entry {
	pool, err := pgxpool.New(context.Background(), "postgres://nobody@127.0.0.1:1/none")
	require.NoError(tb, err)
	e := &entry{
		cache: c, tenant: tenant, node: c.node("none"), pool: pool, published: true,
		secret: &secret{}, done: make(chan struct{}),
	}
	e.ctx, e.revoke = context.WithCancelCause(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live[e] = struct{}{}
	c.table.change(func(entries map[string]*entry) { entries[tenant] = e })
	return e
}

// TestEntryFollowsItsModel compares the entry's word of state with a plain model of it.
func TestEntryFollowsItsModel(t *testing.T) {
	t.Parallel()
	c := newTestCache(t, Config{})
	rapid.Check(t, func(t *rapid.T) {
		e := publishPool(t, c, "t")
		var refs, hits int64
		var doomed, closing bool
		take := func(usable bool) {
			require.Equal(t, !doomed, usable)
			if usable {
				refs++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"hit": func(*rapid.T) {
				if !doomed {
					hits++
				}
				take(e.hit())
			},
			"hold": func(*rapid.T) { take(e.hold()) },
			"release": func(t *rapid.T) {
				if refs == 0 {
					t.Skip("nothing to release")
				}
				refs--
				e.release()
			},
			"doom": func(t *rapid.T) {
				require.Equal(t, !doomed, e.doom())
				doomed = true
			},
			"doom unused": func(t *rapid.T) {
				require.Equal(t, !doomed && refs == 0, e.doomUnused())
				doomed = doomed || refs == 0
			},
			"": func(t *rapid.T) {
				closing = closing || doomed && refs == 0
				require.Equal(t, refs, e.refs())
				require.Equal(t, hits, e.hits())
				require.Equal(t, doomed, e.doomed())
				require.Equal(t, closing, e.state.Load()&bitClosing != 0)
			},
		})
		e.doom()
		for range refs {
			e.release()
		}
		<-e.done
	})
}

func TestEntryClosesOnceUnderContention(t *testing.T) {
	t.Parallel()
	c := newTestCache(t, Config{})
	for range 20 {
		e := publishPool(t, c, "t")
		var wg sync.WaitGroup
		var inUse atomic.Int64
		for range 8 {
			wg.Go(func() {
				for e.hit() {
					inUse.Add(1)
					select {
					case <-e.done:
						t.Error("closed while it is used")
					default:
					}
					inUse.Add(-1)
					e.release()
				}
			})
		}
		wg.Go(func() {
			for range 100 {
				if e.doomUnused() {
					return
				}
			}
			e.doom()
		})
		wg.Wait()
		<-e.done // a second close of the channel would panic
		require.Zero(t, inUse.Load())
		require.Zero(t, e.refs())
	}
}
