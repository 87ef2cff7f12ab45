package lint_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/lint"
	"github.com/avenit/tenantry/migrations/release"
)

// testTimeout bounds what tests wait for.
const testTimeout = 60 * time.Second

// world is the schema, with rows, that the statements of the tests are run against.
const world = `
CREATE FUNCTION wild_value() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION steady_value() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN plain_text AS text;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE SEQUENCE tickets;

CREATE TABLE customers (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name    text,
  email   varchar(100),
  code    char(5),
  score   numeric(10,2),
  age     int,
  born    timestamp(3),
  seen    timestamptz,
  data    json,
  tags    varchar(20)[],
  host    cidr,
  feeling mood,
  count   positive,
  extra   int,
  size    int CHECK (size < 1000),
  label   varchar(10) CHECK (label <> ''),
  title   varchar(20),
  serial_no serial
);
CREATE INDEX customers_name ON customers (name);
CREATE INDEX customers_title_lower ON customers (lower(title));
CREATE INDEX customers_email ON customers (email);
CREATE UNIQUE INDEX customers_extra ON customers (extra);
CREATE TABLE invoices (
  id          bigint PRIMARY KEY,
  customer_id bigint REFERENCES customers,
  number      int,
  parent_id   bigint,
  total       numeric,
  ref         varchar(20)
);
CREATE TABLE items (id bigint NOT NULL, invoice_id bigint, name text);
CREATE TABLE empty (id bigint NOT NULL, name text, during int4range);
CREATE TABLE codes (code varchar(10) PRIMARY KEY);
CREATE TABLE coded (code varchar(10) REFERENCES codes);
CREATE TABLE events (at date NOT NULL, kind int, note text) PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE events_next (LIKE events);
CREATE VIEW good_customers AS SELECT id, name FROM customers WHERE score > 5;
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) AS total FROM invoices GROUP BY customer_id;
CREATE UNIQUE INDEX totals_customer ON totals (customer_id);

INSERT INTO customers (name, age, count, extra, size, label) SELECT 'c' || i, i, i, i, i, 'x' FROM generate_series(1, 100) i;
INSERT INTO invoices SELECT i, i, i, i, i, 'r' FROM generate_series(1, 100) i;
INSERT INTO items SELECT i, i, 'n' FROM generate_series(1, 100) i;
INSERT INTO events SELECT '2020-06-01', 1, 'n' FROM generate_series(1, 10);
INSERT INTO events SELECT '2021-06-01', 1, 'n' FROM generate_series(1, 10);
`

// folder reads files given as name, content, name, content, …
func folder(t testing.TB, pairs ...string) *release.Release {
	t.Helper()
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	rel, err := release.Read(fsys, release.Options{Format: release.Plain})
	require.NoError(t, err)
	return rel
}

// lintOn lints a file against the world and what was set up after it.
func lintOn(t testing.TB, setup, sql string) *lint.Report {
	t.Helper()
	files := []string{"1_world.sql", world}
	if setup != "" {
		files = append(files, "2_setup.sql", setup)
	}
	known := len(files) / 2
	report, err := lint.After(folder(t, append(files, "3_new.sql", sql)...), known, nil)
	require.NoError(t, err)
	return report
}

// server connects to a database of the server, "" for the one in the URL.
func server(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	url := os.Getenv("TEST_DATABASE_URL")
	require.NotEmpty(t, url, "TEST_DATABASE_URL: a PostgreSQL superuser's URL")
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	if database != "" {
		config.Database = database
	}
	config.RuntimeParams["timezone"] = "Europe/Berlin" // not UTC, where timestamp and timestamptz are the same bytes
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
		defer cancel()
		require.NoError(t, conn.Close(ctx))
	})
	return conn
}

// newWorld makes a database with the world in it, dropped at the end.
func newWorld(t testing.TB, setup string) string {
	t.Helper()
	database := "tenantry_test_" + strings.ToLower(rand.Text()[:16])
	admin := server(t, "")
	_, err := admin.Exec(t.Context(), "CREATE DATABASE "+pgx.Identifier{database}.Sanitize()+" STRATEGY file_copy")
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testTimeout)
		defer cancel()
		_, err := admin.Exec(ctx, "DROP DATABASE "+pgx.Identifier{database}.Sanitize()+" WITH (FORCE)")
		require.NoError(t, err)
	})
	conn := server(t, database)
	for _, sql := range []string{world, setup} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	return database
}
