package aggregate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
)

// Spec is what an aggregate is to be. Fields that are nil are left as they are, or as defaults say of a new one.
type Spec struct {
	Name string
	// SQL is the text, "" is the one that it has. It may name the parameters of [Params].
	SQL string
	// Labels that the tenants must have that are asked. Defaults to all tenants.
	Labels map[string]string
	// Zone is whose days are meant. Defaults to UTC.
	Zone *string
	// PublishAt is the share of the tenants, from 0 to 1, from which on a day is published. Defaults to 0, which is at once.
	PublishAt *float64
	// RetryFor is how long after a run has begun those are asked again that have not answered. Defaults to 6 hours.
	RetryFor *time.Duration
	// Timeout bounds one tenant. Defaults to 30 seconds.
	Timeout *time.Duration
	// MostRows bounds what one tenant answers for a day. Defaults to 10,000.
	MostRows *int
	// Forget: purging a tenant deletes what it has answered. Defaults to false: that stays, under an id that says nothing any more.
	Forget *bool
	// By is who asks for it.
	By string
	// On is the slug of a tenant whose server tells the columns. Defaults to any that answers.
	On string
}

// Defined is what a definition has come to.
type Defined struct {
	Aggregate  string   `json:"aggregate"`
	Definition int      `json:"definition"`
	Table      string   `json:"table"` // in the schema aggregates
	Columns    []Column `json:"columns"`
	// Change is new, settings (nothing else), text (the same columns), columns (the table has got more), or table: what tenants answer does not fit the table that there was, and
	// begins a new one.
	Change string `json:"change"`
	// Tried is the tenant that has told the columns, by answering for the day before; Rows is how many it gave. "" is that it was not asked.
	Tried string `json:"tried,omitempty"`
	Rows  int64  `json:"rows,omitempty"`
}

// Column is a column of a table.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Literal says that a value's text is one of JSON, as [fanout.Column] says it.
func (c Column) Literal() bool {
	return slices.Contains([]string{"bool", "int2", "int4", "int8", "float4", "float8", "numeric", "json", "jsonb"}, c.Type)
}

// BadSpecError says which field cannot be so, and what to give.
type BadSpecError struct{ Field, Message string }

func (e *BadSpecError) Error() string { return e.Field + ": " + e.Message }

func bad(field, format string, args ...any) error {
	return &BadSpecError{field, fmt.Sprintf(format, args...)}
}

var nameForm = regexp.MustCompile(`^[a-z]([a-z0-9_]{0,38}[a-z0-9])?$`)

func (s Spec) validate() error {
	switch {
	case !nameForm.MatchString(s.Name):
		return bad("name", "%q is no name of an aggregate: give 1 to 40 of a-z 0-9 _, a letter first and no _ at the end", s.Name)
	case s.PublishAt != nil && (*s.PublishAt < 0 || *s.PublishAt > 1):
		return bad("coverage", "%g is no share: give one from 0, at once, to 1, all tenants", *s.PublishAt)
	case s.RetryFor != nil && (*s.RetryFor < 0 || *s.RetryFor > 30*24*time.Hour):
		return bad("retry-for", "%s: give a time from 0 to 720h", *s.RetryFor)
	case s.Timeout != nil && (*s.Timeout < 10*time.Millisecond || *s.Timeout > 10*time.Minute):
		return bad("timeout", "%s: give a time from 10ms to 10m", *s.Timeout)
	case s.MostRows != nil && (*s.MostRows < 1 || *s.MostRows > 100_000):
		return bad("most-rows", "%d: give a number from 1 to 100000", *s.MostRows)
	default:
		return nil
	}
}

// ErrNobody says that no tenant could tell an aggregate's columns.
var ErrNobody = errors.New("no tenant could be asked what the columns are")

// Define makes an aggregate, or changes it. A tenant is asked for the day before, so that its server tells the columns and what is wrong with the text. A [BadSpecError]
// and a [fanout.StatementError] say what to give instead; ErrNobody is its own error.
func Define(ctx context.Context, reg *tenants.Registry, s Spec) (Defined, error) {
	d, err := define(ctx, reg, s)
	if err != nil {
		return d, fmt.Errorf("define aggregate %s: %w", s.Name, err)
	}
	return d, nil
}

