package backup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// ErrNoLinks says that a store cannot make links, such as a folder.
var ErrNoLinks = errors.New("it makes no links")

// Link makes a URL with which anybody can read an object for a while.
func (s *Store) Link(ctx context.Context, key string, lasts time.Duration) (string, error) {
	u, err := s.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{Method: http.MethodGet, Expiry: lasts})
	if gcerrors.Code(err) == gcerrors.Unimplemented {
		return "", fmt.Errorf("backup store %s: %w", s.url, ErrNoLinks)
	}
	if err != nil {
		return "", &StoreError{"link to", key, err}
	}
	return u, nil
}
