package fingerprint_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/fingerprint"
)

// testTimeout bounds what tests wait for.
const testTimeout = 60 * time.Second

// server is the test's server with roles of the test's own.
type server struct {
	config *pgx.ConnConfig
	admin  *pgx.Conn
	prefix string
}

// roleWords are the roles of a server's databases, without the prefix.
var roleWords = []string{"owner", "app", "readonly"}

func newServer(t *testing.T) *server {
	t.Helper()
	url := os.Getenv("TEST_DATABASE_URL")
	require.NotEmpty(t, url, "TEST_DATABASE_URL: a PostgreSQL superuser's URL")
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	s := &server{config: config, prefix: "fp_" + strings.ToLower(rand.Text()[:12])}
	s.admin = s.connect(t, config.Database)
	for _, word := range roleWords {
		run(t, s.admin, "CREATE ROLE "+s.prefix+"_"+word)
	}
	t.Cleanup(func() {
		for _, word := range roleWords {
			_, err := s.admin.Exec(context.WithoutCancel(t.Context()), "DROP ROLE "+s.prefix+"_"+word)
			require.NoError(t, err)
		}
	})
	return s
}

func (s *server) connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	config := s.config.Copy()
	config.Database = database
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { hangUp(t, conn) })
	return conn
}

func hangUp(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
	defer cancel()
	require.NoError(t, conn.Close(ctx))
}

func run(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	require.NoError(t, err, sql)
}

// database is one of a server. It is dropped at the end of the test.
type database struct {
	server *server
	name   string
}

// create makes a database from a template and runs statements in it, in which {owner} and the like stand for roles. Whoever has a session in the template
// ends it first.
func (s *server) create(t testing.TB, template string, statements ...string) *database {
	t.Helper()
	db := &database{server: s, name: s.prefix + "_" + strings.ToLower(rand.Text()[:8])}
	admin := s.connect(t, s.config.Database)
	run(t, admin, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", db.name, template))
	t.Cleanup(func() {
		_, err := admin.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+db.name+" WITH (FORCE)")
		require.NoError(t, err)
	})
	db.run(t, statements...)
	return db
}

// run runs each statement by itself, in one session that is over when it returns.
func (db *database) run(t testing.TB, statements ...string) {
	t.Helper()
	config := db.server.config.Copy()
	config.Database = db.name
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer hangUp(t, conn)
	for _, sql := range statements {
		for _, word := range roleWords {
			sql = strings.ReplaceAll(sql, "{"+word+"}", db.server.prefix+"_"+word)
		}
		run(t, conn, sql)
	}
}

// read reads the fingerprint over a connection of its own.
func (db *database) read(t testing.TB) fingerprint.Schema {
	t.Helper()
	config := db.server.config.Copy()
	config.Database = db.name
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer hangUp(t, conn)
	schema, err := fingerprint.Read(t.Context(), conn, db.options())
	require.NoError(t, err)
	return schema
}

func (db *database) options() fingerprint.Options {
	roles := map[string]string{}
	for _, word := range roleWords {
		roles[db.server.prefix+"_"+word] = "{" + word + "}"
	}
	return fingerprint.Options{Roles: roles}
}

// restrict is what pg_dump writes with a new random key each time.
var restrict = regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`)

// dump is what pg_dump -s says, without what differs between any two databases.
func (db *database) dump(t testing.TB) string {
	t.Helper()
	config := db.server.config
	cmd := exec.CommandContext(t.Context(), "pg_dump", "-s", "-N", "_tenantry", "-N", "_tenantry_restored_*", db.name)
	cmd.Env = append(os.Environ(), "PGHOST="+config.Host, fmt.Sprintf("PGPORT=%d", config.Port), "PGUSER="+config.User, "PGPASSWORD="+config.Password)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	output, err := cmd.Output()
	require.NoError(t, err, problems.String())
	text := restrict.ReplaceAllString(string(output), "")
	return strings.ReplaceAll(text, db.server.prefix+"_", "role_")
}
