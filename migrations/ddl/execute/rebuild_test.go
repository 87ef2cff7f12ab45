package execute_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

const rebuildP = `{"op": "rebuild_form", "form": "p"}`

// rebuilt makes a form with all that a form can have, and with what refers to it: another form, a dropped one, itself, join tables on both sides.
func rebuilt(t *testing.T, rows int) *tenant {
	t.Helper()
	tn := newTenant(t)
	tn.apply(t, `{"op": "create_form", "form": "q"}, {"op": "create_form", "form": "z"}, {"op": "create_form", "form": "p", "label": "P"},
		{"op": "add_field", "form": "p", "field": "gone", "type": "integer", "index": true}, {"op": "add_field", "form": "p", "field": "name", "type": "short_text", "required": true, "default": "new"},
		{"op": "add_field", "form": "p", "field": "code", "type": "integer", "unique": true}, {"op": "add_field", "form": "p", "field": "state", "type": "select", "options": [{"key": "a"}, {"key": "b"}], "index": true},
		{"op": "add_field", "form": "p", "field": "due", "type": "long_text", "default": "2026-11-27"}, {"op": "add_field", "form": "p", "field": "hidden", "type": "short_text", "default": "h"},
		{"op": "add_field", "form": "p", "field": "tags", "type": "multi_select", "options": [{"key": "x"}, {"key": "y"}], "index": true},
		{"op": "add_field", "form": "p", "field": "twice", "type": "formula", "expression": "code * 2"},
		{"op": "add_reference", "form": "p", "field": "team", "references": "q"}, {"op": "add_reference", "form": "p", "field": "boss", "references": "p", "on_delete": "set_null"},
		{"op": "add_reference", "form": "p", "field": "links", "references": "q", "many": true}, {"op": "add_reference", "form": "p", "field": "friends", "references": "p", "many": true},
		{"op": "add_reference", "form": "q", "field": "lead", "references": "p", "on_delete": "set_null"}, {"op": "add_reference", "form": "q", "field": "members", "references": "p", "many": true},
		{"op": "add_reference", "form": "z", "field": "of", "references": "p", "on_delete": "set_null"}`)
	tn.apply(t, `{"op": "drop_field", "form": "p", "field": "gone"}, {"op": "drop_field", "form": "p", "field": "hidden"}, {"op": "drop_form", "form": "z"}`)
	tn.apply(t, `{"op": "purge", "form": "p", "field": "gone", "early": true}`)
	c := func(key string) string { return tn.column(t, "p", key) }
	run(t, tn.admin, fmt.Sprintf("INSERT INTO %s SELECT FROM generate_series(1, 20)", tn.table(t, "q")))
	run(t, tn.admin, fmt.Sprintf(`INSERT INTO %s (%s, %s, %s, %s, %s, %s) SELECT 'first ' || repeat('x', 60), g, 'a', CASE WHEN g %% 9 = 0 THEN 'soon' ELSE '2026-11-27' END, '{x}', 1 + g %% 20
		FROM generate_series(1, %d) AS g`, tn.table(t, "p"), c("name"), c("code"), c("state"), c("due"), c("tags"), c("team"), rows))
	run(t, tn.admin, fmt.Sprintf("INSERT INTO %s (id, %s) VALUES (-9223372036854775808, 'least'), (0, 'none'), (9223372036854775807, 'last')", tn.table(t, "p"), c("name")))
	run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = 7 WHERE id %% 100 = 1", tn.table(t, "p"), c("boss")))
	run(t, tn.admin, fmt.Sprintf("UPDATE %s SET %s = id + 100", tn.table(t, "q"), tn.column(t, "q", "lead")))
	for _, join := range []string{c("links"), tn.column(t, "q", "members")} {
		run(t, tn.admin, "INSERT INTO form_data."+join+" SELECT g, g FROM generate_series(1, 20) AS g")
	}
	tn.apply(t, `{"op": "change_type", "form": "p", "field": "due", "type": "date", "on_error": "empty"}`)
	run(t, tn.admin, "ANALYZE")
	return tn
}

