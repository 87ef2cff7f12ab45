package preflight

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options of Run. The zero value looks at four tenants of a node at a time and tells nobody how far it is.
type Options struct {
	// Parallel is how many tenants of one node are looked at at a time, each over one connection; one more connection is to the node itself.
	// All nodes are looked at at once. Defaults to 4.
	Parallel int
	// Progress is told how many tenants of how many were looked at. It is called by several goroutines, one at a time. Defaults to nil: nobody
	// is told.
	Progress func(done, total int)
	// QuestionTimeout bounds every question about rows, the release's checks too. Defaults to 5 s.
	QuestionTimeout time.Duration
	// LongTransaction is the age from which a transaction is told. Defaults to 30 s.
	LongTransaction time.Duration

	// beforeEnd is called in every transaction in a tenant's database before it ends. For tests.
	beforeEnd func(ctx context.Context, conn *pgx.Conn)
}

func (o Options) withDefaults() Options {
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	if o.QuestionTimeout == 0 {
		o.QuestionTimeout = 5 * time.Second
	}
	if o.LongTransaction == 0 {
		o.LongTransaction = 30 * time.Second
	}
	if o.beforeEnd == nil {
		o.beforeEnd = func(context.Context, *pgx.Conn) {}
	}
	return o
}

func (o Options) validate() error {
	if o.Parallel < 1 || o.Parallel > 100 {
		return fmt.Errorf("preflight: parallel: %d is not from 1 to 100", o.Parallel)
	}
	if o.QuestionTimeout < time.Millisecond || o.LongTransaction < 0 {
		return fmt.Errorf("preflight: a question's timeout of %s, transactions older than %s", o.QuestionTimeout, o.LongTransaction)
	}
	return nil
}

const (
	// lockTimeout is how long a look waits for somebody who changes a table. Nobody waits behind it: ACCESS SHARE conflicts with nothing but that.
	lockTimeout = 500 * time.Millisecond
	// factsTimeout bounds what is read of the catalogs.
	factsTimeout = 10 * time.Second
	// tenantTimeout bounds the look at one tenant, all questions together.
	tenantTimeout = 2 * time.Minute
	// manyRows is from how many rows on, as the planner estimates them, duplicates and orphans are not looked for.
	manyRows = 1_000_000
	// mostRows is how far violating rows are counted.
	mostRows = 100
)
