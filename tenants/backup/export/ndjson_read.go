package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/avenit/tenantry/tenants"
)

// jsonReader gives what jsonRows has written as COPY reads it, a row at a time. It reads nothing else: not another order of columns, and no space more. What
// values mean is left to their types' input functions. An error says which line it is about, and nothing of what that holds.
type jsonReader struct {
	in    *bufio.Reader
	names [][]byte
	end   []byte
	array []bool // whether a column is of an array that is written as one

	row    []byte
	given  int // how much of row was read
	line   int64
	failed error
}

// readJSON reads the rows of a file into a table of which f tells the columns, and holds what they are.
func readJSON(in io.Reader, f File) *jsonReader {
	r := &jsonReader{in: bufio.NewReaderSize(in, 64<<10), names: jsonNames(f.Columns), end: jsonEnd(f.Columns)}
	for _, c := range f.holds {
		r.array = append(r.array, c.Elem != 0)
	}
	return r
}

// errNoRow says that a line is not as an export has it.
var errNoRow = errors.New("it is not a row as an export has it")

// Read gives errors of in as they are.
func (r *jsonReader) Read(p []byte) (int, error) {
	if r.failed != nil {
		return 0, r.failed
	}
	if r.given == len(r.row) {
		if r.failed = r.next(); r.failed != nil {
			return 0, r.failed
		}
	}
	n := copy(p, r.row[r.given:])
	r.given += n
	return n, nil
}

// next reads a row. io.EOF says that there is none.
func (r *jsonReader) next() error {
	r.row, r.given = r.row[:0], 0
	if _, err := r.in.Peek(1); err != nil {
		return err //nolint:wrapcheck // the file's, as it is
	}
	r.line++
	err := r.readRow()
	if errors.Is(err, io.EOF) {
		err = errNoRow
	}
	if errors.Is(err, errNoRow) {
		return fmt.Errorf("line %d: %w", r.line, err)
	}
	return err
}

func (r *jsonReader) readRow() error {
	for i, name := range r.names {
		if err := r.expect(name); err != nil {
			return err
		}
		if i > 0 {
			r.row = append(r.row, '\t')
		}
		if err := r.value(r.array[i]); err != nil {
			return err
		}
	}
	r.row = append(r.row, '\n')
	return r.expect(r.end)
}

// expect reads what must come next.
func (r *jsonReader) expect(text []byte) error {
	for _, want := range text {
		got, err := r.in.ReadByte()
		if err != nil {
			return err //nolint:wrapcheck // the file's, as it is
		}
		if got != want {
			return errNoRow
		}
	}
	return nil
}

// value reads a value and writes it for COPY.
func (r *jsonReader) value(array bool) error {
	first, err := r.in.Peek(1)
	switch {
	case err != nil:
		return err //nolint:wrapcheck // the file's, as it is
	case first[0] == 'n':
		r.row = append(r.row, tenants.CopyNull...)
		return r.expect([]byte("null"))
	case first[0] == '"':
		return r.text(func(c byte) { r.row = tenants.AppendCopy(r.row, c) })
	case first[0] == '[' && array:
		return r.elements()
	case strings.IndexByte(asItIs, first[0]) < 0:
		return errNoRow
	}
	return r.raw()
}

// text reads a text, and gives every byte that it stands for.
func (r *jsonReader) text(put func(byte)) error {
	if err := r.expect([]byte{'"'}); err != nil {
		return err
	}
	for {
		c, err := r.in.ReadByte()
		switch {
		case err != nil:
			return err //nolint:wrapcheck // the file's, as it is
		case c == '"':
			return nil
		case c < ' ':
			return errNoRow
		case c == '\\':
			if c, err = r.escaped(); err != nil {
				return err
			}
		}
		put(c)
	}
}

// long are the characters that a letter stands for.
var long = map[byte]byte{'"': '"', '\\': '\\', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped reads what comes after a backslash. Only control characters are written by their numbers.
func (r *jsonReader) escaped() (byte, error) {
	letter, err := r.in.ReadByte()
	if err != nil {
		return 0, err //nolint:wrapcheck // the file's, as it is
	}
	if plain, is := long[letter]; is {
		return plain, nil
	}
	if letter != 'u' {
		return 0, errNoRow
	}
	var digits [4]byte
	if _, err := io.ReadFull(r.in, digits[:]); err != nil {
		return 0, errNoRow
	}
	c, err := strconv.ParseUint(string(digits[:]), 16, 16)
	if err != nil || c >= ' ' {
		return 0, errNoRow
	}
	return byte(c), nil
}

// raw reads a number, true, false, or the object or array of a json column, and writes it as it is.
func (r *jsonReader) raw() error {
	depth, quoted := 0, false
	for {
		c, err := r.in.ReadByte()
		switch {
		case err != nil:
			return err //nolint:wrapcheck // the file's, as it is
		case c == '\n' || c == '\r':
			return errNoRow
		case depth == 0 && !quoted && (c == ',' || c == '}'):
			return r.in.UnreadByte() //nolint:wrapcheck // never fails after ReadByte
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			r.row = tenants.AppendCopy(r.row, c)
			if c, err = r.in.ReadByte(); err != nil {
				return err //nolint:wrapcheck // the file's, as it is
			}
		case !quoted && (c == '{' || c == '['):
			depth++
		case !quoted && (c == '}' || c == ']'):
			depth--
		}
		r.row = tenants.AppendCopy(r.row, c)
	}
}

// elements reads an array, and writes it as the text of PostgreSQL's that has every text in quotes.
func (r *jsonReader) elements() error {
	for depth := 0; ; {
		first, err := r.in.Peek(1)
		if err != nil {
			return err //nolint:wrapcheck // the file's, as it is
		}
		switch first[0] {
		case '[', ']', ',':
			depth += r.bracket(first[0])
			if _, err := r.in.Discard(1); err != nil || depth == 0 {
				return err //nolint:wrapcheck // never fails after Peek
			}
		case 'n':
			r.row = append(r.row, "NULL"...)
			err = r.expect([]byte("null"))
		case '"':
			r.row = append(r.row, '"')
			err = r.text(r.quoted)
			r.row = append(r.row, '"')
		default:
			err = r.word()
		}
		if err != nil {
			return err
		}
	}
}

// bracket writes what is between elements, and gives how much deeper the next one is.
func (r *jsonReader) bracket(c byte) (deeper int) {
	switch c {
	case '[':
		r.row = append(r.row, '{')
		return 1
	case ']':
		r.row = append(r.row, '}')
		return -1
	}
	r.row = append(r.row, c)
	return 0
}

// quoted writes a byte of an element that is in quotes.
func (r *jsonReader) quoted(c byte) {
	if c == '"' || c == '\\' {
		r.row = tenants.AppendCopy(r.row, '\\')
	}
	r.row = tenants.AppendCopy(r.row, c)
}

// word reads a number, true or false within an array.
func (r *jsonReader) word() error {
	for {
		c, err := r.in.ReadByte()
		switch {
		case err != nil:
			return err //nolint:wrapcheck // the file's, as it is
		case c == ',' || c == ']':
			return r.in.UnreadByte() //nolint:wrapcheck // never fails after ReadByte
		case c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z'):
			return errNoRow
		}
		r.row = append(r.row, c)
	}
}
