package export

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/parquet-go/parquet-go"

	"github.com/avenit/tenantry/tenants"
)

const (
	// mostGroup is how many bytes of values a group of rows has. They are in memory until it is written.
	mostGroup = 32 << 20
	// mostGroupRows is how many rows a group has: NULL takes no bytes.
	mostGroupRows = 1 << 20
	// mostPage is how many bytes of a column are compressed at once.
	mostPage = 64 << 10
)

// parquetColumn is how a column is written.
type parquetColumn struct {
	node parquet.Node
	// value reads PostgreSQL's text of a value that is not NULL.
	value func(text []byte) (parquet.Value, error)
	// plain says which of the type's values have no place in node, as SQL of a name. A column that has any is one of texts; "" if it never is.
	plain string
}

// asText is a column of texts, which can be of any type.
var asText = parquetColumn{node: withBounds(parquet.String()), value: valueText}

// parquetColumnOf tells how a column is written.
func parquetColumnOf(c column) parquetColumn {
	const years = "%[1]s < '0001-01-01' OR %[1]s >= '10000-01-01'"
	switch c.Type {
	case pgtype.BoolOID:
		return parquetColumn{node: parquet.Leaf(parquet.BooleanType), value: valueBool}
	case pgtype.Int2OID:
		return parquetColumn{node: parquet.Int(16), value: valueInt32}
	case pgtype.Int4OID:
		return parquetColumn{node: parquet.Int(32), value: valueInt32}
	case pgtype.Int8OID:
		return parquetColumn{node: parquet.Int(64), value: valueInt64}
	case pgtype.Float4OID:
		return parquetColumn{node: parquet.Leaf(parquet.FloatType), value: valueFloat}
	case pgtype.Float8OID:
		return parquetColumn{node: parquet.Leaf(parquet.DoubleType), value: valueDouble}
	case pgtype.NumericOID:
		return parquetDecimal(c.Mod)
	case pgtype.DateOID:
		return parquetColumn{node: parquet.Date(), value: valueDate, plain: years}
	case pgtype.TimestampOID:
		return parquetColumn{node: parquet.TimestampAdjusted(parquet.Microsecond, false), value: valueTimestamp, plain: years}
	case pgtype.TimestamptzOID:
		return parquetColumn{node: parquet.TimestampAdjusted(parquet.Microsecond, true), value: valueTimestamp, plain: years}
	case pgtype.TimeOID:
		return parquetColumn{node: parquet.TimeAdjusted(parquet.Microsecond, false), value: valueTime, plain: "%[1]s = '24:00'"}
	case pgtype.UUIDOID:
		return parquetColumn{node: parquet.UUID(), value: valueUUID}
	case pgtype.ByteaOID:
		return parquetColumn{node: withBounds(parquet.Leaf(parquet.ByteArrayType)), value: valueBytea}
	case pgtype.JSONOID, pgtype.JSONBOID:
		return parquetColumn{node: withBounds(parquet.JSON()), value: valueText}
	}
	return asText
}

// parquetColumns tells how a table's columns are written. It asks the snapshot for values that a type of Parquet has no place for, which reads the table once.
func parquetColumns(ctx context.Context, conn *pgx.Conn, f File) ([]parquetColumn, error) {
	list := make([]parquetColumn, len(f.holds))
	var asked []int
	var sql []string
	for i, c := range f.holds {
		list[i] = parquetColumnOf(c)
		if list[i].plain != "" {
			asked = append(asked, i)
			sql = append(sql, "coalesce(bool_or("+fmt.Sprintf(list[i].plain, tenants.Ident(f.Columns[i]))+"), false)")
		}
	}
	if len(asked) == 0 {
		return list, nil
	}
	found := make([]bool, len(asked))
	into := make([]any, len(asked))
	for i := range found {
		into[i] = &found[i]
	}
	if err := conn.QueryRow(ctx, "SELECT "+strings.Join(sql, ", ")+" FROM ONLY "+f.name()).Scan(into...); err != nil {
		return nil, fmt.Errorf("look for values without a type in Parquet: %w", err)
	}
	for i, is := range found {
		if is {
			list[asked[i]] = asText
		}
	}
	return list, nil
}

// parquetRows writes rows as a file of Parquet. It takes what COPY writes, and is whole once it is closed.
type parquetRows struct {
	*copyRows

	out     *parquet.GenericWriter[any]
	names   []string
	columns []parquetColumn
	row     parquet.Row
	bytes   int // of the values in the group so far
	rows    int
}

func newParquetRows(w io.Writer, f File, columns []parquetColumn) *parquetRows {
	p := &parquetRows{names: f.Columns, columns: columns}
	p.out = parquet.NewGenericWriter[any](w, parquet.NewSchema("rows", parquetTable{p: p}), parquet.Compression(&parquet.Zstd), parquet.PageBufferSize(mostPage),
		parquet.DataPageStatistics(false), parquet.CreatedBy("Tenantry", "", ""))
	p.copyRows = newCopyRows(len(columns), p.write)
	return p
}

// write takes a row. Its errors name a column, and not what it holds.
func (p *parquetRows) write(values [][]byte) error {
	p.row = p.row[:0]
	for i, text := range values {
		if text == nil {
			p.row = append(p.row, parquet.NullValue().Level(0, 0, i))
			continue
		}
		value, err := p.columns[i].value(text)
		if err != nil {
			return fmt.Errorf("column %s: %w", p.names[i], err)
		}
		p.row = append(p.row, value.Level(0, 1, i))
		p.bytes += len(text)
	}
	if _, err := p.out.WriteRows([]parquet.Row{p.row}); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	p.rows++
	if p.bytes < mostGroup && p.rows < mostGroupRows {
		return nil
	}
	p.bytes, p.rows = 0, 0
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	return nil
}

// Close writes the file's end.
func (p *parquetRows) Close() error {
	if err := p.out.Close(); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	return nil
}

// parquetTable is the root of a schema, with the columns in the table's order: [parquet.Group] sorts them by name. Every column may be NULL.
type parquetTable struct {
	parquet.Group

	p *parquetRows
}

// Fields are the columns.
func (t parquetTable) Fields() []parquet.Field {
	fields := make([]parquet.Field, len(t.p.columns))
	for i, c := range t.p.columns {
		fields[i] = parquetField{parquet.Optional(c.node), t.p.names[i]}
	}
	return fields
}

// parquetField is a column of a schema.
type parquetField struct {
	parquet.Node

	name string
}

// Name is the column's.
func (f parquetField) Name() string { return f.name }

// Value is for rows that are values of Go's, which these are not.
func (f parquetField) Value(reflect.Value) reflect.Value { return reflect.Value{} }