func define(ctx context.Context, reg *tenants.Registry, s Spec) (Defined, error) {
	d := Defined{Aggregate: s.Name}
	if err := s.validate(); err != nil {
		return d, err
	}
	if s.Zone != nil {
		if err := checkZone(ctx, reg.Pool(), *s.Zone); err != nil {
			return d, err
		}
	}
	var columns []fanout.Column
	if s.SQL != "" {
		if err := fanout.CheckStatement(s.SQL); err != nil {
			return d, err
		}
		asked, err := s.asWhole(ctx, reg)
		if err != nil {
			return d, err
		}
		report, err := try(ctx, reg, asked)
		if err != nil {
			return d, err
		}
		columns, d.Tried, d.Rows = report.Columns, report.Outcomes[0].Tenant, report.Rows
		if err := checkColumns(columns); err != nil {
			return d, err
		}
	}
	err := pgx.BeginFunc(ctx, reg.Pool(), func(tx pgx.Tx) error { return d.write(ctx, tx, s, columns) })
	return d, err //nolint:wrapcheck // the caller does
}

// asWhole fills in what is not given and is to stay as it is: whom to ask, whose day is meant, and how long that may take.
func (s Spec) asWhole(ctx context.Context, reg *tenants.Registry) (Spec, error) {
	old, err := Get(ctx, reg.Pool(), s.Name)
	if errors.Is(err, ErrNoAggregate) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if s.Labels == nil {
		s.Labels = old.Labels
	}
	s.Zone = cmp.Or(s.Zone, &old.Zone)
	s.Timeout = cmp.Or(s.Timeout, (*time.Duration)(&old.Timeout))
	return s, nil
}

// checkZone refuses a zone that the control database does not know.
func checkZone(ctx context.Context, control querier, zone string) error {
	var known bool
	if err := control.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)`, zone).Scan(&known); err != nil {
		return fmt.Errorf("look for time zone: %w", err)
	}
	if !known {
		return bad("zone", "there is no time zone %q: give a name such as Europe/Berlin, or UTC", zone)
	}
	return nil
}

// triesOf is how many tenants are asked for the columns until nobody can tell.
const triesOf = 5

// try asks one tenant for yesterday.
func try(ctx context.Context, reg *tenants.Registry, s Spec) (fanout.Report, error) {
	zone := "UTC"
	if s.Zone != nil {
		zone = *s.Zone
	}
	var yesterday time.Time
	if err := reg.Pool().QueryRow(ctx, `SELECT (now() AT TIME ZONE $1)::date - 1`, zone).Scan(&yesterday); err != nil {
		return fanout.Report{}, fmt.Errorf("find yesterday in %s: %w", zone, err)
	}
	params, err := Params(ctx, reg.Pool(), yesterday, zone)
	if err != nil {
		return fanout.Report{}, err
	}
	slugs := []string{s.On}
	if s.On == "" {
		list, err := reg.Tenants(ctx, tenants.TenantFilter{States: []tenants.State{tenants.StateActive}, Labels: s.Labels})
		if err != nil {
			return fanout.Report{}, err
		}
		slugs = slugs[:0]
		for _, t := range list[:min(len(list), triesOf)] {
			slugs = append(slugs, t.Slug)
		}
	}
	if len(slugs) == 0 {
		return fanout.Report{}, fmt.Errorf("%w: there is no active tenant with these labels", ErrNobody)
	}
	var whys []string
	for _, slug := range slugs {
		req := fanout.Request{SQL: s.SQL, Params: params, Slugs: []string{slug}, Application: "tenantry/define"}
		if s.Timeout != nil {
			req.Timeout = *s.Timeout
		}
		report, err := fanout.Query(ctx, reg, req, func(fanout.Row) error { return nil })
		if err != nil {
			return report, err
		}
		if report.Complete() {
			return report, nil
		}
		whys = append(whys, slug+" "+report.Outcomes[0].Reason)
	}
	return fanout.Report{}, fmt.Errorf("%w: %s", ErrNobody, strings.Join(whys, "; "))
}

// reserved are columns that every table has.
var reserved = []string{"tenant_id", "day", "tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"}

// checkColumns refuses what cannot be a table's columns.
func checkColumns(columns []fanout.Column) error {
	if len(columns) == 0 {
		return bad("sql", "it returns no column")
	}
	var names []string
	for _, c := range columns {
		switch {
		case c.Name == "tenant_id" || c.Name == "day":
			return bad("sql", "the column %s is in the table by itself: leave it out", c.Name)
		case slices.Contains(reserved, c.Name):
			return bad("sql", "no column can be named %s: give it another name with AS", c.Name)
		case c.Name == "?column?" || c.Name == "":
			return bad("sql", "column %d has no name: give it one with AS", len(names)+1)
		case slices.Contains(names, c.Name):
			return bad("sql", "two columns are named %s: give them names with AS", c.Name)
		}
		names = append(names, c.Name)
	}
	return nil
}

func stored(columns []fanout.Column) []Column {
	list := make([]Column, len(columns))
	for i, c := range columns {
		list[i] = Column{c.Name, strings.TrimPrefix(c.Stored(), "pg_catalog.")}
	}
	return list
}

// definition is a row of tenantry.aggregate_definitions.
type definition struct {
	number  int
	sql     string
	columns []fanout.Column
	table   string
}

const upsertSQL = `
INSERT INTO tenantry.aggregates AS a (name, definition, labels, zone, publish_at, retry_for, timeout, most_rows, forget)
VALUES ($1, 0, coalesce($2::jsonb, '{}'), coalesce($3::text, 'UTC'), coalesce($4::float8, 0), coalesce($5::interval, '6 hours'), coalesce($6::interval, '30 seconds'), coalesce($7::integer, 10000), coalesce($8::boolean, false))
ON CONFLICT (name) DO UPDATE
SET labels = coalesce($2, a.labels), zone = coalesce($3, a.zone), publish_at = coalesce($4, a.publish_at), retry_for = coalesce($5, a.retry_for),
    timeout = coalesce($6, a.timeout), most_rows = coalesce($7, a.most_rows), forget = coalesce($8, a.forget)
