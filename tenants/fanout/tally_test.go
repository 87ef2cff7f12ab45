package fanout_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/tenants/fanout"
)

// tallied gives the value of a column of one tenant's rows; "NULL" is NULL.
func tallied(t *testing.T, kind fanout.Kind, oid uint32, values ...string) string {
	t.Helper()
	tally := fanout.NewTally(kind, "")
	for i, v := range values {
		id := fmt.Sprint(i % 3)
		value := []byte(v)
		if v == "NULL" {
			value = nil
		}
		require.NoError(t, tally.Take(fanout.Row{TenantID: id, Columns: []fanout.Column{{Name: "v", OID: oid}}, Values: [][]byte{value}}))
	}
	for i := range 3 {
		tally.Ended(fanout.Outcome{TenantID: fmt.Sprint(i), State: fanout.Answered})
	}
	text, ok := tally.Value()
	if !ok {
		return "none"
	}
	return text
}

func TestTally(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind   fanout.Kind
		oid    uint32
		values []string
		want   string
	}{
		{fanout.Sum, pgtype.Int8OID, []string{"9223372036854775807", "9223372036854775807", "NULL"}, "18446744073709551614"},
		{fanout.Sum, pgtype.NumericOID, []string{"0.1", "0.2", "-0.30", "1e-3"}, "0.001"},
		{fanout.Sum, pgtype.Float8OID, []string{"1e+300", "1", "-1e+300"}, "1"},
		{fanout.Sum, pgtype.Float8OID, []string{"1", "Infinity"}, "Infinity"},
		{fanout.Sum, pgtype.Float8OID, []string{"-Infinity", "Infinity"}, "NaN"},
		{fanout.Sum, pgtype.NumericOID, []string{"NaN", "1"}, "NaN"},
		{fanout.Sum, pgtype.Int4OID, []string{"NULL"}, "none"},
		{fanout.Sum, pgtype.Int4OID, nil, "none"},
		{fanout.Avg, pgtype.Int4OID, []string{"1", "2", "NULL"}, "1.5"},
		{fanout.Avg, pgtype.Int4OID, []string{"1", "0", "0"}, "0.3333333333333333"},
		{fanout.Min, pgtype.Int4OID, []string{"10", "9", "NULL", "-1"}, "-1"},
		{fanout.Max, pgtype.Int4OID, []string{"10", "9", "-1"}, "10"},
		{fanout.Max, pgtype.NumericOID, []string{"10", "NaN", "Infinity"}, "NaN"},
		{fanout.Min, pgtype.NumericOID, []string{"10", "-Infinity", "NaN"}, "-Infinity"},
		{fanout.Max, pgtype.TextOID, []string{"a", "b", "B"}, "b"},
		{fanout.Max, pgtype.TimestamptzOID, []string{"2026-01-02 03:04:05.5+00", "2026-01-02 03:04:05+00", "10000-01-01 00:00:00+00"}, "10000-01-01 00:00:00+00"},
		{fanout.Min, pgtype.TimestampOID, []string{"2026-01-02 03:04:05", "0044-03-15 12:00:00 BC"}, "0044-03-15 12:00:00 BC"},
		{fanout.Min, pgtype.DateOID, []string{"2026-01-02", "0044-03-15 BC", "infinity"}, "0044-03-15 BC"},
		{fanout.Max, pgtype.DateOID, []string{"2026-01-02", "infinity", "-infinity"}, "infinity"},
		{fanout.Min, pgtype.DateOID, []string{"2026-01-02", "infinity", "-infinity"}, "-infinity"},
	} {
		require.Equal(t, test.want, tallied(t, test.kind, test.oid, test.values...), "%s of %v", test.kind, test.values)
	}
}

// Rows of a tenant that fails half-way do not count, nor do they stand in the way.
func TestTallyCountsWhatIsComplete(t *testing.T) {
	t.Parallel()
	columns := []fanout.Column{{Name: "name", OID: pgtype.TextOID}, {Name: "n", OID: pgtype.Int8OID}}
	sum, top := fanout.NewTally(fanout.Sum, ""), fanout.NewTop(2, "")
	give := func(tenant, n string) {
		row := fanout.Row{TenantID: tenant, Tenant: tenant, Columns: columns, Values: [][]byte{[]byte("x"), []byte(n)}}
		require.NoError(t, sum.Take(row))
		require.NoError(t, top.Take(row))
	}
	end := func(tenant string, s fanout.State) {
		sum.Ended(fanout.Outcome{TenantID: tenant, State: s})
		top.Ended(fanout.Outcome{TenantID: tenant, State: s})
	}
	for i, n := range []string{"9", "10", "3", "100"} {
		give([]string{"a", "b", "a", "c"}[i], n)
	}
	give("d", "10")
	end("c", fanout.Failed)
	end("b", fanout.Answered)
	end("d", fanout.Answered)
	end("a", fanout.Answered)
	value, ok := sum.Value()
	require.True(t, ok)
	require.Equal(t, "32", value)
	require.Equal(t, "n", sum.Column())
	rows := top.Rows()
	require.Len(t, rows, 2)
	require.Equal(t, "b 10, d 10", fmt.Sprintf("%s %s, %s %s", rows[0].Tenant, rows[0].Values[1], rows[1].Tenant, rows[1].Values[1]))

	two := append(columns, fanout.Column{Name: "m", OID: pgtype.Int8OID})
	require.ErrorContains(t, fanout.NewTally(fanout.Sum, "").Take(fanout.Row{Columns: two}), "which column?")
	require.ErrorContains(t, fanout.NewTally(fanout.Sum, "name").Take(fanout.Row{Columns: two}), "no numbers")
	require.ErrorContains(t, fanout.NewTally(fanout.Max, "z").Take(fanout.Row{Columns: two}), `no column "z"`)
}

func TestCoverageIsOneLine(t *testing.T) {
	t.Parallel()
	var r fanout.Report
	for i := range 1000 {
		o := fanout.Outcome{Tenant: fmt.Sprintf("t%d", i), State: fanout.Answered}
		switch i {
		case 7, 9:
			o.State, o.Reason = fanout.Unreachable, "node n2: connection refused"
		case 8:
			o.State, o.Reason = fanout.Failed, "division by zero (22012)"
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	require.Equal(t, "997 of 1,000 tenants; 2 unreachable: t7, t9 (node n2: connection refused); 1 failed: t8 (division by zero (22012))", r.Coverage())
	require.False(t, r.Complete())
}
