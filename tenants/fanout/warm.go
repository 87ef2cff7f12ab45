package fanout

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/poolcache"
)

// warmSQL sets for the transaction what a session of our own has from its startup packet.
const warmSQL = `SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true),
	set_config('search_path', $4, true), set_config('TimeZone', $5, true), set_config('DateStyle', $6, true), set_config('IntervalStyle', $7, true),
	set_config('bytea_output', $8, true), set_config('extra_float_digits', $9, true)`

func (r Request) warmParams() [][]byte {
	s := r.settings()
	var params [][]byte
	for _, name := range []string{
		"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
		"search_path", "TimeZone", "DateStyle", "IntervalStyle", "bytea_output", "extra_float_digits",
	} {
		params = append(params, []byte(s[name]))
	}
	return params
}

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
	if lease.Epoch() != h.Epoch || !fits(&lease, h) {
		return false, nil
	}
	ctx, cancel := lease.Bind(ctx)
	defer cancel()
	conn, err := lease.Acquire(ctx)
	if err != nil {
		return false, nil // a connection of its own will tell
	}
	defer conn.Release()
	pg := conn.Conn().PgConn()
	err = n.run.readWarm(ctx, pg, h, o)
	if pg.IsClosed() {
		cleanedUp(pg)
	}
	if lost(err) && o.Rows == 0 && ctx.Err() == nil {
		return false, nil // it had idled for too long
	}
	o.Warm = true
	return true, err
}

// fits says that a pool is of the read-only role and that a connection of it idles.
func fits(lease *poolcache.Lease, h tenants.Home) bool {
	return lease.Pool().Stat().IdleConns() > 0 && lease.Pool().Config().ConnConfig.User == h.Login.Username
}

// readWarm asks on a connection of a pool and leaves it as it was: what is set ends with the transaction, and locks that a query may have taken for
// the session are given back.
func (r *run) readWarm(ctx context.Context, conn *pgconn.PgConn, h tenants.Home, o *Outcome) error {
	batch := &pgconn.Batch{}
	batch.ExecParams("BEGIN READ ONLY", nil, nil, nil, nil)
	batch.ExecParams(warmSQL, r.req.warmParams(), nil, nil, nil)
	batch.ExecParams(r.req.SQL, nil, nil, nil, nil)
	batch.ExecParams("SELECT pg_advisory_unlock_all()", nil, nil, nil, nil)
	batch.ExecParams("ROLLBACK", nil, nil, nil, nil)
	err := r.read(ctx, conn, batch, 2, h, o)
	if err == nil || conn.IsClosed() {
		return err
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if conn.IsBusy() { // rows are left
		_ = conn.CancelRequest(end)
		_ = conn.Close(end)
		return err
	}
	if _, failed := conn.Exec(end, "ROLLBACK; SELECT pg_advisory_unlock_all()").ReadAll(); failed != nil {
		_ = conn.Close(end)
	}
	return err
}

// lost says that a connection broke, rather than that the server or this package had something to say.
func lost(err error) bool {
	if err == nil {
		return false
	}
	var columns *otherColumnsError
	_, server := errors.AsType[*pgconn.PgError](err)
	return !server && !errors.As(err, &columns)
}
