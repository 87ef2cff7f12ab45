package workers

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/migrations/release"
)

// MigrateControl brings the control database to this program's version: our schema and River's. It returns what it ran. It
// may run in any number of processes at once.
func MigrateControl(ctx context.Context, url string) ([]string, error) {
	pool, err := openControl(ctx, url, "tenantry/migrate", 2)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to control database: %w", err)
	}
	defer conn.Release()
	return migrations.Control(ctx, conn.Conn(), func(ctx context.Context) error {
		migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: jobs.Schema, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return fmt.Errorf("make River's migrator: %w", err)
		}
		if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("migrate River: %w", err)
		}
		return nil
	})
}

// PublishRelease reads a folder of migrations, publishes it and, when asked, makes it what new tenants get.
func PublishRelease(ctx context.Context, pool *pgxpool.Pool, folder fs.FS, name, by string, makeCurrent Currency) (release.Published, error) {
	rel, err := release.Read(folder, release.Options{})
	if err != nil {
		return release.Published{}, fmt.Errorf("read release: %w", err)
	}
	return PublishRead(ctx, pool, rel, name, by, makeCurrent)
}

// PublishRead is PublishRelease for a folder that the caller has read. Neither lints: what people write goes through
// [PublishLinted].
func PublishRead(ctx context.Context, pool *pgxpool.Pool, rel *release.Release, name, by string, makeCurrent Currency) (release.Published, error) {
	var published release.Published
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var err error
		published, err = publishTx(ctx, tx, rel, name, by, makeCurrent)
		return err
	})
	if err != nil {
		return published, fmt.Errorf("publish: %w", err)
	}
	return published, nil
}

func publishTx(ctx context.Context, tx pgx.Tx, rel *release.Release, name, by string, makeCurrent Currency) (release.Published, error) {
	published, err := release.Publish(ctx, tx, rel, name, by)
	if err != nil || makeCurrent == KeepCurrent {
		return published, err
	}
	_, err = tx.Exec(ctx, `UPDATE tenantry.settings SET value = to_jsonb($1::text), updated_at = now() WHERE key = 'current_release'`, name)
	if err != nil {
		return published, fmt.Errorf("make current: %w", err)
	}
	if _, err = tx.Exec(ctx, `SELECT pg_notify('tenantry_warm', '')`); err != nil {
		return published, fmt.Errorf("make current: %w", err)
	}
	return published, nil
}

// Currency says whether a published release is what new tenants get.
type Currency bool

// The two answers.
const (
	MakeCurrent Currency = true
	KeepCurrent Currency = false
)

// OpenControl opens a pool on the control database for a program that is no worker, such as the command line.
func OpenControl(ctx context.Context, url, name string) (*pgxpool.Pool, error) {
	return openControl(ctx, url, name, 8)
}
