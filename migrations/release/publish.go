package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxPublisher is how many characters the name of who publishes may have.
const maxPublisher = 200

// Publish stores a release in the control database, in the caller's transaction; it is there once the caller commits.
// The same name with the same content succeeds again and says AlreadyPublished. The same name with other content is
// [ErrChanged]; a release that does not begin with all files of the newest one that is not withdrawn, unchanged, is [ErrNotExtended]; both
// come as a [*ChangedError]. A name whose release was withdrawn is not given again: [ErrWithdrawn]. Publishing takes turns: a second caller waits until the first transaction ends.
func Publish(ctx context.Context, tx pgx.Tx, rel *Release, name, by string) (Published, error) {
	switch {
	case !isName(name):
		return Published{}, fmt.Errorf("publish release %.150q: a name has 1 to 128 of A-Z a-z 0-9 . _ + - and begins and ends with a letter or digit, not with rel_", name)
	case len(rel.Files) == 0:
		return Published{}, fmt.Errorf("publish release %s: it holds no file", name)
	case len([]rune(by)) > maxPublisher:
		return Published{}, fmt.Errorf("publish release %s: who publishes has more than %d characters", name, maxPublisher)
	}
	published, err := publish(ctx, tx, rel, name, by)
	if err != nil {
		return Published{}, fmt.Errorf("publish release %s: %w", name, err)
	}
	return published, nil
}

func publish(ctx context.Context, tx pgx.Tx, rel *Release, name, by string) (Published, error) {
	if _, err := tx.Exec(ctx, "LOCK TABLE tenantry.releases IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return Published{}, fmt.Errorf("take turns: %w", err)
	}
	existing, err := find(ctx, tx, name)
	if err == nil {
		return again(ctx, tx, existing, rel)
	}
	if !errors.Is(err, ErrNotFound) {
		return Published{}, err
	}
	if err := checkExtends(ctx, tx, rel); err != nil {
		return Published{}, err
	}
	return insert(ctx, tx, rel, name, by)
}

// again answers the publishing of a name that is taken.
func again(ctx context.Context, q Querier, existing Published, rel *Release) (Published, error) {
	if w := existing.Withdrawn; w != nil {
		return Published{}, fmt.Errorf("%w: %s; %s", ErrWithdrawn, w.Reason, newNameFix)
	}
	if existing.Checksum == rel.Checksum {
		existing.AlreadyPublished = true
		return existing, nil
	}
	files, err := loadFiles(ctx, q, existing.ID)
	if err != nil {
		return Published{}, err
	}
	return Published{}, compareSame(existing.Name, files, rel.Files)
}

// checkExtends compares with what tenants may have: the newest release, and what they keep of withdrawn ones after it.
func checkExtends(ctx context.Context, q Querier, rel *Release) error {
	list, err := queryPublished(ctx, q, "WHERE seq >= coalesce((SELECT max(seq) FROM tenantry.releases WHERE withdrawn_at IS NULL), 0) ORDER BY seq")
	if err != nil {
		return err
	}
	for _, p := range list {
		files, err := loadFiles(ctx, q, p.ID)
		if err != nil {
			return err
		}
		if p.Withdrawn != nil {
			files = files[:p.Withdrawn.KeptFiles]
		}
		if err := compareExtended(p.Name, files, rel.Files); err != nil {
			return err
		}
	}
	return nil
}

const insertSQL = `
INSERT INTO tenantry.releases (id, name, format, checksum, file_count, statement_count, published_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING seq, published_at
`

func insert(ctx context.Context, tx pgx.Tx, rel *Release, name, by string) (Published, error) {
	p := Published{
		ID:             newID(time.Now()),
		Name:           name,
		Format:         rel.Format,
		Checksum:       rel.Checksum,
		FileCount:      len(rel.Files),
		StatementCount: rel.StatementCount(),
		PublishedBy:    by,
	}
	err := tx.QueryRow(ctx, insertSQL, p.ID, p.Name, string(p.Format), p.Checksum, p.FileCount, p.StatementCount, p.PublishedBy).
		Scan(&p.Seq, &p.PublishedAt)
	if err != nil {
		return Published{}, fmt.Errorf("insert release: %w", err)
	}
	p.PublishedAt = p.PublishedAt.UTC()
	files, statements, err := rowsOf(p.ID, rel.Files)
	if err != nil {
		return Published{}, err
	}
	fileColumns := []string{"release_id", "position", "version", "name", "transactional", "checksum"}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"tenantry", "release_files"}, fileColumns, pgx.CopyFromRows(files)); err != nil {
		return Published{}, fmt.Errorf("insert files: %w", err)
	}
	statementColumns := []string{"release_id", "file_position", "statement_no", "line", "sql", "hash", "kind", "extra"}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"tenantry", "release_statements"}, statementColumns, pgx.CopyFromRows(statements)); err != nil {
		return Published{}, fmt.Errorf("insert statements: %w", err)
	}
	return p, nil
}

// extra is what release_statements.extra holds.
type extra struct {
	Alone      *Alone      `json:"alone,omitempty"`
	Directives []Directive `json:"directives,omitempty"`
}

func rowsOf(id string, files []File) (fileRows, statementRows [][]any, err error) {
	for i, file := range files {
		position := i + 1
		fileRows = append(fileRows, []any{id, position, file.Version, file.Name, file.Transactional, file.Checksum})
		for _, s := range file.Statements {
			more, err := json.Marshal(extra{Alone: s.Alone, Directives: s.Directives})
			if err != nil {
				return nil, nil, fmt.Errorf("encode statement %d of %s: %w", s.No, file.Name, err)
			}
			statementRows = append(statementRows, []any{id, position, s.No, s.Line, s.SQL, s.Hash, s.Kind, more})
		}
	}
	return fileRows, statementRows, nil
}
