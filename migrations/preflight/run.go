package preflight

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
)

// run is one preflight.
type run struct {
	reg     *tenants.Registry
	rel     *release.Release
	opts    Options
	reading *reading

	mu          sync.Mutex // one progress at a time
	done, total int
}

// Run looks at every tenant that a plan is to change. It writes nothing but the sizes that it sees, into the control database. The registry needs
// the keys that open the tenants' passwords.
//
// What is wrong with tenants and nodes is in the report. An error is one of the control database, of the release, or of the context; then there
// is no report.
func Run(ctx context.Context, reg *tenants.Registry, plan rollout.Plan, opts Options) (Report, error) {
	begun := time.Now()
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return Report{}, err
	}
	rel, err := release.Load(ctx, reg.Pool(), plan.Release)
	if err != nil {
		return Report{}, fmt.Errorf("preflight: %w", err)
	}
	r := &run{reg: reg, rel: rel, opts: opts, reading: newReading()}
	looks, nodes, err := r.prepare(ctx, plan)
	if err != nil {
		return Report{}, fmt.Errorf("preflight: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		group.Go(func() error { return r.node(ctx, n) })
	}
	if err := group.Wait(); err != nil {
		return Report{}, fmt.Errorf("preflight: %w", err)
	}
	report := summarize(rel.Name, looks, nodes, plan.Policy.Parallel)
	report.At, report.Duration = begun.UTC(), time.Since(begun)
	return report, nil
}

// prepare gives the tenants in the plan's order, and the same by node.
func (r *run) prepare(ctx context.Context, plan rollout.Plan) ([]*look, []*nodeLook, error) {
	known, err := r.reg.Nodes(ctx)
	if err != nil {
		return nil, nil, err
	}
	byName := map[string]*nodeLook{}
	for _, n := range known {
		byName[n.Name] = &nodeLook{node: n}
	}
	var looks []*look
	var nodes []*nodeLook
	for _, m := range plan.Members {
		if m.State != rollout.Pending {
			continue
		}
		l := &look{member: m}
		looks = append(looks, l)
		n := byName[m.Node]
		if n == nil {
			return nil, nil, fmt.Errorf("tenant %s: %w", m.Slug, tenants.ErrNoNode)
		}
		if len(n.looks) == 0 {
			nodes = append(nodes, n)
		}
		n.looks = append(n.looks, l)
	}
	r.total = len(looks)
	return looks, nodes, nil
}

// node looks at a server and its tenants, some at a time.
func (r *run) node(ctx context.Context, n *nodeLook) error {
	if err := n.open(ctx, r.reg); err != nil {
		n.down = oneLine(err.Error())
	}
	defer func() { n.close(ctx) }()
	group, within := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range n.parallel(r.opts.Parallel) {
		group.Go(func() error {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(n.looks) {
					return nil
				}
				if err := r.one(within, n, n.looks[at]); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if n.givenUp() == "" {
		n.sessions(ctx, r.opts.LongTransaction)
	}
	return ctx.Err() //nolint:wrapcheck // wrapped by Run
}

// parallel is how many tenants to look at at a time: fewer where the server has hardly a connection free.
func (n *nodeLook) parallel(most int) int {
	if n.givenUp() != "" {
		return 1
	}
	return max(1, min(most, len(n.looks), n.facts.FreeConnections/2))
}

func (r *run) one(ctx context.Context, n *nodeLook, l *look) error {
	if n.givenUp() == "" {
		err := r.tenant(ctx, n.node, l)
		switch {
		case ctx.Err() != nil:
			return ctx.Err() //nolint:wrapcheck // wrapped by Run
		case errors.Is(err, tenants.ErrNoTenant):
			l.add(notLooked("it is gone since the plan was made", ""))
		case err != nil:
			return err
		}
		if l.silent {
			n.doubt(ctx, r.reg)
		}
	}
	if n.givenUp() != "" && (l.silent || len(l.findings) == 0 && l.db.Name == "") {
		l.nodeDown(n.node.Name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	r.opts.Progress(r.done, r.total)
	return nil
}
