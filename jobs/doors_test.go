package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// door is a way to ask. Every case of these tests runs through both.
type door struct {
	name   string
	submit func(ctx context.Context, kind string, args any, key string) (string, error)
}

// raw lets a test send arguments that the typed ones cannot say.
type raw struct {
	kind string
	body json.RawMessage
}

func (r raw) Kind() string { return r.kind }

func (r raw) MarshalJSON() ([]byte, error) { return r.body, nil }

func doors(t *testing.T, f *fleettest.Fleet) []door {
	t.Helper()
	api := apiConn(t, f)
	var mu sync.Mutex
	return []door{
		{"go", func(ctx context.Context, kind string, args any, key string) (string, error) {
			body, err := json.Marshal(args)
			require.NoError(t, err)
			return f.Jobs.Submit(ctx, raw{kind, body}, &jobs.Options{IdempotencyKey: key})
		}},
		{"sql as tenantry_api", func(ctx context.Context, kind string, args any, key string) (string, error) {
			body, err := json.Marshal(args)
			require.NoError(t, err)
			mu.Lock()
			defer mu.Unlock()
			var id string
			err = api.QueryRow(ctx, `SELECT tenantry.submit($1, $2, nullif($3, ''))`, kind, string(body), key).Scan(&id)
			return id, err
		}},
	}
}

