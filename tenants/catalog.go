package tenants

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsCatalogRace reports whether PostgreSQL has answered, with an internal error, two sessions that change one row of a shared catalog, or of which one drops
// what the other is about. The next try finds it free, or gone.
func IsCatalogRace(err error) bool {
	const internalError = "XX000"
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == internalError && (strings.HasPrefix(pg.Message, "tuple concurrently") || strings.HasPrefix(pg.Message, "cache lookup failed for"))
}

// RetryCatalog runs a change of a server's shared catalogs again for as long as its error is an [IsCatalogRace], for 13 s at most.
func RetryCatalog(ctx context.Context, change func() error) error {
	const tries, pause = 50, 10 * time.Millisecond
	for try := 1; ; try++ {
		err := change()
		if err == nil || try == tries || !IsCatalogRace(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(time.Duration(try) * pause):
		}
	}
}
