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
