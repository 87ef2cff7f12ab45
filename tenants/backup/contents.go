package backup

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/archive"
)

// Contents are what a backup holds, for comparing it with what was restored.
type Contents struct {
	Format int            `json:"format"`
	Locale tenants.Locale `json:"locale"`
	Tables []Table        `json:"tables"`
	// LargeObjects are all of them together.
	LargeObjects archive.Sum `json:"large_objects"`
	// Sequences as they are in the dump.
	Sequences []Sequence `json:"sequences"`
	// Schema is what the database held besides its rows, as pg_dump writes it.
	Schema []Thing `json:"schema"`
	// Settings are what the database itself sets, such as search_path=….
	Settings []string `json:"settings"`
}

// Thing is one thing of a schema, as pg_dump writes it. The name of the database, which its roles begin with, is replaced by {database}.
type Thing struct {
	Kind       string `json:"kind"` // pg_dump's word, such as TABLE
	Schema     string `json:"schema,omitempty"`
	Name       string `json:"name"`
	Owner      string `json:"owner,omitempty"`
	Definition string `json:"definition"`
}

// notOfSchema are the kinds of entries that say nothing of a schema: rows, what is compared otherwise, what is of the session, what is the control plane's,
// and publications and labels, which are not restored.
var notOfSchema = map[string]bool{
	kindTableData: true, kindSequenceSet: true, "BLOB": true, "BLOBS": true, "BLOB METADATA": true, "BLOB COMMENTS": true, "MATERIALIZED VIEW DATA": true, "STATISTICS DATA": true,
	"ENCODING": true, "STDSTRINGS": true, "SEARCHPATH": true, "DATABASE": true, "DATABASE PROPERTIES": true,
	"PUBLICATION": true, "PUBLICATION TABLE": true, "PUBLICATION TABLES IN SCHEMA": true, "SUBSCRIPTION": true, "SUBSCRIPTION TABLE": true, "SECURITY LABEL": true,
}

// ofDatabase begins the names of entries of the kinds ACL and COMMENT that are about the database itself.
const ofDatabase = "DATABASE "

// schemaOf reads the schema out of a table of contents.
func schemaOf(toc archive.TOC, database string) []Thing {
	var list []Thing
	for _, e := range toc.Entries {
		if notOfSchema[e.Kind] || strings.HasPrefix(e.Name, ofDatabase) || strings.HasPrefix(e.Name, "LARGE OBJECT") {
			continue
		}
		list = append(list, Thing{
			Kind: e.Kind, Schema: e.Namespace, Name: e.Name, Owner: unnamed(e.Owner, database), Definition: unnamed(e.Definition, database),
		})
	}
	return list
}

// unnamed replaces the name of a database, of which it is a part by no accident: it has 88 random bits.
func unnamed(text, database string) string { return strings.ReplaceAll(text, database, "{database}") }

// Table is a table's rows.
type Table struct {
	Schema string `json:"schema"`
	Table  string `json:"table"`
	Copy   string `json:"copy"` // the statement that writes its rows: COPY public.t (a, b) TO STDOUT
	archive.Sum
}

func (t Table) name() tableName { return tableName{t.Schema, t.Table} }

// tableName is a table's name, unquoted.
type tableName struct{ schema, table string }

func (n tableName) String() string { return tenants.Ident(n.schema) + "." + tenants.Ident(n.table) }

// Sequence is where a sequence stands.
type Sequence struct {
	Name  string `json:"name"` // qualified, as SQL has it
	Last  int64  `json:"last"`
	Begun bool   `json:"begun"` // the next value is the one after Last
}

const contentsFormat = 1

// contentsOf reads tables and sequences out of an archive.
func contentsOf(toc archive.TOC, data archive.Contents) (tables []Table, sequences []Sequence, err error) {
	for _, e := range toc.Entries {
		switch e.Kind {
		case kindTableData:
			t, err := tableOf(e, data)
			if err != nil {
				return nil, nil, err
			}
			tables = append(tables, t)
		case kindSequenceSet:
			s, err := sequenceOf(e)
			if err != nil {
				return nil, nil, err
			}
			sequences = append(sequences, s)
		}
	}
	return tables, sequences, nil
}

const (
	kindTableData   = "TABLE DATA"
	kindSequenceSet = "SEQUENCE SET"
	copyBegin       = "COPY "
	copyEnd         = " FROM stdin;\n"
)

// tableOf makes the statement that writes rows of the one that loads them.
func tableOf(e archive.Entry, data archive.Contents) (Table, error) {
	what, begins := strings.CutPrefix(e.Copy, copyBegin)
	what, ends := strings.CutSuffix(what, copyEnd)
	if !begins || !ends {
		return Table{}, fmt.Errorf("%w: the rows of %s are loaded by %q", archive.ErrDamaged, e.Name, e.Copy)
	}
	return Table{Schema: e.Namespace, Table: e.Name, Copy: copyBegin + what + " TO STDOUT", Sum: data.Tables[e.ID]}, nil
}

var setval = regexp.MustCompile(`(?s)^SELECT pg_catalog\.setval\(E?'((?:[^']|'')*)', (-?\d+), (true|false)\);\n$`)

func sequenceOf(e archive.Entry) (Sequence, error) {
	m := setval.FindStringSubmatch(e.Definition)
	if m == nil {
		return Sequence{}, fmt.Errorf("%w: the sequence %s is set by %q", archive.ErrDamaged, e.Name, e.Definition)
	}
	last, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return Sequence{}, fmt.Errorf("%w: the sequence %s is set by %q", archive.ErrDamaged, e.Name, e.Definition)
	}
	name := strings.ReplaceAll(m[1], "''", "'")
	if strings.HasPrefix(e.Definition, "SELECT pg_catalog.setval(E'") {
		name = strings.ReplaceAll(name, `\\`, `\`)
	}
	return Sequence{Name: name, Last: last, Begun: m[3] == "true"}, nil
}

func (c Contents) rows() int64 {
	var n int64
	for _, t := range c.Tables {
		n += t.Rows
	}
	return n
}

func (c Contents) encode() ([]byte, error) {
	c.Format = contentsFormat
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode contents: %w", err)
	}
	return raw, nil
}
