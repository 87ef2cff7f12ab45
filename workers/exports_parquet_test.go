package workers_test

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/export"
	"github.com/avenit/tenantry/workers/fleettest"
)

// parquetOf exports a tenant as Parquet and opens every table's file.
func parquetOf(t *testing.T, f *fleettest.Fleet, slug string) (map[string]*parquet.File, export.Manifest) {
	t.Helper()
	_, body := exportOf(t, f, slug, export.Parquet)
	m, err := export.Peek(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	files := filesOf(t, body)
	tables := map[string]*parquet.File{}
	for _, file := range m.Files {
		if file.Kind != export.Rows {
			continue
		}
		raw := files[file.Path]
		table, err := parquet.OpenFile(strings.NewReader(raw), int64(len(raw)))
		require.NoError(t, err, file.Path)
		tables[file.Table] = table
	}
	return tables, m
}

// rowsOf reads a file's rows.
func rowsOf(t *testing.T, file *parquet.File) []parquet.Row {
	t.Helper()
	var list []parquet.Row
	for _, group := range file.RowGroups() {
		in := group.Rows()
		buffer := make([]parquet.Row, 10)
		for {
			n, err := in.ReadRows(buffer)
			for _, row := range buffer[:n] {
				list = append(list, row.Clone())
			}
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
		}
		require.NoError(t, in.Close())
	}
	return list
}

// requireParquet looks that an export as Parquet has every table with all columns, in their order, and all rows.
func requireParquet(t *testing.T, f *fleettest.Fleet, slug string, rows map[string]int64) {
	t.Helper()
	tables, m := parquetOf(t, f, slug)
	for _, file := range m.Files {
		if file.Kind != export.Rows {
			continue
		}
		require.Equal(t, rows[file.Schema+"."+file.Table], file.Rows, file.Path)
		var names []string
		for _, field := range tables[file.Table].Schema().Fields() {
			names = append(names, field.Name())
		}
		require.Equal(t, file.Columns, names)
		if len(names) > 0 {
			require.Len(t, rowsOf(t, tables[file.Table]), int(file.Rows), file.Path)
		}
	}
}

// execOwner runs SQL as the owner of a tenant's database.
func execOwner(t *testing.T, f *fleettest.Fleet, slug, sql string) {
	t.Helper()
	_, err := f.Connect(t, slug, tenants.RoleMigrator).PgConn().Exec(t.Context(), "SET ROLE "+f.Tenant(t, slug).Database+"_owner;"+sql).ReadAll()
	require.NoError(t, err)
}

// TestExportParquet: types, values and NULL, and texts where a type of Parquet has no place for a value.
func TestExportParquet(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	execOwner(t, f, "acme", `
		CREATE DOMAIN cents AS numeric(12,2);
		CREATE TABLE typed (z boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n5 numeric(5,2), n12 cents, n38 numeric(38,10), n numeric, n39 numeric(39,1),
		  d date, ts timestamp(3), tz timestamptz, t time, u uuid, b bytea, j json, jb jsonb, s text, c char(3), a integer[], r int4range, iv interval);
		INSERT INTO typed VALUES (true, -32768, -2147483648, -9223372036854775808, 1.5, 'NaN', -999.99, 9999999999.99, -1234567890123456789012345678.0123456789, 'NaN', 1,
		  '1969-12-31', '1969-12-31 23:59:59.999', '2026-02-28 23:59:59.999999+05:30', '23:59:59.999999', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x00ff', '{"a": [1,
2]}', 'null', E'é\t', 'x', '{1,NULL}', '[1,2)', '1 day 02:00'),
		 (false, 0, 0, 0, '-Infinity', 5e-324, 0, -0.01, 1, 1e50, NULL, '0001-01-01', '9999-12-31 23:59:59.999', '0001-01-01 00:00+00', '00:00', NULL, '', NULL, '"x"', '', NULL, '{}', NULL, NULL);
		INSERT INTO typed DEFAULT VALUES;
		CREATE TABLE untyped (d date, ts timestamp, tz timestamptz, t time, n numeric(5,2), one date);
		INSERT INTO untyped VALUES ('infinity', '-infinity', '10000-01-01 00:00+00', '24:00', 'NaN', '2026-01-01'), ('2026-01-01', '2026-01-01', '2026-01-01 00:00+00', '00:01', 1, NULL);
		CREATE TABLE empty (z integer, a date);
		CREATE TABLE large AS SELECT i, repeat('x', 1 << 20) AS text FROM generate_series(1, 40) i;`)
	tables, _ := parquetOf(t, f, "acme")

	require.Equal(t, `message rows {
	optional boolean z;
	optional int32 i2 (INT(16,true));
	optional int32 i4 (INT(32,true));
	optional int64 i8 (INT(64,true));
	optional float f4;
	optional double f8;
	optional int32 n5 (DECIMAL(5,2));
	optional int64 n12 (DECIMAL(12,2));
	optional fixed_len_byte_array(16) n38 (DECIMAL(38,10));
	optional binary n (STRING);
	optional binary n39 (STRING);
	optional int32 d (DATE);
	optional int64 ts (TIMESTAMP(isAdjustedToUTC=false,unit=MICROS));
	optional int64 tz (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int64 t (TIME(isAdjustedToUTC=false,unit=MICROS));
	optional fixed_len_byte_array(16) u (UUID);
	optional binary b;
	optional binary j (JSON);
	optional binary jb (JSON);
	optional binary s (STRING);
	optional binary c (STRING);
	optional binary a (STRING);
	optional binary r (STRING);
	optional binary iv (STRING);
}`, tables["typed"].Schema().String())
	rows := rowsOf(t, tables["typed"])
	require.Len(t, rows, 3)
	const micros, day = 1_000_000, 24 * 60 * 60
	require.True(t, math.IsNaN(rows[0][5].Double()))
	rows[0][5] = parquet.DoubleValue(0).Level(0, 1, 5)
	text := parquet.ByteArrayValue
	requireValues(t, rows[0], []parquet.Value{
		parquet.BooleanValue(true), parquet.Int32Value(-32768), parquet.Int32Value(math.MinInt32), parquet.Int64Value(math.MinInt64), parquet.FloatValue(1.5), parquet.DoubleValue(0),
		parquet.Int32Value(-99999), parquet.Int64Value(999999999999),
		parquet.FixedLenByteArrayValue([]byte("\xf6\xb6\x4f\x09\x0f\xfd\xcc\xec\x3b\xb6\x6f\xb1\x33\x98\xba\xeb")), text([]byte("NaN")), text([]byte("1.0")),
		parquet.Int32Value(-1), parquet.Int64Value(-1000), parquet.Int64Value(1772303399*micros + 999999), parquet.Int64Value(day*micros - 1),
		parquet.FixedLenByteArrayValue([]byte("\xb0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11")), text([]byte("\x00\xff")), text([]byte("{\"a\": [1,\n2]}")), text([]byte("null")),
		text([]byte("é\t")), text([]byte("x  ")), text([]byte("{1,NULL}")), text([]byte("[1,2)")), text([]byte("1 day 02:00:00")),
	})
	null := parquet.NullValue()
	requireValues(t, rows[1], []parquet.Value{
		parquet.BooleanValue(false), parquet.Int32Value(0), parquet.Int32Value(0), parquet.Int64Value(0), parquet.FloatValue(float32(math.Inf(-1))), parquet.DoubleValue(5e-324),
		parquet.Int32Value(0), parquet.Int64Value(-1), parquet.FixedLenByteArrayValue([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x54\x0b\xe4\x00")), text([]byte("1" + strings.Repeat("0", 50))), null,
		parquet.Int32Value(-719162), parquet.Int64Value(253402300799*micros + 999000), parquet.Int64Value(-62135596800 * micros), parquet.Int64Value(0),
		null, text(nil), null, text([]byte(`"x"`)), text(nil), null, text([]byte("{}")), null, null,
	})
	for _, value := range rows[2] {
		require.True(t, value.IsNull())
	}

	require.Equal(t, `message rows {
	optional binary d (STRING);
	optional binary ts (STRING);
	optional binary tz (STRING);
	optional binary t (STRING);
	optional binary n (STRING);
	optional int32 one (DATE);
}`, tables["untyped"].Schema().String())
	var texts []string
	for _, row := range rowsOf(t, tables["untyped"]) {
		for _, value := range row[:5] {
			texts = append(texts, string(value.ByteArray()))
		}
	}
	require.Equal(t, []string{"infinity", "-infinity", "10000-01-01 00:00:00+00", "24:00:00", "NaN", "2026-01-01", "2026-01-01 00:00:00", "2026-01-01 00:00:00+00", "00:01:00", "1.00"}, texts)

	require.Zero(t, tables["empty"].NumRows())
	require.Len(t, tables["large"].RowGroups(), 2, "what is in memory at once has a limit")
	require.EqualValues(t, 40, tables["large"].NumRows())
	for _, group := range tables["large"].Metadata().RowGroups {
		bounds := group.Columns[1].MetaData.Statistics
		require.Equal(t, strings.Repeat("x", 64), string(bounds.MinValue))
		require.Equal(t, strings.Repeat("x", 63)+"y", string(bounds.MaxValue), "what is in memory until the end is short")
	}
}

// requireValues compares a row with values that have no levels.
func requireValues(t *testing.T, row parquet.Row, want []parquet.Value) {
	t.Helper()
	require.Len(t, row, len(want))
	for i, value := range row {
		require.Equal(t, want[i].IsNull(), value.IsNull(), "column %d", i)
		require.Equal(t, want[i].Kind(), value.Kind(), "column %d", i)
		require.True(t, parquet.Equal(want[i], value), "column %d: %+v instead of %+v", i, value, want[i])
	}
}

// TestImportRefusesParquet: it is for data tools, and says so.
func TestImportRefusesParquet(t *testing.T) {
	t.Parallel()
	f := backupFleet(t)
	_, body := exportOf(t, f, "acme", export.Parquet)
	require.Contains(t, filesOf(t, body)["README.txt"], "data/<schema>.<table>.parquet")
	op := f.Ends(t, f.Submit(t, jobs.Import{File: upload(t, f, body), To: "acme-2"}))
	require.Equal(t, jobs.StateFailed, op.State)
	require.Equal(t, "import_refused", op.Error.Code)
	require.Contains(t, op.Error.Message, "--format csv")
}
