package crashtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers/fleettest"
)

// Scene is a fleet with one node, and what a clean database looks like there.
type Scene struct {
	Fleet  *fleettest.Fleet
	Node   tenants.Node
	Server string // the node's superuser's URL

	// Clean is the listing of an untouched database, by release. Fill it with Remember.
	Clean map[string]string
}

// NewScene makes a scene of a fleet and a node that was bootstrapped on a server.
func NewScene(f *fleettest.Fleet, node tenants.Node, server string) *Scene {
	return &Scene{Fleet: f, Node: node, Server: server, Clean: map[string]string{}}
}

// Expect says what a scene may differ in from one where everything has succeeded.
type Expect struct {
	// Ended are operations that end in another state than succeeded, by id.
	Ended map[string]string
	// Failures allows attempts that ended in an error, per operation. Restarts of our own never count as such.
	Failures int
	// Hiccups allows River to have retried jobs by itself so often, where the control database was away.
	Hiccups int
	// Deep limits the look inside databases to these ids. nil is all, which takes about 50 ms each.
	Deep []string
	// Quiet is how long the scene may take to come to rest. 0 is 15 seconds. Where the control database's server has died it is more than a minute: that takes back
	// what River had just written of a job's end, and a living worker's job is then ended by the ledger's own care, which gives River that minute.
	Quiet time.Duration
	// AnyJob leaves River's jobs out, where a test has changed them by hand.
	AnyJob bool
}

// quiet is how long a scene may take to come to rest after the last operation has ended.
const quiet = 15 * time.Second

// QuietAfterControl is [Expect.Quiet] where the control database's server has died.
const QuietAfterControl = 100 * time.Second

// Check looks at everything that must hold when the faults are over, and returns what does not. What comes to rest by itself,
// such as sessions that are being closed, has some seconds for it.
func Check(ctx context.Context, s *Scene, e Expect) []string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for begun := time.Now(); ; {
		violations := s.look(ctx, e)
		if len(violations) == 0 || time.Since(begun) > cmp.Or(e.Quiet, quiet) {
			return violations
		}
		select {
		case <-ctx.Done():
			return append(violations, ctx.Err().Error())
		case <-look.C:
		}
	}
}

// Holds fails the test where [Check] finds something.
func Holds(t testing.TB, s *Scene, e Expect) {
	t.Helper()
	violations := Check(t.Context(), s, e)
	require.Empty(t, violations, "what must hold after a fault does not")
}

// Settles waits until an operation has ended or is parked. It bears with a control database that is away.
func (s *Scene) Settles(t testing.TB, id string) jobs.Operation {
	t.Helper()
	var last jobs.Operation
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		op, err := s.Fleet.Jobs.Get(ctx, id)
		if err == nil {
			last = op
		}
		return err == nil && (op.State.Final() || op.State == jobs.StateParked)
	}, patience, 100*time.Millisecond, "operation %s does not end", id)
	return last
}

// Unfinished tells all of the operations that have not ended and of their River jobs, for the log of a failed test.
func (s *Scene) Unfinished(ctx context.Context) []string {
	lines, err := list(ctx, s.Fleet.Pool, `
		SELECT to_jsonb(o)::text || ' ' || coalesce(to_jsonb(j)::text, 'no job')
		FROM tenantry.operations o
		LEFT JOIN river.river_job j ON j.id = o.river_job_id
		WHERE o.finished_at IS NULL OR j.state NOT IN ('completed', 'cancelled', 'discarded')
		UNION ALL
		SELECT to_jsonb(w)::text FROM tenantry.workers w`)
	if err != nil {
		lines = append(lines, err.Error())
	}
	return lines
}

// findings collects violations. A look that cannot be had is one too.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func (f *findings) addAll(prefix string, lines []string, err error) {
	if err != nil {
		f.add("%s: %v", prefix, err)
	}
	for _, line := range lines {
		f.add("%s: %s", prefix, line)
	}
}

func (s *Scene) look(ctx context.Context, e Expect) findings {
	var f findings
	s.lookAtLedger(ctx, &f, e)
	report, err := provision.Inspect(ctx, s.Fleet.Registry, s.Node)
	if err != nil {
		f.add("inspect node: %v", err)
	}
	for _, p := range report.Problems {
		f.add("node inspection: %s", p.Says)
	}
	node, err := pgx.Connect(ctx, s.Server)
	if err != nil {
		f.add("connect to node: %v", err)
		return f
	}
	defer func() { _ = node.Close(context.WithoutCancel(ctx)) }()
	s.lookAtCatalog(ctx, &f, node)
	s.lookAtSessions(ctx, &f, node)
	s.lookInside(ctx, &f, node, e.Deep)
	return f
}

