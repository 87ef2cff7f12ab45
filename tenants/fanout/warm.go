package fanout

import (
	"context"
	"errors"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
)

// warm asks a tenant through its open pool, if the cache has one that fits and a connection of it idles. It says whether it did.
func (n *node) warm(ctx context.Context, h tenants.Home, o *Outcome) (asked bool, err error) {
	if n.run.req.Cache == nil {
		return false, nil
	}
	lease, open := n.run.req.Cache.Peek(h.TenantID)
	if !open {
		return false, nil
	}
	defer lease.Release()
	config := lease.Pool().Config().ConnConfig
	if lease.Epoch() != h.Epoch || config.User != h.Login.Username || lease.Pool().Stat().IdleConns() == 0 {
		return false, nil
	}
	ctx, cancel := lease.Bind(ctx)
	defer cancel()
	pooled, err := lease.Acquire(ctx)
	if err != nil {
		return false, nil // a connection of its own will tell
	}
	defer pooled.Release()
	w := warmConn{run: n.run, conn: pooled.Conn(), prepares: config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement}
	err = w.ask(ctx, h, o)
	if stalePlan(err) && o.Rows == 0 {
		w.prepares = false
		err = w.ask(ctx, h, o)
	}
	if pg := w.conn.PgConn(); pg.IsClosed() {
		cleanedUp(pg)
	}
	if lost(err) && o.Rows == 0 && ctx.Err() == nil {
		return false, nil // it had idled for too long
	}
	o.Warm = true
	return true, err
}

// lost says that a connection broke, rather than that the server or this package had something to say.
func lost(err error) bool {
	if err == nil {
		return false
	}
	_, server := errors.AsType[*pgconn.PgError](err)
	return !server && !ownEnd(err)
}

// stalePlan says that what was prepared does not fit the tenant's tables any more, or is gone.
func stalePlan(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == pgerrcode.InvalidSQLStatementName || pg.Code == pgerrcode.FeatureNotSupported && pg.Routine == "RevalidateCachedQuery")
}

// warmConn is a connection of a pool. It is left as it was: what is set ends with the transaction, and locks that a query may have taken for the
// session are given back. Statements stay prepared on it: planning costs more than a small query, and who asks through open pools asks again.
type warmConn struct {
	run      *run
	conn     *pgx.Conn
	prepares bool // false behind a pooler, which may have no prepared statements
}

// warmStatement is one that is sent to a connection of a pool.
type warmStatement struct {
	name, sql string
	params    [][]byte
}

const (
	queryName   = "tenantry_fanout_query"
	unlockSQL   = "SELECT pg_advisory_unlock_all()"
	rollbackSQL = "ROLLBACK"
	// setSQL and styleSQL set for the transaction what a session of our own has from its startup packet.
	setSQL = `SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true), set_config('search_path', $3, true),
		set_config('bytea_output', $4, true), set_config('extra_float_digits', $5, true)`
	styleSQL = `SELECT set_config('TimeZone', $1, true), set_config('DateStyle', $2, true), set_config('IntervalStyle', $3, true)`
)

// statements gives what is sent, and which of it is the query.
func (w warmConn) statements(h tenants.Home) (list []warmStatement, query int) {
	set := w.run.req.settings()
	values := func(names ...string) (params [][]byte, same bool) {
		same = true
		for _, name := range names {
			params = append(params, []byte(set[name]))
			same = same && w.conn.PgConn().ParameterStatus(name) == set[name]
		}
		return params, same
	}
	params, _ := values("statement_timeout", "lock_timeout", "search_path", "bytea_output", "extra_float_digits")
	list = []warmStatement{{"tenantry_fanout_begin", "BEGIN READ ONLY", nil}, {"tenantry_fanout_set", setSQL, params}}
	if params, same := values("TimeZone", "DateStyle", "IntervalStyle"); !same { // the server tells of these by itself
		list = append(list, warmStatement{"tenantry_fanout_style", styleSQL, params})
	}
	// The query has one name, whatever its text: a pool must not fill with what was asked once.
	return append(list, warmStatement{queryName, w.run.text.sql, w.run.text.values(w.run.req.Params, h)}, warmStatement{"tenantry_fanout_unlock", unlockSQL, nil},
		warmStatement{"tenantry_fanout_rollback", rollbackSQL, nil}), len(list)
}

// ask sends all in one round trip; what is not prepared yet costs one more, once.
func (w warmConn) ask(ctx context.Context, h tenants.Home, o *Outcome) error {
	batch := &pgconn.Batch{}
	list, query := w.statements(h)
	for i, s := range list {
		prepared, err := w.prepared(ctx, s, i == query)
		if err != nil {
			return err
		}
		if prepared {
			batch.ExecPrepared(s.name, s.params, nil, nil)
		} else {
			batch.ExecParams(s.sql, s.params, nil, nil, nil)
		}
	}
	err := w.run.read(ctx, w.conn.PgConn(), batch, query, h, o)
	w.tidy(ctx, err)
	return err
}

// prepared prepares what is worth it, and says whether it is prepared.
func (w warmConn) prepared(ctx context.Context, s warmStatement, isQuery bool) (bool, error) {
	switch {
	case !w.prepares:
		return false, nil
	case isQuery:
		return w.again(ctx)
	default:
		_, err := w.conn.Prepare(ctx, s.name, s.sql)
		return err == nil, err //nolint:wrapcheck // judged as it is
	}
}

// texts is what a connection of a pool has been asked, kept with it.
type texts struct{ last, prepared string }

// textsKey is where a connection's custom data has its texts.
const textsKey = "github.com/avenit/tenantry/tenants/fanout.texts"

// again says that the connection was asked the very same before. It prepares the query then, in place of another: a text that comes once is not
// worth a round trip.
func (w warmConn) again(ctx context.Context) (bool, error) {
	data := w.conn.PgConn().CustomData()
	t, _ := data[textsKey].(*texts)
	if t == nil {
		t = &texts{}
		data[textsKey] = t
	}
	sql := w.run.text.sql
	if t.last != sql {
		t.last = sql
		return false, nil
	}
	if t.prepared == sql {
		return true, nil
	}
	if err := w.conn.Deallocate(ctx, queryName); err != nil { // one that is not there is none to it
		return false, err //nolint:wrapcheck // judged as it is
	}
	if _, err := w.conn.Prepare(ctx, queryName, sql); err != nil {
		return false, err //nolint:wrapcheck // as above
	}
	t.prepared = sql
	return true, nil
}

// tidy ends what a failed query has left open, or the connection.
func (w warmConn) tidy(ctx context.Context, err error) {
	pg := w.conn.PgConn()
	if err == nil || pg.IsClosed() {
		return
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if pg.IsBusy() { // rows are left
		_ = pg.CancelRequest(end)
		_ = pg.Close(end)
		return
	}
	if _, failed := pg.Exec(end, rollbackSQL+"; "+unlockSQL).ReadAll(); failed != nil {
		_ = pg.Close(end)
	}
}
