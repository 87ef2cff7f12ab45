package main

import (
	"context"
	"encoding/json"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/fanout"
)

// destination is what becomes of the rows of a query.
type destination interface {
	take(ctx context.Context, row fanout.Row) error
	ended(o fanout.Outcome)
	// finish shows what was made of the rows, and gives their total where that means something.
	finish(ctx context.Context, columns []fanout.Column) (*columnTotal, error)
	close()
}

// columnTotal is the sum of a column.
type columnTotal struct {
	column, value string
}

// into says what the flags make of rows.
func (o queryFlags) into(ctx context.Context, reg *tenants.Registry, out rowWriter) (destination, error) {
	for kind, column := range o.fold {
		if *column != "" {
			name := *column
			if name == onlyColumn {
				name = ""
			}
			return &foldedRows{out: out, kind: kind, tally: fanout.NewTally(kind, name)}, nil
		}
	}
	switch {
	case o.top > 0:
		return &topRows{out: out, top: fanout.NewTop(o.top, o.by)}, nil
	case o.combine != "":
		c, err := fanout.NewCombiner(ctx, reg, o.combine, max(o.timeout, o.total))
		if err != nil {
			return nil, queryRefused(err)
		}
		return &combinedRows{out: out, combiner: c}, nil
	default:
		return &eachRow{out: out, sum: fanout.NewTally(fanout.Sum, "")}, nil
	}
}

// eachRow shows rows as they come.
type eachRow struct {
	out   rowWriter
	begun bool
	sum   *fanout.Tally // of one number for each tenant; nil where it is something else
}

func (d *eachRow) take(_ context.Context, row fanout.Row) error {
	if err := d.begin(row.Columns); err != nil {
		return err
	}
	if d.sum != nil && d.sum.Take(row) != nil {
		d.sum = nil
	}
	return d.out.row(append([][]byte{[]byte(row.Tenant)}, row.Values...), nil)
}

func (d *eachRow) begin(columns []fanout.Column) error {
	if d.begun {
		return nil
	}
	d.begun = true
	if len(columns) != 1 {
		d.sum = nil
	}
	return d.out.begin(append([]outColumn{{name: "tenant"}}, outColumns(columns)...))
}

func (d *eachRow) ended(o fanout.Outcome) {
	if o.Rows > 1 {
		d.sum = nil
	}
	if d.sum != nil {
		d.sum.Ended(o)
	}
}

func (d *eachRow) finish(_ context.Context, columns []fanout.Column) (*columnTotal, error) {
	if err := d.begin(columns); err != nil || d.sum == nil {
		return nil, err
	}
	value, found := d.sum.Value()
	if !found {
		return nil, nil
	}
	return &columnTotal{d.sum.Column(), value}, nil
}

func (d *eachRow) close() {}

// foldedRows shows one value of them all.
type foldedRows struct {
	out   rowWriter
	kind  fanout.Kind
	tally *fanout.Tally
}

func (d *foldedRows) take(_ context.Context, row fanout.Row) error { return d.tally.Take(row) }

func (d *foldedRows) ended(o fanout.Outcome) { d.tally.Ended(o) }

func (d *foldedRows) finish(context.Context, []fanout.Column) (*columnTotal, error) {
	value, found := d.tally.Value()
	if err := d.out.begin([]outColumn{{name: string(d.kind), literal: d.tally.Number()}}); err != nil {
		return nil, err
	}
	if !found {
		return nil, d.out.row([][]byte{nil}, nil)
	}
	return nil, d.out.row([][]byte{[]byte(value)}, nil)
}

func (d *foldedRows) close() {}

// topRows shows those with the greatest values.
type topRows struct {
	out rowWriter
	top *fanout.Top
}

func (d *topRows) take(_ context.Context, row fanout.Row) error { return d.top.Take(row) }

func (d *topRows) ended(o fanout.Outcome) { d.top.Ended(o) }

func (d *topRows) finish(_ context.Context, columns []fanout.Column) (*columnTotal, error) {
	if err := d.out.begin(append([]outColumn{{name: "tenant"}}, outColumns(columns)...)); err != nil {
		return nil, err
	}
	for _, r := range d.top.Rows() {
		if err := d.out.row(append([][]byte{[]byte(r.Tenant)}, r.Values...), nil); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (d *topRows) close() {}

// combinedRows shows what a query makes of them.
type combinedRows struct {
	out      rowWriter
	combiner *fanout.Combiner
}

func (d *combinedRows) take(ctx context.Context, row fanout.Row) error {
	return d.combiner.Take(ctx, row)
}

func (d *combinedRows) ended(o fanout.Outcome) { d.combiner.Ended(o) }

func (d *combinedRows) finish(ctx context.Context, columns []fanout.Column) (*columnTotal, error) {
	if columns == nil {
		return nil, nil // nobody has answered: there is no table
	}
	combined, err := d.combiner.Result(ctx, columns)
	if err != nil {
		return nil, err
	}
	list := make([]outColumn, len(combined.Columns))
	for i, name := range combined.Columns {
		list[i] = outColumn{name: name}
	}
	if err := d.out.begin(list); err != nil {
		return nil, err
	}
	for _, values := range combined.Rows {
		cells, literal := make([][]byte, len(values)), make([]bool, len(values))
		for i, v := range values {
			cells[i], literal[i] = plain(v)
		}
		if err := d.out.row(cells, literal); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// plain is a value of JSON as text, nil for null, and whether it is a literal as it stands.
func plain(v json.RawMessage) (text []byte, literal bool) {
	var s string
	switch {
	case string(v) == "null":
		return nil, true
	case json.Unmarshal(v, &s) == nil:
		return []byte(s), false
	default:
		return v, true
	}
}

func (d *combinedRows) close() { d.combiner.Close() }
