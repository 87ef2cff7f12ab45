package execute_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// none is what has no counterpart.
const none = "(none)"

// conversions are values of one type, and what they are in another: exactly, or nothing.
var conversions = []struct {
	from, to string
	values   map[string]string // as SQL texts
}{
	{`"type": "long_text"`, `"type": "integer"`, map[string]string{
		"7": "7", " -12 ": "-12", "+5": "5", "007": "7", "9223372036854775807": "9223372036854775807", "9223372036854775808": none, "1.0": none, "1e3": none, "": none,
		"x": none, "१२": none, "99999999999999999999999999999999": none, "1 2": none, "-": none, "0x10": none,
	}},
	{`"type": "long_text"`, `"type": "integer", "bits": 32`, map[string]string{"2147483647": "2147483647", "2147483648": none, "-2147483648": "-2147483648", "-2147483649": none}},
	{`"type": "long_text"`, `"type": "decimal", "precision": 6, "scale": 2`, map[string]string{
		"1": "1.00", "1.5": "1.50", "1.50": "1.50", "1.505": none, "9999.99": "9999.99", "10000": none, "-0.01": "-0.01", ".5": none, "5.": none, "1,5": none, "NaN": none, "Infinity": none,
		"0000000000001.10000000": "1.10",
	}},
	{`"type": "long_text"`, `"type": "money"`, map[string]string{"12.3456": "12.3456", "12.34567": none}},
	{`"type": "long_text"`, `"type": "boolean"`, map[string]string{"true": "true", "YES": "true", " on ": "true", "1": "true", "f": "false", "No": "false", "0": "false", "2": none, "": none, "ja": none}},
	{`"type": "long_text"`, `"type": "date"`, map[string]string{
		"2026-11-27": "2026-11-27", " 2024-02-29 ": "2024-02-29", "2026-02-29": none, "1900-02-29": none, "2000-02-29": "2000-02-29", "2026-04-31": none, "2026-13-01": none, "2026-00-10": none,
		"2026-01-00": none, "0000-01-01": none, "0001-01-01": "0001-01-01", "9999-12-31": "9999-12-31", "27.11.2026": none, "11/27/2026": none, "2026-1-5": none, "today": none, "infinity": none, "": none,
	}},
	{`"type": "long_text"`, `"type": "date_time"`, map[string]string{
		"2026-11-27T10:00:00Z": "2026-11-27 10:00:00", "2026-11-27 10:00": "2026-11-27 10:00:00", "2026-11-27": "2026-11-27 00:00:00", "2026-11-27T10:00:00.123456+05:45": "2026-11-27 04:15:00.123456",
		"2026-11-27T24:00:00Z": none, "2026-11-27T10:60:00Z": none, "2026-02-30T10:00:00Z": none, "2026-11-27T10:00:00+0530": "2026-11-27 04:30:00", "2026-11-27T10:00:00 CET": none, "now": none,
		"2026-11-27T10:00:00+15:00": none, "9999-12-31T23:59:59-14:00": "10000-01-01 13:59:59", "0001-01-01T00:00:00+14:00": "0001-12-31 10:00:00 BC",
	}},
	{`"type": "long_text"`, `"type": "time"`, map[string]string{"07:30": "07:30:00", "23:59:59.5": "23:59:59.5", "24:00": none, "7:30": none, "07:30Z": none}},
	{`"type": "long_text"`, `"type": "short_text", "max_length": 3`, map[string]string{"abc": "abc", "abcd": none, "äöü": "äöü", "": ""}},
	{`"type": "long_text"`, `"type": "email"`, map[string]string{"a@b": "a@b", "a b@c": none, "a@b@c": none}},
	{`"type": "long_text"`, `"type": "select", "options": [{"key": "x"}, {"key": "y"}]`, map[string]string{"x": "x", "z": none, "X": none, "": none}},
	{`"type": "integer"`, `"type": "integer", "bits": 32`, map[string]string{"2147483647": "2147483647", "2147483648": none}},
	{`"type": "integer", "bits": 32`, `"type": "integer"`, map[string]string{"-2147483648": "-2147483648"}},
	{`"type": "integer"`, `"type": "decimal", "precision": 5, "scale": 2`, map[string]string{"999": "999.00", "1000": none, "-999": "-999.00"}},
	{`"type": "integer"`, `"type": "long_text"`, map[string]string{"-5": "-5"}},
	{`"type": "integer"`, `"type": "boolean"`, map[string]string{"0": "false", "1": "true", "2": none}},
	{`"type": "boolean"`, `"type": "integer"`, map[string]string{"true": "1", "false": "0"}},
	{`"type": "boolean"`, `"type": "long_text"`, map[string]string{"true": "true", "false": "false"}},
	{`"type": "decimal", "precision": 10, "scale": 4`, `"type": "decimal", "precision": 6, "scale": 2`, map[string]string{"1.5000": "1.50", "1.5050": none, "9999.99": "9999.99", "10000": none, "NaN": none}},
	{`"type": "decimal", "precision": 10, "scale": 2`, `"type": "integer"`, map[string]string{"5.00": "5", "5.10": none}},
	{`"type": "decimal", "precision": 10, "scale": 2`, `"type": "long_text"`, map[string]string{"5.10": "5.10"}},
	{`"type": "date"`, `"type": "date_time"`, map[string]string{
		"2026-11-27": "2026-11-27 00:00:00", "infinity": "infinity", "-infinity": "-infinity", "294276-12-31": "294276-12-31 00:00:00", "294277-01-01": none, "0044-03-15 BC": "0044-03-15 00:00:00 BC",
	}},
	{`"type": "date"`, `"type": "long_text"`, map[string]string{
		"2026-11-27": "2026-11-27", "0001-01-01": "0001-01-01", "9999-12-31": "9999-12-31", "10000-01-01": none, "0044-03-15 BC": none, "infinity": none, "5874897-12-31": none,
	}},
	{`"type": "date_time"`, `"type": "date"`, map[string]string{"2026-11-27 23:30:00+00": "2026-11-27", "2026-11-28 00:30:00+05:45": "2026-11-27"}},
	{`"type": "date_time"`, `"type": "long_text"`, map[string]string{
		"2026-11-27 23:30:00+00": "2026-11-27T23:30:00.000000Z", "9999-12-31 23:59:59.999999+00": "9999-12-31T23:59:59.999999Z", "10000-01-01 00:00:00+00": none, "infinity": none, "0044-03-15 10:00:00+00 BC": none,
	}},
	{`"type": "time"`, `"type": "long_text"`, map[string]string{"07:30:00": "07:30:00"}},
	{`"type": "select", "options": [{"key": "x"}, {"key": "y"}]`, `"type": "multi_select", "options": [{"key": "x"}]`, map[string]string{"x": "{x}", "y": none}},
	{`"type": "multi_select", "options": [{"key": "x"}, {"key": "y"}]`, `"type": "select", "options": [{"key": "x"}, {"key": "y"}]`, map[string]string{"{x}": "x", "{x,y}": none, "{}": none}},
	{`"type": "multi_select", "options": [{"key": "x"}, {"key": "y"}]`, `"type": "long_text"`, map[string]string{"{x,y}": "x, y", "{}": ""}},
	{`"type": "json"`, `"type": "long_text"`, map[string]string{`{"a": 1}`: `{"a": 1}`}},
}