RETURNING definition`

// write writes what is defined, and makes or extends the table.
func (d *Defined) write(ctx context.Context, tx pgx.Tx, s Spec, columns []fanout.Column) error {
	var old definition
	err := tx.QueryRow(ctx, upsertSQL, s.Name, s.Labels, s.Zone, s.PublishAt, s.RetryFor, s.Timeout, s.MostRows, s.Forget).Scan(&old.number)
	if err != nil {
		return fmt.Errorf("write it: %w", err)
	}
	if old.number > 0 {
		var kept []column
		err := tx.QueryRow(ctx, `SELECT sql, columns, relation FROM tenantry.aggregate_definitions WHERE aggregate = $1 AND number = $2`, s.Name, old.number).
			Scan(&old.sql, &kept, &old.table)
		if err != nil {
			return fmt.Errorf("read its text: %w", err)
		}
		old.columns = ofColumns(kept)
	}
	if s.SQL == "" {
		if old.number == 0 {
			return bad("sql", "there is no aggregate %s yet: give its text", s.Name)
		}
		columns = old.columns
		s.SQL = old.sql
	}
	d.Definition, d.Table, d.Columns = old.number, old.table, stored(columns)
	switch {
	case old.number == 0:
		d.Change = "new"
	case s.SQL == old.sql && slices.EqualFunc(columns, old.columns, fanout.Column.Same): // what tenants must answer is the type itself, not what is stored of it
		d.Change = "settings"
		return nil
	case extends(d.Columns, stored(old.columns)) && len(columns) == len(old.columns):
		d.Change = "text"
	case extends(d.Columns, stored(old.columns)):
		d.Change = "columns"
	default:
		d.Change = "table"
	}
	return d.next(ctx, tx, s, columns, stored(old.columns))
}

// extends says that columns are those of a table and more.
func extends(columns, table []Column) bool {
	for _, c := range table {
		if !slices.Contains(columns, c) {
			return false
		}
	}
	return true
}

// next writes the next definition.
func (d *Defined) next(ctx context.Context, tx pgx.Tx, s Spec, columns []fanout.Column, old []Column) error {
	var err error
	switch d.Change {
	case "new", "table":
		err = d.makeTable(ctx, tx)
	case "columns":
		err = d.extendTable(ctx, tx, old)
	}
	if err != nil {
		return err
	}
	d.Definition++
	encoded, err := encodeColumns(columns)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO tenantry.aggregate_definitions (aggregate, number, sql, columns, relation, defined_by) VALUES ($1, $2, $3, $4::jsonb, $5, $6)`,
		s.Name, d.Definition, s.SQL, encoded, d.Table, s.By)
	if err != nil {
		return fmt.Errorf("write its text: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE tenantry.aggregates SET definition = $2 WHERE name = $1`, s.Name, d.Definition); err != nil {
		return fmt.Errorf("write its text: %w", err)
	}
	return nil
}

