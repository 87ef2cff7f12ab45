package export

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// A row as NDJSON is an object of all columns in their order, without spaces between its parts. NULL is null, and a text is always PostgreSQL's own text of
// the value: of every type, and that is what comes back. What JSON has an exact form for has that one instead: see [appendJSON].

// jsonNames are what stands before each value of a row.
func jsonNames(columns []string) [][]byte {
	list := make([][]byte, len(columns))
	for i, name := range columns {
		list[i] = append(appendText([]byte{','}, []byte(name)), ':')
		if i == 0 {
			list[i][0] = '{'
		}
	}
	return list
}

// asItIs are the bytes that values begin with that are neither a text nor null.
const asItIs = "{[tf-0123456789"

// jsonEnd is what stands after the last value.
func jsonEnd(columns []string) []byte {
	if len(columns) == 0 {
		return []byte("{}\n")
	}
	return []byte("}\n")
}

// jsonRows writes rows as NDJSON. It takes what COPY writes.
func jsonRows(w io.Writer, f File) io.Writer {
	names, end := jsonNames(f.Columns), jsonEnd(f.Columns)
	var line []byte
	return newCopyRows(len(names), func(values [][]byte) error {
		line = line[:0]
		for i, value := range values {
			line = append(line, names[i]...)
			line = appendJSON(line, f.holds[i], value)
		}
		line = append(line, end...)
		_, err := w.Write(line)
		return err //nolint:wrapcheck // ours
	})
}

// appendJSON writes a value of a column: true and false, numbers that are no NaN or infinity with all their digits, json and jsonb as they are unless they are a
// text or null or have line breaks, arrays that begin at 1 as arrays, and all else as a text.
func appendJSON(out []byte, c column, value []byte) []byte {
	switch {
	case value == nil:
		return append(out, "null"...)
	case c.Elem != 0 && bytes.HasPrefix(value, []byte{'{'}):
		return appendArray(out, c.Elem, value)
	case c.Type == pgtype.JSONOID || c.Type == pgtype.JSONBOID:
		if strings.IndexByte(asItIs, value[0]) >= 0 && !bytes.ContainsAny(value, "\r\n") {
			return append(out, value...)
		}
		return appendText(out, value)
	}
	return appendScalar(out, c.Type, value)
}

// appendScalar writes a value, or an element of an array.
func appendScalar(out []byte, oid uint32, value []byte) []byte {
	switch oid {
	case pgtype.BoolOID:
		if string(value) == "t" {
			return append(out, "true"...)
		}
		return append(out, "false"...)
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		// What PostgreSQL writes of them is a number in JSON as well, unless it is NaN or an infinity.
		if last := value[len(value)-1]; last >= '0' && last <= '9' {
			return append(out, value...)
		}
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		return appendMoment(out, value)
	}
	return appendText(out, value)
}

// appendMoment writes a time as RFC 3339 does, where its year has four digits and is after Christ: with a T, and minutes of UTC's offset.
func appendMoment(out, value []byte) []byte {
	const day = len("2006-01-02")
	if len(value) <= day || value[day] != ' ' || value[len(value)-1] == 'C' {
		return appendText(out, value)
	}
	out = append(append(out, '"'), value[:day]...)
	out = append(append(out, 'T'), value[day+1:]...)
	if bytes.HasSuffix(value, []byte("+00")) {
		out = append(out, ":00"...)
	}
	return append(out, '"')
}

// appendArray writes an array, of which value is PostgreSQL's text: {1,NULL,"a b",{2}}.
func appendArray(out []byte, elem uint32, value []byte) []byte {
	var element []byte
	for at := 0; at < len(value); {
		switch c := value[at]; c {
		case '{':
			out = append(out, '[')
			at++
		case '}':
			out = append(out, ']')
			at++
		case ',':
			out = append(out, ',')
			at++
		case '"':
			element, at = quotedElement(element[:0], value, at+1)
			out = appendScalar(out, elem, element)
		default:
			end := at + bytes.IndexAny(value[at:], ",}")
			if string(value[at:end]) == "NULL" {
				out = append(out, "null"...)
			} else {
				out = appendScalar(out, elem, value[at:end])
			}
			at = end
		}
	}
	return out
}

// quotedElement reads an element that is in quotes, from the first byte within them, and gives where it goes on after them.
func quotedElement(element, value []byte, at int) ([]byte, int) {
	for ; value[at] != '"'; at++ {
		if value[at] == '\\' {
			at++
		}
		element = append(element, value[at])
	}
	return element, at + 1
}

// short are the control characters that JSON has a letter for.
var short = map[byte]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// appendText writes a text of JSON. What is not ASCII stays as it is.
func appendText(out, text []byte) []byte {
	out = append(out, '"')
	for _, c := range text {
		letter, is := short[c]
		switch {
		case c >= ' ' && c != '"' && c != '\\':
			out = append(out, c)
		case is:
			out = append(out, '\\', letter)
		case c < ' ':
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = append(out, '\\', c)
		}
	}
	return append(out, '"')
}
