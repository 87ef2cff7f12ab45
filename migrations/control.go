package migrations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// controlLock is the key of the session advisory lock that lets one process at a time migrate a control database.
const controlLock = 0x74656e616e747279 // "tenantry"

// ControlFile is one migration of the control database.
type ControlFile struct {
	Name     string // such as 0002_fleet.sql
	Checksum string // SHA-256 of the file, in hex
	sql      string
}

// ControlFiles lists the control database's migrations in order.
func ControlFiles() ([]ControlFile, error) {
	names, err := fs.Glob(controlFiles, "control/[0-9]*.sql")
	if err != nil {
		return nil, fmt.Errorf("list control migrations: %w", err)
	}
	files := make([]ControlFile, 0, len(names)) // fs.Glob sorts
	for _, name := range names {
		body, err := controlFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read control migration: %w", err)
		}
		sum := sha256.Sum256(body)
		files = append(files, ControlFile{Name: path.Base(name), Checksum: hex.EncodeToString(sum[:]), sql: string(body)})
	}
	return files, nil
}

// Control brings the control database to this program's version and returns the names of the migrations it ran.
// Any number of processes may call it at once: they take turns on an advisory lock, which is polled so that nobody
// waits inside PostgreSQL. The queue function migrates River's schema and runs first, under the same lock.
// An applied migration whose file has changed since, or that this program does not know, is an error:
// a newer version of the program has been here.
func Control(ctx context.Context, conn *pgx.Conn, queue func(context.Context) error) ([]string, error) {
	if err := lockControl(ctx, conn); err != nil {
		return nil, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, int64(controlLock))
	}()

	_, err := conn.Exec(ctx, `
		CREATE SCHEMA IF NOT EXISTS tenantry;
		CREATE SCHEMA IF NOT EXISTS river;
		CREATE TABLE IF NOT EXISTS tenantry.control_migrations (
		  name       text PRIMARY KEY,
		  checksum   text NOT NULL,
		  applied_at timestamptz NOT NULL DEFAULT now()
		)`)
	if err != nil {
		return nil, fmt.Errorf("create schemas: %w", err)
	}
	if err := queue(ctx); err != nil {
		return nil, fmt.Errorf("migrate queue: %w", err)
	}
	return runControl(ctx, conn)
}

func lockControl(ctx context.Context, conn *pgx.Conn) error {
	for {
		var locked bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(controlLock)).Scan(&locked); err != nil {
			return fmt.Errorf("lock control database: %w", err)
		}
		if locked {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock control database: another process is migrating it: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func runControl(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	files, err := ControlFiles()
	if err != nil {
		return nil, err
	}
	applied, err := appliedControl(ctx, conn)
	if err != nil {
		return nil, err
	}
	revoke, err := controlFiles.ReadFile("control/revoke.sql")
	if err != nil {
		return nil, fmt.Errorf("read revocations: %w", err)
	}
	var ran []string
	for _, f := range files {
		checksum, done := applied[f.Name]
		delete(applied, f.Name)
		if done && checksum != f.Checksum {
			return ran, fmt.Errorf("control migration %s was applied with other content: use the tenantry version that applied it, or a newer one", f.Name)
		}
		if done {
			continue
		}
		if err := runControlFile(ctx, conn, f, string(revoke)); err != nil {
			return ran, err
		}
		ran = append(ran, f.Name)
	}
	for name := range applied {
		return ran, fmt.Errorf("control migration %s is of a newer tenantry: use that version", name)
	}
	grants, err := controlFiles.ReadFile("control/grants.sql")
	if err != nil {
		return ran, fmt.Errorf("read grants: %w", err)
	}
	if err := tenants.RetryCatalog(ctx, func() error {
		_, err := conn.Exec(ctx, string(grants))
		return err //nolint:wrapcheck // wrapped below, the retry looks at it first
	}); err != nil {
		return ran, fmt.Errorf("grant: %w", err)
	}
	return ran, nil
}

func appliedControl(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	rows, err := conn.Query(ctx, `SELECT name, checksum FROM tenantry.control_migrations`)
	if err != nil {
		return nil, fmt.Errorf("read applied control migrations: %w", err)
	}
	applied := map[string]string{}
	var name, checksum string
	_, err = pgx.ForEachRow(rows, []any{&name, &checksum}, func() error {
		applied[name] = checksum
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read applied control migrations: %w", err)
	}
	return applied, nil
}

// runControlFile runs one migration. What it makes is closed to PUBLIC at the same commit: the grants come after the last file.
func runControlFile(ctx context.Context, conn *pgx.Conn, f ControlFile, revoke string) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range []string{f.sql, revoke} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err //nolint:wrapcheck // wrapped once, below
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO tenantry.control_migrations (name, checksum) VALUES ($1, $2)`, f.Name, f.Checksum)
		return err //nolint:wrapcheck // wrapped once, below
	})
	if err != nil {
		return fmt.Errorf("run control migration %s: %w", f.Name, err)
	}
	return nil
}
