package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
)

// What the customer's form is, and the field that it gets.
const (
	demoForm = `{"operations": [
		{"op": "create_form", "form": "projects", "label": "Projects"},
		{"op": "add_field", "form": "projects", "field": "title", "type": "short_text", "label": "Title"}]}`
	demoField = `{"operations": [
		{"op": "add_field", "form": "projects", "field": "budget", "label": "Budget (EUR)", "type": "decimal", "precision": 12, "scale": 2, "default": "100.00"}]}`
	demoProjects = 1000
)

// showField has a customer build a form and fill it, adds a field to it, and looks what has become of that.
func (d *devFleet) showField(ctx context.Context) error {
	client, err := d.app.jobs(ctx)
	if err != nil {
		return err
	}
	if _, err := do(ctx, client, jobs.ChangeSchema{Tenant: demoCanary, Change: json.RawMessage(demoForm)}); err != nil {
		return err
	}
	if err := d.fillForm(ctx); err != nil {
		return fmt.Errorf("fill the form: %w", err)
	}
	d.say("%s builds the form Projects and fills in %d of them", demoCanary, demoProjects)
	op, err := do(ctx, client, jobs.ChangeSchema{Tenant: demoCanary, Change: json.RawMessage(demoField)})
	if err != nil {
		return err
	}
	conn, _, err := d.app.connectTenant(ctx, demoCanary)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	form, field, err := readField(ctx, conn, "budget")
	if err != nil {
		return err
	}
	var kind string
	err = conn.QueryRow(ctx, `SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = $2`,
		ddl.DataSchema+"."+form.Table, field.Column).Scan(&kind)
	if err != nil {
		return fmt.Errorf("look for the column: %w", err)
	}
	var rows int
	sql := `SELECT count(*) FROM ` + pgx.Identifier{ddl.DataSchema, form.Table}.Sanitize() + ` WHERE ` + pgx.Identifier{field.Column}.Sanitize() + ` = 100`
	if err := conn.QueryRow(ctx, sql).Scan(&rows); err != nil {
		return fmt.Errorf("count rows with the field's default: %w", err)
	}
	if rows != demoProjects {
		return fmt.Errorf("%d of %d rows have the default of the field", rows, demoProjects)
	}
	d.say("its field %q is added in %s: the column %s.%s.%s %s, with its default in all %d rows", field.Label, took(op), ddl.DataSchema, form.Table, field.Column, kind, rows)
	return nil
}

// fillForm writes rows into the customer's form as an API does: through the registry, into the real table.
func (d *devFleet) fillForm(ctx context.Context) error {
	conn, tenant, err := d.app.connectTenant(ctx, demoCanary)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	form, field, err := readField(ctx, conn, "title")
	if err != nil {
		return err
	}
	lease, err := d.runtime.Cache().Acquire(ctx, tenant.ID)
	if err != nil {
		return fmt.Errorf("lease pool: %w", err)
	}
	defer lease.Release()
	titles := make([][]any, demoProjects)
	for i := range titles {
		titles[i] = []any{fmt.Sprint("Project ", i+1)}
	}
	_, err = lease.Pool().CopyFrom(ctx, pgx.Identifier{ddl.DataSchema, form.Table}, []string{field.Column}, pgx.CopyFromRows(titles))
	if err != nil {
		return fmt.Errorf("copy rows: %w", err)
	}
	return nil
}

// readField reads from the tenant's own registry where a field of its form is.
func readField(ctx context.Context, conn *pgx.Conn, key string) (*ddl.Form, *ddl.Field, error) {
	registry, err := execute.Read(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	form := registry.Form("projects")
	if form == nil {
		return nil, nil, errors.New("the form is not there")
	}
	field := form.Field(key)
	if field == nil {
		return nil, nil, fmt.Errorf("the form has no field %s", key)
	}
	return form, field, nil
}
