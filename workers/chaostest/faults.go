package chaostest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

// atATime is how many workers run.
const atATime = 3

// startWorker starts a worker process. Call it from the test's goroutine.
func (c *trial) startWorker() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
	c.workers = append(c.workers, c.program.Start(c.t, c.fleet, fmt.Sprint("W", c.started), "--lease=3s", "--grace=10s"))
}

func (c *trial) stopWorkers() {
	c.t.Helper()
	for _, w := range c.workers {
		w.Stop(c.t)
	}
	c.workers = nil
}

// killOne kills a worker of those that run, and starts another.
func (c *trial) killOne(lot *rand.Rand) {
	c.t.Helper()
	i := lot.IntN(len(c.workers))
	w := c.workers[i]
	c.workers = append(c.workers[:i:i], c.workers[i+1:]...)
	w.Kill()
	c.startWorker()
}

// faults are what happens beside a rollout, each on a goroutine of its own.
type faults struct {
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
	ended   chan struct{}
}

func (f *faults) do(what string, fault func() error) {
	f.running.Go(func() {
		if err := fault(); err != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.errs = append(f.errs, fmt.Errorf("%s: %w", what, err))
		}
	})
}

// begin starts all of them. The share of tenants that are done says when the node goes away, and when the tenant comes back.
func (c *trial) begin(share func() float64) *faults {
	c.t.Helper()
	f := &faults{ended: make(chan struct{})}
	ctx := c.t.Context()
	reached := func(goal float64) {
		for share() < goal && ctx.Err() == nil {
			<-time.After(50 * time.Millisecond)
		}
	}
	held := c.hold(c.cast.held)
	f.do("hold a table", func() error {
		<-time.After(c.held)
		return held.Commit(context.WithoutCancel(ctx))
	})
	f.do("take the node away", func() error {
		reached(.15)
		if err := c.server.Kill(ctx); err != nil {
			return err
		}
		<-time.After(c.away)
		return c.server.Restart(ctx)
	})
	f.do("come back", func() error {
		reached(.3)
		if _, err := c.fleet.Jobs.CreateTenant(ctx, jobs.Provision{Slug: "newcomer"}, nil); err != nil {
			return err
		}
		return c.ask(ctx, jobs.Resume{Tenant: c.cast.back})
	})
	lot := rand.New(rand.NewPCG(c.lot.Uint64(), 1))
	f.do("ask for other things", func() error {
		for i, slug := range c.cast.client {
			<-time.After(time.Duration(50+lot.IntN(800)) * time.Millisecond)
			var err error
			if i%2 == 0 {
				err = c.ask(ctx, jobs.Rotate{Tenant: slug})
			} else if err = c.ask(ctx, jobs.Suspend{Tenant: slug}); err == nil {
				<-time.After(time.Duration(lot.IntN(400)) * time.Millisecond)
				err = c.ask(ctx, jobs.Resume{Tenant: slug})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	others := rand.New(rand.NewPCG(c.lot.Uint64(), 2))
	f.do("change forms", func() error { return c.changeForms(ctx, others) })
	go func() {
		f.running.Wait()
		close(f.ended)
	}()
	return f
}

func (c *trial) ask(ctx context.Context, args jobs.Args) error {
	_, err := c.fleet.Jobs.Submit(ctx, args, nil)
	return err
}

// hold opens a transaction of a tenant's application that has read the table which the release changes.
func (c *trial) hold(slug string) pgx.Tx {
	c.t.Helper()
	conn := c.fleet.Connect(c.t, slug, tenants.RoleApp)
	tx, err := conn.Begin(c.t.Context())
	require.NoError(c.t, err)
	_, err = tx.Exec(c.t.Context(), `SELECT count(*) FROM invoices, customers`)
	require.NoError(c.t, err)
	return tx
}

// quiet is the end of all faults: full strength again.
func (c *trial) quiet(f *faults) {
	c.t.Helper()
	<-f.ended
	require.Empty(c.t, f.errs)
	for len(c.workers) < atATime {
		c.startWorker()
	}
}
