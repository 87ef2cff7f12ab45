package export

import (
	"io"
	"slices"
	"strings"

	"github.com/avenit/tenantry/tenants"
)

// copyOut is the statement that writes a table's rows. Generated columns are not among them: they are computed.
func copyOut(f File, format string) string {
	if format == NDJSON {
		// A name that no column has: a column's would be taken for the row.
		row := "r"
		for slices.Contains(f.Columns, row) {
			row += "r"
		}
		return "COPY (SELECT pg_catalog.row_to_json(" + row + ") FROM (SELECT " + columns(f.Columns) + " FROM ONLY " + f.name() + ") " + row + ") TO STDOUT"
	}
	return "COPY " + f.name() + columnList(f.Columns) + " TO STDOUT WITH (FORMAT csv, HEADER)"
}

// copyIn is the statement that loads what copyOut has written as CSV. The first line must have the columns' names.
func copyIn(f File) string {
	return "COPY " + f.name() + columnList(f.Columns) + " FROM STDIN WITH (FORMAT csv, HEADER MATCH)"
}

// columnList names columns in parentheses; a table without any takes no list.
func columnList(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (" + columns(names) + ")"
}

func columns(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = tenants.Ident(name)
	}
	return strings.Join(quoted, ", ")
}

// jsonLines turns COPY's text format, of one column, into lines of what the column holds. JSON has line breaks between its parts at most, where a space
// does as well: values of the type json keep the spaces that they were written with.
type jsonLines struct {
	w       io.Writer
	escaped bool
	out     []byte
}

// unescaped are the characters that COPY writes with a letter.
var unescaped = map[byte]byte{'b': '\b', 'f': '\f', 'n': ' ', 'r': ' ', 't': '\t', 'v': '\v'}

func (j *jsonLines) Write(p []byte) (int, error) {
	j.out = j.out[:0]
	for _, c := range p {
		switch {
		case j.escaped:
			j.escaped = false
			if plain, special := unescaped[c]; special {
				c = plain
			}
			j.out = append(j.out, c)
		case c == '\\':
			j.escaped = true
		default:
			j.out = append(j.out, c)
		}
	}
	if _, err := j.w.Write(j.out); err != nil {
		return 0, err //nolint:wrapcheck // ours
	}
	return len(p), nil
}
