package apply_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/release"
)

// historyTimeout bounds the reading, publishing and applying of one history.
const historyTimeout = 20 * time.Minute

// TestPublicHistory reads the folders that TENANTRY_TEST_HISTORIES names, separated as in PATH, publishes and applies
// each, and requires the schema that psql makes of the same files, one by one in the order of `sort`. It is skipped where
// the variable is not set. For a repository's folder, say
//
//	git archive HEAD:packages/prisma/migrations | tar x -C "$dir"
//	TENANTRY_TEST_HISTORIES=$dir go run ./cmd/testpg -- go test -v -count=1 -run TestPublicHistory ./migrations/apply
//
// TENANTRY_TEST_FORMAT reads them as one format, as --format does. psql, pg_dump and sort must be on the PATH.
func TestPublicHistory(t *testing.T) {
	t.Parallel()
	folders := filepath.SplitList(os.Getenv("TENANTRY_TEST_HISTORIES"))
	if len(folders) == 0 {
		t.Skip("TENANTRY_TEST_HISTORIES names no folder")
	}
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), historyTimeout)
			defer cancel()
			begun := time.Now()
			rel, err := release.Read(os.DirFS(dir), release.Options{Format: release.Format(os.Getenv("TENANTRY_TEST_FORMAT"))})
			require.NoError(t, err)
			t.Logf("%d files read as %s, %d statements, %s: %.1f s", len(rel.Files), rel.Format, rel.StatementCount(), modes(rel), time.Since(begun).Seconds())
			names := oracleOrder(t, dir)
			for i, file := range rel.Files {
				require.Equal(t, names[i], file.Name)
			}
			require.Len(t, rel.Files, len(names))

			begun = time.Now()
			rel = throughControl(ctx, t, rel)
			t.Logf("published and loaded: %.1f s", time.Since(begun).Seconds())

			begun = time.Now()
			theirs := newTenant(t)
			theirs.psql(ctx, t, dir, rel)
			t.Logf("run by psql: %.1f s", time.Since(begun).Seconds())

			ours := newTenant(t)
			for i, pending := range []int{rel.StatementCount(), 0} {
				conn := ours.connect(t)
				result, err := apply.Apply(ctx, conn, rel, apply.Options{OwnerRole: ours.owner, StatementTimeout: -1})
				hangUp(t, conn)
				require.NoError(t, err)
				require.Equal(t, pending, result.Applied)
				t.Logf("call %d applied %d statements: %.1f s", i+1, result.Applied, result.Duration.Seconds())
			}
			dump := ours.schema(ctx, t)
			require.Equal(t, theirs.schema(ctx, t), dump)
			t.Logf("the schemas are the same: %d lines of pg_dump -s", strings.Count(dump, "\n"))
		})
	}
}

// modes says how many files run outside of a transaction, and how many statements alone.
func modes(rel *release.Release) string {
	files, statements := 0, 0
	for _, file := range rel.Files {
		if !file.Transactional {
			files++
		}
		for _, statement := range file.Statements {
			if statement.Alone != nil {
				statements++
			}
		}
	}
	return fmt.Sprintf("%d files statement by statement, %d statements alone", files, statements)
}

// leftOut are the files that lead back.
var leftOut = regexp.MustCompile(`\.down\.sql$|(^|/)U[0-9][^/]*__[^/]*\.sql$`)

// oracleOrder lists a folder's migrations in an order that is not ours: that of sort -V, for which Flyway's underscores
// must be dots, or of sort where each migration has a sub-folder.
func oracleOrder(t *testing.T, dir string) []string {
	t.Helper()
	var keys []string
	names := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if !entry.IsDir() && path.Ext(name) == ".sql" && !leftOut.MatchString(name) {
			key := name
			if before, after, versioned := strings.Cut(path.Base(name), "__"); versioned && before[0] == 'V' {
				key = strings.ReplaceAll(before, "_", ".") + "!" + after
			}
			keys, names[key] = append(keys, key), name
		}
		return err
	}))
	cmd := exec.CommandContext(t.Context(), "sort", "-V")
	if path.Base(keys[0]) == "migration.sql" {
		cmd = exec.CommandContext(t.Context(), "sort", "-t", "/", "-k", "1,1")
	}
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = strings.NewReader(strings.Join(keys, "\n") + "\n")
	output, err := cmd.Output()
	require.NoError(t, err)
	sorted := strings.Split(strings.TrimSpace(string(output)), "\n")
	for i, key := range sorted {
		sorted[i] = names[key]
	}
	return sorted
}

// throughControl publishes the release into a control database of its own and loads it.
func throughControl(ctx context.Context, t *testing.T, rel *release.Release) *release.Release {
	t.Helper()
	control := newTenant(t)
	schema, err := os.ReadFile("../control/0001_releases.sql")
	require.NoError(t, err)
	run(t, control.admin, "CREATE SCHEMA tenantry;"+string(schema))
	require.NoError(t, pgx.BeginFunc(ctx, control.admin, func(tx pgx.Tx) error {
		_, err := release.Publish(ctx, tx, rel, "1.0", "test")
		return err
	}))
	loaded, err := release.Load(ctx, control.admin, "1.0")
	require.NoError(t, err)
	require.Equal(t, rel.Files, loaded.Files)
	return loaded
}

// psql runs the files as the owner, each in a session of its own. Drizzle's breakpoints end statements, and its files
// count on the transaction that Drizzle begins.
func (tn *tenant) psql(ctx context.Context, t *testing.T, dir string, rel *release.Release) {
	t.Helper()
	for _, file := range rel.Files {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file.Name)))
		require.NoError(t, err)
		sql := "SET ROLE " + tn.owner + ";\n" + strings.ReplaceAll(string(text), "--> statement-breakpoint", ";")
		args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1"}
		if rel.Format == release.Drizzle && file.Transactional {
			args = append(args, "--single-transaction")
		}
		tn.client(ctx, t, file.Name, sql, tn.migrator, tn.password, "psql", args...)
	}
}

// schema is what pg_dump says of the database, without what differs between any two.
func (tn *tenant) schema(ctx context.Context, t *testing.T) string {
	t.Helper()
	config := serverConfig(t)
	dump := tn.client(ctx, t, "pg_dump", "", config.User, config.Password, "pg_dump", "-s", "-N", "_tenantry")
	dump = strings.ReplaceAll(dump, tn.owner, "owner")
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`).ReplaceAllString(dump, "")
}

// client runs one of PostgreSQL's client programs against the database.
func (tn *tenant) client(ctx context.Context, t *testing.T, what, stdin, user, password, program string, args ...string) string {
	t.Helper()
	config := serverConfig(t)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "PGHOST="+config.Host, fmt.Sprintf("PGPORT=%d", config.Port), "PGDATABASE="+tn.database,
		"PGUSER="+user, "PGPASSWORD="+password, "PGOPTIONS=-c client_min_messages=error")
	cmd.Stdin = strings.NewReader(stdin)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	output, err := cmd.Output()
	require.NoError(t, err, "%s: %s", what, errors.String())
	return string(output)
}
