package fleettest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

// Extend publishes a release that is the sample product's and one more file, and makes it what new tenants get. Each statement
// stands alone in words, because parsing SQL takes half a minute with the race detector.
func (f *Fleet) Extend(t testing.TB, name string, statements ...string) {
	t.Helper()
	ctx := t.Context()
	var newest string
	require.NoError(t, f.Pool.QueryRow(ctx, `SELECT id FROM tenantry.releases ORDER BY seq DESC LIMIT 1`).Scan(&newest))
	rel, err := release.Load(ctx, f.Pool, newest)
	require.NoError(t, err)
	file := release.File{Version: fmt.Sprint(len(rel.Files) + 1), Name: fmt.Sprintf("%05d_more.sql", len(rel.Files)+1), Transactional: true}
	var text strings.Builder
	text.WriteString(file.Version + "\n" + file.Name + "\ntrue\n")
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
	require.NoError(t, pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
		if _, err := release.Publish(ctx, tx, more, name, "test"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tenantry.settings SET value = to_jsonb($1::text) WHERE key = 'current_release'`, name)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `SELECT pg_notify('tenantry_warm', '')`)
		return err
	}))
}
