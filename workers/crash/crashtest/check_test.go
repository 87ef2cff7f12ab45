package crashtest

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/workers/fleettest"
)

// TestLookFinds plants what faults leave behind, and looks whether Check would find it. It is alone: a database that is open to
// all is in the way of everybody's isolation check.
func TestLookFinds(t *testing.T) { //nolint:paralleltest // see above
	From(t, Short)
	f := fleettest.New(t)
	s := NewScene(f, f.Node(t, "n1"), fleettest.ServerURL(t))
	rt := f.Worker(t)
	op := f.Do(t, jobs.Provision{Slug: "acme"})
	gone := f.Do(t, jobs.Provision{Slug: "gone"})
	f.Do(t, jobs.Purge{Tenant: "gone", Confirm: "gone"})
	s.Remember(t, "acme")
	s.FormWith(t, "acme", 1)
	rt.Stop()
	require.Empty(t, s.look(t.Context(), Expect{}))

	name := f.Tenant(t, "acme").Database
	const stray = "t_0123456789abcdef012345"
	words := strings.NewReplacer("{db}", name, "{prov}", s.Node.Provisioner, "{op}", op.ID, "{gone}", *gone.TenantID, "{stray}", stray)
	for _, plant := range []struct {
		where string // the control database, the server, or the tenant's database
		sql   string
		finds string
		undo  string
		stays bool // undoing it does not bring back the very same
	}{
		{"control", `UPDATE tenantry.operations SET state = 'parked', finished_at = NULL WHERE id = '{op}'`, "is parked", `UPDATE tenantry.operations SET state = 'succeeded', finished_at = now() WHERE id = '{op}'`, false},
		{"control", `UPDATE tenantry.operations SET failures = 1 WHERE id = '{op}'`, "has 1 failures", `UPDATE tenantry.operations SET failures = 0`, false},
		{"control", `UPDATE river.river_job SET state = 'running', finalized_at = NULL WHERE args ->> 'operation_id' = '{op}'`, "is running", `UPDATE river.river_job SET state = 'completed', finalized_at = now() WHERE state = 'running'`, false},
		{"control", `UPDATE river.river_job SET attempt = attempt + 1 WHERE args ->> 'operation_id' = '{op}'`, "has burnt", `UPDATE river.river_job SET attempt = 1 WHERE attempt > 1`, false},
		{"control", `UPDATE tenantry.tenants SET current_operation_id = '{op}' WHERE slug = 'acme'`, "is held by", `UPDATE tenantry.tenants SET current_operation_id = NULL`, false},
		{"control", `UPDATE tenantry.tenants SET state = 'failed' WHERE slug = 'acme'`, "is failed and its database assigned", `UPDATE tenantry.tenants SET state = 'active' WHERE slug = 'acme'`, false},
		{"control", `INSERT INTO tenantry.credentials (database_id, role, username, sealed) SELECT database_id, 'app', 'x', 'x' FROM tenantry.tenants WHERE id = '{gone}'`, "has 1 credentials", `DELETE FROM tenantry.credentials WHERE username = 'x'`, false},
		{"control", `UPDATE tenantry.templates SET state = 'building'`, "is building", `UPDATE tenantry.templates SET state = 'ready'`, false},
		{"server", `CREATE DATABASE {stray} OWNER {prov}`, "database {stray} is not in the registry", `DROP DATABASE {stray}`, false},
		{"server", `CREATE ROLE {stray}_owner; GRANT {stray}_owner TO {prov}`, "role {stray}_owner is not in the registry", `DROP ROLE {stray}_owner`, false},
		{"server", `UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{db}'`, "is invalid", `UPDATE pg_database SET datconnlimit = -1 WHERE datname = '{db}'`, false},
		{"server", `GRANT CONNECT ON DATABASE {db} TO PUBLIC`, "lets PUBLIC in", `REVOKE CONNECT ON DATABASE {db} FROM PUBLIC`, false},
		{"server", `ALTER DATABASE {db} ALLOW_CONNECTIONS false`, "lets sessions in: f", `ALTER DATABASE {db} ALLOW_CONNECTIONS true`, false},
		{"server", `ALTER ROLE {prov}_tpl LOGIN`, "has a login", `ALTER ROLE {prov}_tpl NOLOGIN`, false},
		{"server", `ALTER ROLE {db}_ro CREATEDB`, "role t_ro login t powers f t", `ALTER ROLE {db}_ro NOCREATEDB`, false},
		{"tenant", `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_ordered'::regclass`, "index valid f", `UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'orders_ordered'::regclass`, false},
		{"tenant", `REVOKE SELECT ON customers FROM {db}_app`, "lacks r public.customers", `GRANT SELECT ON customers TO {db}_app`, true},
		{"tenant", `UPDATE _tenantry.schema_history SET status = 'running' WHERE version = (SELECT max(version) FROM _tenantry.schema_history) AND statement_no = 1`, "running, its release not", `UPDATE _tenantry.schema_history SET status = 'done'`, false},
		{"tenant", `CREATE TABLE extra ()`, "has   r public.extra", `DROP TABLE extra`, false},
		{"tenant", `UPDATE _tenantry.form_changes SET state = 'applying'`, "is applying at step", `UPDATE _tenantry.form_changes SET state = 'done'`, false},
		{"tenant", `UPDATE _tenantry.form_changes SET state = 'undone'`, "its forms were changed by [], in the ledger by [op_", `UPDATE _tenantry.form_changes SET state = 'done'`, false},
		{"tenant", `INSERT INTO _tenantry.form_changes (operation_id, requested_by, change, forms, state) VALUES ('{op}', 'x', '{}', '{}', 'done')`, "{op}], in the ledger by [op_", `DELETE FROM _tenantry.form_changes WHERE requested_by = 'x'`, false},
		{"tenant", `INSERT INTO _tenantry.form_filled (change, step, ids) SELECT number, 1, '{}' FROM _tenantry.form_changes`, "remembers which rows", `DELETE FROM _tenantry.form_filled`, false},
		{"server", `ALTER ROLE {db}_app PASSWORD 'other'`, "log in as app", ``, true},
	} {
		sql, finds := words.Replace(plant.sql), words.Replace(plant.finds)
		conn := s.connectTo(t, plant.where, name)
		_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
		require.NoError(t, err, sql)
		require.NoError(t, conn.Close(t.Context()))
		found := strings.Join(s.look(t.Context(), Expect{}), "\n")
		require.Contains(t, found, finds, sql)
		conn = s.connectTo(t, plant.where, name)
		_, err = conn.PgConn().Exec(t.Context(), words.Replace(plant.undo)).ReadAll()
		require.NoError(t, err, plant.undo)
		require.NoError(t, conn.Close(t.Context()))
		if !plant.stays {
			require.Empty(t, s.look(t.Context(), Expect{}), "after undoing %s", sql)
		}
	}
}