// contents are all rows of a form's table and of what refers to it.
func (tn *tenant) contents(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, table := range []string{tn.table(t, "p"), tn.table(t, "q"), tn.table(t, "z"), "form_data." + tn.column(t, "p", "links"), "form_data." + tn.column(t, "p", "friends"), "form_data." + tn.column(t, "q", "members"), `form_views."P"`} {
		list = append(list, one[string](t, tn.admin, "SELECT coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM "+table+" AS t"))
	}
	return list
}

// attributes is how many columns PostgreSQL counts.
func (tn *tenant) attributes(t *testing.T) int {
	t.Helper()
	return one[int](t, tn.admin, "SELECT relnatts::int FROM pg_class WHERE oid = $1::regclass", tn.table(t, "p"))
}

// TestRebuild: the new table has what the old one had, in fewer columns, and ids go on where they were.
func TestRebuild(t *testing.T) {
	t.Parallel()
	for size, rows := range map[string]int{"small": 200, "large": 15_000} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			tn := rebuilt(t, rows)
			before, columns := tn.contents(t), tn.attributes(t)
			taken := one[int64](t, tn.admin, "SELECT nextval(pg_get_serial_sequence($1, 'id'))", tn.table(t, "p")) // by somebody who has not used it yet
			result := tn.apply(t, rebuildP)
			require.Contains(t, strings.Join(result.Notes, "\n"), "cannot be taken back")
			require.Equal(t, size == "large", strings.Contains(strings.Join(result.Notes, "\n"), "needs room"))
			require.Equal(t, before, tn.contents(t))
			require.Equal(t, columns-1, tn.attributes(t))
			require.Empty(t, fingerprint.Compare(newTwin(t).script(t, tn.registry(t)), tn.forms(t, tn.admin)))
			tidy(t, tn)
			app := tn.connect(t, tn.app)
			require.Equal(t, taken+1, one[int64](t, app, "INSERT INTO "+tn.table(t, "p")+" DEFAULT VALUES RETURNING id"))
			// What binds rows does so.
			for sql, state := range map[string]string{
				fmt.Sprintf("UPDATE %s SET %s = 999999", tn.table(t, "q"), tn.column(t, "q", "lead")): foreignKey,
				fmt.Sprintf("UPDATE %s SET %s = 999999", tn.table(t, "p"), tn.column(t, "p", "boss")): foreignKey,
				"INSERT INTO form_data." + tn.column(t, "q", "members") + " VALUES (1, 999999)":       foreignKey,
				"DELETE FROM " + tn.table(t, "q"):                                                                foreignKey,
				fmt.Sprintf("UPDATE %s SET %s = 1", tn.table(t, "p"), tn.column(t, "p", "code")):                 unique,
				fmt.Sprintf("UPDATE %s SET %s = 'c'", tn.table(t, "p"), tn.column(t, "p", "state")):              check,
				"INSERT INTO " + tn.table(t, "p") + " (id) VALUES (1)":                                           unique,
				fmt.Sprintf("UPDATE %s SET %s = NULL WHERE id = 1", tn.table(t, "p"), tn.column(t, "p", "name")): notNull,
			} {
				_, err := app.Exec(t.Context(), sql)
				require.Equal(t, state, sqlState(err), sql)
			}
			run(t, app, fmt.Sprintf("UPDATE %s SET %s = '2027-01-02' WHERE id = 1", tn.table(t, "p"), tn.column(t, "p", "due")))
			require.Equal(t, "2027-01-02", one[string](t, tn.admin, fmt.Sprintf("SELECT %s FROM %s WHERE id = 1", tn.registry(t).Form("p").Field("due").Former[0].Column, tn.table(t, "p"))))
			run(t, app, "DELETE FROM "+tn.table(t, "p")+" WHERE id = 101")
			require.Equal(t, 1, one[int](t, tn.admin, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL", tn.table(t, "q"), tn.column(t, "q", "lead"))))
			tn.apply(t, `{"op": "revert_type", "form": "p", "field": "due"}`)
			require.Nil(t, history(t, tn)[1].Inverse)
		})
	}
}

