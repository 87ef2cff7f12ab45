package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/drift"
	"github.com/avenit/tenantry/workers/fleettest"
)

// MakeForm makes a form in table d_0001. FillForm gives it rows.
const MakeForm = `
{"op": "create_form", "form": "projects", "label": "Projects"},
{"op": "add_field", "form": "projects", "field": "name", "type": "long_text"},
{"op": "add_field", "form": "projects", "field": "due", "type": "long_text"},
{"op": "add_field", "form": "projects", "field": "code", "type": "integer", "index": true}`

// ChangeForm is the first change of what MakeForm has made: it makes column f_0006 of a date and index i_0007 over the codes, and drops the index
// that they have.
const ChangeForm = `
{"op": "change_type", "form": "projects", "field": "due", "type": "date"},
{"op": "add_index", "form": "projects", "fields": ["code", "due"]},
{"op": "drop_index", "form": "projects", "fields": ["code"]}`

// FormRows are enough for several batches, and for a table that is not scanned under a lock.
const FormRows = 30_000

// Changing asks for a change of a tenant's forms.
func Changing(slug, operations string) jobs.Args {
	return jobs.ChangeSchema{Tenant: slug, Change: json.RawMessage(`{"operations": [` + operations + `]}`)}
}

// FillForm is a statement that makes so many rows of the form that MakeForm has made.
func FillForm(rows int) string {
	return fmt.Sprintf(`
		INSERT INTO form_data.d_0001 (f_0002, f_0003, f_0004)
		SELECT repeat('x', 60), CASE WHEN g %% 2 = 0 THEN '2026-11-27' END, g FROM generate_series(1, %d) AS g`, rows)
}

// FormWith makes a tenant's form, and its rows.
func (s *Scene) FormWith(t testing.TB, slug string, rows int) {
	t.Helper()
	s.Fleet.Do(t, Changing(slug, MakeForm))
	conn, err := pgx.Connect(t.Context(), inDatabase(s.Server, s.Fleet.Tenant(t, slug).Database))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), FillForm(rows))
	require.NoError(t, err)
}

// FormsAreClean has workers compare the catalogs of tenants with what their releases and their registries of forms make; "" is all tenants.
func FormsAreClean(t testing.TB, f *fleettest.Fleet, slug string) {
	t.Helper()
	var found map[drift.State]int
	require.NoError(t, json.Unmarshal(f.Do(t, jobs.Check{Only: slug}).Result, &found))
	list, err := drift.List(t.Context(), f.Pool, drift.Filter{})
	require.NoError(t, err)
	require.NotZero(t, found[drift.Clean])
	require.Len(t, found, 1, "%v: %+v", found, list)
}

// formsOf lists the changes of a tenant's forms that have succeeded, in the order in which they were asked for, and says whether there were others.
func (s *Scene) formsOf(ctx context.Context, tenantID string) (made []string, asked int, err error) {
	err = s.Fleet.Pool.QueryRow(ctx, `
		SELECT coalesce(array_agg(id ORDER BY seq) FILTER (WHERE state = 'succeeded'), '{}'), count(*)
		FROM tenantry.operations
		WHERE tenant_id = $1 AND kind = 'change_schema'`, tenantID).Scan(&made, &asked)
	if err != nil {
		return nil, 0, fmt.Errorf("list changes of forms: %w", err)
	}
	return made, asked, nil
}

// leftOfFormsSQL finds what a change leaves behind only as long as it is under way.
const leftOfFormsSQL = `
SELECT format('change %s of operation %s is %s at step %s', number, operation_id, state, step)
FROM _tenantry.form_changes
WHERE state NOT IN ('done', 'undone') OR plan IS NOT NULL
UNION ALL
SELECT format('change %s remembers which rows it has filled', change) FROM _tenantry.form_filled`

// forms: the database has every change that has succeeded once, in order, and nothing of any other.
func forms(ctx context.Context, conn *pgx.Conn, made []string) error {
	var kept bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('_tenantry.form_changes') IS NOT NULL`).Scan(&kept); err != nil {
		return fmt.Errorf("look for a registry of forms: %w", err)
	}
	if !kept && len(made) == 0 {
		return nil
	}
	done, err := list(ctx, conn, `SELECT operation_id FROM _tenantry.form_changes WHERE state = 'done' ORDER BY number`)
	if err != nil {
		return err
	}
	left, err := list(ctx, conn, leftOfFormsSQL)
	if err != nil {
		return err
	}
	var wrong []error
	if !slices.Equal(made, done) {
		wrong = append(wrong, fmt.Errorf("its forms were changed by %v, in the ledger by %v", done, made))
	}
	for _, line := range left {
		wrong = append(wrong, errors.New(line))
	}
	return errors.Join(wrong...)
}

// formSchemas matches lines of a listing that are about forms' schemas, ofForms all that are there because a tenant has forms.
var (
	formSchemas = regexp.MustCompile(`\b(` + strings.Join(ddl.Schemas(), "|") + `)\b`)
	ofForms     = regexp.MustCompile(formSchemas.String() + `|\b_tenantry\.form|^schema _tenantry `)
)

// withoutForms leaves out of both listings what a tenant has for its forms, unless the clean database has forms too.
func withoutForms(clean, listing string) (cleanRest, rest string) {
	if formSchemas.MatchString(clean) {
		return clean, listing
	}
	without := func(text string) string {
		var rest strings.Builder
		for line := range strings.Lines(text) {
			if !ofForms.MatchString(line) {
				rest.WriteString(line)
			}
		}
		return rest.String()
	}
	return without(clean), without(listing)
}
