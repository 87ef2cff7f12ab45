package workers

import (
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"
)

// Short names for what River's generics spell out.
type (
	pgxTx               = pgx.Tx
	rivertypeMiddleware = rivertype.Middleware
)
