package workers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/robfig/cron/v3"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/directory"
	"github.com/avenit/tenantry/tenants/poolcache"
	"github.com/avenit/tenantry/tenants/provision"
)

// reindexAt is when River rebuilds its indexes: noon UTC on Sundays, away from the nightly work.
const reindexAt = "0 12 * * 0"

// Runtime is one worker process. Start and Stop it once.
type Runtime struct {
	cfg   Config
	pools runtimePools
	tools *toolbox
	cache *poolcache.Cache
	dir   *directory.Directory

	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	life *life
}

// runtimePools are the pools on the control database. Each has its own, so that a flood of tenant work starves neither River's
// fetching nor the heartbeat.
type runtimePools struct {
	ledger, queue, vital *pgxpool.Pool
}

func (p runtimePools) close() {
	for _, pool := range []*pgxpool.Pool{p.ledger, p.queue, p.vital} {
		if pool != nil {
			pool.Close()
		}
	}
}

// New makes a Runtime.
func New(cfg Config) (*Runtime, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Runtime{cfg: cfg, done: make(chan struct{})}, nil
}

// Start opens the pools and begins to work. It fails when the control database cannot be reached or is not migrated; once
// started, the runtime comes back by itself from anything.
func (rt *Runtime) Start(ctx context.Context) error {
	if err := rt.open(ctx); err != nil {
		rt.pools.close()
		return err
	}
	lifeCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	first, err := rt.begin(lifeCtx)
	if err != nil {
		stop()
		rt.cache.Stop()
		rt.pools.close()
		return err
	}
	rt.stop = stop // a runtime that has not started has nothing to stop
	go rt.live(lifeCtx, first)
	return nil
}

func (rt *Runtime) open(ctx context.Context) error {
	var err error
	if rt.pools.ledger, err = openControl(ctx, rt.cfg.ControlURL, "tenantry/ledger", 16); err != nil {
		return err
	}
	if rt.pools.queue, err = openQueue(ctx, rt.cfg.ControlURL); err != nil {
		return err
	}
	if rt.pools.vital, err = openControl(ctx, rt.cfg.ControlURL, "tenantry/vital", 2); err != nil {
		return err
	}
	reg := tenants.NewRegistry(rt.pools.ledger, rt.cfg.Keys)
	admin := provision.NewAdmin(reg, rt.cfg.SessionsPerNode)
	schema := newSchema(rt.pools.ledger)
	rt.tools = &toolbox{
		reg: reg, admin: admin, prov: provision.New(reg, admin, schema), schema: schema, log: rt.cfg.Log,
		vault: newVault(reg, rt.cfg.BackupURL, rt.cfg.PgBinDir),
	}
	rt.dir = directory.New(reg, tenants.RoleApp)
	if rt.cache, err = poolcache.New(rt.cfg.Pools, rt.dir); err != nil {
		return fmt.Errorf("pool cache: %w", err)
	}
	return rt.cache.Start(rt.cfg.Log.WithContext(context.WithoutCancel(ctx)))
}

// Cache is the process's pools of tenants.
func (rt *Runtime) Cache() *poolcache.Cache { return rt.cache }

// WorkerID is the id of the present life.
func (rt *Runtime) WorkerID() string {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.life == nil {
		return ""
	}
	return rt.life.id
}

// openQueue opens River's pool. What River writes need not be on the disk at its commit: the ledger decides, and a delivery or a completion
// that a crash of the server takes back is delivered, or completed, once more.
func openQueue(ctx context.Context, url string) (*pgxpool.Pool, error) {
	return openControl(ctx, url, "tenantry/queue", 8, func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	})
}

func openControl(ctx context.Context, url, name string, conns int32, change ...func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	if strings.Contains(url, "://") {
		// Where a password needs escaping, pgx takes its rest for the database's name and shows that in errors.
		if _, _, err := tenants.SplitURL(url); err != nil {
			return nil, fmt.Errorf("control URL: %w", err)
		}
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("control URL: %w", tenants.RedactURLError(err))
	}
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = name
	// A process that is frozen in a transaction would keep the rows of its operation, and then nobody could take that over.
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "5s"
	config.MaxConns = conns
	for _, f := range change {
		f(config)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("control database: %w", err)
	}
	return pool, nil
}