func history(t *testing.T, tn *tenant) []execute.Entry {
	t.Helper()
	list, err := execute.History(t.Context(), tn.connect(t, tn.migrator), 10)
	require.NoError(t, err)
	return list
}

// strangers are things that a table may have been given by hand, each with what is said of it.
var strangers = []struct{ sql, named string }{
	{"CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TRIGGER audit AFTER INSERT ON {p} FOR EACH ROW EXECUTE FUNCTION public.audit()", "trigger audit on table {p}"},
	{"CREATE POLICY own ON {p} USING (true)", "policy own on table {p}"},
	{"ALTER TABLE {p} ENABLE ROW LEVEL SECURITY", "row security"},
	{"CREATE RULE loud AS ON INSERT TO {p} DO ALSO NOTIFY p", "rule loud on table {p}"},
	{"CREATE INDEX mine ON {p} (created_at)", "index form_data.mine"},
	{"ALTER TABLE {p} ADD CONSTRAINT mine CHECK (id < 0 OR id >= 0)", "constraint mine on table {p}"},
	{"ALTER TABLE {p} ADD CONSTRAINT mine UNIQUE (id, created_at)", "constraint mine on table {p}"},
	{"CREATE STATISTICS form_data.mine ON id, created_at FROM {p}", "statistics object form_data.mine"},
	{"CREATE PUBLICATION mine FOR TABLE {p}", "publication of table {p} in publication mine"},
	{"CREATE VIEW public.mine AS SELECT id FROM {p}", "view mine"},
	{"CREATE MATERIALIZED VIEW public.mine AS SELECT id FROM {p}", "materialized view mine"},
	{"CREATE TABLE public.mine (p bigint REFERENCES {p})", "constraint mine_p_fkey on table mine"},
	{"CREATE TABLE public.mine (p {p})", "column p of table mine"},
	{"CREATE TABLE public.mine (p {p}[])", "column p of table mine"},
	{"CREATE TABLE public.mine () INHERITS ({p})", "table mine"},
	{"CREATE TABLE public.mine (id bigint DEFAULT nextval('{p}_id_seq'))", "default value for column id of table mine"},
	{"CREATE FUNCTION public.mine() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM {p}; END", "function mine()"},
	{"ALTER TABLE {p} ADD COLUMN mine text", "column mine"},
	{"ALTER TABLE {p} ALTER COLUMN created_at DROP NOT NULL", "column created_at"},
	{"ALTER TABLE {p} ALTER COLUMN created_at SET STATISTICS 500", "settings of column created_at"},
	{"ALTER TABLE {p} SET (fillfactor = 70)", "storage parameter fillfactor=70"},
	{"ALTER TABLE {p} REPLICA IDENTITY FULL", "REPLICA IDENTITY"},
	{"ALTER TABLE {p} CLUSTER ON {k}", "CLUSTER on {p}_pkey"},
	{"GRANT SELECT ON {p} TO PUBLIC", "rights of PUBLIC on {t}"},
	{"REVOKE DELETE ON {p} FROM {app}", "rights of {app} on {t}"},
	{"GRANT UPDATE (created_at) ON {p} TO {readonly}", "rights on column created_at"},
	{"COMMENT ON TABLE {p} IS 'mine'", "comment on table {p}"},
	{"COMMENT ON COLUMN {p}.id IS 'mine'", "comment on column id of table {p}"},
	{"ALTER SEQUENCE {p}_id_seq CACHE 10", "settings of sequence {t}_id_seq"},
}

