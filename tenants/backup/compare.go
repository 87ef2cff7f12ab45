package backup

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants/backup/archive"
	"github.com/avenit/tenantry/tenants/backup/pgtools"
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

// Comparison is a database, and the backup that it should be what.
type Comparison struct {
	Tools    pgtools.Installed
	Manifest Manifest
	Contents Contents
	Server   int // as server_version_num
	Target   Target
	// Progress is told how many bytes of rows of how many are compared. It may be nil.
	Progress func(done, total int64)
}

// Run looks whether the database is what the backup holds: its schema, and of every table the rows, of every sequence where it stands, what is in the large
// objects. Nobody may be changing it meanwhile.
func (c Comparison) Run(ctx context.Context, conn *pgx.Conn) ([]Difference, error) {
	found, err := c.schemas(ctx)
	if err != nil {
		return nil, err
	}
	if err := WriteSameText(ctx, conn, c.Target.Owner); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	settings, err := compareSettings(ctx, conn, c.Contents.Settings)
	if err != nil {
		return nil, err
	}
	found = append(found, settings...)
	rows, err := compareTables(ctx, conn, c.Contents.Tables, c.Progress)
	if err != nil {
		return nil, err
	}
	found = append(found, rows...)
	sequences, err := compareSequences(ctx, conn, c.Contents.Sequences)
	if err != nil {
		return nil, err
	}
	found = append(found, sequences...)
	objects, err := sumLargeObjects(ctx, conn)
	if err != nil {
		return nil, err
	}
	if objects != c.Contents.LargeObjects {
		found = append(found, Difference{What: "large objects", Want: sumText(c.Contents.LargeObjects), Got: sumText(objects)})
	}
	return found[:min(len(found), mostDifferences)], nil
}

// schemas asks pg_dump what the database holds besides rows. A server or a pg_dump of another major version may write the same in other words: then what there is
// is compared, and not how it is defined.
func (c Comparison) schemas(ctx context.Context) ([]Difference, error) {
	tools, err := c.Tools.ForServer(c.Server/serverMajor, majorOf(c.Manifest.Client))
	if err != nil {
		return nil, err
	}
	var toc archive.TOC
	args := []string{"--format=custom", "--compress=0", "--encoding=UTF8", "--schema-only", leftOutSchemas, "--role=" + c.Target.Owner}
	err = c.Target.program(ctx, tools.Dump(), args, clientOptions, nil, func(r io.Reader) error {
		a, err := archive.Open(r)
		if err != nil {
			return err
		}
		toc = a.TOC
		_, err = io.Copy(io.Discard, r)
		return err //nolint:wrapcheck // the program's
	})
	if err != nil {
		return nil, fmt.Errorf("compare schema: %w", err)
	}
	words := c.Server/serverMajor == c.Manifest.Server/serverMajor && tools.Major == majorOf(c.Manifest.Client)
	return compareSchemas(c.Contents.Schema, schemaOf(toc, c.Target.Database), words), nil
}

// compareSchemas compares what there is, and where the same words are to be expected, those. Things that share kind and name are compared in their order.
func compareSchemas(want, got []Thing, words bool) []Difference {
	type key struct {
		kind, schema, name string
		nth                int
	}
	keyed := func(list []Thing) map[key]Thing {
		of := make(map[key]Thing, len(list))
		for _, t := range list {
			k := key{kind: t.Kind, schema: t.Schema, name: t.Name}
			for _, taken := of[k]; taken; _, taken = of[k] {
				k.nth++
			}
			of[k] = t
		}
		return of
	}
	wanted, rest := keyed(want), keyed(got)
	var found []Difference
	for k, w := range wanted {
		g, there := rest[k]
		delete(rest, k)
		if !there || (words && g != w) {
			found = append(found, Difference{What: w.what(), Want: w.text(), Got: g.text()})
		}
	}
	for _, g := range rest {
		found = append(found, Difference{What: g.what(), Want: Thing{}.text(), Got: g.text()})
	}
	slices.SortFunc(found, func(a, b Difference) int { return cmp.Compare(a.What, b.What) })
	return found
}

func (t Thing) what() string {
	return strings.TrimSpace(strings.ToLower(t.Kind) + " " + strings.TrimPrefix(t.Schema+"."+t.Name, "."))
}

// text is a thing on one line; the zero value is nothing.
func (t Thing) text() string {
	if t.Kind == "" {
		return "nothing"
	}
	return strings.Join(strings.Fields(t.Definition), " ") + " of " + t.Owner
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

// compareSequences looks where sequences stand, in one round trip for some hundred.
func compareSequences(ctx context.Context, conn *pgx.Conn, want []Sequence) ([]Difference, error) {
	var found []Difference
	for now := range slices.Chunk(want, counted) {
		sql := make([]string, len(now))
		for i, w := range now {
			sql[i] = "SELECT last_value, is_called FROM " + w.Name
		}
		results, err := conn.PgConn().Exec(ctx, strings.Join(sql, ";")).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("compare sequences: %w", err)
		}
		for i, w := range now {
			got := Sequence{Name: w.Name}
			row := results[i].Rows[0] // a sequence has one row
			if got.Last, err = strconv.ParseInt(string(row[0]), 10, 64); err != nil {
				return nil, fmt.Errorf("compare sequences: %s: %w", w.Name, err)
			}
			if got.Begun = string(row[1]) == "t"; got != w {
				found = append(found, Difference{What: "sequence " + w.Name, Want: w.text(), Got: got.text()})
			}
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
