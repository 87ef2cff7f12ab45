package lint_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/lint"
)

// TestTruth runs every statement on PostgreSQL and compares what the linter says with the locks that the session holds, with
// the tables whose file is another one, and with those that were read.
func TestTruth(t *testing.T) {
	t.Parallel()
	database := newWorld(t, "")
	shared := server(t, database)
	told := map[string]bool{}
	for _, test := range truths {
		t.Run(test.sql, func(t *testing.T) { //nolint:paralleltest // they share a connection
			report := lintOn(t, test.setup, test.sql)
			require.Len(t, report.Statements, 1)
			verdict := report.Statements[0]
			var rules []string
			for _, finding := range verdict.Findings {
				rules = append(rules, finding.Rule)
				told[finding.Rule] = true
				require.NotEmpty(t, finding.Problem)
				require.NotEmpty(t, finding.Instead)
			}
			require.ElementsMatch(t, strings.Fields(test.rules), rules)

			conn := shared
			if test.setup != "" {
				conn = server(t, newWorld(t, test.setup))
			}
			seen := watch(t, conn, test.sql)
			require.Equal(t, seen.locksFor(verdict), locksOf(verdict), "locks")
			require.Equal(t, seen.rewritten, relationsWith(verdict, lint.Rewrites, lint.Empties), "tables with another file")
			if !test.copied {
				require.Equal(t, seen.readFor(verdict), relationsWith(verdict, lint.Rewrites, lint.Scans, lint.Builds, lint.Changes), "tables that were read")
			}
		})
	}
	require.GreaterOrEqual(t, len(truths), 80)
	t.Log(len(truths), "statements,", len(told), "rules")
	for _, rule := range lint.Rules() {
		require.True(t, told[rule.ID] || elsewhere[rule.ID], "no statement breaks the rule %s", rule.ID)
	}
}

// elsewhere are the rules that take more than one statement, or one outside of a transaction: TestTruthAlone, TestTransactions,
// TestAllow.
var elsewhere = map[string]bool{
	"validate_in_transaction": true, "several_locks": true, "work_under_lock": true, "change_rows_under_lock": true, "enum_value_in_transaction": true, "index_if_not_exists": true,
	"vacuum_full": true, "allow_without_reason": true, "allow_unknown_rule": true, "allow_unused": true,
}

// seen is what a statement did.
type seen struct {
	// locks are the strongest on each relation that there was before, by name; kinds are pg_class.relkind.
	locks map[string]lint.LockMode
	kinds map[string]string
	// rewritten and read are names of tables in order.
	rewritten, read []string
}

// locksFor leaves out what a verdict need not tell: locks on indexes that the statement is not about, and locks that no
// running code waits for.
func (s seen) locksFor(verdict lint.Statement) map[string]lint.LockMode {
	named := locksOf(verdict)
	locks := map[string]lint.LockMode{}
	for relation, mode := range s.locks {
		_, told := named[relation]
		if told || mode >= lint.ShareUpdateExclusive && s.kinds[relation] != "i" && s.kinds[relation] != "I" {
			locks[relation] = mode
		}
	}
	return locks
}

// readFor leaves out what was read while nobody waited for it.
func (s seen) readFor(verdict lint.Statement) []string {
	told := locksOf(verdict)
	var list []string
	for _, table := range s.read {
		if told[table] >= lint.RowShare || s.locks[table] >= lint.RowShare {
			list = append(list, table)
		}
	}
	return list
}

func locksOf(verdict lint.Statement) map[string]lint.LockMode {
	locks := map[string]lint.LockMode{}
	for _, lock := range verdict.Locks {
		if !lock.New {
			locks[lock.Relation] = lock.Mode
		}
	}
	return locks
}

func relationsWith(verdict lint.Statement, kinds ...lint.Work) []string {
	set := map[string]bool{}
	for _, effect := range verdict.Effects {
		if !effect.New && slices.Contains(kinds, effect.Work) {
			set[effect.Relation] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// relationRow is a relation of the world.
type relationRow struct {
	OID  uint32
	Name string
	Kind string
	File uint32
}

func relations(t testing.TB, q querier) map[uint32]relationRow {
	t.Helper()
	rows, err := q.Query(t.Context(), `
		SELECT c.oid, CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name, c.relkind::text AS kind, c.relfilenode AS file
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I')`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[relationRow])
	require.NoError(t, err)
	byOID := map[uint32]relationRow{}
	for _, row := range list {
		byOID[row.OID] = row
	}
	return byOID
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// reads counts the scans of each table in the session's statistics that were not sent yet.
func reads(t testing.TB, q querier) map[uint32]int64 {
	t.Helper()
	rows, err := q.Query(t.Context(), `SELECT relid, seq_scan + coalesce(idx_scan, 0) FROM pg_stat_xact_user_tables`)
	require.NoError(t, err)
	counts := map[uint32]int64{}
	var oid uint32
	var count int64
	_, err = pgx.ForEachRow(rows, []any{&oid, &count}, func() error {
		counts[oid] = count
		return nil
	})
	require.NoError(t, err)
	return counts
}

var modes = map[string]lint.LockMode{
	"AccessShareLock": lint.AccessShare, "RowShareLock": lint.RowShare, "RowExclusiveLock": lint.RowExclusive,
	"ShareUpdateExclusiveLock": lint.ShareUpdateExclusive, "ShareLock": lint.Share, "ShareRowExclusiveLock": lint.ShareRowExclusive,
	"ExclusiveLock": lint.Exclusive, "AccessExclusiveLock": lint.AccessExclusive,
}

// locks reads the strongest lock that a session holds or waits for on each relation.
func locks(t testing.TB, q querier, pid uint32, known map[uint32]relationRow) (map[string]lint.LockMode, map[string]string) {
	t.Helper()
	rows, err := q.Query(t.Context(), `SELECT relation, mode FROM pg_locks WHERE pid = $1 AND locktype = 'relation'`, pid)
	require.NoError(t, err)
	strongest, kinds := map[string]lint.LockMode{}, map[string]string{}
	var oid uint32
	var mode string
	_, err = pgx.ForEachRow(rows, []any{&oid, &mode}, func() error {
		if row, there := known[oid]; there {
			require.NotZero(t, modes[mode], mode)
			strongest[row.Name] = max(strongest[row.Name], modes[mode])
			kinds[row.Name] = row.Kind
		}
		return nil
	})
	require.NoError(t, err)
	return strongest, kinds
}

// watch runs a statement in a transaction, looks, and takes it back.
func watch(t testing.TB, conn *pgx.Conn, sql string) seen {
	t.Helper()
	before := relations(t, conn)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	readBefore := reads(t, tx)
	_, err = tx.Exec(t.Context(), sql)
	require.NoError(t, err)
	var s seen
	readAfter := reads(t, tx)
	s.locks, s.kinds = locks(t, tx, conn.PgConn().PID(), before)
	for oid, after := range relations(t, tx) {
		was, there := before[oid]
		if there && was.File != after.File && (was.Kind == "r" || was.Kind == "m") {
			s.rewritten = append(s.rewritten, was.Name)
		}
	}
	for oid, count := range readAfter {
		if was, there := before[oid]; there && count > readBefore[oid] {
			s.read = append(s.read, was.Name)
		}
	}
	slices.Sort(s.rewritten)
	slices.Sort(s.read)
	return s
}
