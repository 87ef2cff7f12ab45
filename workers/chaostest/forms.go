package chaostest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/workers/crash/crashtest"
)

// makeForms gives the builders a form with rows.
func (c *trial) makeForms() {
	c.t.Helper()
	for _, slug := range c.cast.builders {
		c.fleet.Do(c.t, crashtest.Changing(slug, crashtest.MakeForm))
	}
	c.everywhere(c.cast.builders, func(ctx context.Context, _ string, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, crashtest.FillForm(crashtest.FormRows))
		return err
	})
}

// changeOf is the n-th change of a builder's forms, from 0. Each can be made whatever became of those before it.
func changeOf(n int) string {
	switch {
	case n == 0:
		return crashtest.ChangeForm
	case fills(n):
		return fmt.Sprintf(`
			{"op": "add_field", "form": "projects", "field": %[1]q, "type": "integer"},
			{"op": "set_required", "form": "projects", "field": %[1]q, "value": %[2]d}`, fieldOf(n), n)
	default:
		return fmt.Sprintf(`
			{"op": "add_field", "form": "projects", "field": %[1]q, "type": "integer", "index": true},
			{"op": "create_form", "form": "of_%[1]s"}, {"op": "add_reference", "form": "of_%[1]s", "field": "project", "references": "projects"}`, fieldOf(n))
	}
}

// fills says whether a change gives a value to every row.
func fills(n int) bool { return n%2 == 1 }

// fieldOf is what the n-th change makes or changes.
func fieldOf(n int) string {
	if n == 0 {
		return "due"
	}
	return fmt.Sprint("x", n)
}

// changeForms asks for changes of all builders' forms, and cancels some.
func (c *trial) changeForms(ctx context.Context, lot *rand.Rand) error {
	for n := range c.changes {
		for _, slug := range c.cast.builders {
			id, err := c.fleet.Jobs.Submit(ctx, crashtest.Changing(slug, changeOf(n)), nil)
			if err != nil {
				return err
			}
			<-time.After(time.Duration(lot.IntN(400)) * time.Millisecond)
			if n == 0 || lot.IntN(4) > 0 {
				continue
			}
			c.cancelled = append(c.cancelled, id)
			if _, err := c.fleet.Jobs.Cancel(ctx, id); err != nil && ctx.Err() != nil {
				return err // else it has ended already
			}
		}
	}
	return nil
}

// lookAtForms waits for the changes and looks: every catalog is what it should be, and of the changes those are there that have succeeded.
func (c *trial) lookAtForms() {
	c.t.Helper()
	c.until("the changes of forms do not end", c.calm, func() bool {
		return value[bool](c, `SELECT bool_and(finished_at IS NOT NULL) FROM tenantry.operations WHERE kind = 'change_schema'`)
	})
	crashtest.FormsAreClean(c.t, c.fleet, "")
	states := map[jobs.State]int{}
	for _, slug := range c.cast.builders {
		ops, err := c.fleet.Jobs.List(c.t.Context(), jobs.Filter{Tenant: slug, Kind: "change_schema"})
		require.NoError(c.t, err)
		slices.SortFunc(ops, func(a, b jobs.Operation) int { return int(a.Seq - b.Seq) })
		require.Len(c.t, ops, c.changes+1)
		var registry *ddl.Registry
		wrong := map[string]int{}
		c.everywhere([]string{slug}, func(ctx context.Context, _ string, conn *pgx.Conn) (err error) {
			if registry, err = execute.Read(ctx, conn); err != nil {
				return err
			}
			return c.values(ctx, conn, registry.Form("projects"), wrong)
		})
		form := registry.Form("projects")
		version := int64(0)
		for n, op := range ops[1:] {
			states[op.State]++
			succeeded := op.State == jobs.StateSucceeded
			field := form.Field(fieldOf(n))
			made := field != nil && (n == 0 || field.Required == fills(n))
			require.Equal(c.t, succeeded, made, "%s: change %d (%s) is %s", slug, n, op.ID, op.State)
			if succeeded {
				version++
				var result execute.Result
				require.NoError(c.t, json.Unmarshal(op.Result, &result))
				require.Equal(c.t, version+1, result.Forms["projects"], "%s: change %d (%s)", slug, n, op.ID)
			}
		}
		require.Equal(c.t, version+1, form.Version, slug)
		require.Empty(c.t, wrong, slug)
	}
	c.numbers.add("changes of forms", states)
}

// values counts rows that do not have the value that a change has given to them.
func (c *trial) values(ctx context.Context, conn *pgx.Conn, form *ddl.Form, wrong map[string]int) error {
	table := pgx.Identifier{ddl.DataSchema, form.Table}.Sanitize()
	for _, field := range form.Fields {
		column := pgx.Identifier{field.Column}.Sanitize()
		var want string
		switch n := 0; {
		case field.Key == "due":
			want = `CASE WHEN f_0004 % 2 = 0 THEN date '2026-11-27' END`
		case field.Key[0] != 'x':
			continue
		default:
			if _, err := fmt.Sscanf(field.Key, "x%d", &n); err != nil {
				return fmt.Errorf("field %s: %w", field.Key, err)
			}
			if want = "NULL"; field.Required {
				want = fmt.Sprint(n)
			}
		}
		var rows int
		if err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM %s WHERE %s IS DISTINCT FROM %s`, table, column, want)).Scan(&rows); err != nil {
			return fmt.Errorf("field %s: %w", field.Key, err)
		}
		if rows > 0 {
			wrong[field.Key] = rows
		}
	}
	return nil
}
