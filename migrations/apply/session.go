package apply

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// session is one call's use of the connection.
type session struct {
	// Session is nil until open.
	*gentle.Session

	opts Options
	rel  *release.Release
	// applied counts the statements that this call has applied and recorded, of pending.
	applied, pending int
}

// open takes the owner's role and the lock and reads the history, in one round trip when the lock is free. After an error
// there is nothing to close.
func (s *session) open(ctx context.Context, conn *pgx.Conn) (history, error) {
	held, replies, err := gentle.Open(ctx, conn, s.opts.session(), historyCommand())
	if err != nil {
		return history{}, err
	}
	h, err := parseHistory(replies[0])
	if err != nil {
		held.Close(ctx)
		return history{}, err
	}
	s.Session = held
	return h, nil
}
