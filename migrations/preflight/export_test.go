package preflight

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Watched is o with a function that is called in every transaction in a tenant's database before it ends.
func Watched(o Options, watch func(ctx context.Context, conn *pgx.Conn)) Options {
	o.beforeEnd = watch
	return o
}
