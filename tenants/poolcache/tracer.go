package poolcache

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// tracer is how pgx and pgxpool tell a link what happens. It traces no queries; pgx wants the methods.
type tracer struct{ *link }

func (tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (t tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return t.begin(ctx)
}

func (t tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	t.end(ctx, data.Conn, data.Err)
}

// TraceAcquireStart runs before a connection of a pool is acquired.
func (t tracer) TraceAcquireStart(
	ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData,
) context.Context {
	if t.entry == nil {
		return ctx
	}
	t.entry.acquiring.Add(1)
	if hasPatience(ctx) {
		return ctx
	}
	return withPatience(ctx, ctx)
}

// TraceAcquireEnd runs when it was acquired, or not.
func (t tracer) TraceAcquireEnd(context.Context, *pgxpool.Pool, pgxpool.TraceAcquireEndData) {
	if t.entry != nil {
		t.entry.acquiring.Add(-1)
	}
}

// TraceRelease runs before a connection is put back into its pool, which looks afterwards whether it is still open.
func (t tracer) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	s := socketOf(data.Conn)
	if s == nil || !s.release(t.cache) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cache.cfg.Linger)
	defer cancel()
	_ = data.Conn.Close(ctx) // the pool drops it
}

var (
	_ pgx.QueryTracer       = tracer{}
	_ pgx.ConnectTracer     = tracer{}
	_ pgxpool.AcquireTracer = tracer{}
	_ pgxpool.ReleaseTracer = tracer{}
)
