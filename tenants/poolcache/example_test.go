package poolcache_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/avenit/tenantry/tenants/poolcache"
)

var errSuspended = errors.New("the tenant is suspended")

// registry is where the example's service keeps what it knows of its tenants.
type registry map[string]poolcache.Target

func (r registry) Resolve(_ context.Context, tenant string) (poolcache.Target, error) {
	target, ok := r[tenant]
	if !ok {
		return poolcache.Target{}, errSuspended
	}
	return target, nil
}

// A service answers requests about tenants, each of which has its own database.
func Example() {
	ctx := context.Background()
	server := os.Getenv("TEST_DATABASE_URL") // in this example all databases are the same
	tenants := registry{
		"acme":  {Node: "node-1", Epoch: 1, ConnString: server},
		"bravo": {Node: "node-1", Epoch: 1, ConnString: server},
	}

	cache, err := poolcache.New(poolcache.Config{MaxEntries: 100}, tenants)
	if err != nil {
		log.Panic(err)
	}
	if err := cache.Start(ctx); err != nil {
		log.Panic(err)
	}
	defer cache.Stop()
	cache.SetBudget("node-1", 10)

	greet := func(tenant string) {
		lease, err := cache.Acquire(ctx, tenant)
		if err != nil {
			fmt.Println(tenant, "cannot be served:", err)
			return
		}
		defer lease.Release()
		var greeting string
		if err := lease.Pool().QueryRow(ctx, "SELECT 'hello, ' || $1", tenant).Scan(&greeting); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(greeting)
	}
	greet("acme")
	greet("bravo")
	greet("acme")

	// The tenant is suspended: its owner says so first, and then has its connections closed.
	delete(tenants, "acme")
	if err := cache.Evict("acme", 2).Wait(ctx); err != nil {
		log.Panic(err)
	}
	greet("acme")

	st := cache.Stat()
	fmt.Println("hits:", st.Hits, "opened:", st.Opens, "evicted:", st.Evictions[poolcache.ReasonEpoch])
	fmt.Println("connections:", st.Nodes[0].Open, "of", st.Nodes[0].Budget)
	// Output:
	// hello, acme
	// hello, bravo
	// hello, acme
	// acme cannot be served: the tenant is suspended
	// hits: 1 opened: 2 evicted: 1
	// connections: 1 of 10
}
