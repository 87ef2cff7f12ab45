package gentle

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// obstacle is a transaction of another session that holds a table, or what belongs to one, of what is to be run.
type obstacle struct {
	Holder
	// transaction identifies it for as long as it lasts.
	transaction string
	// maintained is the quoted table when all it holds there is the lock of VACUUM and its like, else "".
	maintained string
}

// Pauses between two looks at who holds the tables.
const (
	minLookPause = 25 * time.Millisecond
	maxLookPause = 250 * time.Millisecond
)

// giveWay waits for at least pause and then, for most at most, until the transactions are gone that hold the relations
// now, or that were seen to hold them for longer than a try would wait. A request that waited in the queue instead would make
// everybody else wait behind it.
func (s *Session) giveWay(ctx context.Context, names []string, pause, most time.Duration) error {
	begun := time.Now()
	w := watch{patience: s.opts.LockPolicy.longest(), since: map[string]time.Time{}}
	nudged := false
	for look := minLookPause; ; look = min(2*look, maxLookPause) {
		obstacles, err := s.obstacles(ctx, names)
		if err != nil {
			return err
		}
		stays := w.stays(obstacles, time.Now())
		waited := time.Since(begun)
		if waited >= pause && (!stays || waited >= most) {
			return nil
		}
		if table := maintained(obstacles); table != "" && waited >= pause && !nudged {
			nudged = true
			s.nudge(ctx, table)
			continue
		}
		if err := wait(ctx, look); err != nil {
			return err
		}
	}
}

// watch remembers since when transactions are in the way.
type watch struct {
	// patience is how long one that came later may last before it is worth waiting for.
	patience time.Duration
	since    map[string]time.Time
}

// stays reports whether a try would meet somebody who stays. Those of the first look are such: a try has waited for them.
func (w watch) stays(obstacles []obstacle, now time.Time) bool {
	first := len(w.since) == 0
	stays := false
	for _, o := range obstacles {
		since, known := w.since[o.transaction]
		switch {
		case first:
			w.since[o.transaction] = time.Time{}
			stays = true
		case !known:
			w.since[o.transaction] = now
		case now.Sub(since) >= w.patience:
			stays = true
		}
	}
	if first {
		w.since[""] = now // the first look is over, also when it saw nobody
	}
	return stays
}

// maintained gives a table that is held by VACUUM or its like and by nothing else of that transaction, "" for none.
func maintained(obstacles []obstacle) string {
	for _, o := range obstacles {
		if o.maintained != "" {
			return o.maintained
		}
	}
	return ""
}

// obstaclesSQL finds who holds the relations of the given names, their indexes, and the tables that are bound to them
// by foreign keys or inheritance. Names may be any words of a text ([Names]), so it may find more than what will be locked, and not what only a
// function's body names: it decides how long to wait before a try, nothing else.
const obstaclesSQL = `
WITH named AS (
  SELECT c.oid
  FROM pg_class c
  WHERE c.relname = ANY ($1::text[])
    AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
), meant AS (
  SELECT oid FROM named
  UNION
  SELECT i.indrelid FROM pg_index i WHERE i.indexrelid IN (SELECT oid FROM named)
  UNION
  SELECT k.confrelid FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid IN (SELECT oid FROM named)
  UNION
  SELECT k.conrelid FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid IN (SELECT oid FROM named)
  UNION
  SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent IN (SELECT oid FROM named)
  UNION
  SELECT h.inhparent FROM pg_inherits h WHERE h.inhrelid IN (SELECT oid FROM named)
), held AS (
  SELECT l.pid, l.virtualtransaction, l.relation, array_agg(l.mode) AS modes
  FROM pg_locks l
  WHERE l.locktype = 'relation'
    AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.relation IN (SELECT oid FROM meant)
    AND l.pid <> pg_backend_pid()
  GROUP BY l.pid, l.virtualtransaction, l.relation
)
SELECT h.pid, coalesce(a.application_name, ''), h.relation::regclass::text, h.virtualtransaction,
       CASE WHEN c.relkind = 'r' AND h.modes = '{ShareUpdateExclusiveLock}' THEN n.nspname END, c.relname
FROM held h
JOIN pg_class c ON c.oid = h.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_activity a ON a.pid = h.pid
ORDER BY h.pid, h.relation::regclass::text`

func (s *Session) obstacles(ctx context.Context, names []string) ([]obstacle, error) {
	look := Command{SQL: obstaclesSQL, Args: []string{TextArray(names)}, Keep: true}
	replies, err := s.Do(ctx, "look who holds the tables", look)
	if err != nil {
		return nil, err
	}
	var found []obstacle
	for _, row := range replies[0].Rows {
		pid, _ := strconv.Atoi(string(row[0]))
		o := obstacle{
			Holder:      Holder{PID: pid, ApplicationName: string(row[1]), Holds: string(row[2])},
			transaction: string(row[3]),
		}
		if row[4] != nil {
			o.maintained = pgx.Identifier{string(row[4]), string(row[5])}.Sanitize()
		}
		found = append(found, o)
	}
	return found, nil
}

// nudge ends an autovacuum of a table. PostgreSQL does so for whoever has waited for it for deadlock_timeout (1 s), which is longer
// than a try waits. The lock that is asked for here lets everybody else read and write the table meanwhile. Other
// maintenance goes on, and so does an autovacuum against wraparound; then this has no effect.
func (s *Session) nudge(ctx context.Context, table string) {
	_, err := s.Exchange(ctx, []Command{
		{SQL: "BEGIN"},
		{SQL: `
SELECT set_config('lock_timeout', setting::integer + 500 || 'ms', true)
FROM pg_settings
WHERE name = 'deadlock_timeout'`},
		{SQL: "LOCK TABLE " + table + " IN SHARE UPDATE EXCLUSIVE MODE"},
		{SQL: "COMMIT", Cut: true},
	})
	if err == nil && s.conn.TxStatus() != 'I' {
		_, _ = s.Exchange(ctx, []Command{{SQL: "ROLLBACK"}}) // a lost connection shows at the next look
	}
}
