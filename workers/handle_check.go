package workers

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atCheckRead     = crashpoint.New("check.read.after")
	atCheckRecorded = crashpoint.New("check.record.after")
)

// checkParallel is how many databases one check looks into at a time: reading a catalog costs the servers' processors, and tenants come first.
const checkParallel = 4

// checked is a check's result: how many tenants are in which state. Which, the table tenantry.drift says.
type checked map[drift.State]int

// check looks at tenants' schemas. An attempt that follows another goes on with those that were not looked at since the operation was asked for.
func (t *toolbox) check(ctx context.Context, r *run) (done, error) {
	scope, err := t.checkScope(ctx, r)
	if err != nil {
		return done{}, err
	}
	picked, err := drift.Pick(ctx, t.reg.Pool(), scope)
	if err != nil {
		return done{}, err
	}
	if len(picked) == 0 && scope.Only != "" && r.Attempt() == 1 {
		return done{}, refuse("there is no tenant "+strconv.Quote(scope.Only), "see tenantry tenant list")
	}
	nodes, err := t.reg.Nodes(ctx)
	if err != nil {
		return done{}, err
	}
	c := checker{toolbox: t, run: r, nodes: map[string]tenants.Node{}, result: checked{}, away: map[string]time.Time{}, unbuilt: map[string]error{}}
	for _, n := range nodes {
		c.nodes[n.ID] = n
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(checkParallel)
	for _, p := range picked {
		group.Go(func() error {
			state, err := c.checkTenant(ctx, p)
			if err != nil {
				return fmt.Errorf("tenant %s: %w", p.Slug, err)
			}
			progress(int64(c.count(state)), int64(len(picked)), p.Slug)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return done{}, err
	}
	return done{result: c.result}, nil
}

func (t *toolbox) checkScope(ctx context.Context, r *run) (drift.Scope, error) {
	a, err := args[jobs.Check](r)
	if err != nil {
		return drift.Scope{}, err
	}
	scope := drift.Scope{Only: a.Only, Labels: a.Labels, Share: 1}
	if a.Share != "" {
		scope.Share, err = strconv.ParseFloat(a.Share, 64)
		if err != nil || !(scope.Share >= 0 && scope.Share <= 1) { // NaN is neither
			return scope, refuse(fmt.Sprintf("share: %s is no number from 0 to 1", a.Share), "give a share such as 0.15")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := t.reg.Pool().QueryRow(ctx, `SELECT created_at FROM tenantry.operations WHERE id = $1`, r.ID).Scan(&scope.Since); err != nil {
		return scope, fmt.Errorf("read when it was asked for: %w", err)
	}
	return scope, nil
}

// checker is one attempt of a check.
type checker struct {
	*toolbox

	run   *run
	nodes map[string]tenants.Node // by id

	mu      sync.Mutex
	result  checked
	away    map[string]time.Time // nodes that did not answer, and until when they are not asked again
	unbuilt map[string]error     // why it is not known what a release makes, by node and release
}

// count adds a state to the result and returns how many there are.
func (c *checker) count(state drift.State) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result[state]++
	total := 0
	for _, n := range c.result {
		total += n
	}
	return total
}

// checkTenant looks at one tenant and keeps what it finds. An error is one of the control database, or the run's end: it is not the tenant's.
func (c *checker) checkTenant(ctx context.Context, p drift.Picked) (drift.State, error) {
	if p.State != string(tenants.StateActive) {
		return drift.Skipped, nil
	}
	home, err := c.reg.Home(ctx, p.TenantID, tenants.RoleReadOnly)
	if err != nil {
		return "", err
	}
	if home.State != tenants.StateActive {
		return drift.Skipped, nil
	}
	finding, err := c.find(ctx, home)
	if err != nil {
		return "", err
	}
	atCheckRead.Hit(ctx)
	finding.DatabaseID = home.DatabaseID
	if finding.State == drift.Drifted {
		c.run.log.Warn().Str("tenant_id", p.TenantID).Int("differences", len(finding.Differences)).Msg("schema has drifted")
	}
	err = drift.Record(ctx, c.reg.Pool(), finding)
	atCheckRecorded.Hit(ctx)
	return finding.State, err
}
