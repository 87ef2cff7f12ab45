package workers

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"
)

// Guard is the outermost middleware, for clients of the tests' own.
func Guard() rivertype.Middleware { return &guard{} }

// Sweep is the hourly chore.
func Sweep(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return sweep(ctx, tx) })
}

// RunSchedules does what is due, as a worker does it; at is the time, nil is the database's.
func RunSchedules(ctx context.Context, pool *pgxpool.Pool, at *time.Time) error {
	return (&chores{pool: pool, log: zerolog.Nop()}).runSchedules(ctx, at)
}
