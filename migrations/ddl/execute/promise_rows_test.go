package execute_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
)

// lookAtRows compares all rows with what they were, with what the application has written, and with what the change promises.
func (c *cell) lookAtRows(t *testing.T, template *template, after *ddl.Registry, made bool) {
	t.Helper()
	if gone := after.Form("gone"); gone != nil {
		column := gone.Field("a").Column
		if sum := sumsOf(t, c.tn.admin, c.tn.table(t, "gone"), []string{column}, 1<<30)[column]; sum != template.gone {
			c.broken(t, "values", "rows of the form that was dropped have changed")
		}
	}
	form, before := after.Form("p"), c.before.Form("p")
	if form == nil {
		return
	}
	table := c.tn.table(t, "p")
	present := one[[]string](t, c.tn.admin, "SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped", table)
	var compared []string
	if c.traffic != quiet {
		compared = append(compared, before.Field("note").Column)
	}
	if field := before.Field(c.field); field != nil && c.formKey() == "p" {
		compared = append(compared, field.Column)
	}
	var columns []string
	for _, column := range template.columns() {
		inGo := slices.Contains(compared, column) && (c.traffic != quiet || made)
		if slices.Contains(present, column) && !inGo {
			// A former column is in step with the one that the application writes.
			if turned := before.Field("turned"); c.field == "turned" && c.traffic != quiet && column == turned.Former[0].Column {
				continue
			}
			columns = append(columns, column)
		}
	}
	for column, sum := range sumsOf(t, c.tn.admin, table, columns, c.on.last()) {
		if sum != template.sums[column] {
			c.broken(t, "values", "column %s of rows that nobody touched has changed", column)
		}
	}
	count := one[int](t, c.tn.admin, fmt.Sprintf("SELECT count(*) FROM %s WHERE id <= %d", table, c.on.last()))
	if count != len(c.on.ids()) {
		c.broken(t, "values", "%d rows of %d are there", count, len(c.on.ids()))
	}
	c.lookAtValues(t, form, table, made, present)
}

// lookAtValues compares values, in Go: those that the change is about, and all that the application has written.
func (c *cell) lookAtValues(t *testing.T, form *ddl.Form, table string, made bool, present []string) {
	t.Helper()
	inserted := 0
	for _, w := range c.seen.rows {
		if w.of > 0 {
			inserted++
		}
	}
	for _, field := range form.Fields {
		if field.Spec.Type == ddl.ManyToMany || (c.formKey() != "p" && field.Key != "note") {
			continue
		}
		source, column := table, field.Column
		if field.Spec.Type == ddl.Formula {
			if form.Dropped != nil || field.Dropped != nil || field.Key != c.field {
				continue
			}
			source, column = "form_views."+pgx.Identifier{form.View}.Sanitize(), pgx.Identifier{field.Label}.Sanitize()
		} else if !slices.Contains(present, column) {
			c.broken(t, "values", "column %s of field %s is gone", column, field.Key)
			continue
		}
		from := c.on.last()
		if (field.Key == c.field && (made || c.traffic != quiet)) || (field.Key == "note" && c.traffic != quiet) {
			from = 0
		}
		c.compare(t, field.Key, fmt.Sprintf("SELECT id, %s::text FROM %s WHERE id > %d", column, source, from), made, from == 0, inserted)
	}
}

// compare reads one field of rows.
func (c *cell) compare(t *testing.T, key, query string, made, all bool, inserted int) {
	t.Helper()
	rows, err := c.tn.admin.Query(t.Context(), query, pgx.QueryExecModeExec)
	require.NoError(t, err)
	defer rows.Close()
	seen, wrong, example := 0, 0, ""
	for rows.Next() {
		var id int64
		var got *string
		require.NoError(t, rows.Scan(&id, &got))
		seen++
		get := c.expected(id)
		want := get(key)
		if made && key == c.field && c.after != nil {
			want = c.after(get)
		}
		isLater := made && key == c.field && c.later != nil && id > int64(c.on.last()) && alike(got, c.later)
		if !alike(got, want) && !isLater {
			if wrong++; wrong == 1 || id%1000 == 0 && len(example) < 200 {
				example += fmt.Sprintf(" row %d was %s, has %s and not %s;", id, shownText(get(key)), shownText(got), shownText(want))
			}
		}
	}
	require.NoError(t, rows.Err())
	if wrong > 0 {
		c.broken(t, "values", "field %s is wrong in %d rows:%s", key, wrong, example)
	}
	if all {
		inserted += len(c.on.ids())
	}
	if seen != inserted {
		c.broken(t, "lost", "%d rows are there and not %d", seen, inserted)
	}
}

// expected is the row as the application has left it, without what the change makes of it.
func (c *cell) expected(id int64) row {
	written := c.seen.rows[id]
	return func(key string) *string {
		if written != nil {
			if value, is := written.values[key]; is {
				return value
			}
			if written.of > 0 {
				return nil
			}
		}
		if id > int64(c.on.last()) {
			return nil
		}
		return c.on.row(int(id))(key)
	}
}

func alike(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

func shownText(value *string) string {
	if value == nil {
		return none
	}
	return strconv.Quote(*value)
}