// ledgerSQL finds what is wrong with operations and River's jobs. $1 operations that end otherwise, as an object of
// id to state; $2 failures allowed.
const ledgerSQL = `
SELECT format('operation %s (%s) is %s at step %s, wanted %s: %s', o.id, o.kind, o.state, o.step, w.state, coalesce(o.error::text, ''))
FROM tenantry.operations o
CROSS JOIN LATERAL (SELECT coalesce($1::jsonb ->> o.id, 'succeeded') AS state) w
WHERE o.state <> w.state
UNION ALL
SELECT format('operation %s (%s) has %s failures, %s are allowed: %s', o.id, o.kind, o.failures, $2::integer, coalesce(o.error::text, ''))
FROM tenantry.operations o
WHERE o.failures > $2 AND NOT $1::jsonb ? o.id
UNION ALL
SELECT format('tenant %s is held by %s, which is %s', t.slug, t.current_operation_id, o.state)
FROM tenantry.tenants t
LEFT JOIN tenantry.operations o ON o.id = t.current_operation_id
WHERE t.current_operation_id IS NOT NULL AND o.state IS DISTINCT FROM 'parked'
UNION ALL
SELECT format('tenant %s is %s and its database %s', t.slug, t.state, d.state)
FROM tenantry.tenants t
JOIN tenantry.databases d ON d.id = t.database_id
WHERE (t.state, d.state) NOT IN (('active', 'assigned'), ('suspended', 'assigned'), ('deleting', 'assigned'), ('deleted', 'dropped'), ('failed', 'failed'))
  AND NOT EXISTS (SELECT FROM tenantry.operations o WHERE o.id = t.current_operation_id AND o.state = 'parked')
UNION ALL
SELECT format('database %s without a tenant is %s', d.name, d.state)
FROM tenantry.databases d
WHERE d.tenant_id IS NULL AND d.state NOT IN ('warm', 'dropped')
UNION ALL
SELECT format('database %s is %s and has %s credentials', d.name, d.state, count(c.*))
FROM tenantry.databases d
LEFT JOIN tenantry.credentials c ON c.database_id = d.id
GROUP BY d.id
HAVING (d.state = 'dropped' AND count(c.*) > 0) OR (d.state IN ('warm', 'assigned') AND count(c.*) <> 3)
UNION ALL
SELECT format('template %s is %s', p.name, p.state)
FROM tenantry.templates p
WHERE p.state <> 'ready'`

// jobsSQL finds River jobs that are not as their operations are.
const jobsSQL = `
SELECT format('job %s (%s) of operation %s is %s, the operation %s', j.id, j.kind, o.id, j.state, o.state)
FROM river.river_job j
LEFT JOIN tenantry.operations o ON o.id = j.args ->> 'operation_id'
WHERE j.state::text IS DISTINCT FROM CASE o.state
        WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'discarded' WHEN 'parked' THEN 'discarded' WHEN 'cancelled' THEN 'cancelled' END
UNION ALL
SELECT format('operation %s has no job', o.id)
FROM tenantry.operations o
WHERE o.kind <> 'rollout' -- which has none: every worker moves it on
  AND NOT EXISTS (SELECT FROM river.river_job j WHERE j.id = o.river_job_id)
UNION ALL
SELECT format('job %s (%s) has burnt %s attempts, its operation %s failures', j.id, j.kind, j.attempt, o.failures)
FROM river.river_job j
JOIN tenantry.operations o ON o.id = j.args ->> 'operation_id'
WHERE j.attempt > 1 + o.failures + $1`

func (s *Scene) lookAtLedger(ctx context.Context, f *findings, e Expect) {
	ended := e.Ended
	if ended == nil {
		ended = map[string]string{}
	}
	lines, err := list(ctx, s.Fleet.Pool, ledgerSQL, ended, e.Failures)
	f.addAll("ledger", lines, err)
	if e.AnyJob {
		lines, err = list(ctx, s.Fleet.Pool, `SELECT format('job %s is running', id) FROM river.river_job WHERE state = 'running'`)
	} else {
		lines, err = list(ctx, s.Fleet.Pool, jobsSQL, e.Hiccups)
	}
	f.addAll("queue", lines, err)
}

