package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Published describes a release in the control database, without its files.
type Published struct {
	// ID is rel_ and 24 hex digits.
	ID string
	// Seq grows with every release that is published; there may be gaps.
	Seq      int64
	Name     string
	Format   Format
	Checksum string
	// FileCount and StatementCount are the whole release's, not what it adds to the one before.
	FileCount      int
	StatementCount int
	// PublishedAt is in UTC, by the database's clock.
	PublishedAt time.Time
	PublishedBy string
	// Withdrawn is nil unless the release was taken back.
	Withdrawn *Withdrawal
	// AlreadyPublished is set by Publish when the same content was published under this name before.
	AlreadyPublished bool
}

// Withdrawal says who took a release back, when and why.
type Withdrawal struct {
	At     time.Time `json:"at"` // in UTC, by the database's clock
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	// KeptFiles is of how many of its files, from the first, some tenant has a part: later releases hold these.
	KeptFiles int `json:"kept_files"`
}

// ErrWithdrawn says that the release of a name was taken back.
var ErrWithdrawn = errors.New("it is withdrawn")

// ErrNotFound says that no release has the ID or name.
var ErrNotFound = errors.New("no such release")

// Querier reads the control database: a pgx connection, pool or transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const publishedSQL = `
SELECT id, seq, name, format, checksum, file_count, statement_count, published_at, published_by,
       withdrawn_at, withdrawn_by, withdrawn_for, kept_files
FROM tenantry.releases
`

// List returns all releases, the newest first.
func List(ctx context.Context, q Querier) ([]Published, error) {
	list, err := queryPublished(ctx, q, "ORDER BY seq DESC")
	if err != nil {
		return nil, fmt.Errorf("list releases: %w", err)
	}
	return list, nil
}

// find returns the release with this ID or name, or ErrNotFound.
func find(ctx context.Context, q Querier, ref string) (Published, error) {
	return one(queryPublished(ctx, q, "WHERE id = $1 OR name = $1", ref))
}

// newest returns the release that was published last and not withdrawn, or ErrNotFound.
func newest(ctx context.Context, q Querier) (Published, error) {
	return one(queryPublished(ctx, q, "WHERE withdrawn_at IS NULL ORDER BY seq DESC LIMIT 1"))
}

func one(list []Published, err error) (Published, error) {
	switch {
	case err != nil:
		return Published{}, err
	case len(list) == 0:
		return Published{}, ErrNotFound
	default:
		return list[0], nil
	}
}

func queryPublished(ctx context.Context, q Querier, clause string, args ...any) ([]Published, error) {
	rows, err := q.Query(ctx, publishedSQL+clause, args...)
	if err != nil {
		return nil, fmt.Errorf("query releases: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Published, error) {
		var p Published
		var at *time.Time
		var by, reason *string
		var kept *int
		err := row.Scan(&p.ID, &p.Seq, &p.Name, &p.Format, &p.Checksum, &p.FileCount, &p.StatementCount, &p.PublishedAt, &p.PublishedBy,
			&at, &by, &reason, &kept)
		p.PublishedAt = p.PublishedAt.UTC()
		if at != nil {
			p.Withdrawn = &Withdrawal{At: at.UTC(), By: *by, Reason: *reason, KeptFiles: *kept}
		}
		return p, err //nolint:wrapcheck // CollectRows hands it to the line below.
	})
	if err != nil {
		return nil, fmt.Errorf("query releases: %w", err)
	}
	return list, nil
}
