package execute_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

// The table of promises: operation × content of the form × traffic. The tour: promise_table_test.go says what each operation promises,
// promise_form_test.go makes the form with its contents, this file makes the change in each cell and looks whether
// the promise was kept, promise_rows_test.go of all rows; promise_traffic_test.go is the application.

// promise is what a change promises to people, whatever the rows are and whoever uses the form meanwhile: an outcome, or a refusal.
type promise struct {
	name, change string
	// form that it is about; defaults to p.
	form string
	// field that it is about, and what rows have in it afterwards; nil for what they had.
	field string
	after func(row) *string
	// later is the field's value in rows that are inserted once the change is visible, by an application that does not know the field.
	later *string
	// is the type of the field's column afterwards.
	is string

	// inTheWay finds the rows that refuse the change; alike gives what must be different in all rows, false for a row that is like no other.
	inTheWay func(row) bool
	alike    func(row) (string, bool)
	// path and message of a refusal; always says that the change is refused whatever the rows are.
	path, message string
	always        bool

	// registry says whether the registry is right afterwards, columns what becomes of the columns of the view.
	registry func(r *ddl.Registry) bool
	columns  func(before []string) []string
	// tries are rows that the application saves afterwards.
	tries []try

	// bad are values of a row that this change is there to refuse, and states what the server may refuse it with.
	bad    map[string]*string
	states []string
	// breaks are what any query may get that knows the form as it was: its table goes, or the name of its view.
	breaks []string
	// probable are cells that the short form has on large tables, too.
	probable bool
}

// try is one row that the application saves when the change was made.
type try struct {
	// set are SQL expressions by field, instead of a good row's values; "-" leaves the field out.
	set map[string]string
	// state is what it is refused with, "" when it must be taken; then it has want in the promise's field ("-" for no value).
	state, want string
}

// The traffic in a cell.
const (
	quiet = "no traffic"
	busy  = "traffic"
	// rude writers write what the change is there to refuse.
	rude = "rude traffic"
)

func (p promise) formKey() string {
	if p.form == "" {
		return "p"
	}
	return p.form
}

// cell is one place of the table.
type cell struct {
	promise

	on      *content
	traffic string
	tn      *tenant
	// before is the form as the application knows it.
	before *ddl.Registry
	seen   *journal
	// conn makes the change.
	conn *pgx.Conn
	// faults are promises that were not kept.
	faults []string
	// outcome for the table.
	outcome string
}

// broken says that a promise was not kept, in some aspect of it.
func (c *cell) broken(t *testing.T, aspect, format string, args ...any) {
	t.Helper()
	c.faults = append(c.faults, aspect)
	t.Errorf("%s, %s, %s: %s: %s", c.name, c.on.name, c.traffic, aspect, fmt.Sprintf(format, args...))
}

// outcomes are what became of all cells.
type outcomes struct {
	mu   sync.Mutex
	list map[string]map[string]string
}

func (o *outcomes) add(c *cell) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.list[c.name] == nil {
		o.list[c.name] = map[string]string{}
	}
	outcome := c.outcome
	if len(c.faults) > 0 {
		slices.Sort(c.faults)
		outcome += " FAULT: " + strings.Join(slices.Compact(c.faults), ", ")
	}
	o.list[c.name][c.on.name+", "+c.traffic] = outcome
}

func (o *outcomes) table() string {
	var text strings.Builder
	cells, faults := 0, 0
	for _, p := range promises {
		if o.list[p.name] == nil {
			continue
		}
		fmt.Fprintf(&text, "\n%s", p.name)
		for _, on := range contents {
			for _, traffic := range []string{quiet, busy, rude} {
				outcome, found := o.list[p.name][on.name+", "+traffic]
				if !found {
					continue
				}
				cells++
				if strings.Contains(outcome, "FAULT") {
					faults++
				}
				fmt.Fprintf(&text, "\n    %-30s %s", on.name+", "+traffic, outcome)
			}
		}
	}
	return fmt.Sprintf("%d cells, %d of them with faults%s", cells, faults, text.String())
}

// TestEveryOperationHasAPromise: nobody adds an operation without saying what it promises.
func TestEveryOperationHasAPromise(t *testing.T) {
	t.Parallel()
	promised := map[string]bool{}
	for _, p := range promises {
		for _, op := range change(t, p.change).Operations {
			promised[op.Op()] = true
			if add, is := op.(*ddl.AddField); is {
				promised[string(add.Type)] = true
			}
		}
	}
	for _, op := range ddl.Operations() {
		require.True(t, promised[op], "no row of the table has a %s", op)
	}
	for _, kind := range ddl.Types() {
		require.True(t, promised[string(kind)], "no row of the table adds a %s", kind)
	}
}

