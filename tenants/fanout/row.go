package fanout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Column is a column of the answer.
type Column struct {
	Name string
	// OID is the column's type in pg_type. Those from 16384 on are a database's own, and differ from tenant to tenant.
	OID uint32
}

// firstOwnOID is the first type that a database can have made itself.
const firstOwnOID = 16384

// Type names the column's type as PostgreSQL does, such as int8; "" for one of the database's own.
func (c Column) Type() string {
	if c.OID >= firstOwnOID {
		return ""
	}
	if t, ok := types.TypeForOID(c.OID); ok {
		return t.Name
	}
	return ""
}

// types is only looked into. What is registered in it never changes.
var types = pgtype.NewMap()

// plainTypes mean the same in every database, and reading one of their values looks nothing up. All others are text in the table.
var plainTypes = []string{
	"bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar", "date", "time", "timetz", "timestamp", "timestamptz",
	"interval", "uuid", "json", "jsonb", "bytea", "inet", "cidr", "macaddr",
}

// Stored is the type, as SQL has it, of a column in another database that holds the values of this one: pg_catalog.text for a type that a database has made
// itself, and for the few of PostgreSQL's own whose values mean something in one database only.
func (c Column) Stored() string {
	name := c.Type()
	if slices.Contains(plainTypes, strings.TrimPrefix(name, "_")) {
		return "pg_catalog." + name
	}
	return "pg_catalog.text"
}

// Literal says that a value's text is one of JSON, except for true and false, which are t and f, and for numbers that are none or infinite.
func (c Column) Literal() bool {
	return isNumber(c.OID) || c.OID == pgtype.BoolOID || c.OID == pgtype.JSONOID || c.OID == pgtype.JSONBOID
}

func (c Column) String() string {
	name := c.Type()
	switch {
	case name != "":
	case c.OID >= firstOwnOID:
		name = "a type of its own"
	default:
		name = fmt.Sprintf("type %d", c.OID)
	}
	return c.Name + " " + name
}

// Same says whether two columns can stand in one table. Types that two databases have made themselves have numbers of their own.
func (c Column) Same(other Column) bool {
	return c.Name == other.Name && (c.OID == other.OID || (c.OID >= firstOwnOID && other.OID >= firstOwnOID))
}

// ColumnsOf gives the columns that a server describes.
func ColumnsOf(fields []pgconn.FieldDescription) []Column {
	columns := make([]Column, len(fields))
	for i, f := range fields {
		columns[i] = Column{Name: f.Name, OID: f.DataTypeOID}
	}
	return columns
}

func sameColumns(a, b []Column) bool { return slices.EqualFunc(a, b, Column.Same) }

func columnText(columns []Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.String()
	}
	return strings.Join(list, ", ")
}

// Row is one row of one tenant. It, and what it holds, is only good until the function that got it returns.
type Row struct {
	TenantID string
	Tenant   string // its slug
	// Columns are the same for every row of a query.
	Columns []Column
	// Values as PostgreSQL writes them as text, times in UTC; nil is NULL.
	Values [][]byte

	types *pgtype.Map
}

// Text gives a value as text, "" for NULL.
func (r Row) Text(column int) string { return string(r.Values[column]) }

// Scan reads the values into variables, as pgx's Scan does for the types that PostgreSQL has by itself.
func (r Row) Scan(into ...any) error {
	if len(into) != len(r.Values) {
		return fmt.Errorf("scan row of tenant %s: %d variables for %d columns", r.Tenant, len(into), len(r.Values))
	}
	for i, value := range r.Values {
		if err := r.types.Scan(r.Columns[i].OID, pgtype.TextFormatCode, value, into[i]); err != nil {
			return fmt.Errorf("scan column %s of tenant %s: %w", r.Columns[i].Name, r.Tenant, err)
		}
	}
	return nil
}
