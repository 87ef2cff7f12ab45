package execute_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/ddl/execute"
)

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