// TestPromises makes every operation on every content under every traffic: each keeps its promise, or is refused clearly with everything as
// it was; no query of the application fails but one that the operation is there to refuse, and nothing that it has written is lost.
//
// DDL_PROMISE=full is all cells; a part of them is those of a content, an operation or a traffic: -run 'TestPromises/on/large/set_unique'. The short form
// has all operations on small tables, with and without traffic, and some on large ones; without DDL_PROMISE every operation has a cell on a small one.
func TestPromises(t *testing.T) {
	t.Parallel()
	results := &outcomes{list: map[string]map[string]string{}}
	t.Run("on", func(t *testing.T) {
		twins := make(chan *twin, runtime.GOMAXPROCS(0)+1)
		for range cap(twins) {
			twins <- newTwin(t)
		}
		for _, on := range contents {
			t.Run(on.name, func(t *testing.T) {
				t.Parallel()
				template, chosen := on.prepare(t), on.cells(t)
				for i, p := range promises {
					for _, traffic := range []string{quiet, busy, rude} {
						if traffic == rude && p.bad == nil || !chosen(i, p, traffic) {
							continue
						}
						t.Run(p.name+"/"+traffic, func(t *testing.T) {
							t.Parallel()
							c := &cell{promise: p, on: on, traffic: traffic, before: template.registry}
							c.outcome = "broken off"
							defer results.add(c)
							c.keep(t, template, twins)
						})
					}
				}
			})
		}
	})
	t.Log(results.table())
}

// keep makes the change and looks at everything.
func (c *cell) keep(t *testing.T, template *template, twins chan *twin) {
	t.Helper()
	c.tn = template.copyOf(t)
	c.seen = &journal{rows: map[int64]*written{}}
	c.conn = dial(t, c.tn.config(t, c.tn.migrator))
	err := c.make(t)
	made := err == nil
	c.lookAtOutcome(t, err)

	after := c.tn.registry(t)
	form := after.Form(c.formKey())
	catalog := c.tn.forms(t, c.tn.admin)
	if made {
		if c.registry != nil && !c.registry(after) {
			c.broken(t, "registry", "it is %+v", form)
		}
		if was := c.before.Form(c.formKey()); was != nil && form != nil && form.Version != was.Version+1 {
			c.broken(t, "registry", "version %d after %d", form.Version, was.Version)
		}
		other := <-twins
		differences := fingerprint.Compare(other.script(t, after), catalog)
		twins <- other
		if len(differences) > 0 {
			c.broken(t, "catalog", "%+v", differences)
		}
		c.lookAtView(t, after)
		c.lookAtInverse(t)
	} else {
		require.Equal(t, c.before, after, "the registry of a change that was refused")
		require.Equal(t, template.catalog, catalog, "the catalog after a change that was refused")
	}
	require.Equal(t, []int{0, 0, 0, 0, 0}, one[[]int](t, c.tn.admin, leftOver), "something is left over")
	c.lookAtRows(t, template, after, made)
	if made {
		c.tryAll(t, after)
	}
}

// leftOver counts what a change may not leave: what [tidy] looks for, in one query.
const leftOver = `SELECT ARRAY[(SELECT count(*) FROM pg_constraint WHERE NOT convalidated), (SELECT count(*) FROM pg_index WHERE NOT indisvalid),
  (SELECT count(*) FROM pg_constraint WHERE conname LIKE 'n\_%'), (SELECT count(*) FROM _tenantry.form_filled),
  (SELECT count(*) FROM _tenantry.form_changes WHERE plan IS NOT NULL OR state NOT IN ('done', 'undone'))]::int[]`

// make applies the change, with the traffic around it.
func (c *cell) make(t *testing.T) error {
	t.Helper()
	opts := c.tn.options()
	opts.OperationID, opts.LockPolicy.Budget = "promise", 20*time.Second
	if c.traffic == quiet {
		_, err := execute.Apply(t.Context(), c.conn, change(t, c.change), opts)
		return err
	}
	traffic := c.startTraffic(t)
	_, err := execute.Apply(t.Context(), c.conn, change(t, c.change), opts)
	traffic.stop()
	for _, failed := range traffic.failures() {
		switch {
		case slices.Contains(c.breaks, failed.state) && err == nil:
		case failed.rude && slices.Contains(c.states, failed.state):
		default:
			c.broken(t, "traffic", "a query failed: %v", failed.err)
		}
	}
	return err
}

