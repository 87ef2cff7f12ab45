package poolbench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants/poolcache"
)

// node is the name of the fleet's server in the cache.
const node = "bench"

// ZipfConfig says what [Zipf] does. A field's zero value means its default.
type ZipfConfig struct {
	// Acquisitions is how many times a tenant is picked, leased, and sent `SELECT 1`. Defaults to 10,000.
	Acquisitions int
	// Sample is how many of these, from the start, are also done with a pool of their own. Defaults to 1,000.
	Sample int
	// Skew is the exponent of the Zipf distribution: the tenant of rank k is picked with a probability proportional to
	// k^-Skew. It must be more than 1. Defaults to 2.
	Skew float64
	// Budget is how many connections the cache may have. The server enforces it too. Defaults to 60.
	Budget int
	// Workers is how many goroutines do the work, in both cases. Defaults to 8.
	Workers int
	// Seed determines the sequence of tenants. Zero is a seed like any other.
	Seed uint64
}

// ZipfResult is what [Zipf] measured.
type ZipfResult struct {
	Config   ZipfConfig    // with its defaults
	Tenants  int           // databases of the fleet
	Distinct int           // databases in the sequence
	Cached   time.Duration // all acquisitions, from an empty cache
	Sampled  time.Duration // Config.Sample of them with a pool each
	MaxSeen  int           // most sessions in pg_stat_activity at once, of the cache
	Connects int64         // connections that the cache made
}

// CachedEach is the time per acquisition through the cache.
func (r ZipfResult) CachedEach() time.Duration {
	return r.Cached / time.Duration(r.Config.Acquisitions)
}

// UncachedEach is the time per acquisition with a pool of its own.
func (r ZipfResult) UncachedEach() time.Duration { return r.Sampled / time.Duration(r.Config.Sample) }

// Ratio is how many times faster the cache is, per acquisition.
func (r ZipfResult) Ratio() float64 { return float64(r.UncachedEach()) / float64(r.CachedEach()) }

// Header names the columns of [ZipfResult.String].
func (ZipfResult) Header() string {
	return "| skew | tenants picked | cache: acquisitions | time | each | connects | most sessions / budget |" +
		" pool each: sampled | time | each | ratio |"
}

// String is a row of a table.
func (r ZipfResult) String() string {
	return fmt.Sprintf("| %.2f | %d of %d | %d | %s | %s | %d | %d / %d | %d | %s | %s | %.1f |",
		r.Config.Skew, r.Distinct, r.Tenants,
		r.Config.Acquisitions, r.Cached.Round(time.Millisecond), r.CachedEach().Round(time.Microsecond),
		r.Connects, r.MaxSeen, r.Config.Budget,
		r.Config.Sample, r.Sampled.Round(time.Millisecond), r.UncachedEach().Round(time.Microsecond), r.Ratio())
}

func (cfg ZipfConfig) withDefaults() ZipfConfig {
	if cfg.Acquisitions == 0 {
		cfg.Acquisitions = 10_000
	}
	if cfg.Sample == 0 {
		cfg.Sample = 1_000
	}
	if cfg.Skew == 0 {
		cfg.Skew = 2
	}
	if cfg.Budget == 0 {
		cfg.Budget = 60
	}
	if cfg.Workers == 0 {
		cfg.Workers = 8
	}
	return cfg
}

func (cfg ZipfConfig) validate() error {
	if cfg.Sample > cfg.Acquisitions || cfg.Sample < 1 || cfg.Workers < 1 || cfg.Budget < 1 || cfg.Skew <= 1 {
		return errors.New("counts must be positive, Sample not more than Acquisitions, and Skew more than 1")
	}
	return nil
}

