package fleettest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

// Extend publishes a release that is the newest one and one more file, and makes it what new tenants get.
func (f *Fleet) Extend(t testing.TB, name string, statements ...string) {
	t.Helper()
	ctx := t.Context()
	newest, err := release.LoadNewest(ctx, f.Pool)
	require.NoError(t, err)
	f.Publish(t, Extended(newest, statements...), name)
	_, err = f.Pool.Exec(ctx, `UPDATE tenantry.settings SET value = to_jsonb($1::text) WHERE key = 'current_release'`, name)
	require.NoError(t, err)
	_, err = f.Pool.Exec(ctx, `SELECT pg_notify('tenantry_warm', '')`)
	require.NoError(t, err)
}

// Publish publishes a release, which new tenants do not get yet.
func (f *Fleet) Publish(t testing.TB, rel *release.Release, name string) {
	t.Helper()
	require.NoError(t, f.TryPublish(t.Context(), rel, name))
}

// TryPublish is Publish that may be refused.
func (f *Fleet) TryPublish(ctx context.Context, rel *release.Release, name string) error {
	return pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
		_, err := release.Publish(ctx, tx, rel, name, "test")
		return err
	})
}

// Extended is a release and one more file. Each statement stands alone in words, because parsing SQL takes half a minute with the race
// detector.
func Extended(rel *release.Release, statements ...string) *release.Release {
	return extended(rel, true, statements)
}

// ExtendedAlone is Extended with statements of which each takes effect by itself.
func ExtendedAlone(rel *release.Release, statements ...string) *release.Release {
	return extended(rel, false, statements)
}

func extended(rel *release.Release, transactional bool, statements []string) *release.Release {
	file := release.File{Version: fmt.Sprint(len(rel.Files) + 1), Name: fmt.Sprintf("%05d_more.sql", len(rel.Files)+1), Transactional: transactional}
	var text strings.Builder
	text.WriteString(file.Version + "\n" + file.Name + "\n" + fmt.Sprint(transactional) + "\n")
	for i, sql := range statements {
		s := release.Statement{No: i + 1, Line: i + 1, SQL: sql, Hash: release.HashStatement(sql), Kind: "Stmt"}
		file.Statements = append(file.Statements, s)
		text.WriteString(s.Hash + "\n")
	}
	file.Checksum = release.HashStatement(text.String())
	more := &release.Release{Format: rel.Format, Files: append(slices.Clip(rel.Files), file)}
	var sums strings.Builder
	for _, file := range more.Files {
		sums.WriteString(file.Checksum + "\n")
	}
	more.Checksum = release.HashStatement(sums.String())
	return more
}
