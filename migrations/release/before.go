package release

import (
	"context"
	"errors"
	"fmt"
)

// LoadBefore loads the release that was published before another one, given by ID or name, and not withdrawn; nil when there is none before.
func LoadBefore(ctx context.Context, q Querier, ref string) (*Release, error) {
	published, err := find(ctx, q, ref)
	if err != nil {
		return nil, fmt.Errorf("load the release before %.150q: %w", ref, err)
	}
	before, err := one(queryPublished(ctx, q, "WHERE seq < $1 AND withdrawn_at IS NULL ORDER BY seq DESC LIMIT 1", published.Seq))
	return loadFound(ctx, q, before, err)
}

// LoadNewest loads the release that was published last and not withdrawn; nil when none was.
func LoadNewest(ctx context.Context, q Querier) (*Release, error) {
	published, err := newest(ctx, q)
	return loadFound(ctx, q, published, err)
}

// loadFound loads what was looked for, if it was found.
func loadFound(ctx context.Context, q Querier, published Published, err error) (*Release, error) {
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	default:
		return Load(ctx, q, published.ID)
	}
}
