package export

import (
	"strings"

	"github.com/avenit/tenantry/tenants"
)

// copyOut is the statement that writes a table's rows: as CSV, or else as lines for [copyRows]. Generated columns are not among them: they are computed.
func copyOut(f File, format string) string {
	return "COPY " + f.name() + columnList(f.Columns) + " TO STDOUT" + copyOptions(format, "HEADER")
}

// copyIn is the statement that loads what copyOut has written. The first line of CSV must have the columns' names.
func copyIn(f File, format string) string {
	return "COPY " + f.name() + columnList(f.Columns) + " FROM STDIN" + copyOptions(format, "HEADER MATCH")
}

func copyOptions(format, header string) string {
	if format == CSV {
		return " WITH (FORMAT csv, " + header + ")"
	}
	return ""
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
