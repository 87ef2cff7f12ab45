package execute_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

// goldenFiles are made by TestGolden of package ddl.
const goldenFiles = "../testdata/golden"

// goldenCase is a variant of an operation on a table of a size, as its file has it.
type goldenCase struct {
	op, name, size, change string
	// steps are titles of the steps, sql is all statements in order.
	steps, sql []string
}

// readGolden reads what a file says.
func readGolden(t *testing.T, path string) []goldenCase {
	t.Helper()
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	var cases []goldenCase
	now := goldenCase{op: strings.TrimSuffix(filepath.Base(path), ".sql")}
	var statement strings.Builder
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSuffix(line, "\n")
		comment, isComment := strings.CutPrefix(line, "-- ")
		what, rest, _ := strings.Cut(comment, ": ")
		last := len(cases) - 1
		switch {
		case !isComment:
			if statement.Len() == 0 && line == "" {
				continue
			}
			if end, ends := strings.CutSuffix(line, ";"); ends && !insideBody(statement.String()+line) {
				cases[last].sql = append(cases[last].sql, statement.String()+end)
				statement.Reset()
			} else {
				statement.WriteString(line + "\n")
			}
		case what == "case":
			now.name = rest
		case what == "change":
			now.change = rest
		case what == "size":
			now.size = rest
			cases = append(cases, now)
		case strings.HasPrefix(what, "step "):
			cases[last].steps = append(cases[last].steps, rest)
		}
	}
	require.Zero(t, statement.Len(), "%s ends inside of %s", path, statement.String())
	return cases
}

// insideBody reports whether a statement ends inside of a function's body, or of a constant.
func insideBody(sql string) bool {
	return strings.Count(sql, "'")%2 == 1 || strings.Count(sql, "$sync$") == 1 || strings.Count(sql, "$carry$") == 1
}

// TestGoldenPlansRun makes every change of the golden files on a real database, whose table is as large as the file says: the plan is the file's, that
// plan is what is carried out, and what is there then is what the registry's script makes.
func TestGoldenPlansRun(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(goldenFiles, "*.sql"))
	require.NoError(t, err)
	require.Len(t, paths, len(ddl.Operations()))
	var cases []goldenCase
	for _, path := range paths {
		cases = append(cases, readGolden(t, path)...)
	}
	for size, rows := range map[string]int{"small": 3, "large": 12_000} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			template := goldenTemplate(t, rows)
			other := newTwin(t)
			made := 0
			for _, z := range cases {
				if z.size == size {
					made++
					z.run(t, template.copyOf(t), other)
				}
			}
			t.Logf("%d changes", made)
			require.Greater(t, made, len(ddl.Operations()))
		})
	}
}

// goldenTemplate is a database with the forms of the golden files, and rows that every change takes.
func goldenTemplate(t *testing.T, rows int) *template {
	t.Helper()
	tn := newTenant(t)
	body, err := os.ReadFile(filepath.Join(goldenFiles, "forms.jsonl"))
	require.NoError(t, err)
	for line := range strings.Lines(string(body)) {
		inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), `{"operations": [`), `]}`)
		tn.apply(t, inner)
	}
	values := map[string]string{
		"name": "'name ' || g", "note": "CASE WHEN g % 2 = 0 THEN repeat('note ', 20) END", "n": "g", "price": "g", "due": "(20261127 + g)::text", "state": "'a'", "tags": "'{x}'", "code": "g",
	}
	var columns, expressions []string
	for key, expression := range values {
		columns, expressions = append(columns, tn.column(t, "p", key)), append(expressions, expression)
	}
	run(t, tn.admin, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series(1, %d) AS g", tn.table(t, "p"), strings.Join(columns, ", "), strings.Join(expressions, ", "), rows))
	run(t, tn.admin, "ANALYZE")
	hangUp(t, tn.admin)
	return &template{tn: tn, server: dial(t, serverConfig(t))}
}

func (z goldenCase) run(t *testing.T, tn *tenant, other *twin) {
	t.Helper()
	name := fmt.Sprintf("%s, %s, on a %s table", z.op, z.name, z.size)
	change, err := ddl.Decode([]byte(z.change))
	require.NoError(t, err, name)
	if strings.Contains(z.change, `"type": "date`) && strings.Contains(z.change, `"field": "due"`) {
		run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = '2026-11-27'", tn.table(t, "p"), tn.column(t, "p", "due")))
	}
	conn, err := pgx.ConnectConfig(t.Context(), tn.config(t, tn.migrator))
	require.NoError(t, err)
	defer hangUp(t, conn)
	planned, err := execute.Plan(t.Context(), conn, change)
	require.NoError(t, err, name)
	require.Empty(t, planned.Problems, name)
	var steps, sql []string
	for _, probe := range planned.Probes {
		sql = append(sql, probe.SQL)
	}
	for _, step := range planned.Steps {
		steps = append(steps, fmt.Sprintf("%s, %s, %s", step.Phase, step.Kind, step.Lock))
		sql = append(sql, step.SQL...)
	}
	require.Equal(t, z.steps, steps, name)
	require.Equal(t, z.sql, sql, name)
	opts := tn.options()
	opts.PlanID = planned.ID
	_, err = execute.Apply(t.Context(), conn, change, opts)
	require.NoError(t, err, name)
	require.Empty(t, fingerprint.Compare(other.script(t, tn.registry(t)), tn.forms(t, tn.admin)), name)
	tidy(t, tn)
}