// makeTable makes a table for the columns, under the aggregate's name or with the next version after it, of those that another aggregate does not have as its name.
func (d *Defined) makeTable(ctx context.Context, tx pgx.Tx) error {
	version := 1
	err := tx.QueryRow(ctx, `SELECT count(DISTINCT relation) + 1 FROM tenantry.aggregate_definitions WHERE aggregate = $1`, d.Aggregate).Scan(&version)
	if err != nil {
		return fmt.Errorf("count its tables: %w", err)
	}
	d.Table = d.Aggregate
	for taken := true; taken; version++ {
		if version > 1 {
			d.Table = fmt.Sprintf("%s_v%d", d.Aggregate, version)
		}
		if err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, qualified(d.Table)).Scan(&taken); err != nil {
			return fmt.Errorf("look for a table: %w", err)
		}
		if taken && version == 1 {
			return bad("name", "there is aggregates.%s already: give another name", d.Table)
		}
	}
	list := []string{"tenant_id text NOT NULL", "day date NOT NULL"}
	for _, c := range d.Columns {
		list = append(list, c.sql())
	}
	table := qualified(d.Table)
	_, err = tx.Conn().PgConn().Exec(ctx, strings.Join([]string{
		"CREATE TABLE " + table + " (" + strings.Join(list, ", ") + ")",
		"CREATE INDEX ON " + table + " (day, tenant_id)",
		"ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY published ON " + table + " FOR SELECT TO tenantry_bi USING (day IN (SELECT c.day FROM aggregates.coverage c WHERE c.\"table\" = " +
			tenants.Literal(d.Table) + " AND c.published_at IS NOT NULL))",
		"GRANT SELECT ON " + table + " TO tenantry_bi",
		"COMMENT ON TABLE " + table + " IS " + tenants.Literal("what tenants have answered for each day: tenantry aggregate show "+d.Aggregate),
	}, ";")).ReadAll()
	if err != nil {
		return fmt.Errorf("make table: %w", err)
	}
	return nil
}

func (c Column) sql() string { return tenants.Ident(c.Name) + " pg_catalog." + c.Type }

// extendTable gives the table the columns that it lacks. Days that are there have nothing in them.
func (d *Defined) extendTable(ctx context.Context, tx pgx.Tx, old []Column) error {
	var list []string
	for _, c := range d.Columns {
		if !slices.Contains(old, c) {
			list = append(list, "ADD COLUMN "+c.sql())
		}
	}
	if err := restructure(ctx, tx, "ALTER TABLE "+qualified(d.Table)+" "+strings.Join(list, ", ")); err != nil {
		return fmt.Errorf("extend table: %w", err)
	}
	return nil
}

// restructure changes or drops a table. Others may be reading it for hours, and whoever comes after us would wait behind us: we wait for a few seconds only.
func restructure(ctx context.Context, tx pgx.Tx, sql string) error {
	if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '3s'`); err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	_, err := tx.Exec(ctx, sql)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == pgerrcode.LockNotAvailable {
		return fmt.Errorf("somebody is reading the table: wait for that, or end it, and try again: %w", err)
	}
	return err //nolint:wrapcheck // the caller does
}
