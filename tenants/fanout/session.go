package fanout

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/avenit/tenantry/tenants"
)

const (
	// serverFirst is how much later than the server's own timeout a tenant is given up.
	serverFirst = 2 * time.Second
	// cancelWithin bounds how long it is waited for a query to end that was cancelled.
	cancelWithin = 2 * time.Second
	// closeWithin bounds how long it is waited for a server to end a session.
	closeWithin = time.Second
	// crowdedFirst and crowdedMost are the pauses before a server is asked again that was out of connections.
	crowdedFirst, crowdedMost = 50 * time.Millisecond, time.Second
)

// settings of every session, so that an answer does not depend on what a database, a role or a server has set. They go with the startup packet
// and cost no round trip.
func (r Request) settings() map[string]string {
	return map[string]string{
		"statement_timeout":                   ms(r.Timeout),
		"lock_timeout":                        ms(r.LockTimeout),
		"idle_in_transaction_session_timeout": ms(r.Timeout + serverFirst),
		"search_path":                         r.SearchPath,
		"TimeZone":                            "UTC",
		"DateStyle":                           "ISO, YMD",
		"IntervalStyle":                       "postgres",
		"bytea_output":                        "hex",
		"extra_float_digits":                  "1",
	}
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// sessionConfig is how sessions of a node are opened.
func (r *run) sessionConfig(h tenants.Home) (*pgx.ConnConfig, error) {
	config, err := h.Node().Direct("", "", "")
	if err != nil {
		return nil, err
	}
	config.RuntimeParams = r.req.settings()
	config.RuntimeParams["application_name"] = r.req.Application
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.RuntimeParams["default_transaction_read_only"] = "on"
	// Should this process die, its queries end soon.
	config.RuntimeParams["client_connection_check_interval"] = "1000"
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	config.ConnectTimeout = min(config.ConnectTimeout, r.req.Timeout)
	config.BuildFrontend = func(in io.Reader, out io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(in, out)
		f.SetMaxBodyLen(r.req.MostRow)
		return f
	}
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelWithin}
	}
	if r.req.Cache != nil {
		r.req.Cache.Charge(h.NodeName, config)
	}
	return config, nil
}

// session asks a tenant through a pool that is open, or else through a connection of its own.
func (n *node) session(ctx context.Context, h tenants.Home, o *Outcome) error {
	if asked, err := n.warm(ctx, h, o); asked {
		return err
	}
	conn, err := n.connect(ctx, h)
	if err != nil {
		return &connectError{err}
	}
	defer hangUp(ctx, conn)
	batch := &pgconn.Batch{}
	batch.ExecParams("BEGIN READ ONLY", nil, nil, nil, nil)
	batch.ExecParams(n.run.text.sql, n.run.text.values(n.run.req.Params, h), nil, nil, nil)
	return n.run.read(ctx, conn.PgConn(), batch, 1, h, o)
}

// connect opens a session as the tenant's read-only role. A server that is out of connections is asked again until ctx ends.
func (n *node) connect(ctx context.Context, h tenants.Home) (*pgx.Conn, error) {
	config := n.config.Copy()
	config.Database, config.User, config.Password = h.DatabaseName, h.Login.Username, h.Login.Password
	for pause := crowdedFirst; ; pause = min(2*pause, crowdedMost) {
		conn, err := pgx.ConnectConfig(ctx, config)
		if ctx.Err() == nil || err == nil {
			n.connected(err)
		}
		if !crowded(err) {
			return conn, err //nolint:wrapcheck // the caller does
		}
		select {
		case <-ctx.Done():
			return nil, err //nolint:wrapcheck // as above
		case <-time.After(pause):
		}
	}
}

// hangUp ends a session and waits for the server to have ended it: until then it counts among the server's connections.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	pg := conn.PgConn()
	if pg.IsClosed() || pg.IsBusy() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		if pg.IsBusy() { // rows are left
			_ = pg.CancelRequest(ctx)
		}
		_ = conn.Close(ctx)
		cleanedUp(pg)
		return
	}
	raw, err := pg.Hijack()
	if err != nil {
		return
	}
	defer raw.Conn.Close() //nolint:errcheck // nothing depends on it any more
	if raw.Conn.SetDeadline(time.Now().Add(closeWithin)) != nil {
		return
	}
	raw.Frontend.Send(&pgproto3.Terminate{})
	if raw.Frontend.Flush() == nil {
		_, _ = io.Copy(io.Discard, raw.Conn)
	}
}

// cleanedUp waits until pgx has had cancelled what a broken connection was running.
func cleanedUp(conn *pgconn.PgConn) {
	select {
	case <-conn.CleanupDone():
	case <-time.After(cancelWithin):
	}
}

// read sends a batch, of which the statement at a place is the query, and gives its rows to the caller.
func (r *run) read(ctx context.Context, conn *pgconn.PgConn, batch *pgconn.Batch, at int, h tenants.Home, o *Outcome) error {
	results := conn.ExecBatch(ctx, batch)
	for i := 0; results.NextResult(); i++ {
		if i != at {
			_, _ = results.ResultReader().Close() // its error is that of the batch
			continue
		}
		if err := r.readRows(ctx, results.ResultReader(), h, o); err != nil {
			return err
		}
	}
	return results.Close() //nolint:wrapcheck // judged as it is
}

// readRows gives the query's rows to the caller. An error is not the server's; then the connection is in the middle of something.
func (r *run) readRows(ctx context.Context, rows *pgconn.ResultReader, h tenants.Home, o *Outcome) error {
	columns, err := r.agree(h.Slug, ColumnsOf(rows.FieldDescriptions()))
	if err != nil {
		return err
	}
	var bytes int64
	for rows.NextRow() {
		values := rows.Values()
		size := 0
		for _, v := range values {
			size += len(v)
		}
		bytes += int64(size)
		if err := r.tooMany(o.Rows+1, bytes); err != nil {
			return err
		}
		if size > r.req.MostRow {
			return &pgproto3.ExceededMaxBodyLenErr{MaxExpectedBodyLen: r.req.MostRow, ActualBodyLen: size}
		}
		if err := r.give(ctx, Row{TenantID: h.TenantID, Tenant: h.Slug, Columns: columns, Values: values}); err != nil {
			return err
		}
		o.Rows++
	}
	_, _ = rows.Close() // its error is that of the batch
	return nil
}

// tooMany is an error where a tenant gives more than it may.
func (r *run) tooMany(rows, bytes int64) error {
	switch {
	case r.req.MostRows > 0 && rows > r.req.MostRows:
		return &tooManyError{rows: r.req.MostRows}
	case r.req.MostBytes > 0 && bytes > r.req.MostBytes:
		return &tooManyError{bytes: r.req.MostBytes}
	default:
		return nil
	}
}

// connectError is one of connecting: the tenant has seen nothing of the query.
type connectError struct{ err error }

func (e *connectError) Error() string { return fmt.Sprintf("connect: %v", e.err) }

func (e *connectError) Unwrap() error { return e.err }

// inactiveError is the end of a tenant that is not active any more.
type inactiveError struct{ how string }

func (e *inactiveError) Error() string { return e.how }

// errNoAnswer is the cause of a tenant's context whose time is over.
var errNoAnswer = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
