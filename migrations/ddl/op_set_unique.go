package ddl

import (
	"fmt"
	"strings"
)

// SetUnique refuses a row that has the same values in these fields as another. Rows without a value are never alike.
type SetUnique struct {
	Form   string   `json:"form"`
	Fields []string `json:"fields"`
}

// Op is the operation's name.
func (*SetUnique) Op() string { return "set_unique" }

func (o *SetUnique) form() string { return o.Form }

func (o *SetUnique) check(c *checker) { checkIndexed(c, o.Form, o.Fields) }

func (o *SetUnique) plan(b *builder) {
	form, fields := b.indexed(o.Form, o.Fields, true)
	if form == nil {
		return
	}
	for _, field := range fields {
		if !b.claim(form.Key, field.Key, isLooked) {
			return
		}
	}
	b.probe(b.duplicates(form, fields))
	b.unique(form, fields)
	b.undoneBy(&DropUnique{Form: o.Form, Fields: o.Fields})
}

// duplicates looks for rows that are alike, and shows some of the values that they share.
func (b *builder) duplicates(form *Form, fields []*Field) Probe {
	columns := make([]string, len(fields))
	present := make([]string, len(fields))
	shows := make([]string, len(fields))
	for i, field := range fields {
		columns[i] = b.reads(field)
		present[i] = "(" + columns[i] + ") IS NOT NULL"
		shows[i] = "left((" + columns[i] + ")::text, 40)"
	}
	list := strings.Join(columns, ", ")
	return Probe{
		Field: "fields", Table: form.Table,
		SQL: fmt.Sprintf(`WITH alike AS (
  SELECT count(*) AS n, min(t.id) AS id, max(t.id) AS last, concat_ws(', ', %s) AS example
  FROM %s AS t
  WHERE %s
  GROUP BY %s
  HAVING count(*) > 1
)
SELECT coalesce(sum(n), 0)::bigint, (
  SELECT array_agg('id ' || e.id || ' and ' || e.last || CASE WHEN e.n > 2 THEN ' and ' || e.n - 2 || ' more' ELSE '' END || ': ' || e.example)
  FROM (SELECT * FROM alike ORDER BY n DESC, id LIMIT 5) AS e
)
FROM alike`, strings.Join(shows, ", "), data(form.Table), strings.Join(present, " AND "), list),
		Message: "%d rows have a value that another row has", Fix: "give them different values first",
	}
}