// generation is one life and what runs in it.
type generation struct {
	life   *life
	client *river.Client[pgxTx]
	log    zerolog.Logger
	wg     sync.WaitGroup

	stopLedger context.CancelFunc
}

// begin starts a life: a row, a River client under the same id, a heartbeat, the chores.
func (rt *Runtime) begin(ctx context.Context) (*generation, error) {
	id := newWorkerID(rt.cfg.Host)
	log := rt.cfg.Log.With().Str("worker_id", id).Logger()
	// A life and its ledger outlive the request to stop: running operations have their grace, and their ends must be written.
	detached := context.WithoutCancel(ctx)
	l := newLife(detached, id, rt.cfg.Lease, rt.pools.vital, log)
	g := &generation{life: l, log: log}
	if err := l.register(ctx, rt.cfg.Host, os.Getpid(), rt.cfg.Version); err != nil {
		l.cancel(errStopping)
		return nil, fmt.Errorf("%w (is the control database migrated? tenantry control migrate)", err)
	}
	// How many others there are, before anything is taken for this one.
	if _, err := l.beat(queryTimeout); err != nil {
		log.Warn().Err(err).Msg("first heartbeat missed")
	}
	g.spawn(l.keep)
	led := newLedger(rt.pools.ledger, id)
	ledgerCtx, stopLedger := context.WithCancel(detached)
	g.stopLedger = stopLedger
	led.Start(ledgerCtx)
	client, err := rt.client(g, led)
	if err == nil {
		err = client.Start(detached)
	}
	if err != nil {
		l.cancel(errStopping)
		stopLedger()
		g.wg.Wait()
		return nil, fmt.Errorf("start queue client: %w", errors.Join(err, l.end(detached)))
	}
	g.client = client
	rt.startChores(g, led)
	rt.mu.Lock()
	rt.life = l
	rt.mu.Unlock()
	log.Info().Str("version", rt.cfg.Version).Msg("worker started")
	return g, nil
}

func (g *generation) spawn(f func()) {
	g.wg.Go(f)
}

func (rt *Runtime) startChores(g *generation, led *ledger) {
	c := &chores{pool: rt.pools.ledger, life: g.life, ledger: led, log: g.log}
	ctx := g.log.WithContext(g.life.ctx)
	for _, ch := range c.list(rt.cfg.Lease) {
		g.spawn(func() { c.run(ctx, ch) })
	}
	for _, p := range c.prompts() {
		g.spawn(func() { c.attend(ctx, p) })
	}
	g.spawn(func() { rt.dir.Follow(ctx, rt.cache, g.life.acknowledge) })
	g.spawn(func() { rt.shareBudgets(ctx, g.life) })
}

// promptCooldown is FetchCooldown for queues of which people await each job.
const promptCooldown = time.Millisecond

func (rt *Runtime) client(g *generation, led *ledger) (*river.Client[pgxTx], error) {
	bundle := river.NewWorkers()
	for _, h := range handlers(rt.tools) {
		d := &delivery{handler: h, life: g.life, ledger: led, log: g.log, metrics: rt.cfg.Metrics}
		river.AddWorkerArgs(bundle, jobs.DeliveryOf(h.Kind), river.Worker[jobs.Delivery](d))
	}
	queues := map[string]river.QueueConfig{}
	for queue, n := range rt.cfg.Concurrency {
		if n > 0 {
			cooldown := rt.cfg.FetchCooldown
			if queue == jobs.QueueDDL { // a person looks at a form and waits
				cooldown = min(cooldown, promptCooldown)
			}
			queues[queue] = river.QueueConfig{MaxWorkers: n, FetchCooldown: cooldown, FetchPollInterval: time.Second}
		}
	}
	reindex, err := cron.ParseStandard(reindexAt)
	if err != nil {
		return nil, fmt.Errorf("reindex schedule: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(rt.pools.queue), &river.Config{
		ID:                   g.life.id,
		Schema:               jobs.Schema,
		Queues:               queues,
		Workers:              bundle,
		Middleware:           []rivertypeMiddleware{&guard{}},
		Logger:               slog.New(zerolog.NewSlogHandler(g.log.Level(max(g.log.GetLevel(), zerolog.WarnLevel)))),
		ReindexerSchedule:    reindex,
		RetryPolicy:          soon{},
		RescueStuckJobsAfter: 2 * time.Hour, // ours is the reaper; this is the net below it
	})
	if err != nil {
		return nil, fmt.Errorf("make queue client: %w", err)
	}
	return client, nil
}

