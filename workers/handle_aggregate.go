package workers

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/tenants/fanout"
)

var (
	atBatchRead    = crashpoint.New("aggregate.batch.read")
	atBatchAsked   = crashpoint.New("aggregate.batch.asked")
	atBatchWritten = crashpoint.New("aggregate.batch.written")
)

const (
	// batchTime is how long a batch begins with tenants; the rest comes with the next one, before which others may have their turn on the node.
	batchTime = 20 * time.Second
	// batchBytes is how much of what tenants have answered is gathered before it is written.
	batchBytes = 4 << 20
)

// aggregated is the result of a batch.
type aggregated struct {
	Tenants     int   `json:"tenants"`
	Contributed int   `json:"contributed"`
	Rows        int64 `json:"rows"`
	Late        int   `json:"late"`
	Left        int   `json:"left"`
}

// aggregateBatch asks some tenants of a node for a day of an aggregate, and writes what they answer.
func (t *toolbox) aggregateBatch(ctx context.Context, r *run) (done, error) {
	batch, err := aggregate.ReadBatch(ctx, t.reg.Pool(), r.ID)
	if errors.Is(err, aggregate.ErrNoBatch) {
		return done{}, refuse("its tenants are asked by another batch by now, or the run has ended", "tenantry aggregate run asks anew")
	}
	if err != nil {
		return done{}, err
	}
	atBatchRead.Hit(ctx)
	progress, stop := t.reportProgress(ctx, r)
	defer stop()
	w := batchWriter{run: r, batch: batch, rows: aggregate.NewCollector(batch), progress: progress, result: aggregated{Tenants: len(batch.Tenants)}}
	if len(batch.Tenants) > 0 {
		if err := w.ask(ctx, t); err != nil {
			return done{}, err
		}
	}
	return done{result: w.result}, nil
}

// batchWriter is one attempt of a batch.
type batchWriter struct {
	run      *run
	batch    aggregate.Batch
	rows     *aggregate.Collector
	progress func(done, total int64, what string)
	ended    int64
	failed   error
	result   aggregated
}

func (w *batchWriter) ask(ctx context.Context, t *toolbox) error {
	begun := time.Now()
	req := w.batch.Request()
	req.Application = "tenantry/" + w.run.ID
	req.More = func() bool { return time.Since(begun) < batchTime }
	req.Ended = func(o fanout.Outcome) {
		w.rows.Ended(o)
		w.ended++
		w.progress(w.ended, int64(len(w.batch.Tenants)), "ask")
		if w.rows.Size() > batchBytes && w.failed == nil {
			w.failed = w.write(ctx, w.rows.Flush())
		}
	}
	_, err := fanout.Query(ctx, t.reg, req, func(row fanout.Row) error {
		if w.failed != nil {
			return w.failed
		}
		return w.rows.Take(row)
	})
	atBatchAsked.Hit(ctx)
	if _, refused := errors.AsType[*fanout.StatementError](err); refused {
		return refuse(err.Error(), "define the aggregate anew")
	}
	if err == nil {
		err = w.failed
	}
	if err != nil {
		return err
	}
	return w.write(ctx, append(w.rows.Flush(), w.rows.Rest()...))
}

// write writes what some tenants have answered. Where the table does not take that, each is written by itself, so that one tenant's values are its own trouble.
func (w *batchWriter) write(ctx context.Context, list []aggregate.Slice) error {
	err := w.run.change(ctx, func(ctx context.Context, tx pgx.Tx) error { return w.batch.Write(ctx, tx, list) })
	switch {
	case err == nil:
		w.count(list)
		atBatchWritten.Hit(ctx)
		return nil
	case !aggregate.Unfit(err):
		return err
	case len(list) == 1 && list[0].State == aggregate.Contributed:
		return w.write(ctx, []aggregate.Slice{list[0].Refused(err)})
	case len(list) == 1:
		return err
	}
	for _, s := range list {
		if err := w.write(ctx, []aggregate.Slice{s}); err != nil {
			return err
		}
	}
	return nil
}

func (w *batchWriter) count(list []aggregate.Slice) {
	for _, s := range list {
		switch s.State {
		case aggregate.Contributed:
			w.result.Contributed++
			w.result.Rows += s.Rows
		case aggregate.Late:
			w.result.Late++
		case aggregate.Left:
			w.result.Left++
		case aggregate.Unasked:
		}
	}
}

// advanceAggregates moves every run of an aggregate on. Every worker does so; one at a time gets a run.
func (c *chores) advanceAggregates(ctx context.Context) error {
	if err := aggregate.Observe(ctx, c.pool); err != nil {
		return err
	}
	active, err := aggregate.Active(ctx, c.pool)
	if err != nil {
		return err
	}
	for _, id := range active {
		if err := aggregate.Advance(ctx, c.pool, id); err != nil {
			if ctx.Err() != nil {
				return err
			}
			c.log.Warn().Err(err).Str("operation_id", id).Msg("run of an aggregate does not go on; it is tried again")
		}
	}
	return nil
}
