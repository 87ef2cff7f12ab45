package release_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/release"
)

// publish publishes in a transaction of its own.
func publish(t *testing.T, conn *pgx.Conn, rel *release.Release, name string) (release.Published, error) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	published, err := release.Publish(t.Context(), tx, rel, name, "tester")
	if err != nil {
		require.NoError(t, tx.Rollback(t.Context()))
		return published, err
	}
	require.NoError(t, tx.Commit(t.Context()))
	return published, nil
}

func TestPublishAndLoad(t *testing.T) {
	t.Parallel()
	conn := connect(t, controlDatabase(t))
	rel, err := release.Read(os.DirFS("../tenant"), release.Options{})
	require.NoError(t, err)

	published, err := publish(t, conn, rel, "1.0")
	require.NoError(t, err)
	require.Regexp(t, `^rel_[0-9a-f]{24}$`, published.ID)
	require.Equal(t, 4, published.FileCount)
	require.Equal(t, rel.StatementCount(), published.StatementCount)
	require.False(t, published.AlreadyPublished)
	require.False(t, published.PublishedAt.IsZero())

	for _, ref := range []string{published.ID, "1.0"} {
		loaded, err := release.Load(t.Context(), conn, ref)
		require.NoError(t, err)
		require.Equal(t, published.ID, loaded.ID)
		require.Equal(t, "1.0", loaded.Name)
		require.Equal(t, rel.Files, loaded.Files)
		require.Equal(t, rel.Checksum, loaded.Checksum)
	}
	_, err = release.Load(t.Context(), conn, "2.0")
	require.ErrorIs(t, err, release.ErrNotFound)

	again, err := publish(t, conn, rel, "1.0")
	require.NoError(t, err)
	require.True(t, again.AlreadyPublished)
	again.AlreadyPublished = false
	require.Equal(t, published, again)

	list, err := release.List(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, []release.Published{published}, list)
}

func TestPublishRefusesBadNames(t *testing.T) {
	t.Parallel()
	rel := read(t, "1_a.sql", "SELECT 1")
	for _, name := range []string{"", "a b", "-a", "a_", strings.Repeat("x", 129), "rel_000000000000000000000000"} {
		_, err := release.Publish(t.Context(), nil, rel, name, "")
		require.ErrorContains(t, err, "a name has 1 to 128")
	}
	_, err := release.Publish(t.Context(), nil, rel, "1", strings.Repeat("é", 201))
	require.ErrorContains(t, err, "more than 200 characters")
	_, err = release.Publish(t.Context(), nil, &release.Release{}, "1", "")
	require.ErrorContains(t, err, "holds no file")
}

func TestPublishRefusesChanges(t *testing.T) {
	t.Parallel()
	conn := connect(t, controlDatabase(t))
	files := []string{"1_a.sql", "SELECT 1", "3_b.sql", "SELECT 2", "5_c.sql", "SELECT 3"}
	_, err := publish(t, conn, read(t, files...), "1.0")
	require.NoError(t, err)

	with := func(changes ...string) []string {
		return append(slices.Clone(files), changes...)
	}
	tests := []struct {
		name   string
		files  []string
		file   string
		reason string
	}{
		{"changed", with("3_b.sql", "SELECT 20"), "3_b.sql", "holds other statements"},
		{"missing", files[2:], "1_a.sql", "is missing"},
		{"renamed", append([]string{"1_x.sql", "SELECT 1"}, files[2:]...), "1_a.sql", "is now called 1_x.sql"},
		{"interleaved", with("2_new.sql", "SELECT 9"), "2_new.sql", "comes before 3_b.sql"},
		{"other mode", with("3_b.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 2", "1_a.sql", "-- +goose Up\nSELECT 1",
			"5_c.sql", "-- +goose Up\nSELECT 3"), "3_b.sql", "runs in another mode"},
	}
	for _, test := range tests {
		rel := read(t, test.files...)
		for name, kind := range map[string]error{"2.0": release.ErrNotExtended, "1.0": release.ErrChanged} {
			_, err := publish(t, conn, rel, name)
			require.ErrorIs(t, err, kind, test.name)
			var changed *release.ChangedError
			require.ErrorAs(t, err, &changed)
			require.Equal(t, test.file, changed.File)
			require.Equal(t, "1.0", changed.Release)
			require.Contains(t, changed.Reason, test.reason)
			require.NotEmpty(t, changed.Fix)
		}
	}

	longer := read(t, with("6_d.sql", "SELECT 4")...)
	_, err = publish(t, conn, longer, "1.0")
	require.ErrorIs(t, err, release.ErrChanged)
	require.ErrorContains(t, err, "6_d.sql is new, compared with release 1.0; publish under a new name")
	second, err := publish(t, conn, longer, "1.1")
	require.NoError(t, err)
	first, err := publish(t, conn, read(t, files...), "1.0")
	require.NoError(t, err)
	require.True(t, first.AlreadyPublished, "an older release is still what it was")
	require.Greater(t, second.Seq, first.Seq)
	_, err = publish(t, conn, read(t, files...), "1.2")
	require.ErrorIs(t, err, release.ErrNotExtended)
}

