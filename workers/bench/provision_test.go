package bench_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// Cold provisioning through ledger, River and crash-safe steps, against a loop over pgx with the same statements, the same
// template and the same concurrency that records nothing.
func TestBenchColdProvisioning(t *testing.T) {
	n, concurrency := size(100, 4), 4
	f := fleettest.New(t)
	node := f.Node(t, "n1")
	rt := f.Worker(t, func(c *workers.Config) { c.Concurrency = map[string]int{jobs.QueueProvision: concurrency} })
	f.Do(t, jobs.Provision{Slug: "first"}) // builds the template, which both sides copy
	ctx := t.Context()
	var template, release string
	require.NoError(t, f.Pool.QueryRow(ctx, `SELECT name, release_id FROM tenantry.templates WHERE node_id = $1`, node.ID).Scan(&template, &release))

	// In rounds that take turns: the server slows down with the number of its databases.
	const rounds = 2
	var ours, theirs time.Duration
	for r := range rounds {
		theirs += bareProvision(ctx, t, f, node, template, n/rounds, concurrency)
		begun := time.Now()
		var wg sync.WaitGroup
		for i := range n / rounds {
			made, err := f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: fmt.Sprintf("cold-%d-%d", r, i)}, nil)
			require.NoError(t, err)
			wg.Go(func() { f.Succeeds(t, made.OperationID) })
		}
		wg.Wait()
		ours += time.Since(begun)
	}
	rt.Stop()
	rate := func(d time.Duration) float64 { return float64(n) / d.Seconds() }
	report(t, row{
		fmt.Sprintf("cold provisioning of %d tenants, %d at a time", n, concurrency),
		fmt.Sprintf("%.1f/s", rate(ours)), fmt.Sprintf("%.1f/s bare pgx loop", rate(theirs)), fmt.Sprintf("%.2f", rate(ours)/rate(theirs)), "≥ 0.7", rate(ours)/rate(theirs) >= .7,
	})
}

func bareProvision(ctx context.Context, t *testing.T, f *fleettest.Fleet, node tenants.Node, template string, n, concurrency int) time.Duration {
	t.Helper()
	password, err := f.Registry.NodePassword(node)
	require.NoError(t, err)
	databases := make([]tenants.Database, n)
	for i := range databases {
		// Registered so that the test's clean-up finds them; outside of the measured time.
		require.NoError(t, f.Pool.QueryRow(ctx, `
			INSERT INTO tenantry.databases (node_id, release_id, state)
			SELECT $1, release_id, 'dropping' FROM tenantry.templates WHERE name = $2
			RETURNING id, node_id, name, release_id, state`, node.ID, template).
			Scan(&databases[i].ID, &databases[i].NodeID, &databases[i].Name, &databases[i].ReleaseID, &databases[i].State))
	}
	begun := time.Now()
	work := make(chan tenants.Database)
	var g errgroup.Group
	for range concurrency {
		g.Go(func() error {
			admin, err := dial(ctx, node, "postgres", node.Provisioner, password)
			if err != nil {
				return err
			}
			defer func() { _ = admin.Close(ctx) }()
			for db := range work {
				if err := bareBuild(ctx, admin, node, db, template, password); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, db := range databases {
		work <- db
	}
	close(work)
	require.NoError(t, g.Wait())
	return time.Since(begun)
}

func dial(ctx context.Context, node tenants.Node, database, user, password string) (*pgx.Conn, error) {
	config, err := node.Direct(database, user, password)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

func bareBuild(ctx context.Context, admin *pgx.Conn, node tenants.Node, db tenants.Database, template, password string) error {
	var credentials []tenants.Credential
	for _, role := range tenants.LoginRoles() {
		credentials = append(credentials, tenants.Credential{Role: role, Username: db.Role(role), Password: tenants.NewPassword()})
	}
	script, err := provision.BuildScript(db, node, template, credentials)
	if err != nil {
		return err
	}
	for _, sql := range []string{script.Roles, script.Create, script.Open} {
		if _, err := admin.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
	}
	inside, err := dial(ctx, node, db.Name, node.Provisioner, password)
	if err != nil {
		return err
	}
	_, err = inside.PgConn().Exec(ctx, script.Contents).ReadAll()
	_ = inside.Close(ctx)
	if err != nil {
		return err
	}
	app, err := dial(ctx, node, db.Name, db.Role(tenants.RoleApp), credentials[1].Password)
	if err != nil {
		return err
	}
	defer func() { _ = app.Close(ctx) }()
	_, err = app.Exec(ctx, script.Look, pgx.QueryExecModeExec)
	return err
}
