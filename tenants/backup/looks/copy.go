package looks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup"
	"github.com/avenit/tenantry/tenants/crashpoint"
)

var (
	atSchema    = crashpoint.New("look.schema.within")
	atRows      = crashpoint.New("look.rows.within") // all rows are there, and nothing is committed
	atCommitted = crashpoint.New("look.committed")
)

// Copy is what to copy, and where to.
type Copy struct {
	// From is a session in the database that the backup was restored into, To one in the live database; both as the migrator.
	From, To *pgx.Conn
	// Restored and Live are those databases.
	Restored, Live tenants.Database

	Schema string // of [SchemaName]
	Tables []Table
	// Look is filled in but for its tables.
	Look Look
	// Current is asked before the commit whether this attempt is still the one.
	Current func(ctx context.Context) error
	// Progress is told how many bytes of how many are copied. It may be nil.
	Progress func(done, total int64)
}

// sessionSQL lifts every limit on how long a session's statements and transactions take, in the words that this server knows, and makes it write and read money and
// XML in one way on both sides.
const sessionSQL = `
SELECT set_config(name, CASE name WHEN 'lc_monetary' THEN 'C' WHEN 'xmloption' THEN 'content' ELSE '0' END, false)
FROM pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout', 'idle_session_timeout', 'lc_monetary', 'xmloption')`

func setUp(ctx context.Context, conn *pgx.Conn, db tenants.Database) error {
	if err := backup.WriteSameText(ctx, conn, db.Owner()); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, sessionSQL); err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	return nil
}

// Run copies the tables, in one transaction of the live database: with it the schema is there, with all rows, or nothing is. Rows pass through, they
// are never all in memory.
func (c Copy) Run(ctx context.Context) (Look, error) {
	if err := setUp(ctx, c.From, c.Restored); err != nil {
		return c.Look, err
	}
	if err := setUp(ctx, c.To, c.Live); err != nil {
		return c.Look, err
	}
	l := c.Look
	err := pgx.BeginTxFunc(ctx, c.To, pgx.TxOptions{AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+tenants.Ident(c.Schema)); err != nil {
			return fmt.Errorf("create schema %s: %w", c.Schema, err)
		}
		atSchema.Hit(ctx)
		if err := c.tables(ctx, tx, &l); err != nil {
			return err
		}
		if err := mark(ctx, tx, c.Schema, l); err != nil {
			return err
		}
		atRows.Hit(ctx)
		return c.Current(ctx)
	})
	if err != nil {
		return l, fmt.Errorf("copy: %w", err)
	}
	atCommitted.Hit(ctx)
	return l, nil
}

func (c Copy) tables(ctx context.Context, tx pgx.Tx, l *Look) error {
	p := &passing{progress: c.Progress}
	for _, t := range c.Tables {
		p.total += t.Bytes
	}
	schema, app, readOnly := tenants.Ident(c.Schema), tenants.Ident(c.Live.Role(tenants.RoleApp)), tenants.Ident(c.Live.Role(tenants.RoleReadOnly))
	// What the database's default privileges give to others is taken back.
	sql := fmt.Sprintf("REVOKE ALL ON SCHEMA %[1]s FROM PUBLIC, %[2]s, %[3]s; GRANT USAGE ON SCHEMA %[1]s TO %[2]s, %[3]s", schema, app, readOnly)
	if _, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("open the schema to the tenant's roles: %w", err)
	}
	for _, t := range c.Tables {
		copied, err := c.table(ctx, tx, t, p)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.name(), err)
		}
		l.Tables = append(l.Tables, copied)
	}
	return nil
}

func (c Copy) table(ctx context.Context, tx pgx.Tx, t Table, p *passing) (Copied, error) {
	out := Copied{Table: t.name().String(), As: shown(t.As)}
	columns, err := c.columns(ctx, t)
	if err != nil {
		return out, err
	}
	names, defined := make([]string, len(columns)), make([]string, len(columns))
	for i, column := range columns {
		names[i] = tenants.Ident(column.Name)
		defined[i] = names[i] + " " + column.Type
		if column.Type != column.Was {
			out.Changed = append(out.Changed, fmt.Sprintf("%s: %s instead of %s", shown(column.Name), column.Type, column.Was))
		}
	}
	into := tenants.Ident(c.Schema) + "." + tenants.Ident(t.As)
	if _, err := tx.Exec(ctx, "CREATE TABLE "+into+" ("+strings.Join(defined, ", ")+")"); err != nil {
		return out, fmt.Errorf("create the copy: %w", err)
	}
	if out.Closed, err = c.grant(ctx, tx, t, into); err != nil {
		return out, err
	}
	// Not COPY of the table itself: that leaves out generated columns, and a partitioned table has no rows of its own.
	rows := fmt.Sprintf("COPY (SELECT %s FROM %s) TO STDOUT", strings.Join(names, ", "), t.quoted())
	out.Rows, err = stream(ctx, c.From.PgConn(), tx.Conn().PgConn(), rows, "COPY "+into+" FROM STDIN", p)
	return out, err
}

