package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/rollout"
)

// rolloutPoll is how often rollouts are looked at when nothing is heard: a bake may be over, a notification may be lost.
const rolloutPoll = time.Second

// coordinate moves every active rollout on: whenever something has happened to it, and every second. Every worker does so; one at a time
// gets a rollout.
func (c *chores) coordinate(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.coordinateOnce(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn().Err(err).Msg("rollouts do not go on; trying again in a second")
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (c *chores) coordinateOnce(ctx context.Context) error {
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	raw := conn.Hijack() // it listens: not for others
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = raw.Close(ctx)
	}()
	if _, err := raw.Exec(ctx, `LISTEN tenantry_rollouts`); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for {
		if err := c.advance(ctx); err != nil {
			return err
		}
		if err := hear(ctx, raw, rolloutPoll); err != nil {
			return err
		}
	}
}

// hear waits for a notification, or until the time is over. What else has come by then is told at once by the next look.
func hear(ctx context.Context, conn *pgx.Conn, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	_, err := conn.WaitForNotification(ctx)
	if err != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("wait for notification: %w", err)
	}
	return nil
}

func (c *chores) advance(ctx context.Context) error {
	active, err := rollout.Active(ctx, c.pool)
	if err != nil {
		return err
	}
	for _, id := range active {
		if _, err := rollout.Advance(ctx, c.pool, id); err != nil {
			if ctx.Err() != nil {
				return err
			}
			// One that cannot go on must not hold up the others.
			c.log.Warn().Err(err).Str("rollout_id", id).Msg("rollout does not go on; it is tried again")
		}
	}
	return nil
}
