package preflight

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/migrations/rollout"
	"github.com/avenit/tenantry/tenants"
)

// look is what was seen of one tenant.
type look struct {
	member     rollout.Member
	db         tenants.Database
	findings   []Finding
	statements int
	touched    []touched
	// silent: nobody answered at all.
	silent bool
}

func (l *look) add(f ...Finding) { l.findings = append(l.findings, f...) }

// tenant looks at one tenant's database. What is wrong there are findings; an error is the control database's or the context's.
func (r *run) tenant(ctx context.Context, node tenants.Node, l *look) error {
	var err error
	if l.db, err = r.reg.DatabaseOf(ctx, l.member.TenantID); err != nil {
		return err
	}
	c, err := r.reg.Credential(ctx, l.db.ID, tenants.RoleMigrator)
	if errors.Is(err, tenants.ErrNoKey) || errors.Is(err, tenants.ErrNoCredential) {
		l.add(blocking(Unreachable, "its migrator's password cannot be opened", "", "give this program every key in TENANTRY_SECRET_KEY that is still in use"))
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tenantTimeout)
	defer cancel()
	conn, err := connect(ctx, node, l.db.Name, c.Username, c.Password)
	if err != nil {
		l.unreachable(err)
		return nil
	}
	defer hangUp(ctx, conn)
	err = r.inside(ctx, conn, l)
	if err == nil && conn.IsClosed() && ctx.Err() == nil { // the server has closed it: what could not be asked is no verdict
		l.silent = true
		l.add(blocking(Unreachable, "its database does not answer", "the connection was lost", "is the node up, and reachable from here?"))
	}
	return err
}

// inside looks at a database from a session in it.
func (r *run) inside(ctx context.Context, conn *pgx.Conn, l *look) error {
	if !l.enter(ctx, conn) {
		return nil
	}
	if sizes, err := r.sizes(ctx, conn); err != nil {
		l.add(notLooked("its size was not seen", reason(err)))
	} else if err := r.reg.RecordSizes(ctx, l.db.ID, sizes); err != nil {
		return err
	}
	steps, ok := r.missing(ctx, conn, l)
	if !ok || len(steps) == 0 {
		return nil
	}
	l.statements = len(steps)
	facts, err := readFacts(ctx, conn, steps, r.opts.beforeEnd)
	if err != nil {
		l.add(warning(NotLooked, "its catalogs could not be read", reason(err), "look again"))
		return nil
	}
	j := judge(facts, steps)
	l.add(j.findings...)
	l.touched = j.touched
	r.measure(ctx, conn, l)
	for _, q := range j.questions {
		if f := q.finding(ask(ctx, conn, q, r.opts.QuestionTimeout, r.opts.beforeEnd)); f != nil {
			l.add(*f)
		}
	}
	return nil
}

// connect opens a session that gives up soon on whatever it waits for.
func connect(ctx context.Context, node tenants.Node, database, user, password string) (*pgx.Conn, error) {
	config, err := node.Direct(database, user, password)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // one round trip: nothing is asked twice
	maps.Copy(config.RuntimeParams, map[string]string{
		"application_name": "tenantry/preflight", "statement_timeout": millis(factsTimeout), "lock_timeout": millis(lockTimeout),
		"idle_in_transaction_session_timeout": "10000", "client_connection_check_interval": "250", "jit": "off",
	})
	return pgx.ConnectConfig(ctx, config) //nolint:wrapcheck // told as a finding
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

func (l *look) unreachable(err error) {
	pg, answered := errors.AsType[*pgconn.PgError](err)
	l.silent = !answered
	if !answered {
		l.add(blocking(Unreachable, "its database does not answer", oneLine(err.Error()), "is the node up, and reachable from here?"))
		return
	}
	l.add(blocking(Unreachable, fmt.Sprintf("its database lets nobody in (%s)", pg.Code), pg.Message, "tenantry doctor; tenantry tenant show"))
}

// enter makes the session read-only and takes the owner's role; false when there is no point in going on.
func (l *look) enter(ctx context.Context, conn *pgx.Conn) bool {
	var readOnly, standby bool
	batch := &pgx.Batch{}
	batch.Queue(`SELECT current_setting('default_transaction_read_only')::boolean, pg_is_in_recovery()`).QueryRow(func(row pgx.Row) error {
		return row.Scan(&readOnly, &standby)
	})
	batch.Queue(`SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY`)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		l.unreachable(err)
		return false
	}
	switch {
	case standby:
		l.add(blocking(NotWritable, "its server is a standby", "", "give the node its primary's URL"))
	case readOnly:
		l.add(blocking(NotWritable, "its database is read-only (default_transaction_read_only)", "", "ALTER DATABASE … RESET default_transaction_read_only"))
	}
	if _, err := conn.Exec(ctx, "SET ROLE "+tenants.Ident(l.db.Owner())); err != nil {
		l.add(blocking(NoRole, "its migrator may not take the owner's role", reason(err), "as a superuser: GRANT the owner's role TO the migrator"))
		return false
	}
	return true
}