// TestRebuildRefusesStrangers: what the new table would lack is named before anything is done; and also what somebody has made in the last moment.
func TestRebuildRefusesStrangers(t *testing.T) {
	t.Parallel()
	tn := rebuilt(t, 15_000)
	words := strings.NewReplacer("{p}", tn.table(t, "p"), "{t}", tn.registry(t).Form("p").Table, "{k}", tn.registry(t).Form("p").Table+"_pkey", "{app}", tn.app, "{readonly}", tn.readOnly)
	hangUp(t, tn.admin)
	tp := &template{tn: tn, server: dial(t, serverConfig(t))}
	for i, z := range strangers {
		t.Run(words.Replace(z.named), func(t *testing.T) {
			t.Parallel()
			tn := tp.copyOf(t)
			run(t, tn.admin, words.Replace(z.sql))
			before, rows := tn.registry(t), tn.contents(t)
			_, err := tn.try(t, rebuildP, tn.options())
			var problems ddl.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 1)
			require.Equal(t, "operations[0].form", problems[0].Path)
			require.Equal(t, "not of the form, and lost with its old table: "+words.Replace(z.named), problems.WithoutValues()[0].Message)
			require.Equal(t, before, tn.registry(t))
			require.Equal(t, rows, tn.contents(t))
		})
		if i%9 != 0 {
			continue
		}
		t.Run(words.Replace(z.named)+", meanwhile", func(t *testing.T) {
			t.Parallel()
			for _, last := range []bool{false, true} {
				tn := tp.copyOf(t)
				before, rows := tn.registry(t), tn.contents(t)
				opts := tn.options()
				made := false
				opts.Progress = func(_, _ int64, what string) {
					if !made && (last && strings.HasPrefix(what, "make it visible") || !last && strings.HasPrefix(what, "fill")) {
						made = true
						run(t, tn.admin, words.Replace(z.sql))
					}
				}
				_, err := tn.try(t, rebuildP, opts)
				var undone *execute.UndoneError
				require.ErrorAs(t, err, &undone)
				require.Contains(t, undone.Message, "lost with its old table: "+words.Replace(z.named))
				require.Equal(t, before, tn.registry(t))
				require.Equal(t, rows, tn.contents(t))
				tidy(t, tn)
			}
		})
	}
}

// TestRebuildIsAlone: it refuses what does not go together with it, and what is not there.
func TestRebuildIsAlone(t *testing.T) {
	t.Parallel()
	tn := rebuilt(t, 200)
	for operations, message := range map[string]string{
		rebuildP + `, {"op": "rename_form", "form": "p", "label": "R"}`: "takes no other operation",
		`{"op": "create_form", "form": "r"}, ` + rebuildP:               "takes no other operation",
		`{"op": "rebuild_form", "form": "z"}`:                           "is dropped",
		`{"op": "rebuild_form", "form": "nobody"}`:                      "there is no form",
	} {
		before := tn.registry(t)
		_, err := tn.try(t, operations, tn.options())
		require.ErrorContains(t, err, message)
		require.Equal(t, before, tn.registry(t))
	}
	run(t, tn.admin, fmt.Sprintf(`ALTER TABLE form_data.%s DROP CONSTRAINT %[1]s_to_id_fkey`, tn.column(t, "q", "members")))
	_, err := tn.try(t, rebuildP, tn.options())
	require.ErrorContains(t, err, "_to_id_fkey of table "+tn.column(t, "q", "members")+", which refers to form p, is missing")
}

// TestRebuildKeepsTheView: what others have built on the form's view, and given to it, stays; a view that is not as it should be is made anew, and then
// nothing may be built on it.
func TestRebuildKeepsTheView(t *testing.T) {
	t.Parallel()
	for size, rows := range map[string]int{"small": 200, "large": 15_000} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			tn := rebuilt(t, rows)
			run(t, tn.admin, `CREATE VIEW public.mine AS SELECT id, name FROM form_views."P"; COMMENT ON VIEW form_views."P" IS 'mine'`)
			was := one[string](t, tn.admin, "SELECT md5(string_agg(m::text, ',' ORDER BY id)) FROM public.mine AS m")
			tn.apply(t, rebuildP)
			require.Equal(t, was, one[string](t, tn.admin, "SELECT md5(string_agg(m::text, ',' ORDER BY id)) FROM public.mine AS m"))
			require.Equal(t, "mine", one[string](t, tn.admin, `SELECT obj_description('form_views."P"'::regclass)`))
			run(t, tn.admin, `ALTER VIEW form_views."P" RENAME COLUMN name TO title`)
			_, err := tn.try(t, rebuildP, tn.options())
			require.ErrorContains(t, err, `view "form_views"."P" must be made anew, and public.mine is built on it`)
			run(t, tn.admin, "DROP VIEW public.mine")
			tn.apply(t, rebuildP)
			run(t, tn.admin, `DROP VIEW form_views."P"`)
			tn.apply(t, rebuildP)
			require.Empty(t, fingerprint.Compare(newTwin(t).script(t, tn.registry(t)), tn.forms(t, tn.admin)))
		})
	}
}

