package poolcache

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Target is where a tenant's database is, as its owner says now.
type Target struct {
	// Node is the server the connection goes to: the domain of the budget and of the breaker. A PgBouncer is a node of
	// its own. It must not be empty.
	Node string
	// Epoch grows with every move, suspension, restore-over and change of user. A pool of an older epoch is stale.
	Epoch int64
	// SchemaEpoch grows whenever the tenant's tables change. It makes no pool stale; see [Cache.SchemaChanged]. Zero is fine for
	// who does not count.
	SchemaEpoch int64
	// ConnString is what pgx.ParseConfig takes: host, port, database, user, TLS. Leave the password out of it when
	// Password is set. Its text is never put into an error or a log.
	ConnString string
	// Password returns the password to present now. It is called for every new connection, so that a rotation needs no
	// new pool. refused is the password that the server refused last (28P01), or "": whoever caches passwords must look
	// again when it is the cached one. After a refusal it is asked once more; answering with the same password again
	// gives the refusal to the caller. When nil, the password is the one in ConnString, and a refusal asks the
	// [Resolver] once more.
	Password func(ctx context.Context, refused string) (string, error)
	// QueryExecMode is pgx's default mode for queries that name none. Through a PgBouncer in transaction mode, before
	// its version 1.21, it must be pgx.QueryExecModeExec or pgx.QueryExecModeSimpleProtocol. Zero means what ConnString
	// says, or pgx's own default.
	QueryExecMode pgx.QueryExecMode
}

// Resolver knows where tenants are. It is called once per opened entry, not per lease, and must be safe for concurrent
// use.
type Resolver interface {
	// Resolve returns where tenant is now. Its errors (unknown, suspended, ...) reach the callers of [Cache.Acquire]
	// unchanged and are not remembered.
	Resolve(ctx context.Context, tenant string) (Target, error)
}

// EpochReader is implemented by a [Resolver] that can look up the epochs of many tenants at once. The cache then evicts
// what has become stale by itself, see [Cache.SyncEpochs].
type EpochReader interface {
	// Epochs returns the current epoch of each of tenants. One that is missing from the answer is evicted.
	Epochs(ctx context.Context, tenants []string) (map[string]int64, error)
}

// SchemaEpochReader is implemented by a [Resolver] that can look up the schema epochs of many tenants at once. The cache then
// learns of changed tables by itself, see [Cache.SyncEpochs], and need not believe who tells it, see [Cache.AskSchema].
type SchemaEpochReader interface {
	// SchemaEpochs returns the current [Target.SchemaEpoch] of each of tenants, as far as they are known.
	SchemaEpochs(ctx context.Context, tenants []string) (map[string]int64, error)
}

// ResolverFunc is a [Resolver] that is a function.
type ResolverFunc func(ctx context.Context, tenant string) (Target, error)

// Resolve calls f.
func (f ResolverFunc) Resolve(ctx context.Context, tenant string) (Target, error) {
	return f(ctx, tenant)
}
