package workers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

// changeSchemaTimeout bounds one attempt. Filling and indexing large tables takes hours; the next attempt goes on.
const changeSchemaTimeout = 12 * time.Hour

// Every point of execute is one of the crash suite's.
var _ = func() []*crashpoint.Point {
	var points []*crashpoint.Point
	for _, name := range execute.Points() {
		points = append(points, crashpoint.New(name))
	}
	return points
}()

// changeSchema changes a tenant's forms, or takes back what an earlier attempt of a cancelled operation has done.
func (t *toolbox) changeSchema(ctx context.Context, r *run) (done, error) {
	a, err := args[jobs.ChangeSchema](r)
	if err != nil {
		return done{}, err
	}
	change, err := ddl.Decode(a.Change)
	if err != nil {
		return done{}, changeRefused(err)
	}
	home, err := t.activeHome(ctx, r)
	if err != nil {
		return done{}, err
	}
	if err := t.endOlder(ctx, r, home.NodeID); err != nil {
		return done{}, err
	}
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	opts := execute.Options{
		OperationID:  r.ID,
		RequestedBy:  r.RequestedBy,
		OwnerRole:    home.Database().Owner(),
		AppRole:      home.Database().Role(tenants.RoleApp),
		ReadOnlyRole: home.Database().Role(tenants.RoleReadOnly),
		PlanID:       a.Plan,
		Pause:        r.pauseAsked.Load,
		Progress:     progress,
		Replicas:     t.replicas(r, home.NodeID),
		Crash:        func(point string) { crashpoint.HitNamed(ctx, point) },
		Kept:         true,
		Visible: func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, queryTimeout)
			defer cancel()
			if err := r.change(ctx, r.schemaChanged); err != nil {
				r.log.Warn().Err(err).Msg("not announced that the change is visible; the end of the operation is")
			}
		},
	}
	if r.Attempt() > 1 && r.ledger.cancelAsked(ctx, r.ID) {
		err := t.inForms(ctx, r, home, opts, execute.Undo)
		if err == nil {
			return done{}, errUndone
		}
		if !errors.Is(err, execute.ErrCommitted) {
			return done{}, fmt.Errorf("take the change back: %w", err)
		}
		// Too late: it is visible. What is left is tidied up.
	}
	var result execute.Result
	err = t.inForms(ctx, r, home, opts, func(ctx context.Context, conn *pgx.Conn, opts execute.Options) error {
		var err error
		result, err = execute.Apply(ctx, conn, change, opts)
		return err
	})
	if err != nil {
		err = changeRefused(err)
		_, asBefore := errors.AsType[*refusal](err)
		return done{schema: !asBefore}, err
	}
	return done{result: result, schema: true}, nil
}

// inForms calls execute with a session that an earlier run has left, or with a new one. One that was left may have ended meanwhile: when that
// shows before anything was looked at, the next one is taken.
func (t *toolbox) inForms(ctx context.Context, r *run, home tenants.Home, opts execute.Options, call func(context.Context, *pgx.Conn, execute.Options) error) error {
	for {
		conn, err := t.admin.Borrow(ctx, home.Node(), home.DatabaseName, home.Login.Username, home.Login.Password, r)
		if err != nil {
			return err
		}
		looked := false
		opts.Name, opts.IdleName = conn.Name, conn.IdleName
		opts.Fence = func(ctx context.Context) error {
			looked = true
			return r.Current(ctx)
		}
		err = call(ctx, conn.Conn, opts)
		ended := conn.IsClosed()
		t.admin.Return(home.Node(), conn)
		if err == nil || looked || !ended || !conn.Used || ctx.Err() != nil {
			return err
		}
	}
}

// replicas gives what tells how far a node's replicas are. Rows are filled also when it cannot be told, and the log says so.
func (t *toolbox) replicas(r *run, nodeID string) func(context.Context) (execute.Standing, error) {
	said := false
	var node tenants.Node // read by the first who asks
	return func(ctx context.Context) (standing execute.Standing, err error) {
		if node.ID == "" {
			node, err = t.reg.Node(ctx, nodeID)
		}
		if err == nil {
			standing, err = t.standing(ctx, r, node)
		}
		if err != nil && !said && ctx.Err() == nil {
			said = true
			r.log.Warn().Err(err).Msg("nobody knows how far the node's replicas are; rows are filled without waiting for them")
		}
		return standing, err
	}
}

// standing reads how far a node's replicas are, and how far behind one may be: each time, so that a person can change that while a fill waits.
func (t *toolbox) standing(ctx context.Context, r *run, node tenants.Node) (execute.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var seconds float64
	if err := r.ledger.pool.QueryRow(ctx, `SELECT extract(epoch FROM tenantry.setting('replica_lag')::interval)::float8`).Scan(&seconds); err != nil {
		return execute.Standing{}, fmt.Errorf("read setting replica_lag: %w", err)
	}
	if seconds <= 0 {
		return execute.Standing{}, nil
	}
	written, list, err := t.prov.Replicas(ctx, node)
	if err != nil {
		return execute.Standing{}, err
	}
	s := execute.Standing{Written: written, MaxLag: time.Duration(seconds * float64(time.Second))}
	for _, replica := range list {
		s.Replicas = append(s.Replicas, execute.Replica(replica))
	}
	return s, nil
}

// changeDetails is what an operation's error tells programs of a change that was not made.
type changeDetails struct {
	Problems ddl.Problems `json:"problems"`
}

// changeRefused makes refusals of what leaves the forms as they were.
func changeRefused(err error) error {
	problems, _ := errors.AsType[ddl.Problems](err)
	undone, taken := errors.AsType[*execute.UndoneError](err)
	r := &refusal{hint: "the forms are as they were"}
	switch {
	case taken:
		problems, r.code, r.message = undone.Problems, "undone", undone.Error()
	case errors.Is(err, execute.ErrOutdated):
		r.code, r.message = "outdated", execute.ErrOutdated.Error()
	case problems == nil:
		return err
	}
	if problems != nil {
		problems = problems.WithoutValues()
		r.details, r.hint = changeDetails{problems}, problems[0].Fix
		r.message = strings.TrimPrefix(r.message+": "+problems.Summary(), ": ")
	}
	return r
}

// connectMigrator connects to a tenant's database as its migrator, whose session can do nothing outside of it. What an older attempt has open is
// ended first.
func (t *toolbox) connectMigrator(ctx context.Context, r *run, home tenants.Home) (conn *pgx.Conn, took time.Duration, err error) {
	if err := t.endOlder(ctx, r, home.NodeID); err != nil {
		return nil, 0, err
	}
	begun := time.Now()
	conn, err = t.admin.Connect(ctx, home.Node(), home.DatabaseName, home.Login.Username, home.Login.Password, r)
	return conn, time.Since(begun), err
}

// endOlder ends the sessions of a run's older attempts.
func (t *toolbox) endOlder(ctx context.Context, r *run, nodeID string) error {
	if r.Attempt() == 1 {
		return nil
	}
	node, err := t.reg.Node(ctx, nodeID)
	if err != nil {
		return err
	}
	return t.admin.EndOlder(ctx, node, r)
}
