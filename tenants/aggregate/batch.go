package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
)

// ErrNoBatch says that there is nothing for an operation to ask.
var ErrNoBatch = errors.New("no run of an aggregate has this batch")

// Batch is what one operation asks.
type Batch struct {
	Operation  string
	Run        string
	Aggregate  string
	Table      string // in the schema aggregates
	Day        time.Time
	Definition int
	SQL        string
	Columns    []fanout.Column
	Timeout    time.Duration // of one tenant
	MostRows   int64
	Tenants    []string // their ids: those that have not answered yet

	params map[string]fanout.Param
}

const batchSQL = `
SELECT b.run, r.aggregate, r.relation, r.day, r.definition, f.sql, f.columns, r.timeout, r.most_rows, r.zone,
       ARRAY(SELECT s.tenant_id FROM tenantry.aggregate_slices s WHERE s.batch_id = b.operation_id ORDER BY s.tenant_id)
FROM tenantry.aggregate_batches b
JOIN tenantry.aggregate_runs r ON r.operation_id = b.run
JOIN tenantry.aggregate_definitions f ON f.aggregate = r.aggregate AND f.number = r.definition
WHERE b.operation_id = $1`

// ReadBatch reads what an operation is to ask. ErrNoBatch is its own error.
func ReadBatch(ctx context.Context, control *pgxpool.Pool, operation string) (Batch, error) {
	b := Batch{Operation: operation}
	var columns []column
	var zone string
	err := control.QueryRow(ctx, batchSQL, operation).
		Scan(&b.Run, &b.Aggregate, &b.Table, &b.Day, &b.Definition, &b.SQL, &columns, &b.Timeout, &b.MostRows, &zone, &b.Tenants)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return b, ErrNoBatch
	case err != nil:
		return b, fmt.Errorf("read batch: %w", err)
	}
	b.Columns = ofColumns(columns)
	b.params, err = Params(ctx, control, b.Day, zone)
	return b, err
}

const (
	// mostBytes bounds what one tenant answers for one day: it is kept in memory until it is complete.
	mostBytes = 4 << 20
	// mostParallel bounds how many tenants answer a batch at a time, for the same reason.
	mostParallel = 8
	// mostReason bounds what is kept of why a tenant has not answered, in bytes: an error may quote a row's megabyte.
	mostReason = 1000
)

// Request is what the batch asks of its tenants.
func (b Batch) Request() fanout.Request {
	return fanout.Request{
		SQL: b.SQL, Params: b.params, IDs: b.Tenants, Columns: b.Columns, Timeout: b.Timeout, MostRows: b.MostRows, MostBytes: mostBytes,
		Parallel: min(2*runtime.GOMAXPROCS(0), mostParallel),
	}
}

// column is a column as it is kept.
type column struct {
	Name string `json:"name"`
	OID  uint32 `json:"oid"`
}

func ofColumns(list []column) []fanout.Column {
	columns := make([]fanout.Column, len(list))
	for i, c := range list {
		columns[i] = fanout.Column(c)
	}
	return columns
}

// Slice is what a tenant has answered, or why it has not.
type Slice struct {
	Tenant string // its id
	State  SliceState
	Reason string
	Rows   int64

	text []byte // of COPY
}

// SliceState is how a tenant's part of a batch ended.
type SliceState string

// The states.
const (
	Contributed SliceState = "contributed" // it has answered
	Left        SliceState = "left"        // it is not active any more
	Late        SliceState = "late"        // it has not answered: again, after a pause
	Unasked     SliceState = "unasked"     // there was no time for it
)

// Collector gathers what the tenants of a batch answer, each as a whole.
type Collector struct {
	batch Batch
	day   string
	open  map[string][]byte // by the tenant's id, of those that are answering
	ended []Slice
	size  int // of those that have ended
	known map[string]bool
}

// NewCollector makes one.
func NewCollector(b Batch) *Collector {
	return &Collector{batch: b, day: b.Day.Format(time.DateOnly), open: map[string][]byte{}, known: map[string]bool{}}
}

// Take adds a row.
func (c *Collector) Take(row fanout.Row) error {
	text := c.open[row.TenantID]
	text = append(text, row.TenantID...)
	text = append(text, '\t')
	text = append(text, c.day...)
	for _, v := range row.Values {
		text = append(text, '\t')
		if v == nil {
			text = append(text, tenants.CopyNull...)
		}
		for _, b := range v {
			text = tenants.AppendCopy(text, b)
		}
	}
	c.open[row.TenantID] = append(text, '\n')
	return nil
}

// Ended adds how a tenant's part ended. What it gave before that, if it did not come to its end, is thrown away.
func (c *Collector) Ended(o fanout.Outcome) {
	s := Slice{Tenant: o.TenantID, Reason: tenants.Storable(o.Reason, mostReason)}
	switch o.State {
	case fanout.Answered:
		s.State, s.Rows, s.text = Contributed, o.Rows, c.open[o.TenantID]
	case fanout.Inactive:
		s.State = Left
	case fanout.Unasked:
		s.State = Unasked
	case fanout.Failed, fanout.Unreachable:
		s.State = Late
	}
	c.size += len(s.text)
	delete(c.open, o.TenantID)
	c.known[o.TenantID] = true
	c.ended = append(c.ended, s)
}

// Size is how many bytes wait to be written, of tenants that have answered.
func (c *Collector) Size() int { return c.size }

// Flush gives what has ended and forgets it.
func (c *Collector) Flush() []Slice {
	list := c.ended
	c.ended, c.size = nil, 0
	return list
}