// missing compares the history with the release.
func (r *run) missing(ctx context.Context, conn *pgx.Conn, l *look) ([]step, bool) {
	standing, err := apply.State(ctx, conn)
	if err != nil {
		l.add(blocking(Diverged, "its history cannot be read", reason(err), "tenantry doctor"))
		return nil, false
	}
	if standing.Release != "" && standing.Release != l.member.Release {
		l.add(warning(OtherRelease, fmt.Sprintf("it says that it stands at release %s, the control database says %s", standing.Release, l.member.Release), "",
			"was it restored from an older dump? The release is applied from where its history stands"))
	}
	left, err := apply.Pending(r.rel, standing)
	if err != nil {
		what, detail := "its history diverges from the release", ""
		if d, ok := errors.AsType[*apply.DivergedError](err); ok {
			what, detail = what+" at "+d.File, fmt.Sprintf("statement %d %s", d.StatementNo, d.Reason)
		}
		l.add(blocking(Diverged, what, detail, "somebody changed _tenantry.schema_history, or applied another release: compare it with tenantry release show "+r.rel.Name))
		return nil, false
	}
	steps := r.reading.steps(left)
	for _, s := range steps {
		if s.left.Begun {
			l.unfinished(s)
		}
	}
	return steps, true
}

func (l *look) unfinished(s step) {
	if s.left.Statement.Alone.Repair == release.RepairAsk {
		l.add(blocking(Unfinished, s.place()+" was begun, and nobody knows whether it took effect", "",
			"look, and set the statement's status to done in _tenantry.schema_history, or delete its row"))
		return
	}
	l.add(warning(Unfinished, s.place()+" was begun and did not end", "", "nothing: applying looks what is there and goes on"))
}

// sizes reads how large the database is.
func (r *run) sizes(ctx context.Context, conn *pgx.Conn) (tenants.Sizes, error) {
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	var s tenants.Sizes
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var err error
		if s, err = tenants.ReadSizes(ctx, tx); err == nil {
			r.opts.beforeEnd(ctx, conn)
		}
		return err
	})
	return s, err //nolint:wrapcheck // told as a finding
}

// measure reads the present size of tables that are rewritten, which the catalog knows only as of the last VACUUM. It reads files' sizes, under
// the lock that a SELECT takes.
func (r *run) measure(ctx context.Context, conn *pgx.Conn, l *look) {
	for i := range l.touched {
		t := &l.touched[i]
		if t.rewrites == 0 {
			continue
		}
		err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			err := tx.QueryRow(ctx, `SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM unnest($1::oid[]) AS oid`, t.family).Scan(&t.bytes)
			if err == nil {
				r.opts.beforeEnd(ctx, conn)
			}
			return err //nolint:wrapcheck // told below
		})
		if err != nil {
			l.add(notLooked("the size of "+t.name+" is that of its last VACUUM", reason(err)))
		}
		t.rewriteBytes = t.bytes * int64(t.rewrites)
	}
}
