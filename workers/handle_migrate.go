package workers

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
)

type migrated struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Statements int    `json:"statements"` // applied by this operation's last attempt
	// ConnectMS is how long the server took to let it in, in milliseconds: how busy it is. 0 when it was not asked.
	ConnectMS float64 `json:"connect_ms"`
}

// migrate applies to a tenant's database what it lacks of a release. An up-to-date tenant costs no connection.
func (t *toolbox) migrate(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.Migrate](r)
	if err != nil {
		return done{}, err
	}
	home, err := t.activeHome(ctx, r)
	if err != nil {
		return done{}, err
	}
	to, err := t.schema.target(ctx, a.Release)
	if err != nil {
		return done{}, err
	}
	result := migrated{From: home.Release, To: to.Name}
	if to.ID == home.ReleaseID {
		return done{result: result}, nil
	}
	if to.Seq < home.ReleaseSeq {
		return done{}, refuse(fmt.Sprintf("tenant %s is at release %s, which is newer than %s", home.Slug, home.Release, to.Name),
			"releases only go forward; publish one that undoes what you do not want")
	}
	if err := t.applyRelease(ctx, r, home, to.ID, &result); err != nil {
		return done{schema: result.Statements > 0 || r.Attempt() > 1}, err
	}
	return done{result: result, release: to.ID}, nil
}

// applyRelease works as the tenant's migrator, whose session can do nothing outside this database. It holds the database's lock
// (gentle.LockKey) and then asks whether it is still the newest attempt: what an older one has open is ended first.
func (t *toolbox) applyRelease(ctx context.Context, r *run, home tenants.Home, releaseID string, result *migrated) (err error) {
	conn, took, err := t.connectMigrator(ctx, r, home)
	if err != nil {
		return err
	}
	result.ConnectMS = milliseconds(took)
	defer hangUp(ctx, conn)
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	applied, err := t.schema.apply(ctx, conn, releaseID, home.Database().Owner(), r, progress)
	result.Statements = applied.Applied
	if err != nil {
		return fmt.Errorf("apply release: %w", err)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// reportProgress writes to the ledger beside the work, twice a second at most: a statement holds locks and must not wait
// for the control database.
func (t *toolbox) reportProgress(ctx context.Context, r *run) (report func(done, total int64, what string), stop func()) {
	type state struct {
		done, total int64
		what        string
	}
	var now atomic.Pointer[state]
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var last *state
		silent := 0
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			s := now.Swap(nil)
			if s != nil {
				last, silent = s, 0
			} else if silent++; silent%10 == 0 {
				s = last // whether a person wants it to pause is told in answer
			}
			if s == nil {
				continue
			}
			if err := r.Step(ctx, s.what, s.done, s.total); err != nil && ctx.Err() == nil {
				r.log.Warn().Err(err).Msg("progress not recorded")
			}
		}
	}()
	return func(done, total int64, what string) { now.Store(&state{done, total, what}) }, func() {
		cancel()
		<-ended
	}
}
