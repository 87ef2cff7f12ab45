package poolcache

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config of a [Cache]. The zero value is a sensible one. A field's zero value means its default.
type Config struct {
	// MaxEntries is how many pools are kept. Leased ones are never closed for it, so there can be more for a while.
	// Defaults to 256.
	MaxEntries int
	// IdleTTL is how long a pool is kept after its last use. Defaults to 3 minutes.
	IdleTTL time.Duration

	// MaxConns is the number of connections a tenant's pool may have. Defaults to 2.
	MaxConns int32
	// ConnIdle is how long a connection may idle in its pool. Defaults to 45 seconds.
	ConnIdle time.Duration
	// ConnLifetime is how old a connection may become, give or take ConnLifetimeJitter. Defaults to 30 minutes.
	ConnLifetime time.Duration
	// ConnLifetimeJitter must be less than ConnLifetime. Defaults to a third of it.
	ConnLifetimeJitter time.Duration
	// HealthCheck is how often a pool looks for connections that are too idle or too old. Defaults to 15 seconds.
	HealthCheck time.Duration
	// PingTimeout bounds the ping of a connection that idled for more than a second. Defaults to 1 second.
	PingTimeout time.Duration

	// ResolveTimeout bounds one call of the Resolver, or of Target.Password. Defaults to 3 seconds.
	ResolveTimeout time.Duration
	// ConnectTimeout bounds dialling and authenticating, not the wait for a token before it. Defaults to 3 seconds.
	ConnectTimeout time.Duration
	// WaitTimeout bounds the wait for a token of a node's budget, for callers whose context allows more. Then they get
	// a [BudgetError]. Defaults to 30 seconds.
	WaitTimeout time.Duration

	// NodeBudget is the number of connections this process may have on a node for which [Cache.SetBudget] was not
	// called. Defaults to 32.
	NodeBudget int
	// NodeReserve is how many of a node's connections are kept for contexts made by [WithReserve], so that admin work
	// gets through when tenants use up the rest. At least one connection is always left to the others. Zero reserves
	// none.
	NodeReserve int
	// NodeDials is how many dials may be in flight to a node, authentication included. It is per node so that a black
	// hole cannot hold up the others. Defaults to twice runtime.GOMAXPROCS.
	NodeDials int

	// BreakerFailures is how many failed dials in a row open a node's breaker. Defaults to 3.
	BreakerFailures int
	// BreakerMin is how long the breaker stays open the first time. It doubles with each probe that fails, up to
	// BreakerMax. Defaults to 500 ms.
	BreakerMin time.Duration
	// BreakerMax bounds how long the breaker stays open between probes. Defaults to 5 seconds.
	BreakerMax time.Duration

	// FailureMin is how long a tenant's failed opening is remembered the first time. It doubles with each further one,
	// up to FailureMax, and is jittered. Defaults to 250 ms.
	FailureMin time.Duration
	// FailureMax bounds how long a failed opening is remembered. Defaults to 5 seconds.
	FailureMax time.Duration

	// Grace is how long an evicted entry's leases have before [Lease.Context] is cancelled. Defaults to 30 seconds.
	Grace time.Duration
	// StopGrace is Grace for [Cache.Stop]. Defaults to 5 seconds.
	StopGrace time.Duration
	// KillAfter is how long after that the leases have until what their connections run is cancelled on the server and
	// the connections are closed. Defaults to 5 seconds.
	KillAfter time.Duration
	// Linger is how long a closed connection's token waits for the server to close its end. Defaults to 1 second.
	Linger time.Duration

	// EpochPoll is how often the epochs of all entries are compared with the owner's, when the Resolver implements
	// [EpochReader]. Negative means never. Defaults to 5 seconds.
	EpochPoll time.Duration

	// Configure, when not nil, may change the configuration of a tenant's pool before it is made: its size, type
	// registration in AfterConnect, a tracer. Hooks set here are called in addition to the cache's own. It must not
	// replace DialFunc or Tracer later, from within BeforeConnect: the connection would not be counted.
	Configure func(tenant string, pc *pgxpool.Config) error
	// OnSchemaChange, when not nil, is called when the cache hears that a tenant's tables have changed, for tenants with an open
	// pool: who remembers what they look like reads that again. It must return at once.
	OnSchemaChange func(tenant string, epoch int64)
	// Clock defaults to the system's.
	Clock Clock
}