// TestRebuildAtTheLimit: a form that is full of dropped columns says what to do, and has room afterwards.
func TestRebuildAtTheLimit(t *testing.T) {
	t.Parallel()
	tn := rebuilt(t, 200)
	table := tn.table(t, "p")
	fill := func(upto int) {
		run(t, tn.admin, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1 .. %d - (SELECT relnatts FROM pg_class WHERE oid = '%s'::regclass) LOOP
			ALTER TABLE %[2]s ADD COLUMN x text; ALTER TABLE %[2]s DROP COLUMN x; END LOOP; END $$`, upto, table))
	}
	fill(1300)
	add := `{"op": "add_field", "form": "p", "field": "more%d", "type": "short_text"}`
	planned, err := execute.Plan(t.Context(), tn.connect(t, tn.migrator), change(t, fmt.Sprintf(add, 1)))
	require.NoError(t, err)
	require.Contains(t, strings.Join(planned.Notes, "\n"), "form p has had 1301 columns")
	require.Contains(t, strings.Join(planned.Notes, "\n"), "rebuild_form makes the table anew")
	fill(1600)
	_, err = tn.try(t, fmt.Sprintf(add, 1), tn.options())
	require.ErrorContains(t, err, "would have had 1601 columns, dropped ones counted")
	require.ErrorContains(t, err, "rebuild_form first")
	tn.apply(t, rebuildP)
	require.Less(t, tn.attributes(t), 20)
	require.Empty(t, tn.apply(t, fmt.Sprintf(add, 1)).Notes)
}

// TestRebuildSeesWhatASnapshotDoesNot: a transaction that began before a row was copied, and does not see the copy, is refused and not forgotten.
func TestRebuildSeesWhatASnapshotDoesNot(t *testing.T) {
	t.Parallel()
	tn := rebuilt(t, 15_000)
	table, name := tn.table(t, "p"), tn.column(t, "p", "name")
	var conns []*pgx.Conn
	begun, copied := false, false
	opts := tn.options()
	opts.BatchTime = time.Millisecond
	opts.Progress = func(done, _ int64, what string) {
		if !strings.HasPrefix(what, "fill") {
			return
		}
		if !begun {
			begun = true
			for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE", "READ COMMITTED", "REPEATABLE READ", "REPEATABLE READ"} {
				conn := tn.connect(t, tn.app)
				run(t, conn, "BEGIN ISOLATION LEVEL "+level)
				run(t, conn, "SELECT count(*) FROM "+table)
				conns = append(conns, conn)
			}
			return
		}
		if copied || done < 1000 {
			return
		}
		copied = true
		for i, sql := range []string{
			"DELETE FROM %s WHERE id = 11", "DELETE FROM %s WHERE id = 12", "DELETE FROM %s WHERE id = 13", "UPDATE %s SET " + name + " = 'later' WHERE id = 14",
			"DELETE FROM %s WHERE id = 14999", // not copied yet
		} {
			_, err := conns[i].Exec(t.Context(), fmt.Sprintf(sql, table))
			if i == 2 || i == 4 {
				require.NoError(t, err)
				run(t, conns[i], "COMMIT")
				continue
			}
			require.Equal(t, pgerrcode.SerializationFailure, sqlState(err), sql)
			run(t, conns[i], "ROLLBACK")
		}
	}
	_, err := tn.try(t, rebuildP, opts)
	require.NoError(t, err)
	require.True(t, copied)
	require.Equal(t, []int64{11, 12, 14}, one[[]int64](t, tn.admin, "SELECT array_agg(id ORDER BY id) FROM "+table+" WHERE id IN (11, 12, 13, 14, 14999)"))
}

// writer is an application's process with rows of its own: those whose id has the rest n when it is divided by writers.
type writer struct {
	*rand.Rand

	tn          *tenant
	conn        *pgx.Conn
	n           int64
	table, name string
	// rows are what it has, by id, as the server has told it: "" for one that it has deleted.
	rows   map[int64]string
	failed error
	counts map[string]int
}

const writers = 4

// step does one thing, in one of the ways in which applications do things.
func (w *writer) step(ctx context.Context) error {
	level := []string{"READ COMMITTED", "READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}[w.IntN(5)]
	rows := maps.Clone(w.rows)
	tx, err := w.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SET TRANSACTION ISOLATION LEVEL "+level); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT FROM "+w.table+" LIMIT 1"); err != nil {
		return err
	}
	if w.IntN(3) == 0 {
		time.Sleep(time.Duration(w.IntN(20)) * time.Millisecond) // batches go on meanwhile
	}
	for range 1 + w.IntN(4) {
		if w.IntN(4) == 0 { // what is rolled back has not been
			kept := maps.Clone(rows)
			nested, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			if err := w.write(ctx, nested, kept); err != nil && sqlState(err) != foreignKey {
				return err
			}
			if err := nested.Rollback(ctx); err != nil {
				return err
			}
			continue
		}
		if err := w.write(ctx, tx, rows); err != nil {
			return err
		}
	}
	if w.IntN(8) == 0 {
		return tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	w.rows = rows
	return nil
}

func (w *writer) write(ctx context.Context, tx pgx.Tx, rows map[int64]string) error {
	id := w.n + writers*w.Int64N(4000)
	if w.IntN(3) == 0 && len(w.rows) > 0 {
		ids := slices.Sorted(maps.Keys(w.rows))
		id = ids[w.IntN(len(ids))]
	}
	name := fmt.Sprintf("w%d-%d", w.n, w.Int64())
	what := w.IntN(10)
	var affected int64
	exec := func(sql string, args ...any) error {
		tag, err := tx.Exec(ctx, fmt.Sprintf(sql, w.table, w.name), args...)
		affected = tag.RowsAffected()
		return err
	}
	switch {
	case what < 3:
		if err := exec("UPDATE %[1]s SET %[2]s = $1 WHERE id = $2", name, id); err != nil {
			return err
		}
		if affected > 0 {
			rows[id] = name
		}
	case what < 5:
		if err := exec("DELETE FROM %[1]s WHERE id = $1", id); err != nil {
			return err
		}
		rows[id] = ""
	case what < 7:
		if err := exec("INSERT INTO %[1]s (id, %[2]s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET %[2]s = excluded.%[2]s", id, name); err != nil {
			return err
		}
		rows[id] = name
	case what < 8:
		to := id + writers*1_000_000*(1+w.Int64N(50))
		was, known := rows[id]
		if known && was == "" || rows[to] != "" {
			return nil
		}
		if err := exec("UPDATE %[1]s SET id = $1, %[2]s = $2 WHERE id = $3", to, name, id); err != nil {
			return err
		}
		if affected > 0 {
			rows[id], rows[to] = "", name
		}
	case what < 9: // deleted and made again at once
		if err := exec("WITH gone AS (DELETE FROM %[1]s WHERE id = $1 RETURNING id) SELECT count(*) FROM gone", id); err != nil {
			return err
		}
		if err := exec("INSERT INTO %[1]s (id, %[2]s) VALUES ($1, $2)", id, name); err != nil {
			return err
		}
		rows[id] = name
	default: // an id of the sequence is anybody's, and so never touched again
		var made int64
		if err := tx.QueryRow(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES ($1) RETURNING id", w.table, w.name), name).Scan(&made); err != nil {
			return err
		}
		rows[made] = name
	}
	w.counts[[]string{"update", "update", "update", "delete", "delete", "upsert", "upsert", "move", "again", "insert"}[what]]++
	return nil
}

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.step(context.WithoutCancel(ctx)) // so that it knows what has become of it
		switch state := sqlState(err); {
		case err == nil:
		case state == pgerrcode.SerializationFailure, state == pgerrcode.DeadlockDetected, state == foreignKey:
			w.counts[state]++
		default:
			w.failed = err
			return
		}
	}
}

// TestRebuildUnderTraffic: whatever the application writes while a table is made anew, again and again, in whatever kind of transaction, is there
// afterwards: no row is lost, doubled or stale. Whoever writes knows what the server has told.
func TestRebuildUnderTraffic(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	tn := rebuilt(t, 16_000)
	table, name := tn.table(t, "p"), tn.column(t, "p", "name")
	run(t, tn.admin, "SELECT setval(pg_get_serial_sequence('"+table+"', 'id'), 1000000000000)")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var list []*writer
	var running sync.WaitGroup
	for n := range writers {
		w := &writer{
			Rand: rand.New(rand.NewPCG(seed, uint64(n))), tn: tn, conn: tn.connect(t, tn.app), n: int64(n), table: table, name: name, rows: map[int64]string{}, counts: map[string]int{},
		}
		list = append(list, w)
		running.Go(func() { w.run(ctx) })
	}
	reader := tn.connect(t, tn.readOnly)
	var readFailed error
	running.Go(func() {
		for ctx.Err() == nil && readFailed == nil {
			var rows int
			if err := reader.QueryRow(context.WithoutCancel(ctx), `SELECT count(*) FROM form_views."P" WHERE id < 100`).Scan(&rows); err != nil {
				readFailed = err
			}
			time.Sleep(time.Millisecond)
		}
	})
	before := one[int](t, tn.admin, "SELECT count(*) FROM "+table)
	batches := 0
	for i := range 3 {
		opts := tn.options()
		opts.BatchTime, opts.LockPolicy.Budget = 5*time.Millisecond, testTimeout
		opts.Crash = func(point string) {
			if point == execute.PointBatch {
				batches++
			}
		}
		_, err := tn.try(t, rebuildP, opts)
		require.NoError(t, err)
		// And what is taken back has never been.
		opts = tn.options()
		opts.BatchTime = 5 * time.Millisecond
		steps := 0
		opts.Pause = func() bool { steps++; return steps > 10+i }
		_, err = tn.try(t, rebuildP, opts)
		require.ErrorIs(t, err, execute.ErrPaused)
		require.NoError(t, execute.Undo(t.Context(), tn.connect(t, tn.migrator), opts))
	}
	time.Sleep(20 * time.Millisecond)
	cancel()
	running.Wait()
	require.NoError(t, readFailed)
	want := map[int64]string{}
	for _, w := range list {
		require.NoError(t, w.failed)
		t.Logf("writer %d: %v", w.n, w.counts)
		maps.Copy(want, w.rows)
	}
	rows, err := tn.admin.Query(t.Context(), fmt.Sprintf("SELECT id, %s FROM %s", name, table))
	require.NoError(t, err)
	seen, untouched := 0, 0
	var id int64
	var has string
	_, err = pgx.ForEachRow(rows, []any{&id, &has}, func() error {
		written, known := want[id]
		switch {
		case known && written != has:
			return fmt.Errorf("row %d has %q, and was written as %q", id, has, written)
		case known:
			seen++
		default:
			untouched++
		}
		return nil
	})
	require.NoError(t, err)
	alive := 0
	for _, name := range want {
		if name != "" {
			alive++
		}
	}
	require.Equal(t, alive, seen, "rows that were written and are not there")
	touched := 0
	for id := range want {
		if id >= 0 && id <= 16_000 {
			touched++
		}
	}
	require.Equal(t, 16_003-touched, untouched, "rows that nobody wrote")
	t.Logf("%d rows before, %d written, %d untouched, %d batches", before, len(want), untouched, batches)
	require.Empty(t, fingerprint.Compare(newTwin(t).script(t, tn.registry(t)), tn.forms(t, tn.admin)))
	tidy(t, tn)
}
