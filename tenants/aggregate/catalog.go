package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
)

// Aggregate is one, with its newest definition.
type Aggregate struct {
	Name       string            `json:"name"`
	Definition int               `json:"definition"`
	Table      string            `json:"table"` // in the schema aggregates
	SQL        string            `json:"sql"`
	Columns    []Column          `json:"columns"`
	Labels     map[string]string `json:"labels"`
	Zone       string            `json:"zone"`
	PublishAt  float64           `json:"publish_at"` // a share of the tenants
	RetryFor   Duration          `json:"retry_for"`
	Timeout    Duration          `json:"timeout"`
	MostRows   int               `json:"most_rows"`
	Forget     bool              `json:"forget"`
	DefinedBy  string            `json:"defined_by"`
	DefinedAt  time.Time         `json:"defined_at"`
	Newest     *Day              `json:"newest"` // its newest day; nil: none was asked for
}

// Duration is a time that programs read as text, such as 6h0m0s.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes it as text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Day is how complete a day is.
type Day struct {
	Day         string     `json:"day"`
	Table       string     `json:"table"`
	Tenants     int        `json:"tenants"`
	Contributed int        `json:"contributed"`
	PublishedAt *time.Time `json:"published_at"`
	OperationID string     `json:"operation_id"` // its newest run
	State       string     `json:"state"`        // of that
	ChangedAt   time.Time  `json:"changed_at"`
}

// ErrNoAggregate says that there is no aggregate of a name.
var ErrNoAggregate = errors.New("there is no such aggregate: see tenantry aggregate list")

// daysSQL reads days, with the fields of Day as columns.
const daysSQL = `
SELECT d.day::text, d.relation AS table, d.tenants, d.contributed, d.published_at, d.operation_id, coalesce(o.state, 'forgotten') AS state, d.changed_at
FROM tenantry.aggregate_days d
LEFT JOIN tenantry.operations o ON o.id = d.operation_id`

const listSQL = `
SELECT a.name, a.definition, f.relation, f.sql, f.columns, a.labels, a.zone, a.publish_at::float8, a.retry_for, a.timeout, a.most_rows, a.forget, f.defined_by, f.defined_at,
       (SELECT to_jsonb(n) FROM (` + daysSQL + `
          WHERE d.aggregate = a.name
          ORDER BY d.day DESC, (d.relation = f.relation) DESC
          LIMIT 1) n)
FROM tenantry.aggregates a
JOIN tenantry.aggregate_definitions f ON f.aggregate = a.name AND f.number = a.definition
WHERE $1 = '' OR a.name = $1
ORDER BY a.name`

