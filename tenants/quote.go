package tenants

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// Ident quotes an SQL identifier. It is the one place where a name becomes SQL text.
// A NUL, which no identifier can hold, is dropped.
func Ident(name string) string { return pgx.Identifier{name}.Sanitize() }

// Literal quotes an SQL string constant, for the few statements that take no parameters (CREATE ROLE … PASSWORD).
// Backslashes are safe under either setting of standard_conforming_strings. A NUL is dropped.
func Literal(value string) string {
	value = strings.ReplaceAll(value, "\x00", "")
	quoted := "'" + strings.ReplaceAll(value, "'", "''") + "'"
	if strings.Contains(value, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// Storable makes text that PostgreSQL can store as text and as JSON, of so many bytes at most: without NULs, and valid UTF-8.
func Storable(text string, most int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "�")
	if len(text) > most {
		const rest = "…"
		text = strings.ToValidUTF8(text[:most-len(rest)], "") + rest
	}
	return text
}

// CopyNull is how COPY writes NULL in its text format.
const CopyNull = `\N`

// AppendCopy appends a byte of a value as COPY reads it in its text format.
func AppendCopy(out []byte, b byte) []byte {
	switch b {
	case '\\':
		return append(out, '\\', '\\')
	case '\n':
		return append(out, '\\', 'n')
	case '\r':
		return append(out, '\\', 'r')
	case '\t':
		return append(out, '\\', 't')
	}
	return append(out, b)
}