// Rest gives those of whom there was nothing to ask: they are deleted.
func (c *Collector) Rest() []Slice {
	var list []Slice
	for _, id := range c.batch.Tenants {
		if !c.known[id] {
			list = append(list, Slice{Tenant: id, State: Left, Reason: "is deleted"})
		}
	}
	return list
}

// heldSQL gives the tenants of a list that are still the batch's to ask, and which of them have rows of that day in the table.
const heldSQL = `
SELECT tenant_id, contributed_at IS NOT NULL
FROM tenantry.aggregate_slices
WHERE relation = $1 AND day = $2 AND batch_id = $3 AND tenant_id = ANY ($4)
ORDER BY tenant_id
FOR NO KEY UPDATE`

const writtenSQL = `
UPDATE tenantry.aggregate_slices s
SET state = CASE WHEN w.state = 'contributed' THEN 'contributed'
                 WHEN w.state = 'left' THEN CASE WHEN s.contributed_at IS NULL THEN 'left' ELSE 'contributed' END
                 ELSE 'due' END,
    batch_id = NULL,
    tries = s.tries + (w.state <> 'unasked')::integer,
    next_at = CASE w.state WHEN 'late' THEN now() + tenantry.aggregate_pause(s.tries + 1) ELSE s.next_at END,
    reason = CASE w.state WHEN 'contributed' THEN '' WHEN 'unasked' THEN s.reason ELSE w.reason END,
    rows = CASE w.state WHEN 'contributed' THEN w.rows ELSE s.rows END,
    definition = CASE w.state WHEN 'contributed' THEN $3 ELSE s.definition END,
    contributed_at = CASE w.state WHEN 'contributed' THEN now() ELSE s.contributed_at END
FROM unnest($4::text[], $5::text[], $6::text[], $7::bigint[]) AS w (tenant_id, state, reason, rows)
WHERE s.relation = $1 AND s.day = $2 AND s.tenant_id = w.tenant_id`

// Write writes what tenants have answered into the table, in the place of what they had answered for the day before, together with their slices. The caller makes sure that
// the batch is still its own to ask. [Unfit] says of an error that it is of what they have answered.
func (b Batch) Write(ctx context.Context, tx pgx.Tx, list []Slice) error {
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = s.Tenant
	}
	rows, err := tx.Query(ctx, heldSQL, b.Table, b.Day, b.Operation, ids)
	if err != nil {
		return fmt.Errorf("hold slices: %w", err)
	}
	held := map[string]bool{}
	var id string
	var has bool
	if _, err := pgx.ForEachRow(rows, []any{&id, &has}, func() error { held[id] = has; return nil }); err != nil {
		return fmt.Errorf("hold slices: %w", err)
	}
	var w written
	var replaced []string
	for _, s := range list {
		has, ours := held[s.Tenant]
		if !ours {
			continue
		}
		w.add(s)
		if has && s.State == Contributed {
			replaced = append(replaced, s.Tenant)
		}
	}
	if err := b.copy(ctx, tx, w.text, replaced); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, writtenSQL, b.Table, b.Day, b.Definition, w.ids, w.states, w.reasons, w.rows); err != nil {
		return fmt.Errorf("record slices: %w", err)
	}
	if _, err := tx.Exec(ctx, `SELECT tenantry.count_aggregate($1, $2)`, b.Table, b.Day); err != nil {
		return fmt.Errorf("count who has answered: %w", err)
	}
	return nil
}

// written is slices by column.
type written struct {
	ids, states, reasons []string
	rows                 []int64
	text                 [][]byte
}

func (w *written) add(s Slice) {
	w.ids, w.states, w.reasons, w.rows = append(w.ids, s.Tenant), append(w.states, string(s.State)), append(w.reasons, s.Reason), append(w.rows, s.Rows)
	if s.State == Contributed && len(s.text) > 0 {
		w.text = append(w.text, s.text)
	}
}

// stylesSQL has values written and read as tenants' servers write them for package fanout.
const stylesSQL = `SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC'`

// copy puts rows into the table, in the place of those of some tenants.
func (b Batch) copy(ctx context.Context, tx pgx.Tx, text [][]byte, replaced []string) error {
	table := qualified(b.Table)
	if len(replaced) > 0 {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE day = $1 AND tenant_id = ANY ($2)`, b.Day, replaced); err != nil {
			return fmt.Errorf("delete what is replaced: %w", err)
		}
	}
	if len(text) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, stylesSQL, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("set styles: %w", err)
	}
	buffers := net.Buffers(text)
	names := []string{"tenant_id", "day"}
	for _, c := range b.Columns {
		names = append(names, tenants.Ident(c.Name))
	}
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, &buffers, "COPY "+table+" ("+strings.Join(names, ", ")+") FROM STDIN"); err != nil {
		return fmt.Errorf("copy rows: %w", err)
	}
	return nil
}

// Unfit says that an error is of what tenants have answered: a value that the table does not take.
func Unfit(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code[:2] == "22" || pg.Code[:2] == "23" || pg.Code[:2] == "54")
}

// Refused makes a late slice of one whose rows cannot be stored.
func (s Slice) Refused(err error) Slice {
	reason := "its rows cannot be stored"
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		reason += ": " + pg.Message
	}
	return Slice{Tenant: s.Tenant, State: Late, Reason: tenants.Storable(reason, mostReason)}
}

// encodeColumns writes columns as they are kept.
func encodeColumns(list []fanout.Column) (string, error) {
	columns := make([]column, len(list))
	for i, c := range list {
		columns[i] = column(c)
	}
	text, err := json.Marshal(columns)
	if err != nil {
		return "", fmt.Errorf("encode columns: %w", err)
	}
	return string(text), nil
}

// qualified is a table of the schema aggregates as SQL has it.
func qualified(table string) string { return "aggregates." + tenants.Ident(table) }