// lookAtOutcome compares what the change says with what the rows are.
func (c *cell) lookAtOutcome(t *testing.T, err error) {
	t.Helper()
	ids := c.rowsInTheWay()
	var problems ddl.Problems
	var undone *execute.UndoneError
	switch {
	case err == nil:
		c.outcome = "made"
	case errors.As(err, &undone):
		c.outcome = "undone: " + strings.TrimSpace(undone.Message[:min(len(undone.Message), 60)])
		problems = undone.Problems
	case errors.As(err, &problems):
		c.outcome = fmt.Sprintf("refused, %d rows", problems[0].Rows)
	default:
		c.outcome = "failed"
		c.broken(t, "locks", "neither made nor refused: %v", err)
		opts := c.tn.options()
		opts.OperationID = "promise"
		require.NoError(t, execute.Undo(t.Context(), c.conn, opts))
		return
	}
	switch refused := c.always || len(ids) > 0; {
	case refused && err == nil:
		c.broken(t, "outcome", "it was made although %d rows are in the way", len(ids))
		return
	case err == nil:
		return
	case !refused && (c.traffic == rude || c.traffic == busy && c.refusesGoodRows()):
		return // rows came meanwhile; unchanged is all that is promised
	case !refused:
		c.broken(t, "outcome", "it was refused although no row is in the way: %v", err)
		return
	}
	if len(problems) == 0 {
		c.broken(t, "refusal", "it is the server's message, without a place, rows and a fix: %v", err)
		return
	}
	problem := problems[0]
	if problem.Path != c.path || !strings.Contains(problem.Message, c.message) || problem.Fix == "" {
		c.broken(t, "refusal", "it is %+v and not at %s with %q", problem, c.path, c.message)
	}
	if c.always {
		return
	}
	if c.traffic == quiet && problem.Rows != int64(len(ids)) || problem.Rows < int64(len(ids)) {
		c.broken(t, "rows", "%d rows are in the way, and it says %d", len(ids), problem.Rows)
	}
	want := make([]string, 0, 5)
	for _, id := range ids[:min(5, len(ids))] {
		want = append(want, fmt.Sprintf("id %d", id))
	}
	got := problems.WithoutValues()[0].Examples
	switch {
	case c.alike != nil:
		if len(got) == 0 {
			c.broken(t, "ids", "its examples %q name no row", problem.Examples)
		}
	case !slices.Equal(got[:min(len(got), len(want))], want) || (c.traffic == quiet && len(got) > len(want)):
		c.broken(t, "ids", "its examples are %q, and the first rows in the way are %q", problem.Examples, want)
	}
}

// refusesGoodRows reports whether any row is in the way, whatever it has.
func (c *cell) refusesGoodRows() bool {
	if c.alike != nil {
		first, is := c.alike(goodRow(1))
		second, _ := c.alike(goodRow(2))
		return is && first == second
	}
	return c.inTheWay != nil && c.inTheWay(goodRow(1))
}

// rowsInTheWay are the ids of the content's rows that refuse the change, in order.
func (c *cell) rowsInTheWay() []int {
	var ids []int
	if c.inTheWay != nil {
		for _, id := range c.on.ids() {
			if c.inTheWay(c.on.row(id)) {
				ids = append(ids, id)
			}
		}
	}
	if c.alike != nil {
		groups := map[string][]int{}
		for _, id := range c.on.ids() {
			if key, is := c.alike(c.on.row(id)); is {
				groups[key] = append(groups[key], id)
			}
		}
		for _, group := range groups {
			if len(group) > 1 {
				ids = append(ids, group...)
			}
		}
		slices.Sort(ids)
	}
	return ids
}

