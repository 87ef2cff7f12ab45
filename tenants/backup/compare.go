package backup

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/archive"
)

// Difference is what a database does not have in common with a backup.
type Difference struct {
	What string `json:"what"` // such as "rows of public.customers"
	Want string `json:"want"`
	Got  string `json:"got"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s instead of %s", d.What, d.Got, d.Want)
}

// mostDifferences is how many are told of one comparison.
const mostDifferences = 50

// sameTextSQL makes a session write values as pg_dump's does. See setup_connection in PostgreSQL's src/bin/pg_dump/pg_dump.c, and clientOptions.
const sameTextSQL = `
SET client_encoding = 'UTF8';
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';
SET extra_float_digits = 3;
SET synchronize_seqscans = off;
SET TimeZone = 'UTC';
SET bytea_output = 'hex';
SET statement_timeout = 0;
SET lock_timeout = 0;
SET row_security = off;
SET search_path = pg_catalog;
SET ROLE `

// Compare looks whether a database is what a backup holds: its schema, and of every table the rows, of every sequence where it stands, of every large object
// what is in it. Nobody may be changing it meanwhile.
func Compare(ctx context.Context, conn *pgx.Conn, owner string, read SchemaReader, want Contents, progress func(done, total int64)) ([]Difference, error) {
	if _, err := conn.PgConn().Exec(ctx, sameTextSQL+tenants.Ident(owner)).ReadAll(); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	schema, err := read(ctx, conn)
	if err != nil {
		return nil, err
	}
	found := compareSchemas(want.Schema, schema)
	rows, err := compareTables(ctx, conn, want.Tables, progress)
	if err != nil {
		return nil, err
	}
	found = append(found, rows...)
	sequences, err := compareSequences(ctx, conn, want.Sequences)
	if err != nil {
		return nil, err
	}
	found = append(found, sequences...)
	objects, err := sumLargeObjects(ctx, conn)
	if err != nil {
		return nil, err
	}
	if objects != want.LargeObj {
		found = append(found, Difference{What: "large objects", Want: sumText(want.LargeObj), Got: sumText(objects)})
	}
	return found[:min(len(found), mostDifferences)], nil
}

func compareSchemas(want, got []Thing) []Difference {
	type key struct{ kind, name string }
	rest := make(map[key]Thing, len(got))
	for _, o := range got {
		rest[key{o.Kind, o.Name}] = o
	}
	var found []Difference
	for _, w := range want {
		g, there := rest[key{w.Kind, w.Name}]
		delete(rest, key{w.Kind, w.Name})
		if (!there || g != w) && !notRestored(w.Kind) {
			found = append(found, Difference{What: w.Kind + " " + w.Name, Want: w.text(), Got: g.text()})
		}
	}
	for _, g := range got {
		if _, extra := rest[key{g.Kind, g.Name}]; extra {
			found = append(found, Difference{What: g.Kind + " " + g.Name, Want: Thing{}.text(), Got: g.text()})
		}
	}
	return found
}

// notRestored says of which kinds of objects a restore makes none: publications send what happens here to another server, which follows the database that
// was, not this one.
func notRestored(kind string) bool { return strings.HasPrefix(kind, "publication") }

// text is an object's definition on one line; the zero value is nothing.
func (o Thing) text() string {
	switch {
	case o.Kind == "":
		return "nothing"
	case o.Flaw != "":
		return strings.ReplaceAll(o.Definition, "\n", ", ") + ", " + o.Flaw
	default:
		return strings.ReplaceAll(o.Definition, "\n", ", ")
	}
}

func sumText(s archive.Sum) string {
	return fmt.Sprintf("%d rows of %d bytes that add up to %016x", s.Rows, s.Bytes, uint64(s.Hash))
}

func compareTables(ctx context.Context, conn *pgx.Conn, tables []Table, progress func(done, total int64)) ([]Difference, error) {
	var found []Difference
	var done, total int64
	for _, t := range tables {
		total += t.Bytes
	}
	for _, t := range tables {
		var lines archive.Lines
		if _, err := conn.PgConn().CopyTo(ctx, &lines, t.Copy); err != nil {
			return nil, fmt.Errorf("compare rows of %s: %w", t.name(), err)
		}
		if lines.Sum != t.Sum {
			found = append(found, Difference{What: "rows of " + t.name().String(), Want: sumText(t.Sum), Got: sumText(lines.Sum)})
		}
		done += t.Bytes
		if progress != nil {
			progress(done, total)
		}
	}
	return found, nil
}

func compareSequences(ctx context.Context, conn *pgx.Conn, want []Sequence) ([]Difference, error) {
	var found []Difference
	for len(want) > 0 {
		now := want[:min(counted, len(want))]
		want = want[len(now):]
		batch := &pgx.Batch{}
		for _, w := range now {
			batch.Queue("SELECT last_value, is_called FROM " + w.Name).QueryRow(func(row pgx.Row) error {
				got := Sequence{Name: w.Name}
				err := row.Scan(&got.Last, &got.Begun)
				if err == nil && got != w {
					found = append(found, Difference{What: "sequence " + w.Name, Want: w.text(), Got: got.text()})
				}
				return err //nolint:wrapcheck // wrapped below
			})
		}
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			return nil, fmt.Errorf("compare sequences: %w", err)
		}
	}
	return found, nil
}

func (s Sequence) text() string {
	if s.Begun {
		return fmt.Sprintf("%d, which is taken", s.Last)
	}
	return fmt.Sprintf("%d, which comes next", s.Last)
}

// sumLargeObjects adds up what is in the database's large objects.
func sumLargeObjects(ctx context.Context, conn *pgx.Conn) (archive.Sum, error) {
	var sum archive.Sum
	rows, err := conn.Query(ctx, `SELECT oid FROM pg_largeobject_metadata ORDER BY oid`)
	if err != nil {
		return sum, fmt.Errorf("list large objects: %w", err)
	}
	oids, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err != nil || len(oids) == 0 {
		return sum, wrap("list large objects", err)
	}
	tx, err := conn.Begin(ctx) // they are open within one only
	if err != nil {
		return sum, fmt.Errorf("read large objects: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	objects := tx.LargeObjects()
	for _, oid := range oids {
		o, err := objects.Open(ctx, oid, pgx.LargeObjectModeRead)
		if err != nil {
			return sum, fmt.Errorf("open large object %d: %w", oid, err)
		}
		object := archive.NewLargeObject(oid)
		if _, err := io.Copy(object, o); err != nil {
			return sum, fmt.Errorf("read large object %d: %w", oid, err)
		}
		object.AddTo(&sum)
		if err := o.Close(); err != nil {
			return sum, fmt.Errorf("close large object %d: %w", oid, err)
		}
	}
	return sum, nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