func (cfg Config) withDefaults() Config {
	setDefault(&cfg.MaxEntries, 256)
	setDefault(&cfg.IdleTTL, 3*time.Minute)
	setDefault(&cfg.MaxConns, 2)
	setDefault(&cfg.ConnIdle, 45*time.Second)
	setDefault(&cfg.ConnLifetime, 30*time.Minute)
	setDefault(&cfg.ConnLifetimeJitter, cfg.ConnLifetime/3)
	setDefault(&cfg.HealthCheck, 15*time.Second)
	setDefault(&cfg.PingTimeout, time.Second)
	setDefault(&cfg.ResolveTimeout, 3*time.Second)
	setDefault(&cfg.ConnectTimeout, 3*time.Second)
	setDefault(&cfg.WaitTimeout, 30*time.Second)
	setDefault(&cfg.NodeBudget, 32)
	setDefault(&cfg.NodeDials, 2*runtime.GOMAXPROCS(0))
	setDefault(&cfg.BreakerFailures, 3)
	setDefault(&cfg.BreakerMin, 500*time.Millisecond)
	setDefault(&cfg.BreakerMax, max(5*time.Second, cfg.BreakerMin))
	setDefault(&cfg.FailureMin, 250*time.Millisecond)
	setDefault(&cfg.FailureMax, max(5*time.Second, cfg.FailureMin))
	setDefault(&cfg.Grace, 30*time.Second)
	setDefault(&cfg.StopGrace, 5*time.Second)
	setDefault(&cfg.KillAfter, 5*time.Second)
	setDefault(&cfg.Linger, time.Second)
	setDefault(&cfg.EpochPoll, 5*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = systemClock{}
	}
	return cfg
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (cfg Config) validate() error {
	var errs []error
	for name, n := range map[string]int64{
		"MaxEntries": int64(cfg.MaxEntries), "MaxConns": int64(cfg.MaxConns), "NodeBudget": int64(cfg.NodeBudget),
		"NodeDials": int64(cfg.NodeDials), "BreakerFailures": int64(cfg.BreakerFailures), "IdleTTL": int64(cfg.IdleTTL),
		"ConnIdle": int64(cfg.ConnIdle), "ConnLifetime": int64(cfg.ConnLifetime), "HealthCheck": int64(cfg.HealthCheck),
		"PingTimeout": int64(cfg.PingTimeout), "ResolveTimeout": int64(cfg.ResolveTimeout),
		"ConnectTimeout": int64(cfg.ConnectTimeout), "WaitTimeout": int64(cfg.WaitTimeout),
		"BreakerMin": int64(cfg.BreakerMin), "FailureMin": int64(cfg.FailureMin), "Grace": int64(cfg.Grace),
		"StopGrace": int64(cfg.StopGrace), "KillAfter": int64(cfg.KillAfter), "Linger": int64(cfg.Linger),
		"ConnLifetimeJitter": int64(cfg.ConnLifetimeJitter), "NodeReserve": int64(cfg.NodeReserve) + 1,
	} {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("%s must not be negative", name))
		}
	}
	if cfg.ConnLifetimeJitter >= cfg.ConnLifetime {
		errs = append(errs, errors.New("ConnLifetimeJitter must be less than ConnLifetime"))
	}
	if cfg.BreakerMax < cfg.BreakerMin {
		errs = append(errs, errors.New("BreakerMax must not be less than BreakerMin"))
	}
	if cfg.FailureMax < cfg.FailureMin {
		errs = append(errs, errors.New("FailureMax must not be less than FailureMin"))
	}
	return errors.Join(errs...)
}