// live keeps the process alive: when a life ends by itself, the next begins.
func (rt *Runtime) live(ctx context.Context, g *generation) {
	defer close(rt.done)
	for {
		select {
		case <-ctx.Done():
			rt.finish(g)
			return
		case <-g.life.ctx.Done():
		}
		rt.abort(g)
		for g = nil; g == nil; {
			var err error
			if g, err = rt.begin(ctx); err == nil {
				break
			}
			rt.cfg.Log.Warn().Err(err).Msg("worker cannot start anew yet")
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}

// finish ends a life in order: no new jobs, the grace for the running ones, then they are handed over.
func (rt *Runtime) finish(g *generation) {
	ctx, cancel := context.WithTimeout(context.Background(), rt.cfg.Grace)
	err := g.client.Stop(ctx)
	cancel()
	g.life.cancel(errStopping)
	if err != nil {
		g.log.Info().Msg("grace is over; running operations are handed over")
	}
	rt.abort(g)
}

// abort ends what is left of a life whose runs have been told to stop.
func (rt *Runtime) abort(g *generation) {
	ctx, cancel := context.WithTimeout(context.Background(), rt.cfg.Lease)
	defer cancel()
	if err := g.client.StopAndCancel(ctx); err != nil {
		g.log.Error().Err(err).Msg("jobs do not end; their operations will be taken over")
	}
	g.stopLedger()
	g.wg.Wait()
	if err := g.life.end(context.Background()); err != nil {
		g.log.Warn().Err(err).Msg("could not sign off; the lease will run out")
	}
	g.log.Info().Msg("worker stopped")
}

// Stop drains: running jobs have the grace, what is unfinished then goes back to the queue without an attempt burnt. Stopping
// twice is safe.
func (rt *Runtime) Stop() {
	if rt.stop == nil {
		return
	}
	rt.stop()
	<-rt.done
	rt.cache.Stop()
	rt.tools.admin.Close()
	rt.tools.vault.close()
	rt.pools.close()
}

// joiners is how many workers may join at once without a node's budget being exceeded: each takes one connection until the others
// have made room for it.
const joiners = 2

// budgetShare is what one of several workers may have of a node's connections.
func budgetShare(budget, workers int) int {
	if workers > 1 && budget > 2*joiners {
		budget -= joiners
	}
	return max(1, budget/workers)
}

// shareBudgets divides each node's connections among the live workers. One that is not alone takes its share only when the others, who hear of
// it with their next heartbeat, have given it up.
func (rt *Runtime) shareBudgets(ctx context.Context, l *life) {
	every := rt.cfg.Lease / 5 // as heartbeats
	joined := time.Now()
	for {
		nodes, err := rt.tools.reg.Nodes(ctx)
		if err != nil && ctx.Err() == nil {
			rt.cfg.Log.Warn().Err(err).Msg("connection budgets not shared; the old ones hold")
		}
		others := int(l.workers.Load())
		for _, n := range nodes {
			share := budgetShare(n.MaxConnections, others)
			if others > 1 && time.Since(joined) < 3*every {
				share = 1
			}
			rt.cache.SetBudget(n.Name, share)
			if n.PoolerURL != "" {
				rt.cache.SetBudget(n.Name+"/pooler", share)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

func newWorkerID(host string) string {
	random := make([]byte, 6)
	_, _ = rand.Read(random) // never fails
	return fmt.Sprintf("%.40s-%d-%s", host, os.Getpid(), hex.EncodeToString(random))
}