// List lists aggregates by name. only is the name of one; "" is all.
func List(ctx context.Context, control *pgxpool.Pool, only string) ([]Aggregate, error) {
	rows, err := control.Query(ctx, listSQL, only)
	if err != nil {
		return nil, fmt.Errorf("list aggregates: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Aggregate, error) {
		var a Aggregate
		var columns []column
		var newest []byte
		err := row.Scan(&a.Name, &a.Definition, &a.Table, &a.SQL, &columns, &a.Labels, &a.Zone, &a.PublishAt, (*time.Duration)(&a.RetryFor), (*time.Duration)(&a.Timeout),
			&a.MostRows, &a.Forget, &a.DefinedBy, &a.DefinedAt, &newest)
		a.Columns = stored(ofColumns(columns))
		if err == nil && newest != nil {
			err = json.Unmarshal(newest, &a.Newest)
		}
		return a, err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return nil, fmt.Errorf("list aggregates: %w", err)
	}
	if only != "" && len(list) == 0 {
		return nil, ErrNoAggregate
	}
	return list, nil
}

// Get finds one by name. ErrNoAggregate is its own error.
func Get(ctx context.Context, control *pgxpool.Pool, name string) (Aggregate, error) {
	if name == "" {
		return Aggregate{}, ErrNoAggregate
	}
	list, err := List(ctx, control, name)
	if err != nil {
		return Aggregate{}, err
	}
	return list[0], nil
}

// Days lists the newest days of an aggregate, in any of its tables, the newest first.
func Days(ctx context.Context, control *pgxpool.Pool, name string, most int) ([]Day, error) {
	rows, err := control.Query(ctx, daysSQL+`
		WHERE d.aggregate = $1
		ORDER BY d.day DESC, d.relation DESC
		LIMIT $2`, name, most)
	if err != nil {
		return nil, fmt.Errorf("list days of aggregate %s: %w", name, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Day])
	if err != nil {
		return nil, fmt.Errorf("list days of aggregate %s: %w", name, err)
	}
	return list, nil
}

// Coverage says in a line who is in the day and who is not.
func (d Day) Coverage(list []Missing) string { return coverage(d.Contributed, d.Tenants, list) }

// Range is which rows of an aggregate's table to read.
type Range struct {
	From, To time.Time // days, both included
	// Tenant is a slug; "" is all.
	Tenant string
	// Unpublished: also days that are not published.
	Unpublished bool
}

// Results gives the rows of an aggregate's newest table to take, by day and tenant: the values are day and the columns. It returns the days that were read.
func Results(ctx context.Context, control *pgxpool.Pool, a Aggregate, r Range, take func(fanout.Row) error) ([]Day, error) {
	var days []Day
	err := pgx.BeginTxFunc(ctx, control, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var known bool // a name that is misspelt is not one without rows
		if err := tx.QueryRow(ctx, `SELECT $1 = '' OR EXISTS (SELECT FROM tenantry.tenants WHERE slug = $1)`, r.Tenant).Scan(&known); err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if !known {
			return bad("tenant", "there is no tenant %q: see tenantry tenant list", r.Tenant)
		}
		rows, err := tx.Query(ctx, daysSQL+`
			WHERE d.relation = $1 AND d.day BETWEEN $2 AND $3 AND ($4 OR d.published_at IS NOT NULL)
			ORDER BY d.day`, a.Table, r.From, r.To, r.Unpublished)
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if days, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Day]); err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		return a.rows(ctx, tx, r, days, take)
	})
	if err != nil {
		return nil, fmt.Errorf("read aggregate %s: %w", a.Name, err)
	}
	return days, nil
}

func (a Aggregate) rows(ctx context.Context, tx pgx.Tx, r Range, days []Day, take func(fanout.Row) error) error {
	which := make([]string, len(days))
	for i, d := range days {
		which[i] = d.Day
	}
	list := []string{"r.tenant_id", "coalesce(t.slug, r.tenant_id)", "r.day"}
	for _, c := range a.Columns {
		list = append(list, "r."+tenants.Ident(c.Name))
	}
	sql := "SELECT " + strings.Join(list, ", ") + " FROM " + qualified(a.Table) + ` r LEFT JOIN tenantry.tenants t ON t.id = r.tenant_id
		WHERE r.day = ANY ($1::date[]) AND ($2 = '' OR t.slug = $2) ORDER BY r.day, t.slug, r.tenant_id`
	if _, err := tx.Exec(ctx, stylesSQL, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	rows, err := tx.Query(ctx, sql, pgx.QueryResultFormats{pgx.TextFormatCode}, which, r.Tenant)
	if err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	defer rows.Close()
	var columns []fanout.Column
	for rows.Next() {
		if columns == nil {
			columns = fanout.ColumnsOf(rows.FieldDescriptions()[2:])
		}
		values := rows.RawValues()
		if err := take(fanout.Row{TenantID: string(values[0]), Tenant: string(values[1]), Columns: columns, Values: values[2:]}); err != nil {
			return err
		}
	}
	return rows.Err() //nolint:wrapcheck // the caller does
}

// Drop drops an aggregate with its tables, its schedule and all that is known of its days. It refuses while a run is under way.
func Drop(ctx context.Context, control *pgxpool.Pool, name string) error {
	err := pgx.BeginFunc(ctx, control, func(tx pgx.Tx) error {
		// The schedule first, as everywhere: who asks for one of its times has it, and then the aggregate.
		if _, err := tx.Exec(ctx, `DELETE FROM tenantry.schedules WHERE name = $1`, ScheduleName(name)); err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		var there bool
		err := tx.QueryRow(ctx, `SELECT true FROM tenantry.aggregates WHERE name = $1 FOR UPDATE`, name).Scan(&there)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoAggregate
		}
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		var run string
		err = tx.QueryRow(ctx, `SELECT operation_id FROM tenantry.aggregate_runs WHERE aggregate = $1 AND finished_at IS NULL LIMIT 1`, name).Scan(&run)
		if err == nil {
			return bad("name", "%s is under way: wait for it, or tenantry op cancel %s", name, run)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err //nolint:wrapcheck // wrapped below
		}
		return drop(ctx, tx, name)
	})
	if err != nil {
		return fmt.Errorf("drop aggregate %s: %w", name, err)
	}
	return nil
}

