package apply_test

import (
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/migrations/release"
)

// gooseFixtures are folders that goose and we must make the same of.
var gooseFixtures = map[string]map[string]string{
	"no transaction": {
		"00001_base.sql": "-- +goose Up\nCREATE TABLE a (x int, y text);\nINSERT INTO a SELECT n, 'row ' || n FROM generate_series(1, 5) n;\n-- +goose Down\nDROP TABLE a;\n",
		"00002_alone.sql": `-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY a_x ON a (x);
CREATE UNIQUE INDEX CONCURRENTLY a_y ON a (y);
VACUUM ANALYZE a;
UPDATE a SET y = y || '!';
ALTER TABLE a ADD CONSTRAINT a_y UNIQUE USING INDEX a_y;
DROP INDEX CONCURRENTLY a_x;
REINDEX TABLE CONCURRENTLY a;
-- +goose Down
ALTER TABLE a DROP CONSTRAINT a_y;
`,
	},
	"statements": {
		"1_functions.sql": `-- +goose Up
/* A comment; with a semicolon. */
-- +goose StatementBegin
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $body$
BEGIN
  -- $$ is nothing here; nor is ' this.
  RETURN n * 2;
END
$body$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.note := 'it''s; noted' || twice(1);
  RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TABLE t (id int PRIMARY KEY, note text DEFAULT 'a;b');
CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noted();
INSERT INTO t VALUES (1), (2);
-- +goose StatementBegin
DO $do$ BEGIN EXECUTE 'CREATE VIEW shown AS SELECT id; '; EXCEPTION WHEN OTHERS THEN CREATE VIEW shown AS SELECT id, note FROM t; END $do$;
-- +goose StatementEnd
-- +goose Down
-- +goose StatementBegin
DROP FUNCTION twice; DROP FUNCTION noted;
-- +goose StatementEnd
`,
	},
	"history": {
		"20240101000000_people.sql":  "-- +goose Up\nCREATE TYPE mood AS ENUM ('sad', 'ok');\nCREATE TABLE people (id bigserial PRIMARY KEY, name varchar(20) NOT NULL, feels mood DEFAULT 'ok');\n",
		"20240102000000_mood.sql":    "-- +goose NO TRANSACTION\n-- +goose Up\nALTER TYPE mood ADD VALUE 'happy';\nINSERT INTO people (name, feels) VALUES ('Ada', 'happy');\n",
		"20240103000000_pets.sql":    "-- +goose Up\nCREATE TABLE pets (id bigint GENERATED ALWAYS AS IDENTITY, owner bigint REFERENCES people ON DELETE CASCADE, PRIMARY KEY (id));\nCOMMENT ON TABLE pets IS 'not people; mostly';\nGRANT SELECT ON pets TO PUBLIC;\n",
		"20240104000000_indexes.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY IF NOT EXISTS pets_owner ON pets (owner);\nCREATE INDEX CONCURRENTLY people_name ON people (lower(name)) WHERE feels <> 'sad';\n",
		"20240105000000_text.sql":    "-- +goose Up\nALTER TABLE people ALTER COLUMN name TYPE text;\nALTER TABLE pets ADD COLUMN name text NOT NULL DEFAULT 'Rex';\nALTER TABLE people RENAME TO humans;\n",
		"20240106000000_nothing.sql": "-- +goose Up\n-- +goose Down\n",
		"20240107000000_check.sql":   "-- +goose Up\nALTER TABLE humans ADD CONSTRAINT named CHECK (name <> '') NOT VALID;\n",
		"20240108000000_valid.sql":   "-- +goose NO TRANSACTION\n-- +goose Up\nALTER TABLE humans VALIDATE CONSTRAINT named;\nDROP INDEX CONCURRENTLY people_name;\n",
		"20240109000000_parts.sql":   "-- +goose Up\nCREATE SCHEMA log;\nCREATE TABLE log.lines (at date, line text) PARTITION BY RANGE (at);\nCREATE TABLE log.lines_2024 PARTITION OF log.lines FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');\nCREATE INDEX ON log.lines (at);\nCREATE MATERIALIZED VIEW log.days AS SELECT at, count(*) FROM log.lines GROUP BY at;\n",
	},
}

// TestGooseIsTheOracle: the same files through the real goose and through Apply make the same database, rows and all.
func TestGooseIsTheOracle(t *testing.T) {
	t.Parallel()
	goose := os.Getenv("TENANTRY_GOOSE")
	if goose == "" {
		t.Skip("TENANTRY_GOOSE names no goose program; make test has one")
	}
	folders := map[string]fstest.MapFS{"sample": {}}
	require.NoError(t, fs.WalkDir(migrations.Sample, "tenant", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(migrations.Sample, path)
		folders["sample"][filepath.Base(path)] = &fstest.MapFile{Data: body}
		return err
	}))
	for name, files := range gooseFixtures {
		folders[name] = fstest.MapFS{}
		for file, body := range files {
			folders[name][file] = &fstest.MapFile{Data: []byte(body)}
		}
	}
	for name, folder := range folders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rel, err := release.Read(folder, release.Options{})
			require.NoError(t, err)
			require.Equal(t, release.Goose, rel.Format)
			rel.Name, rel.ID = "1", "rel_1"
			ours, theirs := newTenant(t), newTenant(t)
			ours.mustApply(t, rel)
			theirs.goose(t, goose, folder)
			got, want := ours.dumped(t), theirs.dumped(t)
			require.Positive(t, strings.Count(want, "CREATE "))
			require.Equal(t, want, got)
		})
	}
}

// goose runs the real program as the owner.
func (tn *tenant) goose(t *testing.T, program string, folder fstest.MapFS) {
	t.Helper()
	dir := t.TempDir()
	for name, file := range folder {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), file.Data, 0o600))
	}
	u, err := url.Parse(os.Getenv("TEST_DATABASE_URL"))
	require.NoError(t, err)
	u.User, u.Path = url.UserPassword(tn.migrator, tn.password), "/"+tn.database
	u.RawQuery = url.Values{"sslmode": {"disable"}, "options": {"-crole=" + tn.owner}}.Encode()
	out, err := exec.CommandContext(t.Context(), program, "-dir", dir, "postgres", u.String(), "up").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// dumped is everything in the database but the two tools' own history, without what differs between any two.
func (tn *tenant) dumped(t *testing.T) string {
	t.Helper()
	config := serverConfig(t)
	dump := tn.client(t.Context(), t, "pg_dump", "", config.User, config.Password, "pg_dump", "--inserts", "-N", "_tenantry", "-T", "goose_db_version*")
	dump = strings.ReplaceAll(dump, tn.owner, "owner")
	dump = strings.ReplaceAll(dump, tn.migrator, "migrator")
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`).ReplaceAllString(dump, "")
}
