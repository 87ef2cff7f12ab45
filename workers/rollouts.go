package workers

import (
	"context"
	"time"

	"github.com/avenit/tenantry/migrations/rollout"
)

// rolloutGap is how long what happens to rollouts is gathered. A rollout asks for more tenants than workers have at work, so that they do not
// wait for it.
const rolloutGap = 25 * time.Millisecond

// advanceRollouts moves every active rollout on. Every worker does so; one at a time gets a rollout.
func (c *chores) advanceRollouts(ctx context.Context) error {
	active, err := rollout.Active(ctx, c.pool)
	if err != nil {
		return err
	}
	for _, id := range active {
		if err := rollout.Advance(ctx, c.pool, id); err != nil {
			if ctx.Err() != nil {
				return err
			}
			// One that cannot go on must not hold up the others.
			c.log.Warn().Err(err).Str("rollout_id", id).Msg("rollout does not go on; it is tried again")
		}
	}
	return nil
}
