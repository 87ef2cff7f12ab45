package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/avenit/tenantry/tenants/fanout"
)

const (
	formatCSV    format = "csv"
	formatNDJSON format = "ndjson"
)

// queryFormat is the value of query's --output, which has more of them.
type queryFormat struct{ format }

func (f *queryFormat) Set(s string) error {
	switch format(s) {
	case formatTable, formatJSON, formatCSV, formatNDJSON:
		f.format = format(s)
		return nil
	default:
		return fmt.Errorf("%q is no format; use table, json, csv or ndjson", s)
	}
}

// outColumn is a column that is shown. The text of a literal is JSON as it stands.
type outColumn struct {
	name    string
	literal bool
}

func outColumns(columns []fanout.Column) []outColumn {
	names := fanout.Names(columns)
	list := make([]outColumn, len(columns))
	for i, c := range columns {
		list[i] = outColumn{name: names[i], literal: c.Literal()}
	}
	return list
}

// lastWords follow the rows.
type lastWords struct {
	total *columnTotal // nil: there is none
	text  string       // who has answered, for people
	// view is that for programs, under a name.
	name string
	view any
}

// answeredBy are the last words of a query.
func answeredBy(total *columnTotal, r fanout.Report) lastWords {
	return lastWords{total: total, text: r.Coverage(), name: "coverage", view: viewOf(r)}
}

// rowWriter shows rows as they come: begin, then row for each, then end, once each way or the other.
type rowWriter interface {
	begin(columns []outColumn) error
	// row shows values; nil is NULL. literal says of each whether it is JSON as it stands; nil: as the columns say.
	row(values [][]byte, literal []bool) error
	end(last lastWords) error
	// told says that end shows who has answered.
	told() bool
	format() format
}

func newRowWriter(w io.Writer, f queryFormat) rowWriter {
	switch f.format {
	case formatJSON:
		return &jsonRows{w: w, document: true}
	case formatNDJSON:
		return &jsonRows{w: w}
	case formatCSV:
		return &csvRows{w: csv.NewWriter(w)}
	case formatTable:
	}
	return &tableRows{w: w}
}

// tableRows aligns rows as far as is known when they come: a column becomes wider, never narrower.
type tableRows struct {
	w      io.Writer
	widths []int
}

func (t *tableRows) told() bool { return true }

func (t *tableRows) format() format { return formatTable }

func (t *tableRows) begin(columns []outColumn) error {
	t.widths = make([]int, len(columns))
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = strings.ToUpper(c.name)
		t.widths[i] = 8
	}
	return t.line(cells)
}

func (t *tableRows) row(values [][]byte, _ []bool) error {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = string(v)
	}
	return t.line(cells)
}

func (t *tableRows) line(cells []string) error {
	if len(cells) == 0 {
		return nil
	}
	var line strings.Builder
	for i, cell := range cells {
		cell = printable(cell)
		width := utf8.RuneCountInString(cell)
		t.widths[i] = max(t.widths[i], min(width, 60))
		line.WriteString(cell)
		if i < len(cells)-1 {
			line.WriteString(strings.Repeat(" ", max(0, t.widths[i]-width)+2))
		}
	}
	return written(io.WriteString(t.w, strings.TrimRight(line.String(), " ")+"\n"))
}

func (t *tableRows) end(last lastWords) error {
	if last.total != nil {
		if err := t.line([]string{"total", last.total.value}); err != nil {
			return err
		}
	}
	return written(io.WriteString(t.w, printableLines(last.text)+"\n"))
}

// csvRows writes a header and rows. NULL is an empty field.
type csvRows struct{ w *csv.Writer }

func (c *csvRows) told() bool { return false }

func (c *csvRows) format() format { return formatCSV }

func (c *csvRows) begin(columns []outColumn) error {
	cells := make([]string, len(columns))
	for i, column := range columns {
		cells[i] = column.name
	}
	return c.line(cells)
}

