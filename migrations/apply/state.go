package apply

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
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
	replies, err := gentle.Exchange(ctx, conn, []gentle.Command{{SQL: timedSQL, Keep: true}, {SQL: metaSQL, Keep: true, Cut: true}})
	if err != nil {
		return Standing{}, fmt.Errorf("read state: %w", err)
	}
	h, err := parseHistory(replies[0])
	if err == nil && h.exists {
		err = replies[1].Err
	}
	if err != nil {
		return Standing{}, fmt.Errorf("read state: %w", err)
	}
	at := parseStanding(replies[1])
	return Standing{Release: at.release, ReleaseID: at.releaseID, Entries: h.entries}, nil
}

// Left is a statement that a database lacks of a release.
type Left struct {
	File      *release.File
	Statement *release.Statement
	// Begun: an earlier call sent it, and its outcome was never recorded. Apply looks before it goes on.
	Begun bool
}

// Pending returns what a database that stands so lacks of a release, in the order in which [Apply] runs it, or a
// [*DivergedError]. It is pure: what Apply itself compares with.
func Pending(rel *release.Release, s Standing) ([]Left, error) {
	p, err := compare(rel, history{entries: s.Entries})
	if err != nil {
		return nil, err
	}
	list := make([]Left, 0, p.pending)
	for _, u := range p.units {
		for i := range u.statements {
			list = append(list, Left{File: u.file, Statement: &u.statements[i], Begun: u.resuming && i == 0})
		}
	}
	return list, nil
}