// apiConn logs in as the API's role. Its password is the server's, so tests set the same one.
func apiConn(t *testing.T, f *fleettest.Fleet) *pgx.Conn {
	t.Helper()
	u := fleettest.APIURL(t, f)
	conn, err := pgx.Connect(t.Context(), u)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// refusal reads an error of either door.
func refusal(t *testing.T, err error) (code, field, message string) {
	t.Helper()
	require.Error(t, err)
	if refused, ok := errors.AsType[*jobs.Error](err); ok {
		codes := map[error]string{jobs.ErrInvalid: "TY001", jobs.ErrNotFound: "TY002", jobs.ErrConflict: "TY003", jobs.ErrRefused: "TY004"}
		return codes[refused.Unwrap()], refused.Field, refused.Message
	}
	var pg *pgconn.PgError
	require.ErrorAs(t, err, &pg)
	require.NotEmpty(t, pg.Hint, "a refusal says the way out: %s", pg.Message)
	return pg.Code, pg.ColumnName, pg.Message
}

type obj map[string]any

func TestDoorsRefuse(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	long := strings.Repeat("x", 300)
	cases := []struct {
		name  string
		kind  string
		args  any
		code  string
		field string
	}{
		{"unknown kind", "explode", obj{}, "TY001", "kind"},
		{"the fleet's own kind", "warm", obj{"database": "db_1"}, "TY001", "kind"},
		{"not an object", "suspend", []int{1}, "TY001", "args"},
		{"unknown field", "suspend", obj{"tenant": "acme", "drop": "x"}, "TY001", "drop"},
		{"missing field", "suspend", obj{}, "TY001", "tenant"},
		{"field of another type", "suspend", obj{"tenant": 7}, "TY001", "tenant"},
		{"null field", "suspend", obj{"tenant": nil}, "TY001", "tenant"},
		{"no such tenant", "suspend", obj{"tenant": "nobody"}, "TY002", "tenant"},
		{"slug with a quote", "provision", obj{"slug": "a'b"}, "TY001", "slug"},
		{"slug with a semicolon", "provision", obj{"slug": "a;DROP"}, "TY001", "slug"},
		{"slug with a newline", "provision", obj{"slug": "a\n"}, "TY001", "slug"},
		{"slug too long", "provision", obj{"slug": long}, "TY001", "slug"},
		{"slug in emoji", "provision", obj{"slug": "🦄"}, "TY001", "slug"},
		{"slug empty", "provision", obj{"slug": ""}, "TY001", "slug"},
		{"name too long", "provision", obj{"slug": "a", "name": long}, "TY001", "name"},
		{"name blank", "provision", obj{"slug": "a", "name": "  "}, "TY001", "name"},
		{"name with a newline", "provision", obj{"slug": "a", "name": "a\nb"}, "TY001", "name"},
		{"labels no object", "provision", obj{"slug": "a", "labels": "x"}, "TY001", "labels"},
		{"label key", "provision", obj{"slug": "a", "labels": obj{"A B": "x"}}, "TY001", "labels"},
		{"label value", "provision", obj{"slug": "a", "labels": obj{"a": 1}}, "TY001", "labels"},
		{"no node", "provision", obj{"slug": "a", "node": "n9"}, "TY002", "node"},
		{"grace", "delete", obj{"tenant": "acme", "grace": "soon"}, "TY001", "grace"},
		{"grace below zero", "delete", obj{"tenant": "acme", "grace": "-1 day"}, "TY001", "grace"},
		{"confirm missing", "purge", obj{"tenant": "acme"}, "TY001", "confirm"},
	}
	for _, d := range doors(t, f) {
		for _, c := range cases {
			t.Run(d.name+"/"+c.name, func(t *testing.T) {
				_, err := d.submit(t.Context(), c.kind, c.args, "")
				code, field, message := refusal(t, err)
				require.Equal(t, c.code, code, message)
				require.Equal(t, c.field, field, message)
			})
		}
		t.Run(d.name+"/NUL", func(t *testing.T) {
			_, err := d.submit(t.Context(), "provision", json.RawMessage(`{"slug": "a\u0000b"}`), "")
			require.Error(t, err)
		})
	}
	ops, err := f.Jobs.List(t.Context(), jobs.Filter{})
	require.NoError(t, err)
	require.Empty(t, ops, "a refusal leaves nothing")
}

func TestDoorsAskOnce(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	for _, d := range doors(t, f) {
		t.Run(d.name, func(t *testing.T) {
			first, err := d.submit(t.Context(), "noop", obj{"note": "x"}, "key-"+d.name)
			require.NoError(t, err)
			again, err := d.submit(t.Context(), "noop", obj{"note": "x"}, "key-"+d.name)
			require.NoError(t, err)
			require.Equal(t, first, again)
			_, err = d.submit(t.Context(), "noop", obj{"note": "other"}, "key-"+d.name)
			code, field, _ := refusal(t, err)
			require.Equal(t, "TY003", code)
			require.Equal(t, "idempotency_key", field)
		})
	}
}

// A hostile name is free text: it is stored as it is and comes back as it is.
func TestHostileNamesAreStored(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	for i, name := range []string{`Robert'); DROP TABLE tenants;--`, `"quoted" \ back`, "naïve Ümläut 🦄", "'; SELECT pg_sleep(10); --", strings.Repeat("ß", 200)} {
		made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: fmt.Sprintf("h%d", i), Name: name, Labels: map[string]string{"owner": name}}, nil)
		require.NoError(t, err)
		tenant := f.Tenant(t, made.TenantID)
		require.Equal(t, name, tenant.Name)
		require.Equal(t, name, tenant.Labels["owner"])
	}
}

