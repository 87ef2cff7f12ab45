package bench_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers/fleettest"
)

// A builder's user adds a field to a form of an existing tenant, and sees it: against the same column added, and noted in a table, in a
// transaction on a connection that is open.
func TestBenchAddField(t *testing.T) {
	n := size(200, 10)
	f := fleettest.New(t)
	f.Node(t, "one")
	f.Worker(t)
	made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	f.Succeeds(t, made.OperationID)
	change := func(operation string) {
		f.Do(t, jobs.ChangeSchema{Tenant: "acme", Change: json.RawMessage(`{"operations": [` + operation + `]}`)})
	}
	change(`{"op": "create_form", "form": "projects"}, {"op": "add_field", "form": "projects", "field": "name", "type": "short_text"}`)
	conn := f.Connect(t, "acme", tenants.RoleMigrator)
	ctx := t.Context()
	_, err = conn.Exec(ctx, `SET ROLE `+tenants.Ident(f.Tenant(t, "acme").Database+"_owner")+`; CREATE TABLE bare (id bigint PRIMARY KEY); CREATE TABLE bare_history (what text, at timestamptz DEFAULT now())`)
	require.NoError(t, err)
	bare := func(i int) {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE bare ADD COLUMN f_%d bigint`, i)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO bare_history (what) VALUES ($1)`, fmt.Sprintf("f_%d", i))
			return err
		})
		require.NoError(t, err)
	}
	var ours, theirs []time.Duration
	for i := range n {
		begun := time.Now()
		change(fmt.Sprintf(`{"op": "add_field", "form": "projects", "field": "f%d", "type": "integer"}`, i))
		ours = append(ours, time.Since(begun))
		begun = time.Now()
		bare(i)
		theirs = append(theirs, time.Since(begun))
	}
	ratio := float64(quantile(ours, .5)) / float64(quantile(theirs, .5))
	report(t, row{
		fmt.Sprintf("add_field on a tenant, submit → done, p50 (n=%d)", n), ms(quantile(ours, .5)),
		"ALTER TABLE and an INSERT in a transaction, " + ms(quantile(theirs, .5)), fmt.Sprintf("%.1f×", ratio), "≤ 3×", ratio <= 3,
	})
	report(t, row{"the same, p99", ms(quantile(ours, .99)), ms(quantile(theirs, .99)), fmt.Sprintf("%.1f×", float64(quantile(ours, .99))/float64(quantile(theirs, .99))), "–", true})
}
