package workers

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"
)

// Guard is the outermost middleware, for clients of the tests' own.
func Guard() rivertype.Middleware { return &guard{} }

// Sweep is the hourly chore.
func Sweep(ctx context.Context, pool *pgxpool.Pool) error {
	return (&chores{pool: pool}).sweepWorkers(ctx)
}

// AskScheduled is the chore of schedules, as a worker does it.
func AskScheduled(ctx context.Context, pool *pgxpool.Pool) error {
	return (&chores{pool: pool, log: zerolog.Nop()}).askScheduled(ctx)
}

// NewestSlot is when a schedule was due last.
var NewestSlot = newestSlot