// Zipf measures a cache against a pool for each acquisition, on tenants picked from fleet by a Zipf distribution.
func Zipf(ctx context.Context, fleet *Fleet, cfg ZipfConfig) (ZipfResult, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return ZipfResult{}, fmt.Errorf("zipf: %w", err)
	}
	r := ZipfResult{Config: cfg, Tenants: len(fleet.Databases)}
	sequence := pick(fleet.Databases, cfg)
	distinct := map[string]bool{}
	for _, tenant := range sequence {
		distinct[tenant] = true
	}
	r.Distinct = len(distinct)
	if err := warm(ctx, fleet); err != nil {
		return r, fmt.Errorf("zipf: %w", err)
	}

	// Half of the sample is done before and half after, so that other load on the machine favours neither side.
	half := cfg.Sample / 2
	if err := r.sample(ctx, fleet, sequence[:half]); err != nil {
		return r, err
	}
	if err := r.cached(ctx, fleet, sequence); err != nil {
		return r, fmt.Errorf("zipf, cached: %w", err)
	}
	return r, r.sample(ctx, fleet, sequence[half:cfg.Sample])
}

// sample measures a pool for each acquisition.
func (r *ZipfResult) sample(ctx context.Context, fleet *Fleet, sequence []string) error {
	begin := time.Now()
	if err := spread(ctx, sequence, r.Config.Workers, fleet.uncached); err != nil {
		return fmt.Errorf("zipf, a pool each: %w", err)
	}
	r.Sampled += time.Since(begin)
	return nil
}

// cached measures the cache.
func (r *ZipfResult) cached(ctx context.Context, fleet *Fleet, sequence []string) error {
	// The server refuses the first connection over the budget, so that none goes unseen between two looks.
	if err := fleet.LimitRole(ctx, r.Config.Budget); err != nil {
		return err
	}
	defer fleet.LimitRole(context.WithoutCancel(ctx), -1) //nolint:errcheck // the fleet is dropped anyway
	resolver := poolcache.ResolverFunc(func(_ context.Context, tenant string) (poolcache.Target, error) {
		return fleet.Target(node, tenant), nil
	})
	cache, err := poolcache.New(poolcache.Config{}, resolver)
	if err != nil {
		return fmt.Errorf("make cache: %w", err)
	}
	cache.SetBudget(node, r.Config.Budget)
	if err := cache.Start(ctx); err != nil {
		return fmt.Errorf("start cache: %w", err)
	}
	defer cache.Stop()

	most := fleet.Watch(ctx, 20*time.Millisecond)
	begin := time.Now()
	err = spread(ctx, sequence, r.Config.Workers, func(ctx context.Context, tenant string) error {
		lease, err := cache.Acquire(ctx, tenant)
		if err != nil {
			return fmt.Errorf("acquire: %w", err)
		}
		defer lease.Release()
		return ask(ctx, lease.Pool())
	})
	r.Cached = time.Since(begin)
	seen, watchErr := most()
	r.MaxSeen = seen
	for _, st := range cache.Stat().Nodes {
		r.Connects += st.Connects
	}
	return errors.Join(err, watchErr)
}

// uncached does one acquisition with a pool of its own.
func (f *Fleet) uncached(ctx context.Context, tenant string) error {
	pool, err := pgxpool.New(ctx, f.ConnStringWithPassword(tenant))
	if err != nil {
		return fmt.Errorf("make pool: %w", err)
	}
	defer pool.Close()
	return ask(ctx, pool)
}

func ask(ctx context.Context, pool *pgxpool.Pool) error {
	var one int
	if err := pool.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	return nil
}

// warm connects to each database once: the first connection to a new one costs more than the others.
func warm(ctx context.Context, fleet *Fleet) error {
	return spread(ctx, fleet.Databases, inParallel, fleet.uncached)
}

// pick returns the sequence of tenants.
func pick(tenants []string, cfg ZipfConfig) []string {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(cfg.Seed, 1)), cfg.Skew, 1, uint64(len(tenants)-1))
	sequence := make([]string, cfg.Acquisitions)
	for i := range sequence {
		sequence[i] = tenants[zipf.Uint64()]
	}
	return sequence
}

// spread has workers call do for each of tenants, in turn.
func spread(
	ctx context.Context, tenants []string, workers int, do func(context.Context, string) error,
) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range workers {
		group.Go(func() error {
			for {
				i := int(next.Add(1) - 1)
				if i >= len(tenants) {
					return nil
				}
				if err := do(ctx, tenants[i]); err != nil {
					return fmt.Errorf("%s: %w", tenants[i], err)
				}
			}
		})
	}
	return group.Wait()
}