func drop(ctx context.Context, tx pgx.Tx, name string) error {
	rows, err := tx.Query(ctx, `SELECT DISTINCT relation FROM tenantry.aggregate_definitions WHERE aggregate = $1`, name)
	if err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	for _, table := range tables {
		if err := restructure(ctx, tx, "DROP TABLE IF EXISTS "+qualified(table)); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		`DELETE FROM tenantry.aggregate_slices WHERE relation IN (SELECT relation FROM tenantry.aggregate_definitions WHERE aggregate = $1)`,
		`DELETE FROM tenantry.aggregates WHERE name = $1`,
	} {
		if _, err := tx.Exec(ctx, sql, name); err != nil {
			return err //nolint:wrapcheck // the caller does
		}
	}
	return nil
}

// Publish publishes a day although it is not complete enough.
func Publish(ctx context.Context, control *pgxpool.Pool, name, day string) error {
	if _, err := control.Exec(ctx, `SELECT tenantry.publish_aggregate($1, $2)`, name, day); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// ScheduleName is the name of an aggregate's schedule.
func ScheduleName(aggregate string) string { return "aggregate." + aggregate }

// Schedule has an aggregate run at the times of a cron expression, by the clock of a zone: "" is the aggregate's. day is yesterday or today, as seen from each of these
// times. Times that were missed are all made up for.
func Schedule(ctx context.Context, control *pgxpool.Pool, name, expression, zone, day string) error {
	if day != "yesterday" && day != "today" {
		return bad("day", "%q: give yesterday or today", day)
	}
	a, err := Get(ctx, control, name)
	if err != nil {
		return err
	}
	if zone == "" {
		zone = a.Zone
	}
	err = pgx.BeginFunc(ctx, control, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO tenantry.schedules (name, kind, args, expression, zone, missed, does)
			VALUES ($1, 'aggregate', jsonb_build_object('aggregate', $2::text, 'day', $3::text), $4, $5, 'each', format('asks every tenant for %s of %s', $2::text, $3::text))
			ON CONFLICT (name) DO UPDATE SET args = excluded.args, expression = excluded.expression, zone = excluded.zone, does = excluded.does, enabled = true, error = ''`,
			ScheduleName(name), name, day, expression, zone)
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		// It may be dropped just now: its schedule would ask for nothing for ever.
		_, err = tx.Exec(ctx, `SELECT tenantry.find_aggregate($1)`, name)
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return fmt.Errorf("schedule aggregate %s: %w", name, err)
	}
	return nil
}

// Unschedule has an aggregate run no more by itself.
func Unschedule(ctx context.Context, control *pgxpool.Pool, name string) error {
	if _, err := Get(ctx, control, name); err != nil {
		return err
	}
	if _, err := control.Exec(ctx, `DELETE FROM tenantry.schedules WHERE name = $1`, ScheduleName(name)); err != nil {
		return fmt.Errorf("unschedule aggregate %s: %w", name, err)
	}
	return nil
}