// lookAtView compares the columns of the form's view with what people were promised, and what it shows with the table.
func (c *cell) lookAtView(t *testing.T, after *ddl.Registry) {
	t.Helper()
	form := after.Form(c.formKey())
	views := one[[]string](t, c.tn.admin, "SELECT coalesce(array_agg(relname::text), '{}') FROM pg_class WHERE relnamespace = 'form_views'::regnamespace AND relkind = 'v'")
	if form == nil || form.Dropped != nil {
		if form != nil && slices.Contains(views, form.View) {
			c.broken(t, "view", "it is still there")
		}
		return
	}
	want := c.on.viewColumns(c.before.Form(c.formKey()))
	if c.columns != nil {
		want = c.columns(want)
	}
	got := one[[]string](t, c.tn.admin, `SELECT coalesce(array_agg(attname::text ORDER BY attnum), '{}') FROM pg_attribute WHERE attnum > 0 AND attrelid = $1::regclass`,
		"form_views."+pgx.Identifier{form.View}.Sanitize())
	if !slices.Equal(want, got) {
		c.broken(t, "view", "its columns are %q and not %q", got, want)
	}
	field := form.Field(c.field)
	if field == nil || field.Dropped != nil || field.Spec.Type == ddl.Formula || field.Spec.Type == ddl.ManyToMany {
		return
	}
	if is := one[string](t, c.tn.admin, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2", "form_data."+form.Table, field.Column); c.is != "" && is != c.is {
		c.broken(t, "type", "its column is %s and not %s", is, c.is)
	}
	wrong := one[int](t, c.tn.admin, fmt.Sprintf("SELECT count(*) FROM form_views.%s AS v FULL JOIN form_data.%s AS t USING (id) WHERE v.%s IS DISTINCT FROM t.%s",
		pgx.Identifier{form.View}.Sanitize(), form.Table, pgx.Identifier{field.Label}.Sanitize(), field.Column))
	if wrong > 0 {
		c.broken(t, "view", "%d rows show something else than the table has", wrong)
	}
}

// lookAtInverse: what takes a change back can be planned as long as the history has it.
func (c *cell) lookAtInverse(t *testing.T) {
	t.Helper()
	history, err := execute.History(t.Context(), c.conn, 1)
	require.NoError(t, err)
	require.Equal(t, "promise", history[0].OperationID)
	if history[0].Inverse == nil {
		return
	}
	if _, err := execute.Plan(t.Context(), c.conn, *history[0].Inverse); err != nil {
		c.broken(t, "inverse", "what takes it back is refused: %v", err)
	}
}

// tryAll saves rows as the application does that has heard of the change.
func (c *cell) tryAll(t *testing.T, after *ddl.Registry) {
	t.Helper()
	form := after.Form(c.formKey())
	if len(c.tries) == 0 {
		return
	}
	run(t, c.tn.admin, "SET ROLE "+c.tn.app)
	for i, try := range c.tries {
		state, got := c.tryOne(t, c.tn.admin, form, try, i)
		switch {
		case state != try.state:
			c.broken(t, "enforced", "a row with %.80v: SQLSTATE %q and not %q", try.set, state, try.state)
		case state == "" && c.field != "" && got != try.want:
			c.broken(t, "enforced", "a row with %.80v has %.80s and not %.80s", try.set, got, try.want)
		}
	}
}

func (c *cell) tryOne(t *testing.T, app *pgx.Conn, form *ddl.Form, try try, i int) (state, got string) {
	t.Helper()
	var columns, values []string
	good := goodRow(goodTries + i)
	for _, field := range form.Live() {
		if field.Column == "" || field.Spec.Type == ddl.ManyToMany {
			continue
		}
		expression, given := try.set[field.Key]
		if value := good(field.Key); !given && value != nil {
			expression, given = literal(*value), true
		}
		if given && expression != "-" {
			columns, values = append(columns, field.Column), append(values, expression)
		}
	}
	returning := "NULL::text"
	if field := form.Field(c.field); field != nil && field.Column != "" && field.Spec.Type != ddl.ManyToMany {
		returning = field.Column + "::text"
	}
	insert := fmt.Sprintf("INSERT INTO form_data.%s (%s) VALUES (%s) RETURNING %s", form.Table, strings.Join(columns, ", "), strings.Join(values, ", "), returning)
	if len(columns) == 0 {
		insert = fmt.Sprintf("INSERT INTO form_data.%s DEFAULT VALUES RETURNING %s", form.Table, returning)
	}
	var value *string
	if err := app.QueryRow(t.Context(), insert, pgx.QueryExecModeExec).Scan(&value); err != nil {
		state := sqlState(err)
		require.NotEmpty(t, state, "%v", err)
		return state, ""
	}
	if value == nil {
		return "", "-"
	}
	return "", *value
}
