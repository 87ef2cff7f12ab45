package apply

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Standing is where a database stands, by its own history.
type Standing struct {
	// Release is the name of the release the database was last brought to, "" when it never was at one. Between two
	// releases it is the older one's.
	Release string
	// ReleaseID is that release's ID, "" for one that was never published.
	ReleaseID string
	// Entries of the history, the oldest first.
	Entries []Entry
}

// Applied returns how many statements took effect.
func (s Standing) Applied() int {
	count := 0
	for _, entry := range s.Entries {
		if entry.Status == StatusDone {
			count++
		}
	}
	return count
}

// Unfinished returns the entry of a statement whose outcome is not recorded, nil when there is none.
func (s Standing) Unfinished() *Entry {
	for i := range s.Entries {
		if s.Entries[i].Status == StatusRunning {
			return &s.Entries[i]
		}
	}
	return nil
}

// State reads where a database stands. It takes no lock and changes nothing; one round trip. A database that nothing was
// ever applied to has the zero Standing. The connection's role must be allowed to read _tenantry.
func State(ctx context.Context, conn *pgx.Conn) (Standing, error) {
	replies, err := exchange(ctx, conn.PgConn(), []command{{sql: timedSQL, keep: true}, {sql: metaSQL, keep: true, cut: true}}, nil)
	if err != nil {
		return Standing{}, fmt.Errorf("read state: %w", err)
	}
	h, err := parseHistory(replies[0])
	if err == nil && h.exists {
		err = replies[1].err
	}
	if err != nil {
		return Standing{}, fmt.Errorf("read state: %w", err)
	}
	at := parseStanding(replies[1])
	return Standing{Release: at.release, ReleaseID: at.releaseID, Entries: h.entries}, nil
}
