package fanout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// awayAfter is how many connections in a row a node must fail to give, none between, until its other tenants are not tried.
const awayAfter = 3

// ask is one tenant to be asked.
type ask struct {
	home     tenants.Home
	unopened error // why its login could not be opened
	at       int   // its place among all
}

// node is one server and its tenants.
type node struct {
	run  *run
	home tenants.Home // of any tenant there: what it says of the node
	asks []ask
	next atomic.Int64

	config *pgx.ConnConfig // without database and login
	broken error           // why there is no config

	mu      sync.Mutex
	refused int
	away    string // why nobody else is tried, "" while they are
}

// askAll asks the node's tenants, some at a time, and returns when each has ended.
func (n *node) askAll(ctx context.Context) {
	n.config, n.broken = n.run.sessionConfig(n.home)
	var group sync.WaitGroup
	for range min(n.share(), len(n.asks)) {
		group.Go(func() {
			for {
				i := int(n.next.Add(1)) - 1
				if i >= len(n.asks) {
					return
				}
				n.run.end(n.asks[i].at, n.askOne(ctx, n.asks[i]))
			}
		})
	}
	group.Wait()
}

// share is how many sessions there may be at a time. Of a cache's budget it is half of what was free at the beginning, because beside each session the
// one before it may still be closing: tenants' open connections are not closed for a scan.
func (n *node) share() int {
	share := n.run.req.share(n.home.NodeConnections)
	if n.run.req.Cache == nil {
		return share
	}
	for _, s := range n.run.req.Cache.Stat().Nodes {
		if s.Node == n.home.NodeName {
			return max(1, min(share, (s.Budget-s.Open)/2))
		}
	}
	return share
}

// askOne asks a tenant and says how that ended.
func (n *node) askOne(ctx context.Context, a ask) Outcome {
	begun := time.Now()
	o := Outcome{TenantID: a.home.TenantID, Tenant: a.home.Slug, Node: n.home.NodeName}
	away := n.isAway()
	switch {
	case ctx.Err() != nil:
		o.State, o.Reason = Unasked, "the query ended first"
	case !n.run.req.More():
		o.State, o.Reason = Unasked, "there was no time for it"
	case a.home.State != tenants.StateActive:
		o.State, o.Reason = Inactive, "is "+string(a.home.State)
	case a.unopened != nil:
		o.State, o.Reason = Failed, a.unopened.Error()
	case n.home.NodeState == tenants.NodeLost:
		o.State, o.Reason = Unreachable, "node "+n.home.NodeName+" is lost"
	case n.broken != nil:
		o.State, o.Reason = Unreachable, n.broken.Error()
	case away != "":
		o.State, o.Reason = Unreachable, away
	default:
		err := n.try(ctx, a.home, &o)
		n.judge(ctx, err, &o)
	}
	o.Took = time.Since(begun)
	return o
}

// try asks a tenant within its time, and once more where its home has changed since it was read.
func (n *node) try(ctx context.Context, h tenants.Home, o *Outcome) error {
	ctx, cancel := context.WithTimeoutCause(ctx, n.run.req.Timeout+serverFirst, errNoAnswer)
	defer cancel()
	err := n.session(ctx, h, o)
	if !aboutHome(err) || ctx.Err() != nil {
		return err
	}
	fresh, failed := n.run.reg.Home(ctx, h.TenantID, tenants.RoleReadOnly)
	switch {
	case errors.Is(failed, tenants.ErrNoTenant), errors.Is(failed, tenants.ErrNoCredential):
		return &inactiveError{"is gone since"}
	case failed != nil:
		return err
	case fresh.State != tenants.StateActive:
		return &inactiveError{"is " + string(fresh.State) + " since"}
	case fresh.NodeID != h.NodeID:
		return fmt.Errorf("has moved to node %s meanwhile: ask again", fresh.NodeName)
	case o.Rows > 0 || fresh.Login == h.Login && fresh.DatabaseName == h.DatabaseName:
		return err
	default:
		return n.session(ctx, fresh, o)
	}
}

// isAway says why nobody is tried any more, "" while they are.
func (n *node) isAway() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.away
}

// connected notes that the node has given a connection, or that it has not.
func (n *node) connected(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil || !blamesNode(err) {
		n.refused = 0
		return
	}
	n.refused++
	if n.refused >= awayAfter && n.away == "" {
		n.away = n.reason(err)
	}
}

func (n *node) reason(err error) string { return "node " + n.home.NodeName + ": " + reason(err) }
