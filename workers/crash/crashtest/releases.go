package crashtest

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// The releases after the sample's.
const (
	NextRelease    = "sample-2" // adds to the sample
	RenamedRelease = "sample-3" // the same under another name
)

// nextFiles pass every kind of step: files in a transaction, statements alone that make and drop something, an ordinary statement
// among those.
var nextFiles = map[string]string{
	"00005_vat.sql": `-- +goose Up
ALTER TABLE invoices ADD COLUMN vat numeric(5,2) NOT NULL DEFAULT 0;
ALTER TABLE customers ADD COLUMN country text;
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint REFERENCES customers, body text NOT NULL);
`,
	"00006_countries.sql": `-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY customers_country ON customers (country);
CREATE UNIQUE INDEX CONCURRENTLY notes_body ON notes (customer_id, body);
INSERT INTO notes (body) VALUES ('once');
DROP INDEX CONCURRENTLY orders_ordered;
`,
	"00007_status.sql": `-- +goose Up
ALTER TABLE notes ADD COLUMN pinned boolean NOT NULL DEFAULT false;
UPDATE notes SET pinned = NOT pinned;
`,
}

// PublishNext adds the later releases to a fleet's control database. New tenants keep getting the first.
func PublishNext(t testing.TB, f *fleettest.Fleet) {
	t.Helper()
	folder := NextFolder(t)
	Publish(t, f, NextRelease, folder, workers.KeepCurrent)
	Publish(t, f, RenamedRelease, folder, workers.KeepCurrent)
}

// Sample is the sample product's folder with more files.
func Sample(t testing.TB, more map[string]string) fstest.MapFS {
	t.Helper()
	folder := fstest.MapFS{}
	base, err := fs.Sub(migrations.Sample, "tenant")
	require.NoError(t, err)
	names, err := fs.Glob(base, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		body, err := fs.ReadFile(base, name)
		require.NoError(t, err)
		folder[name] = &fstest.MapFile{Data: body}
	}
	for name, body := range more {
		folder[name] = &fstest.MapFile{Data: []byte(body)}
	}
	return folder
}

// Publish publishes a folder.
func Publish(t testing.TB, f *fleettest.Fleet, name string, folder fs.FS, currency workers.Currency) {
	t.Helper()
	_, err := workers.PublishRelease(t.Context(), f.Pool, folder, name, "test", currency)
	require.NoError(t, err)
}

// NextFolder is what [NextRelease] is published from.
func NextFolder(t testing.TB) fstest.MapFS {
	t.Helper()
	return Sample(t, nextFiles)
}

// Boundaries counts what takes effect by itself of what the next release has more than the sample: files and statements in a transaction, and
// statements outside of any. It goes by the words, since parsing takes half a minute with the race detector.
func Boundaries() (together, alone int) {
	for _, body := range nextFiles {
		if !strings.Contains(body, "NO TRANSACTION") {
			together++
			continue
		}
		statements := strings.Count(body, ";\n")
		concurrently := strings.Count(body, "CONCURRENTLY")
		together += statements - concurrently
		alone += concurrently
	}
	return together, alone
}
