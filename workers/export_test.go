package workers

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivertype"
)

// Guard is the outermost middleware, for clients of the tests' own.
func Guard() rivertype.Middleware { return &guard{} }

// Sweep is the hourly chore.
func Sweep(ctx context.Context, pool *pgxpool.Pool) error {
	return (&chores{pool: pool}).sweepWorkers(ctx)
}
