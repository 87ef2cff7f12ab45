// Package poolcache keeps the pools of many PostgreSQL databases open for as long as they are worth it.
//
// It is for a service in which every tenant has a database of its own: there are far more databases than connections
// to be had, and connecting is the expensive part (5 to 10 ms of CPU, against 0.1 ms for a query on a warm
// connection). The package knows pgx and nothing of the service that uses it.
//
// # What it is
//
//   - A [Cache] of one [pgxpool.Pool] per tenant, bounded in number and in idle time. Where a tenant's database is, its
//     owner says through a [Resolver].
//   - A budget of connections per node (a PostgreSQL server, or the PgBouncer before it), across all of its databases:
//     no pooler has one.
//   - A circuit breaker per node, so that a dead node costs its own tenants and nobody else.
//
// # How a lease flows
//
//	lease, err := cache.Acquire(ctx, tenant)
//	if err != nil {
//		return err
//	}
//	defer lease.Release()
//	lease.Pool().QueryRow(ctx, ...)
//
// [Cache.Acquire] looks the tenant up in a table that is copied on write and so is read without a lock. A hit takes a
// reference, stamps the use from a coarse clock and allocates nothing. A miss joins the one opening that is under way
// for that tenant, or starts it: resolve, make the pool, make the first connection. Whoever waits honours its own
// context; the opening itself outlives the caller that started it. A failed opening is shared by all who waited for
// it and then remembered for a moment, longer each time.
//
// A lease is meant for one attempt of one job. Entries are never closed under a lease: an evicted one is doomed, which
// takes it out of the table, and its last release closes it. Who does not release in time has the context of the
// lease cancelled ([Lease.Context]), and then its connections closed.
//
// # How a connection flows
//
// Every socket holds a token of its node's budget from before it is dialled until the server has closed its end, so
// that the budget holds in pg_stat_activity too and not only in this process. When no token is free, the connection
// of another tenant that has been idle for the longest is closed; when none is idle, the dial waits, first come first
// served, for as long as its caller's context allows. After the token comes a place among the dials in flight, and
// with it the breaker's consent. Connections that do not go through the cache (a scan of the whole fleet, a backup)
// can be charged to the same budget with [Cache.Charge].
//
// Dial errors, 57P03 (starting up, shutting down) and 53300 (too many connections) open the breaker; what is the
// tenant's own fault (28P01, 3D000, a limit on its role or database) never does. While it is open callers get a
// [NodeDownError] at once. Then one dial probes, and after that the dials in flight double with every success.
//
// # How an entry ends
//
//   - It was idle for too long, or the cache is full and it was used least recently.
//   - [Cache.Evict]: its tenant moved, was suspended or dropped, or its user changed. The owner counts such changes in
//     [Target.Epoch]; after Evict no pool of an older epoch is handed out, even when the Resolver still answers with
//     one. The [Eviction] returned is done when the last connection is closed, which is the moment to DROP or RENAME.
//   - The Resolver implements [EpochReader] and a poll found it to be stale: notifications get lost, polls do not.
//   - [Cache.EvictNode], [Cache.EvictAll], [Cache.Stop].
//
// A new password needs no new pool: [Target.Password] is read for every connection, [Cache.Reset] renews those that
// are open, and a refused password (28P01) is read again once. Changed tables need none either: the owner counts their
// changes in [Target.SchemaEpoch], and the cache hears of them by a poll, or is told to ask ([Cache.AskSchema]).
//
// # Locks
//
// Cache.mu comes before node.mu; all others (gate.mu, secret.mu, crew.mu) are taken last and alone. None is held while
// dialling, closing, or calling out.
package poolcache
