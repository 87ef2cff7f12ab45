package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// errNoBeginning refuses files that are not what a release begins with, or goes on with.
var errNoBeginning = errors.New("the files do not begin with the release's own")

// Baseline records, in the caller's transaction, that files were applied by somebody else: every statement of them is done, and the database stands
// at rel, whose files are the first of them. Nothing of them is run. Files may go on after rel's where the database is between two releases; the
// next [Apply] of a release that has them goes on from there.
//
// A database that has this history already is left as it is; one with another is [ErrDiverged]. Of the options OwnerRole and OperationID count.
// The owner must own the database or be allowed to create schemas in it. The role is reset at the end.
func Baseline(ctx context.Context, tx pgx.Tx, rel *release.Release, files []release.File, opts Options) error {
	if err := opts.withDefaults().validate(rel); err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	if len(files) < len(rel.Files) || !slices.EqualFunc(rel.Files, files[:len(rel.Files)], func(a, b release.File) bool { return a.Checksum == b.Checksum }) {
		return fmt.Errorf("baseline %s: %w", rel.Name, errNoBeginning)
	}
	if err := baseline(ctx, tx, rel, files, opts); err != nil {
		return fmt.Errorf("baseline %s: %w", rel.Name, err)
	}
	return nil
}

func baseline(ctx context.Context, tx pgx.Tx, rel *release.Release, files []release.File, opts Options) error {
	var locked bool
	if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1)`, gentle.LockKey).Scan(&locked); err != nil {
		return fmt.Errorf("take the lock on the database: %w", err)
	}
	if !locked {
		return &gentle.LockedError{}
	}
	if opts.OwnerRole != "" {
		if _, err := tx.Exec(ctx, "SET LOCAL ROLE "+pgx.Identifier{opts.OwnerRole}.Sanitize()); err != nil {
			return fmt.Errorf("become the owner: %w", err)
		}
	}
	for _, sql := range bootstrapSQL {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make schema _tenantry: %w", err)
		}
	}
	if err := recordBaseline(ctx, tx, rel, files, opts); err != nil {
		return err
	}
	if opts.OwnerRole == "" {
		return nil
	}
	if _, err := tx.Exec(ctx, "RESET ROLE"); err != nil {
		return fmt.Errorf("leave the owner: %w", err)
	}
	return nil
}

func recordBaseline(ctx context.Context, tx pgx.Tx, rel *release.Release, files []release.File, opts Options) error {
	var there, same int
	versions, numbers, hashes := statementKeys(files)
	err := tx.QueryRow(ctx, `
		SELECT count(*), count(s.hash)
		FROM _tenantry.schema_history h
		LEFT JOIN unnest($1::text[], $2::integer[], $3::text[]) AS s (version, no, hash)
		  ON s.version = h.version AND s.no = h.statement_no AND s.hash = h.statement_hash AND h.status = 'done'`, versions, numbers, hashes).Scan(&there, &same)
	switch {
	case err != nil:
		return fmt.Errorf("read history: %w", err)
	case there > 0 && (same != there || there != len(hashes)):
		return fmt.Errorf("%w: it has %d statements, of which %d are among the %d that are said to be applied", ErrDiverged, there, same, len(hashes))
	case there > 0:
		return nil
	}
	for _, file := range files {
		_, numbers, hashes := statementKeys([]release.File{file})
		if _, err := tx.Exec(ctx, recordSQL, file.Version, file.Name, opts.OperationID, rel.Name, numbers, hashes, make([]int64, len(numbers))); err != nil {
			return fmt.Errorf("record %s: %w", file.Name, err)
		}
	}
	if _, err := tx.Exec(ctx, releaseSQL, rel.Name, rel.ID); err != nil {
		return fmt.Errorf("record release: %w", err)
	}
	return nil
}

// statementKeys tells statements as a history does, in three columns.
func statementKeys(files []release.File) (versions []string, numbers []int32, hashes []string) {
	numbers, hashes, versions = []int32{}, []string{}, []string{}
	for _, file := range files {
		for _, s := range file.Statements {
			versions, numbers, hashes = append(versions, file.Version), append(numbers, int32(s.No)), append(hashes, s.Hash) //nolint:gosec // statements of a file are few
		}
	}
	return versions, numbers, hashes
}
