package export

import (
	"io"
	"strings"
)

// What tests outside look at.
var (
	Split        = split
	Unrestricted = unrestricted
	Cut          = cut
	Above        = above
)

// FileNames gives the names of the files of tables, which are pairs of schema and table.
func FileNames(tables ...[2]string) []string {
	n := names{}
	list := make([]string, len(tables))
	for i, t := range tables {
		list[i] = n.of(t[0], t[1])
	}
	return list
}

// JSONLines gives rows of texts, as COPY writes them, as NDJSON.
func JSONLines(columns []string, copied string) (string, error) {
	var out strings.Builder
	_, err := io.WriteString(jsonRows(&out, File{Columns: columns, holds: make([]column, len(columns))}), copied)
	return out.String(), err
}

// FromJSONLines gives rows of NDJSON as COPY reads them. A column that is called b is one of arrays.
func FromJSONLines(columns []string, lines string) (string, error) {
	f := File{Columns: columns, holds: make([]column, len(columns))}
	for i, name := range columns {
		if name == "b" {
			f.holds[i].Elem = 1
		}
	}
	text, err := io.ReadAll(readJSON(strings.NewReader(lines), f))
	return string(text), err
}