func TestPublishedIsImmutable(t *testing.T) {
	t.Parallel()
	conn := connect(t, controlDatabase(t))
	published, err := publish(t, conn, read(t, "1_a.sql", "SELECT 1; SELECT 2", "2_b.sql", "SELECT 3"), "1.0")
	require.NoError(t, err)
	for _, sql := range []string{
		"UPDATE tenantry.release_files SET name = 'x'",
		"DELETE FROM tenantry.release_files",
		"UPDATE tenantry.release_statements SET sql = 'x'",
		"DELETE FROM tenantry.release_statements",
		"TRUNCATE tenantry.release_statements",
		"DELETE FROM tenantry.releases",
		"TRUNCATE tenantry.releases CASCADE",
		"UPDATE tenantry.releases SET checksum = repeat('0', 64)",
		"UPDATE tenantry.releases SET name = '2.0'",
		"INSERT INTO tenantry.release_files SELECT release_id, 3, '3', name, true, checksum FROM tenantry.release_files WHERE position = 1",
		"INSERT INTO tenantry.release_statements SELECT release_id, 2, 2, line, sql, hash, kind FROM tenantry.release_statements WHERE file_position = 2",
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.ErrorContains(t, err, "SQLSTATE 55000", sql)
	}
	_, err = release.Load(t.Context(), conn, published.ID)
	require.NoError(t, err)

	exec(t, conn, "SET session_replication_role = replica")
	exec(t, conn, "UPDATE tenantry.release_statements SET sql = 'SELECT 4' WHERE file_position = 2")
	_, err = release.Load(t.Context(), conn, "1.0")
	require.ErrorContains(t, err, "statement 1 of 2_b.sql does not have the hash it was published with")
}

func TestPublishTakesTurns(t *testing.T) {
	t.Parallel()
	database := controlDatabase(t)
	results := make(chan error)
	for i := range 4 {
		conn := connect(t, database)
		rel := read(t, "1_a.sql", "SELECT 1", fmt.Sprintf("2_%d.sql", i), "SELECT 2")
		go func() {
			tx, err := conn.Begin(t.Context())
			if err == nil {
				_, err = release.Publish(t.Context(), tx, rel, fmt.Sprintf("1.%d", i), "")
			}
			if err == nil {
				err = tx.Commit(t.Context())
			} else {
				_ = tx.Rollback(t.Context())
			}
			results <- err
		}()
	}
	failures := 0
	for range 4 {
		if err := <-results; err != nil {
			require.ErrorIs(t, err, release.ErrNotExtended)
			failures++
		}
	}
	require.Equal(t, 3, failures, "exactly one of four that contradict each other is published")
}

func TestPublishMany(t *testing.T) {
	t.Parallel()
	conn := connect(t, controlDatabase(t))
	var files []string
	for i := range 200 {
		files = append(files, fmt.Sprintf("%d_file.sql", i+1), strings.Repeat("CREATE TABLE t (a int);\n", 25))
	}
	rel := read(t, files...)
	published, err := publish(t, conn, rel, "1.0")
	require.NoError(t, err)
	require.Equal(t, 5000, published.StatementCount)
	loaded, err := release.Load(t.Context(), conn, "1.0")
	require.NoError(t, err)
	require.Equal(t, rel.Files, loaded.Files)
}
