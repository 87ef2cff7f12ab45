package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/migrations/adopt"
	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
)

const (
	// checkTries is how often a tenant is looked at that something changes meanwhile, with checkPause between.
	checkTries = 3
	checkPause = time.Second
	// checkTimeout bounds one look into a tenant's database.
	checkTimeout = time.Minute
	// awayFor is how long a node is left alone that did not answer.
	awayFor = 30 * time.Second
)

// find looks into a tenant's database between two looks at the ledger. It reports only what nothing of ours was changing.
func (c *checker) find(ctx context.Context, home tenants.Home) (drift.Finding, error) {
	for try := 1; ; try++ {
		before, err := drift.LookAt(ctx, c.reg.Pool(), home.TenantID)
		if err != nil {
			return drift.Finding{}, err
		}
		busy := drift.Finding{State: drift.Busy, Detail: before.Busy}
		if before.Busy == "" {
			found, err := c.read(ctx, home, before.ReleaseID)
			if err != nil {
				return drift.Finding{}, err
			}
			after, err := drift.LookAt(ctx, c.reg.Pool(), home.TenantID)
			if err != nil {
				return drift.Finding{}, err
			}
			if before == after {
				return found, nil
			}
			busy.Detail = "something changed it meanwhile"
			if after.Busy != "" {
				busy.Detail = after.Busy
			}
		}
		if try == checkTries {
			return busy, nil
		}
		select {
		case <-ctx.Done():
			return drift.Finding{}, fmt.Errorf("look again: %w", ctx.Err())
		case <-time.After(checkPause):
		}
	}
}

// read looks into a tenant's database and says what its own trouble makes of it. An error is not the tenant's.
func (c *checker) read(ctx context.Context, home tenants.Home, releaseID string) (drift.Finding, error) {
	if c.isAway(home.NodeID) {
		return drift.Finding{State: drift.Unreachable, Detail: "node " + home.NodeName + " did not answer"}, nil
	}
	within, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	l, err := c.lookInto(within, home)
	if err == nil {
		if err := c.reg.RecordSizes(ctx, home.DatabaseID, l.sizes); err != nil {
			return drift.Finding{}, err
		}
		return c.judge(ctx, home, releaseID, l)
	}
	var pg *pgconn.PgError
	switch {
	case ctx.Err() != nil:
		return drift.Finding{}, err
	case unreachable(err), errors.Is(err, tenants.ErrNodeLost):
		c.setAway(home.NodeID)
		return drift.Finding{State: drift.Unreachable, Detail: clean(err.Error())}, nil
	case errors.As(err, &pg) && pg.Code == "55P03":
		return drift.Finding{State: drift.Busy, Detail: "a table is locked: " + clean(pg.Message)}, nil
	default:
		return drift.Finding{State: drift.Failed, Detail: clean(err.Error())}, nil
	}
}

// seen is what was read of a tenant's database. Its sizes spare others the connection.
type seen struct {
	schema fingerprint.Schema
	// registry of its forms; one that never had any has no schemas for them either.
	registry *ddl.Registry
	major    int
	sizes    tenants.Sizes
}

// lookInto connects as the role that may do least.
func (c *checker) lookInto(ctx context.Context, home tenants.Home) (l seen, err error) {
	conn, err := c.admin.Connect(ctx, home.Node(), home.DatabaseName, home.Login.Username, home.Login.Password, c.run)
	if err != nil {
		return l, err
	}
	defer hangUp(ctx, conn)
	if l.major, err = serverMajor(conn); err != nil {
		return l, err
	}
	options := fingerprint.Options{Roles: provision.RolesOf(home.Database(), c.nodes[home.NodeID])}
	if home.HistoryTable != "" {
		options.Ignore = []string{home.HistoryTable}
	}
	if l.schema, err = fingerprint.Read(ctx, conn, options); err != nil {
		return l, err
	}
	if l.registry, err = execute.Read(ctx, conn); err != nil {
		return l, err
	}
	l.sizes, err = tenants.ReadSizes(ctx, conn)
	return l, err
}

func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// judge compares what was read with what should be there. Where that cannot be known it says why.
func (c *checker) judge(ctx context.Context, home tenants.Home, releaseID string, l seen) (drift.Finding, error) {
	f := drift.Finding{State: drift.Clean, ReleaseID: releaseID, Fingerprint: l.schema.Sum()}
	forms, rest := splitForms(l.schema)
	want, err := c.wanted(ctx, home.NodeID, releaseID, l.major)
	if err == nil {
		f.Differences, err = c.formDifferences(ctx, home, l, forms)
	}
	switch {
	case ctx.Err() != nil, errors.Is(err, provision.ErrSuperseded):
		return f, err
	case err != nil:
		//nolint:nilerr // it is what was found
		return drift.Finding{State: drift.Failed, Detail: clean("what should be there is not known: " + err.Error())}, nil
	case want != rest.Sum():
		expected, err := c.expectedSchema(ctx, c.run, home.NodeID, releaseID, l.major)
		if err != nil {
			return f, err
		}
		f.Differences = append(f.Differences, adopt.Compare(expected, rest, home.HistoryTable)...)
	}
	if len(f.Differences) > 0 {
		f.State = drift.Drifted
	}
	return f, nil
}

// wanted is expectedSum. What cannot be built is not tried again for each of a release's tenants.
func (c *checker) wanted(ctx context.Context, nodeID, releaseID string, major int) (string, error) {
	key := nodeID + "/" + releaseID
	c.mu.Lock()
	failed := c.unbuilt[key]
	c.mu.Unlock()
	if failed != nil {
		return "", failed
	}
	sum, err := c.expectedSum(ctx, c.run, nodeID, releaseID, major)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.unbuilt[key] = err
	}
	return sum, err
}

func (c *checker) isAway(nodeID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.away[nodeID])
}

func (c *checker) setAway(nodeID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away[nodeID] = time.Now().Add(awayFor)
}