func (s *Scene) connectTo(t *testing.T, where, tenant string) *pgx.Conn {
	t.Helper()
	u := map[string]string{"control": s.Fleet.URL, "server": s.Server, "tenant": inDatabase(s.Server, tenant)}[where]
	conn, err := pgx.Connect(t.Context(), u)
	require.NoError(t, err)
	return conn
}

// TestLookFindsSessions: a session that carries an operation's name, and a lock that the provisioner still holds.
func TestLookFindsSessions(t *testing.T) {
	t.Parallel()
	From(t, Short)
	f := fleettest.New(t)
	s := NewScene(f, f.Node(t, "n1"), fleettest.ServerURL(t))
	rt := f.Worker(t)
	op := f.Do(t, jobs.Provision{Slug: "acme"})
	s.Remember(t, "acme")
	rt.Stop()
	password, err := f.Registry.NodePassword(s.Node)
	require.NoError(t, err)
	config, err := s.Node.Direct("postgres", s.Node.Provisioner, password)
	require.NoError(t, err)
	config.RuntimeParams["application_name"] = "tenantry/" + op.ID + "/1"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(42)`)
	require.NoError(t, err)
	found := strings.Join(s.look(t.Context(), Expect{}), "\n")
	require.Contains(t, found, "session of an operation is left")
	require.Contains(t, found, "advisory lock is left")
	require.NoError(t, conn.Close(t.Context()))
	require.Eventually(t, func() bool { return len(s.look(t.Context(), Expect{})) == 0 }, quiet, 100*time.Millisecond)
}