func (c *csvRows) row(values [][]byte, _ []bool) error {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = string(v)
	}
	return c.line(cells)
}

func (c *csvRows) line(cells []string) error {
	if err := c.w.Write(cells); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	c.w.Flush()
	return written(0, c.w.Error())
}

func (c *csvRows) end(lastWords) error { return nil }

// jsonRows writes an object for each row, in a line of its own or in one document.
type jsonRows struct {
	w        io.Writer
	document bool
	columns  []outColumn
	names    [][]byte
	rows     int
	line     bytes.Buffer
}

func (j *jsonRows) told() bool { return j.document }

func (j *jsonRows) format() format {
	if j.document {
		return formatJSON
	}
	return formatNDJSON
}

func (j *jsonRows) begin(columns []outColumn) error {
	j.columns = columns
	for _, c := range columns {
		j.names = append(j.names, quoted(c.name))
	}
	return nil
}

func (j *jsonRows) row(values [][]byte, literal []bool) error {
	j.line.Reset()
	switch {
	case !j.document:
	case j.rows == 0:
		j.line.WriteString("{\"rows\": [\n  ")
	default:
		j.line.WriteString(",\n  ")
	}
	j.rows++
	j.line.WriteByte('{')
	for i, v := range values {
		if i > 0 {
			j.line.WriteString(", ")
		}
		j.line.Write(j.names[i])
		j.line.WriteString(": ")
		isLiteral := j.columns[i].literal
		if literal != nil {
			isLiteral = literal[i]
		}
		j.line.Write(jsonValue(v, isLiteral))
	}
	j.line.WriteByte('}')
	if !j.document {
		j.line.WriteByte('\n')
	}
	return written(j.w.Write(j.line.Bytes()))
}

// jsonValue is a value as JSON. What cannot be a literal, such as NaN, is text.
func jsonValue(v []byte, literal bool) []byte {
	switch {
	case v == nil:
		return []byte("null")
	case literal && string(v) == "t":
		return []byte("true")
	case literal && string(v) == "f":
		return []byte("false")
	case literal && json.Valid(v):
		var line bytes.Buffer // json keeps the lines that it was written in
		if json.Compact(&line, v) != nil {
			return v
		}
		return line.Bytes()
	default:
		return quoted(string(v))
	}
}

func quoted(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) //nolint:errchkjson // a string can always be written
	return bytes.TrimRight(b.Bytes(), "\n")
}

// coverageView is who has answered, for programs.
type coverageView struct {
	Tenants  int              `json:"tenants"`
	Answered int              `json:"answered"`
	Complete bool             `json:"complete"`
	Text     string           `json:"text"`
	Others   []fanout.Outcome `json:"others"` // who has not answered, and why
}

func viewOf(r fanout.Report) coverageView {
	v := coverageView{Tenants: len(r.Outcomes), Answered: r.Count(fanout.Answered), Complete: r.Complete(), Text: r.Coverage(), Others: []fanout.Outcome{}}
	for _, o := range r.Outcomes {
		if o.State != fanout.Answered {
			v.Others = append(v.Others, o)
		}
	}
	return v
}

func (j *jsonRows) end(last lastWords) error {
	if !j.document {
		return nil
	}
	j.line.Reset()
	if j.rows == 0 {
		j.line.WriteString("{\"rows\": [")
	} else {
		j.line.WriteByte('\n')
	}
	j.line.WriteString("],\n")
	if last.total != nil {
		j.line.WriteString("\"total\": ")
		j.line.Write(jsonValue([]byte(last.total.value), true))
		j.line.WriteString(",\n")
	}
	view, err := json.Marshal(last.view)
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	j.line.WriteString("\"" + last.name + "\": ")
	j.line.Write(view)
	j.line.WriteString("}\n")
	return written(j.w.Write(j.line.Bytes()))
}

func written(_ int, err error) error {
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
