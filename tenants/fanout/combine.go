package fanout

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

const (
	// combineBytes is how much text of rows may be combined: they lie in the control database's temporary files meanwhile.
	combineBytes = 256 << 20
	// combineRows is how many rows a combination may have.
	combineRows = 100_000
	// flushBytes is how much is gathered before it is sent.
	flushBytes = 1 << 20
)

// ErrTooMuch says that tenants gave more rows than can be combined.
var ErrTooMuch = fmt.Errorf("more than %d MiB of rows to combine: let the query add up in each tenant first", combineBytes>>20)

// Combiner gathers rows in a temporary table "rows" of a session of the control database and runs a query over it. The table has the columns of the
// answer and, first, tenant: the slug. Types that databases have made themselves are text there; a name that occurs again gets _2.
//
// The query may be anybody's. It runs in a transaction that is READ ONLY and never committed, through a function that belongs to the role
// tenantry_combine, which has no right but to read that table: it can see nothing of the control database, and cannot become another role.
type Combiner struct {
	conn    *pgx.Conn
	sql     string
	timeout time.Duration

	made    bool
	buffer  bytes.Buffer
	sent    int
	dropped []string // tenants whose rows do not count
}

// NewCombiner opens a session on the control database. timeout bounds the query over the rows. A [StatementError] says that the text is none that
// reads. Close it in every case.
func NewCombiner(ctx context.Context, reg *tenants.Registry, sql string, timeout time.Duration) (*Combiner, error) {
	if err := CheckStatement(sql); err != nil {
		return nil, fmt.Errorf("combine: %w", err)
	}
	pooled, err := reg.Pool().Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("combine: connect to control database: %w", err)
	}
	c := &Combiner{conn: pooled.Hijack(), sql: sql, timeout: timeout}
	err = c.exec(ctx, `
		SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
		SET search_path = pg_catalog, pg_temp;
		SET statement_timeout = '1min'`)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("combine: %w", err)
	}
	return c, nil
}

func (c *Combiner) exec(ctx context.Context, sql string) error {
	_, err := c.conn.PgConn().Exec(ctx, sql).ReadAll()
	return err //nolint:wrapcheck // callers name the step
}

// Close ends the session, and the table with it.
func (c *Combiner) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	_ = c.conn.Close(ctx)
}

// Take adds a row. ErrTooMuch is its own error.
func (c *Combiner) Take(ctx context.Context, row Row) error {
	if err := c.makeTable(ctx, row.Columns); err != nil {
		return err
	}
	copyText(&c.buffer, []byte(row.Tenant))
	for _, v := range row.Values {
		c.buffer.WriteByte('\t')
		copyText(&c.buffer, v)
	}
	c.buffer.WriteByte('\n')
	if c.sent+c.buffer.Len() > combineBytes {
		return ErrTooMuch
	}
	if c.buffer.Len() < flushBytes {
		return nil
	}
	return c.flush(ctx)
}

// Ended takes back the rows of a tenant that did not answer completely.
func (c *Combiner) Ended(o Outcome) {
	if o.State != Answered && o.Rows > 0 {
		c.dropped = append(c.dropped, o.Tenant)
	}
}

func (c *Combiner) makeTable(ctx context.Context, columns []Column) error {
	if c.made {
		return nil
	}
	var sql strings.Builder
	sql.WriteString("CREATE TEMPORARY TABLE rows (tenant pg_catalog.text")
	for i, name := range Names(columns) {
		sql.WriteString(", " + tenants.Ident(name) + " " + columns[i].Stored())
	}
	sql.WriteString("); GRANT SELECT ON pg_temp.rows TO tenantry_combine")
	if err := c.exec(ctx, sql.String()); err != nil {
		return fmt.Errorf("make table of rows: %w", err)
	}
	c.made = true
	return nil
}

func (c *Combiner) flush(ctx context.Context) error {
	c.sent += c.buffer.Len()
	_, err := c.conn.PgConn().CopyFrom(ctx, &c.buffer, "COPY pg_temp.rows FROM STDIN")
	c.buffer.Reset()
	if err != nil {
		return fmt.Errorf("copy rows: %w", err)
	}
	return nil
}

// copyText writes a value in COPY's text format.
func copyText(to *bytes.Buffer, value []byte) {
	if value == nil {
		to.WriteString(tenants.CopyNull)
		return
	}
	out := to.AvailableBuffer()
	for _, b := range value {
		out = tenants.AppendCopy(out, b)
	}
	to.Write(out)
}

// Combined is what came of a combination: a value for each column, as PostgreSQL writes it as JSON. Without rows the columns are not known.
type Combined struct {
	Columns []string
	Rows    [][]json.RawMessage
}

// Result runs the query over what was taken. columns are those of the answer, for an answer without rows.
func (c *Combiner) Result(ctx context.Context, columns []Column) (Combined, error) {
	if err := c.makeTable(ctx, columns); err != nil {
		return Combined{}, fmt.Errorf("combine: %w", err)
	}
	if err := c.flush(ctx); err != nil {
		return Combined{}, fmt.Errorf("combine: %w", err)
	}
	if len(c.dropped) > 0 {
		if _, err := c.conn.Exec(ctx, `DELETE FROM pg_temp.rows WHERE tenant = ANY ($1)`, c.dropped); err != nil {
			return Combined{}, fmt.Errorf("combine: take back rows: %w", err)
		}
	}
	out, err := c.run(ctx)
	if err != nil {
		return Combined{}, fmt.Errorf("combine: %w", err)
	}
	return out, nil
}

func (c *Combiner) run(ctx context.Context) (Combined, error) {
	var out Combined
	if err := c.exec(ctx, "BEGIN READ ONLY; SET LOCAL statement_timeout = "+ms(c.timeout)); err != nil {
		return out, fmt.Errorf("begin: %w", err)
	}
	rows, err := c.conn.Query(ctx, `SELECT c.text::text FROM tenantry.combine($1, $2) AS c (text)`, c.sql, int64(combineRows))
	if err != nil {
		return out, err //nolint:wrapcheck // the caller does
	}
	objects, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return out, err //nolint:wrapcheck // the caller does
	}
	for _, object := range objects {
		names, values, err := split(object)
		if err != nil {
			return out, fmt.Errorf("read combined row: %w", err)
		}
		out.Columns = names
		out.Rows = append(out.Rows, values)
	}
	return out, c.exec(ctx, "ROLLBACK")
}

// split reads an object's names and values in their order.
func split(object string) (names []string, values []json.RawMessage, err error) {
	d := json.NewDecoder(strings.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, nil, err //nolint:wrapcheck // the caller does
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err //nolint:wrapcheck // the caller does
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil, err //nolint:wrapcheck // the caller does
		}
		names, values = append(names, fmt.Sprint(name)), append(values, value)
	}
	return names, values, nil
}

// systemColumns are names that every table has already.
var systemColumns = []string{"tenant", "tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"}

// Names gives each column a name of its own, none of them tenant: what occurs again gets _2.
func Names(columns []Column) []string {
	used := slices.Clone(systemColumns)
	names := make([]string, len(columns))
	for i, c := range columns {
		name := c.Name
		for n := 2; slices.Contains(used, name); n++ {
			name = fmt.Sprintf("%.60s_%d", c.Name, n)
		}
		names[i] = name
		used = append(used, name)
	}
	return names
}
