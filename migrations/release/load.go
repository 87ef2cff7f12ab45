package release

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Load reads a published release by ID or name and verifies it against its checksums. It is [ErrNotFound] when there is
// none. A release never changes: keep what was loaded.
func Load(ctx context.Context, q Querier, ref string) (*Release, error) {
	rel, err := load(ctx, q, ref)
	if err != nil {
		return nil, fmt.Errorf("load release %.150q: %w", ref, err)
	}
	return rel, nil
}

func load(ctx context.Context, q Querier, ref string) (*Release, error) {
	published, err := find(ctx, q, ref)
	if err != nil {
		return nil, err
	}
	files, err := loadFiles(ctx, q, published.ID)
	if err != nil {
		return nil, err
	}
	if err := loadStatements(ctx, q, published.ID, files); err != nil {
		return nil, err
	}
	rel := &Release{
		ID:       published.ID,
		Name:     published.Name,
		Format:   published.Format,
		Checksum: published.Checksum,
		Files:    files,
	}
	return rel, rel.verify()
}

// verify compares what was loaded with its checksums.
func (r *Release) verify() error {
	for _, file := range r.Files {
		for _, statement := range file.Statements {
			if HashStatement(statement.SQL) != statement.Hash {
				return fmt.Errorf("statement %d of %s does not have the hash it was published with", statement.No, file.Name)
			}
		}
		if fileChecksum(file) != file.Checksum {
			return fmt.Errorf("%s does not have the checksum it was published with", file.Name)
		}
	}
	if releaseChecksum(r.Files) != r.Checksum {
		return fmt.Errorf("the files do not have the checksum the release was published with")
	}
	return nil
}

const filesSQL = `
SELECT version, name, transactional, checksum
FROM tenantry.release_files
WHERE release_id = $1
ORDER BY position
`

// loadFiles returns a release's files in order, without their statements.
func loadFiles(ctx context.Context, q Querier, id string) ([]File, error) {
	rows, err := q.Query(ctx, filesSQL, id)
	if err != nil {
		return nil, fmt.Errorf("query files: %w", err)
	}
	files, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (File, error) {
		var f File
		err := row.Scan(&f.Version, &f.Name, &f.Transactional, &f.Checksum)
		return f, err //nolint:wrapcheck // CollectRows hands it to the line below.
	})
	if err != nil {
		return nil, fmt.Errorf("query files: %w", err)
	}
	return files, nil
}

const statementsSQL = `
SELECT file_position, statement_no, line, sql, hash, kind, extra
FROM tenantry.release_statements
WHERE release_id = $1
ORDER BY file_position, statement_no
`

// loadStatements fills the files' statements in.
func loadStatements(ctx context.Context, q Querier, id string, files []File) error {
	rows, err := q.Query(ctx, statementsSQL, id)
	if err != nil {
		return fmt.Errorf("query statements: %w", err)
	}
	var (
		position int
		s        Statement
		encoded  []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&position, &s.No, &s.Line, &s.SQL, &s.Hash, &s.Kind, &encoded}, func() error {
		var more extra
		if err := json.Unmarshal(encoded, &more); err != nil {
			return fmt.Errorf("decode statement %d of file %d: %w", s.No, position, err)
		}
		if position > len(files) {
			return fmt.Errorf("statement %d of file %d: no such file", s.No, position)
		}
		s.Alone, s.Directives = more.Alone, more.Directives
		files[position-1].Statements = append(files[position-1].Statements, s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("query statements: %w", err)
	}
	return nil
}