// grant lets those roles read a copy that could read the table: what a backup had closed is not opened by a look at it.
func (c Copy) grant(ctx context.Context, tx pgx.Tx, t Table, into string) (closed string, err error) {
	var policies, app, readOnly bool
	err = c.From.QueryRow(ctx, `
		SELECT c.relrowsecurity,
		       has_schema_privilege($2, c.relnamespace, 'USAGE') AND has_table_privilege($2, c.oid, 'SELECT'),
		       has_schema_privilege($3, c.relnamespace, 'USAGE') AND has_table_privilege($3, c.oid, 'SELECT')
		FROM pg_class c
		WHERE c.oid = $1::text::regclass`, t.quoted(), c.Restored.Role(tenants.RoleApp), c.Restored.Role(tenants.RoleReadOnly)).Scan(&policies, &app, &readOnly)
	if err != nil {
		return "", fmt.Errorf("look who could read it: %w", err)
	}
	roles := []string{tenants.Ident(c.Live.Role(tenants.RoleApp)), tenants.Ident(c.Live.Role(tenants.RoleReadOnly))}
	sql := []string{fmt.Sprintf("REVOKE ALL ON %s FROM PUBLIC, %s", into, strings.Join(roles, ", "))}
	for i, could := range []bool{app, readOnly} {
		if could && !policies {
			sql = append(sql, fmt.Sprintf("GRANT SELECT ON %s TO %s", into, roles[i]))
		}
	}
	if _, err := tx.Conn().PgConn().Exec(ctx, strings.Join(sql, ";")).ReadAll(); err != nil {
		return "", fmt.Errorf("let the tenant's roles read the copy: %w", err)
	}
	const asMigrator = "; the migrator reads it"
	switch {
	case policies:
		return "the table had row security, which a copy has not" + asMigrator, nil
	case !app && !readOnly:
		return "neither role could read all of the table" + asMigrator, nil
	case !app:
		return "the application could not read all of the table" + asMigrator, nil
	case !readOnly:
		return "the read-only role could not read all of the table" + asMigrator, nil
	}
	return "", nil
}

// column is a column of a table of the backup: what its copy is, and what it was.
type column struct{ Name, Type, Was string }

// columnsSQL gives the columns of a table. A domain is what it is made over. What did not come with the server, or does not mean the same in another database, is
// text: as such it depends on nothing that the tenant's releases may change or drop, and it can be cast back.
const columnsSQL = `
WITH RECURSIVE made AS (
  SELECT a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS modifier, format_type(a.atttypid, a.atttypmod) AS was
  FROM pg_attribute a
  WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT m.attnum, m.attname, t.typbasetype, t.typtypmod, m.was
  FROM made m
  JOIN pg_type t ON t.oid = m.type
  WHERE t.typtype = 'd'
)
SELECT m.attname::text,
       CASE WHEN t.oid < 16384 AND t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm')
              AND t.typname !~ '^_?(reg|aclitem$|pg_(node_tree|ndistinct|dependencies|mcv_list|brin_))'
            THEN format_type(m.type, m.modifier) ELSE 'text' END,
       m.was
FROM made m
JOIN pg_type t ON t.oid = m.type
WHERE t.typtype <> 'd'
ORDER BY m.attnum`

func (c Copy) columns(ctx context.Context, t Table) ([]column, error) {
	rows, err := c.From.Query(ctx, columnsSQL, t.quoted())
	if err != nil {
		return nil, fmt.Errorf("read its columns: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		return nil, fmt.Errorf("read its columns: %w", err)
	}
	return list, nil
}

// errMiscounted says that a table's rows are not all there, which no server has ever done.
var errMiscounted = errors.New("not every row that was read was written")

// stream sends what one session's COPY writes to another's that reads it.
func stream(ctx context.Context, from, to *pgconn.PgConn, out, in string, p *passing) (rows int64, err error) {
	var read, written pgconn.CommandTag
	r, w := io.Pipe()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		var err error
		read, err = from.CopyTo(ctx, w, out)
		_ = w.CloseWithError(err) // nil is the end
		return wrap("read rows", err)
	})
	group.Go(func() error {
		var err error
		written, err = to.CopyFrom(ctx, &counting{r, p}, in)
		_ = r.CloseWithError(err) // nobody reads on
		return wrap("write rows", err)
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	if read.RowsAffected() != written.RowsAffected() {
		return 0, fmt.Errorf("%w: %d instead of %d", errMiscounted, written.RowsAffected(), read.RowsAffected())
	}
	return written.RowsAffected(), nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// passing is how far a copy is.
type passing struct {
	done, total, told int64
	progress          func(done, total int64)
}

// toldEvery is how many bytes pass between two reports of progress.
const toldEvery = 4 << 20

type counting struct {
	r io.Reader
	*passing
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.done += int64(n)
	if c.progress != nil && c.done-c.told >= toldEvery {
		c.told = c.done
		c.progress(c.done, max(c.done, c.total))
	}
	return n, err //nolint:wrapcheck // the pipe's
}
