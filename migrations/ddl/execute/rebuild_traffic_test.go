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

	"github.com/avenit/tenantry/migrations/ddl/execute"
	"github.com/avenit/tenantry/migrations/fingerprint"
)

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

// TestRebuildFollowsWhatFollows: one statement may change a row twice, itself and by what follows from it: what is carried over is what the row has in the end.
func TestRebuildFollowsWhatFollows(t *testing.T) {
	t.Parallel()
	tn := rebuilt(t, 15_000)
	tn.apply(t, `{"op": "add_reference", "form": "p", "field": "above", "references": "p"}`)
	words := strings.NewReplacer("{p}", tn.table(t, "p"), "{name}", tn.column(t, "p", "name"), "{code}", tn.column(t, "p", "code"), "{boss}", tn.column(t, "p", "boss"), "{above}", tn.column(t, "p", "above"))
	run(t, tn.admin, words.Replace("UPDATE {p} SET {boss} = id + 10 WHERE id BETWEEN 14 AND 19"))
	app := tn.connect(t, tn.app)
	opts, done := tn.options(), map[string]bool{}
	opts.BatchTime = time.Millisecond
	opts.Progress = func(_, _ int64, what string) {
		at := strings.Fields(what)[0]
		if done[at] || at != "fill" && at != "take" && at != "look" {
			return
		}
		done[at] = true
		_, err := execute.Plan(t.Context(), tn.connect(t, tn.migrator), change(t, `{"op": "add_field", "form": "p", "field": "more", "type": "integer"}`))
		require.NoError(t, err, "there are two tables of that name, and one of them is the form's")
		first := map[string]int{"fill": 14, "take": 16, "look": 18}[at]
		for i, sql := range []string{ // the reference is emptied when the row that it points at is deleted, by a statement of the server's own
			"WITH gone AS (DELETE FROM {p} WHERE id = %d RETURNING id) UPDATE {p} SET {name} = 'said' WHERE id = %d AND EXISTS (SELECT FROM gone)",
			"WITH said AS (UPDATE {p} SET {name} = 'said' WHERE id = %[2]d RETURNING id) DELETE FROM {p} WHERE id = %[1]d AND EXISTS (SELECT FROM said)",
		} {
			run(t, app, fmt.Sprintf(words.Replace(sql), first+i+10, first+i))
		}
		run(t, app, words.Replace("UPDATE {p} SET id = -id, {code} = -{code} WHERE id BETWEEN 50 AND 60; UPDATE {p} SET id = -id WHERE id BETWEEN -60 AND -50"))
		run(t, app, words.Replace("WITH gone AS (DELETE FROM {p} WHERE id = 61 RETURNING *) INSERT INTO {p} (id, {name}) SELECT id, 'again' FROM gone"))
		// One statement may put a row before the one that it refers to, and delete it behind that.
		run(t, app, fmt.Sprintf(words.Replace("INSERT INTO {p} (id, {above}) VALUES (%[1]d01, %[1]d02), (%[1]d02, NULL), (%[1]d03, NULL), (%[1]d04, %[1]d03)"), first*1000))
		run(t, app, fmt.Sprintf(words.Replace("DELETE FROM {p} WHERE id IN (%[1]d03, %[1]d04)"), first*1000))
	}
	_, err := tn.try(t, rebuildP, opts)
	require.NoError(t, err)
	require.Len(t, done, 3)
	require.Equal(t, []string{"1400001", "1600001", "1800001"}, one[[]string](t, tn.admin, words.Replace("SELECT array_agg(id::text ORDER BY id) FROM {p} WHERE {above} IS NOT NULL")))
	require.Equal(t, 6, one[int](t, tn.admin, words.Replace("SELECT count(*) FROM {p} WHERE {name} = 'said' AND {boss} IS NULL")))
	require.Equal(t, 11, one[int](t, tn.admin, words.Replace("SELECT count(*) FROM {p} WHERE id BETWEEN 50 AND 60")))
	require.Equal(t, "again", one[string](t, tn.admin, words.Replace("SELECT {name} FROM {p} WHERE id = 61")))
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
		if _, err := tx.Exec(ctx, "SELECT pg_sleep($1)", float64(w.IntN(20))/1000); err != nil { // batches go on meanwhile
			return err
		}
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
			if err := reader.QueryRow(context.WithoutCancel(ctx), `SELECT count(*) FROM form_views."P", pg_sleep(0.001) WHERE id < 100`).Scan(&rows); err != nil {
				readFailed = err
			}
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
