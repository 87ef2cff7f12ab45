package apply

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/migrations/gentle"
	"github.com/avenit/tenantry/migrations/release"
)

// errorLine returns the line of the file that the server's error points at, else the one on which the statement begins.
func errorLine(statement release.Statement, err error) int {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pgErr.Position <= 0 {
		return statement.Line
	}
	characters := []rune(statement.SQL)
	at := min(int(pgErr.Position)-1, len(characters))
	return statement.Line + strings.Count(string(characters[:at]), "\n")
}

// place names a statement for progress.
func place(file *release.File, statement release.Statement) string {
	return fmt.Sprintf("%s:%d", file.Name, statement.Line)
}

// namesOf gives every word of a unit's statements that could be the name of a relation.
func namesOf(u unit) []string {
	texts := make([]string, len(u.statements))
	for i, statement := range u.statements {
		texts[i] = statement.SQL
	}
	return gentle.Names(texts...)
}
