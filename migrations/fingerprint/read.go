package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Options say how a database is read.
type Options struct {
	// Roles gives roles placeholders, such as "t_4f…_owner": "{owner}", so that databases with roles of their own read alike.
	Roles map[string]string
	// Ignore lists relations to leave out with all that belongs to them, qualified and written as in SQL: public.goose_db_version, public."Log".
	// The schema _tenantry and those that begin with _tenantry_restored_ are always left out.
	Ignore []string
}

// readTimeout bounds one reading, when the caller's context does not.
const readTimeout = time.Minute

// tries is how often a database is read whose objects are changed at that moment.
const tries = 3

// Read reads the schema of a connection's database. It changes nothing and needs no more rights than to connect. In a transaction it reads what that
// sees, and leaves settings set until its end. Something else may change the schema meanwhile: then what is read is a mixture that never
// was, so callers look whether anything ran.
func Read(ctx context.Context, conn *pgx.Conn, o Options) (Schema, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for try := 1; ; try++ {
		rows, err := readRows(ctx, conn.PgConn())
		if err == nil {
			return assemble(rows, o)
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != codeInternal || try == tries || conn.PgConn().TxStatus() != 'I' {
			return Schema{}, fmt.Errorf("read schema: %w", err)
		}
	}
}

// codeInternal is what PostgreSQL says when an object vanished between the snapshot, which has it, and the writing of its definition.
const codeInternal = "XX000"

// readRows takes two round trips, because most of what is asked depends on what there is.
func readRows(ctx context.Context, conn *pgconn.PgConn) ([]row, error) {
	files, err := queries()
	if err != nil {
		return nil, err
	}
	begin, end := beginSQL, "COMMIT"
	if conn.TxStatus() == 'T' {
		begin, end = "", ""
	}
	first, err := exchange(ctx, conn, begin+firstSQL(files))
	if err == nil {
		var rest []row
		rest, err = exchange(ctx, conn, restSQL(files, first)+end)
		first = append(first, rest...)
	}
	if err != nil && begin != "" {
		rollback(ctx, conn)
	}
	return first, err
}

// exchange sends queries by the simple protocol, which prepares nothing.
func exchange(ctx context.Context, conn *pgconn.PgConn, sql string) ([]row, error) {
	var rows []row
	results := conn.Exec(ctx, sql)
	for results.NextResult() {
		reader := results.ResultReader()
		objects := len(reader.FieldDescriptions()) == rowColumns // and not the settings
		for reader.NextRow() {
			if objects {
				rows = append(rows, newRow(reader.Values()))
			}
		}
	}
	return rows, results.Close() //nolint:wrapcheck // wrapped by Read
}

// rollback leaves the transaction that an error has broken. A connection that cannot do even that is closed.
func rollback(ctx context.Context, conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if conn.IsClosed() {
		return
	}
	if _, err := conn.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		_ = conn.Close(ctx)
	}
}