func TestSubmitInTransaction(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	ctx := t.Context()
	counts := func() (operations, jobRows, tenantRows, databases int) {
		require.NoError(t, f.Pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM tenantry.operations), (SELECT count(*) FROM river.river_job),
			(SELECT count(*) FROM tenantry.tenants), (SELECT count(*) FROM tenantry.databases)`).Scan(&operations, &jobRows, &tenantRows, &databases))
		return
	}
	tx, err := f.Pool.Begin(ctx)
	require.NoError(t, err)
	_, err = f.Jobs.CreateTenantTx(ctx, tx, jobs.Provision{Slug: "acme"}, &jobs.Options{RequestedBy: "alice"})
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(ctx))
	o, j, n, d := counts()
	require.Equal(t, []int{0, 0, 0, 0}, []int{o, j, n, d}, "after a rollback there is nothing")

	tx, err = f.Pool.Begin(ctx)
	require.NoError(t, err)
	made, err := f.Jobs.CreateTenantTx(ctx, tx, jobs.Provision{Slug: "acme"}, &jobs.Options{RequestedBy: "alice"})
	require.NoError(t, err)
	require.NoError(t, tx.Commit(ctx))
	o, j, n, d = counts()
	require.Equal(t, []int{1, 1, 1, 1}, []int{o, j, n, d})
	op, err := f.Jobs.Get(ctx, made.OperationID)
	require.NoError(t, err)
	require.Equal(t, "alice", op.RequestedBy)
	require.Equal(t, jobs.StateQueued, op.State)
}

func TestFiftyCreatesOfOneSlug(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	var mu sync.Mutex
	var made []jobs.Created
	var refused []string
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			created, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "acme"}, nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made = append(made, created)
				return
			}
			refused = append(refused, err.Error())
			if !errors.Is(err, jobs.ErrConflict) {
				t.Errorf("not a conflict: %v", err)
			}
		})
	}
	wg.Wait()
	require.Len(t, made, 1)
	require.Len(t, refused, 49)
	require.Contains(t, refused[0], "slug: tenant acme exists")
	f.Worker(t)
	f.Succeeds(t, made[0].OperationID)
	var databases int
	require.NoError(t, f.Pool.QueryRow(t.Context(), `SELECT count(*) FROM tenantry.databases`).Scan(&databases))
	require.Equal(t, 1, databases, "refused creates leave no database row")
}

func TestAPIRoleCanDoNothingElse(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	api := apiConn(t, f)
	ctx := t.Context()
	for _, sql := range []string{
		`SELECT * FROM tenantry.operations`, `SELECT * FROM tenantry.tenants`, `SELECT * FROM tenantry.credentials`, `SELECT * FROM tenantry.nodes`,
		`SELECT * FROM tenantry.settings`, `SELECT * FROM river.river_job`, `INSERT INTO river.river_job (kind, max_attempts) VALUES ('x', 1)`,
		`SELECT tenantry.settle('[]')`, `SELECT tenantry.reap()`, `SELECT tenantry.start('w', '{}')`, `SELECT tenantry.fence_tenant('x')`, `SELECT tenantry.refill_warm()`,
		`SELECT tenantry.submit_as('warm', '{}', NULL, false)`, `SELECT tenantry.append(NULL, '{}', NULL, NULL)`,
		`CREATE TABLE x (a int)`, `CREATE TABLE tenantry.x (a int)`, `CREATE SCHEMA x`, `CREATE TEMP TABLE x (a int)`, `CREATE ROLE x`, `CREATE DATABASE x`,
		`DELETE FROM tenantry.operation_status`, `UPDATE tenantry.tenant_status SET slug = 'x'`, `SET ROLE postgres`,
	} {
		_, err := api.Exec(ctx, sql)
		require.Error(t, err, sql)
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg)
		require.Contains(t, []string{"42501", "55000"}, pg.Code, "%s: %s", sql, pg.Message)
	}
	var id, tenant, state string
	require.NoError(t, api.QueryRow(ctx, `SELECT operation_id, tenant_id, state FROM tenantry.create_tenant('acme', p_labels => '{"plan": "pro"}')`).Scan(&id, &tenant, &state))
	require.Equal(t, "requested", state)
	require.NoError(t, api.QueryRow(ctx, `SELECT state FROM tenantry.operation_status WHERE id = $1`, id).Scan(&state))
	require.Equal(t, "queued", state)
	require.NoError(t, api.QueryRow(ctx, `SELECT tenantry.cancel($1)`, id).Scan(&state))
	require.Equal(t, "cancelled", state)
	require.NoError(t, api.QueryRow(ctx, `SELECT state FROM tenantry.tenant_status WHERE id = $1`, tenant).Scan(&state))
	require.Equal(t, "failed", state)
}

// Every change of state is announced, so that an API can listen instead of poll.
func TestStatesAreAnnounced(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	api := apiConn(t, f)
	_, err := api.Exec(t.Context(), `LISTEN tenantry_operations`)
	require.NoError(t, err)
	f.Worker(t)
	id := f.Submit(t, jobs.Provision{Slug: "acme"})
	var states []string
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(states) == 0 || states[len(states)-1] != "succeeded" {
		n, err := api.WaitForNotification(ctx)
		require.NoError(t, err)
		var change struct{ ID, Kind, Tenant, State string }
		require.NoError(t, json.Unmarshal([]byte(n.Payload), &change))
		if change.ID == id {
			require.Equal(t, "provision", change.Kind)
			require.NotEmpty(t, change.Tenant)
			states = append(states, change.State)
		}
	}
	require.Equal(t, []string{"queued", "running", "succeeded"}, states)
}

func TestWatchShowsEveryStep(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	id := f.Submit(t, jobs.Provision{Slug: "acme"})
	var last jobs.Operation
	for op, err := range f.Jobs.Watch(t.Context(), id) {
		require.NoError(t, err)
		last = op
	}
	require.Equal(t, jobs.StateSucceeded, last.State)
	require.Equal(t, last.Progress.Total, last.Progress.Done)
	require.NotEmpty(t, last.Result)

	_, err := f.Jobs.Get(t.Context(), "op_nothing")
	require.ErrorIs(t, err, jobs.ErrNotFound)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	waiting := f.Submit(t, jobs.Noop{})
	_ = waiting
	_, err = f.Jobs.Wait(ctx, "op_nothing")
	require.Error(t, err)
}

// What Go says a worker can do and what the control database lets people ask are one list.
func TestKindsAgree(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	rows, err := f.Pool.Query(t.Context(), `SELECT kind FROM tenantry.kinds`)
	require.NoError(t, err)
	kinds, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.ElementsMatch(t, append(workers.Kinds(), jobs.KindRollout, jobs.Aggregate{}.Kind()), kinds)
}

func TestMailboxTakesTurns(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	var ids []string
	made, err := f.Jobs.CreateTenant(t.Context(), jobs.Provision{Slug: "acme"}, nil)
	require.NoError(t, err)
	ids = append(ids, made.OperationID)
	for _, args := range []jobs.Args{jobs.Suspend{Tenant: "acme"}, jobs.Resume{Tenant: "acme"}, jobs.Rotate{Tenant: "acme"}, jobs.Delete{Tenant: "acme"}, jobs.Undelete{Tenant: "acme"}} {
		ids = append(ids, f.Submit(t, args))
	}
	for i, id := range ids {
		op, err := f.Jobs.Get(t.Context(), id)
		require.NoError(t, err)
		want := jobs.StateWaiting
		if i == 0 {
			want = jobs.StateQueued
		}
		require.Equal(t, want, op.State)
	}
	f.Worker(t)
	var before time.Time
	for _, id := range ids {
		op := f.Succeeds(t, id)
		require.False(t, op.StartedAt.Before(before), "%s began before the one ahead of it had ended", op.Kind)
		before = *op.FinishedAt
	}
	require.Equal(t, tenants.StateActive, f.Tenant(t, "acme").State)
}

func TestSubmitMany(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	f.Worker(t)
	f.Do(t, jobs.Provision{Slug: "acme"})
	args := []jobs.Args{jobs.Noop{Note: "0"}, jobs.Noop{Note: "1"}, jobs.Rotate{Tenant: "acme"}, jobs.Noop{Note: "3", Tenant: "acme"}, jobs.Noop{Note: "4"}}
	ids, err := f.Jobs.SubmitMany(t.Context(), args, &jobs.Options{RequestedBy: "alice"})
	require.NoError(t, err)
	require.Len(t, ids, len(args))
	for i, id := range ids {
		op := f.Succeeds(t, id)
		require.Equal(t, args[i].Kind(), op.Kind)
		require.Equal(t, "alice", op.RequestedBy)
		if noop, ok := args[i].(jobs.Noop); ok {
			require.Contains(t, string(op.Args), noop.Note)
		}
	}
	before, err := f.Jobs.List(t.Context(), jobs.Filter{})
	require.NoError(t, err)
	_, err = f.Jobs.SubmitMany(t.Context(), []jobs.Args{jobs.Noop{}, jobs.Suspend{Tenant: "nobody"}}, nil)
	require.ErrorIs(t, err, jobs.ErrNotFound)
	after, err := f.Jobs.List(t.Context(), jobs.Filter{})
	require.NoError(t, err)
	require.Len(t, after, len(before), "all or none")
	_, err = f.Jobs.SubmitMany(t.Context(), args, &jobs.Options{IdempotencyKey: "x"})
	require.ErrorIs(t, err, jobs.ErrInvalid)
}