// TestConversions changes types of fields with values, on a database whose settings read dates and times another way: every value becomes
// what it should, by the conversion of rows and by the trigger, and is what it was when the type is changed back.
func TestConversions(t *testing.T) {
	t.Parallel()
	tn := newTenant(t)
	for _, setting := range []string{"datestyle = 'SQL, DMY'", "timezone = 'Asia/Kathmandu'", "intervalstyle = 'sql_standard'", "extra_float_digits = 0"} {
		run(t, tn.admin, "ALTER DATABASE "+tn.database+" SET "+setting)
	}
	app := tn.connect(t, tn.app)
	for i, c := range conversions {
		name := fmt.Sprintf("%s to %s", c.from, c.to)
		key := fmt.Sprintf("form%d", i)
		tn.apply(t, fmt.Sprintf(`{"op": "create_form", "form": %q}, {"op": "add_field", "form": %q, "field": "n", "type": "integer"}, {"op": "add_field", "form": %q, "field": "a", %s}`, key, key, key, c.from))
		table, was := tn.table(t, key), tn.column(t, key, "a")
		before := tn.registry(t).Form(key).Field("a")
		insert := fmt.Sprintf("INSERT INTO %s (%s, %s) VALUES ($1, $2::text::%s)", table, tn.column(t, key, "n"), was, before.Spec.ColumnType())
		values := make([]string, 0, len(c.values))
		for value := range c.values {
			values = append(values, value)
			_, err := app.Exec(t.Context(), "SET datestyle = 'ISO'; SET timezone = 'UTC'")
			require.NoError(t, err)
			_, err = app.Exec(t.Context(), insert, len(values)-1, value)
			require.NoError(t, err, "%s: %s", name, value)
		}
		_, err := app.Exec(t.Context(), "SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Kathmandu'")
		require.NoError(t, err)
		tn.apply(t, fmt.Sprintf(`{"op": "change_type", "form": %q, "field": "a", %s, "on_error": "empty"}`, key, c.to))
		now := tn.registry(t).Form(key).Field("a")
		look := func(what, column string, n int) string {
			conn := tn.admin
			_, err := conn.Exec(t.Context(), "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'")
			require.NoError(t, err)
			var got *string
			sql := fmt.Sprintf("SELECT (%s)::text FROM %s WHERE %s = $1 ORDER BY id DESC LIMIT 1", column, table, tn.column(t, key, "n"))
			require.NoError(t, conn.QueryRow(t.Context(), sql, n).Scan(&got), what)
			if got == nil {
				return none
			}
			return *got
		}
		shown := now.Column
		if now.Spec.ColumnType() == "timestamp with time zone" {
			shown += " AT TIME ZONE 'UTC'"
		}
		for n, value := range values {
			require.Equal(t, c.values[value], look(name, shown, n), "%s: %q", name, value)
		}
		if now.Column == was {
			continue // another check on the same column
		}
		// Who still writes the old column is understood.
		for n, value := range values {
			_, err := app.Exec(t.Context(), insert, 1000+n, value)
			if before.Spec.ColumnType() != "timestamp with time zone" && before.Spec.ColumnType() != "date" { // those are read by the session's settings
				require.NoError(t, err, "%s: %s", name, value)
				require.Equal(t, c.values[value], look(name, shown, 1000+n), "%s, by the trigger: %q", name, value)
			}
		}
		tn.apply(t, fmt.Sprintf(`{"op": "purge", "form": %q, "field": "a", "early": true}`, key))
	}
}
