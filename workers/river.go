package workers

import (
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"
)

// Short names for what River's generics spell out.
type (
	pgxTx               = pgx.Tx
	rivertypeMiddleware = rivertype.Middleware
)

// soon is River's retry policy. River retries by itself only where the control database did not take a start or an end; its own
// policy would wait for minutes then, because it counts the errors that the ledger has written to the job, too.
type soon struct{}

func (soon) NextRetry(*rivertype.JobRow) time.Time {
	return time.Now().Add(time.Second + rand.N(2*time.Second))
}
