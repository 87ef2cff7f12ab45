package fanout

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// StatementError says that the text is none that may be asked, whatever the tenant. No tenant has given anything.
type StatementError struct {
	// Message says what is wrong with it.
	Message string
}

func (e *StatementError) Error() string { return "the query is refused: " + e.Message }

// reads are the words that a statement that reads begins with.
var reads = map[string]bool{"SELECT": true, "WITH": true, "VALUES": true, "TABLE": true, "SHOW": true, "EXPLAIN": true}

// CheckStatement refuses a text that is not one statement that reads, as far as its first word tells: all else is the server's to refuse.
// A [StatementError] is its only error.
func CheckStatement(sql string) error {
	if strings.ContainsRune(sql, 0) {
		return &StatementError{"it has a zero byte"}
	}
	word := firstWord(sql)
	if reads[strings.ToUpper(word)] {
		return nil
	}
	switch {
	case word == "":
		return &StatementError{"it does not begin with a word of SQL: begin with SELECT"}
	case strings.EqualFold(word, "COPY"):
		return &StatementError{"COPY is not for here: write a SELECT, and take its rows with -o csv"}
	default:
		return &StatementError{fmt.Sprintf("it begins with %s, and only SELECT, WITH, VALUES, TABLE, SHOW and EXPLAIN read", strings.ToUpper(word))}
	}
}

// firstWord is the first word after blanks, comments and opening brackets, "" when something else stands there.
func firstWord(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\n\r\f\v(")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, rest, _ := strings.Cut(sql, "\n")
			sql = rest
		case strings.HasPrefix(sql, "/*"):
			sql = afterComment(sql)
		default:
			end := strings.IndexFunc(sql, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' })
			if end < 0 {
				end = len(sql)
			}
			return sql[:min(end, 40)]
		}
	}
}

// afterComment is what follows a comment, which may hold others. One that is not closed is followed by nothing.
func afterComment(sql string) string {
	depth := 0
	for i := 0; i+1 < len(sql); i++ {
		switch sql[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return sql[i+1:]
			}
		}
	}
	return ""
}

// statementError gives a [StatementError] for what PostgreSQL says of a text without looking at any table, nil for all else. Its routines are
// named because the code alone (42601) also comes of what a tenant's tables make of the text.
func statementError(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != "42601" {
		return nil
	}
	switch pg.Routine {
	case "exec_parse_message":
		return &StatementError{"it is more than one statement: give one, without a ; in the middle"}
	case "scanner_yyerror":
		return &StatementError{fmt.Sprintf("%s (at character %d)", pg.Message, pg.Position)}
	default:
		return nil
	}
}