// catalogSQL compares a node with the registry. $1 is every database and template of the registry, as name to state;
// $2 the node's provisioner. What belongs to the provisioner, by being its own or by membership of the owner, is ours.
const catalogSQL = `
WITH known AS (
  SELECT key AS name, value AS state FROM jsonb_each_text($1)
), ours AS (
  SELECT d.datname AS name, d.datconnlimit = -2 AS invalid, d.datallowconn AS open, has_database_privilege('public', d.oid, 'CONNECT') AS public
  FROM pg_database d
  WHERE pg_has_role($2, d.datdba, 'MEMBER') OR d.datname IN (SELECT name FROM known)
), roles AS (
  SELECT r.rolname AS role, left(r.rolname, 24) AS name
  FROM pg_roles r
  WHERE r.rolname ~ '^t_[0-9a-f]{22}_(owner|migrator|app|ro)$'
    AND (left(r.rolname, 24) IN (SELECT name FROM known) OR (r.rolname LIKE '%\_owner' AND pg_has_role($2, r.oid, 'MEMBER')))
)
SELECT format('database %s is not in the registry', o.name) FROM ours o WHERE o.name NOT IN (SELECT name FROM known)
UNION ALL
SELECT format('database %s is there, and dropped in the registry', o.name) FROM ours o JOIN known k USING (name) WHERE k.state = 'dropped'
UNION ALL
SELECT format('database %s is %s in the registry and not there', k.name, k.state)
FROM known k
WHERE k.state IN ('warm', 'active', 'closed', 'ready') AND k.name NOT IN (SELECT name FROM ours)
UNION ALL
SELECT format('database %s is invalid', o.name) FROM ours o WHERE o.invalid
UNION ALL
SELECT format('database %s lets PUBLIC in', o.name) FROM ours o WHERE o.public
UNION ALL
SELECT format('database %s is %s in the registry, and it lets sessions in: %s', o.name, k.state, o.open)
FROM ours o
JOIN known k USING (name)
WHERE (k.state IN ('warm', 'active') AND NOT o.open) OR (k.state IN ('closed', 'ready') AND o.open)
UNION ALL
SELECT format('role %s is not in the registry', r.role) FROM roles r WHERE r.name NOT IN (SELECT name FROM known)
UNION ALL
SELECT format('role %s is there, its database is dropped', r.role) FROM roles r JOIN known k USING (name) WHERE k.state = 'dropped'
UNION ALL
SELECT format('database %s has %s roles', k.name, (SELECT count(*) FROM roles r WHERE r.name = k.name))
FROM known k
WHERE k.state IN ('warm', 'active', 'closed') AND (SELECT count(*) FROM roles r WHERE r.name = k.name) <> 4
UNION ALL
SELECT format('template role %s has a login', rolname) FROM pg_roles WHERE rolname = $2 || '_tpl' AND rolcanlogin`

// registrySQL is what the registry has on the node. An assigned database lets sessions in where its tenant is active.
const registrySQL = `
SELECT coalesce(jsonb_object_agg(name, state), '{}')
FROM (
  SELECT d.name, CASE WHEN d.state <> 'assigned' THEN d.state WHEN t.state = 'active' THEN 'active' ELSE 'closed' END AS state
  FROM tenantry.databases d
  LEFT JOIN tenantry.tenants t ON t.database_id = d.id
  WHERE d.node_id = $1
  UNION ALL
  SELECT p.name, p.state FROM tenantry.templates p WHERE p.node_id = $1
) AS known`

func (s *Scene) lookAtCatalog(ctx context.Context, f *findings, node *pgx.Conn) {
	var known string
	if err := s.Fleet.Pool.QueryRow(ctx, registrySQL, s.Node.ID).Scan(&known); err != nil {
		f.add("read registry: %v", err)
		return
	}
	lines, err := list(ctx, node, catalogSQL, known, s.Node.Provisioner)
	f.addAll("catalog", lines, err)
}

// lookAtSessions finds sessions that still carry an operation's name, and locks that are held although nothing runs.
func (s *Scene) lookAtSessions(ctx context.Context, f *findings, node *pgx.Conn) {
	ops, err := list(ctx, s.Fleet.Pool, `SELECT 'tenantry/' || id FROM tenantry.operations`)
	if err != nil {
		f.add("list operations: %v", err)
	}
	lines, err := list(ctx, node, `
		SELECT format('%s in %s as %s: %s %s', application_name, datname, usename, state, left(query, 100))
		FROM pg_stat_activity
		WHERE 'tenantry/' || split_part(application_name, '/', 2) = ANY ($1)`, ops)
	f.addAll("session of an operation is left", lines, err)
	lines, err = list(ctx, node, `
		SELECT format('pid %s (%s) of %s', l.pid, a.application_name, a.usename)
		FROM pg_locks l
		JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND (a.usename = $1 OR a.usename LIKE $1 || '\_%' OR 'tenantry/' || split_part(a.application_name, '/', 2) = ANY ($2))`, s.Node.Provisioner, ops)
	f.addAll("advisory lock is left", lines, err)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func list(ctx context.Context, q querier, sql string, args ...any) ([]string, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return lines, nil
}

// errDiffers is told with the lines that differ.
var errDiffers = errors.New("differs from a clean database")

// diff gives the lines that only one of two listings has.
func diff(want, got string) error {
	has := func(text string) map[string]bool {
		set := map[string]bool{}
		for line := range strings.Lines(text) {
			set[line] = true
		}
		return set
	}
	w, g := has(want), has(got)
	var out strings.Builder
	for line := range strings.Lines(want) {
		if !g[line] {
			out.WriteString("\n  lacks " + strings.TrimSpace(line))
		}
	}
	for line := range strings.Lines(got) {
		if !w[line] {
			out.WriteString("\n  has   " + strings.TrimSpace(line))
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return fmt.Errorf("%w:%s", errDiffers, out.String())
}
