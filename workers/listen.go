package workers

import (
	"context"
	"fmt"
	"time"
)

// attend does a prompt's chore whenever something is said, and at its intervals, until ctx ends.
func (c *chores) attend(ctx context.Context, p prompt) {
	said := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.hear(ctx, p, said)
	}()
	defer func() { <-ended }()
	for {
		c.once(ctx, p.chore)
		if rest(ctx, p.gap) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-said:
		case <-time.After(p.pause()):
		}
	}
}

// hear listens until ctx ends, on one connection after the other.
func (c *chores) hear(ctx context.Context, p prompt, said chan<- struct{}) {
	for ctx.Err() == nil {
		if err := c.listen(ctx, p.channel, said); err != nil && ctx.Err() == nil {
			c.log.Warn().Err(err).Str("chore", p.name).Msg("notifications are not heard; the chore is done at its intervals")
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (c *chores) listen(ctx context.Context, channel string, said chan<- struct{}) error {
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
	if _, err := raw.Exec(ctx, "LISTEN "+channel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for {
		if _, err := raw.WaitForNotification(ctx); err != nil {
			return fmt.Errorf("wait for notification: %w", err)
		}
		select {
		case said <- struct{}{}:
		default: // it will be done anyway
		}
	}
}
