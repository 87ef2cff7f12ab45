package provision_test

import (
	"context"
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
	"github.com/avenit/tenantry/workers/fleettest"
)

// prober is any other role of the server: it belongs to nobody and tries to get into everything.
type prober struct {
	config *pgx.ConnConfig

	mu       sync.Mutex
	answers  map[string]map[string]int // by database and SQLSTATE
	got      []string                  // databases that let it in
	open     map[string]bool           // databases that were seen open to PUBLIC in the catalog
	unwanted []string                  // errors that are no answer
}

func newProber(t *testing.T, server string) *prober {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), server)
	require.NoError(t, err)
	name := "test_prober_" + strings.ToLower(tenants.NewPassword())[:8]
	name = strings.NewReplacer("-", "x", "_", "y").Replace(name)
	password := tenants.NewPassword()
	_, err = admin.Exec(t.Context(), fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD %s", name, tenants.Literal(password)))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := admin.Exec(ctx, "DROP ROLE "+name)
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	p := &prober{answers: map[string]map[string]int{}, open: map[string]bool{}}
	p.config, err = pgx.ParseConfig(server)
	require.NoError(t, err)
	p.config.User, p.config.Password = name, password
	return p
}

// try knocks at a database.
func (p *prober) try(ctx context.Context, database string) {
	config := p.config.Copy()
	config.Database = database
	conn, err := pgx.ConnectConfig(ctx, config)
	if ctx.Err() != nil {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var pg *pgconn.PgError
	switch {
	case err == nil:
		p.got = append(p.got, database)
		_ = conn.Close(ctx)
	case errors.As(err, &pg):
		if p.answers[database] == nil {
			p.answers[database] = map[string]int{}
		}
		p.answers[database][pg.Code]++
	case len(p.unwanted) < 5:
		p.unwanted = append(p.unwanted, err.Error())
	}
}

// watch looks at the catalog as fast as it can: whoever connects within the moment in which this sees a database open gets in.
func (p *prober) watch(ctx context.Context, server string, names func() []string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for ctx.Err() == nil {
		rows, err := conn.Query(ctx, `SELECT datname FROM pg_database WHERE datname = ANY ($1) AND datallowconn AND has_database_privilege('public', oid, 'CONNECT')`, names())
		if err != nil {
			return err
		}
		open, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		p.mu.Lock()
		for _, name := range open {
			p.open[name] = true
		}
		p.mu.Unlock()
	}
	return nil
}

// From before a database exists until it serves its tenant there is no moment in which anybody else gets in: not into a tenant's, not
// into a warm one, not into the template that they are copied from.
func TestNoDatabaseIsEverOpenToPublic(t *testing.T) {
	t.Parallel()
	f := fleettest.New(t)
	f.Node(t, "n1")
	server := fleettest.ServerURL(t)
	p := newProber(t, server)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	// The names are in the ledger before the databases are made: the prober knows them in advance.
	made := make([]jobs.Created, 5)
	for i := range made {
		var err error
		made[i], err = f.Jobs.CreateTenant(ctx, jobs.Provision{Slug: fmt.Sprintf("t%d", i)}, nil)
		require.NoError(t, err)
	}
	var template string
	require.NoError(t, f.Pool.QueryRow(ctx, `
		INSERT INTO tenantry.templates (node_id, release_id, name)
		SELECT n.id, r.id, replace(tenantry.new_database_name(), 't_', 'tpl_') FROM tenantry.nodes n, tenantry.releases r
		RETURNING name`).Scan(&template))
	names := []string{template}
	for _, m := range made {
		names = append(names, m.Database)
	}
	var crew sync.WaitGroup
	var watched error
	crew.Go(func() { watched = p.watch(ctx, server, func() []string { return names }) })
	for i := range 3 {
		crew.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				p.try(ctx, names[n%len(names)])
			}
		})
	}
	f.Worker(t)
	for _, m := range made {
		f.Succeeds(t, m.OperationID)
	}
	knocked := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, name := range names {
			if p.answers[name][codeDenied]+p.answers[name][codeNoConnections] == 0 {
				return false
			}
		}
		return true
	}
	require.Eventually(t, knocked, 30*time.Second, 10*time.Millisecond, "the prober was not at every door: %v %v", p.answers, p.unwanted)
	stop()
	crew.Wait()
	require.True(t, watched == nil || errors.Is(watched, context.Canceled), "%v", watched)
	require.Empty(t, p.got, "databases that let a stranger in")
	require.Empty(t, p.open, "databases that were open to PUBLIC for a moment")
	require.Empty(t, p.unwanted)
	early := 0
	for _, codes := range p.answers {
		for code, n := range codes {
			require.Contains(t, []string{codeDenied, codeNoConnections, "3D000"}, code)
			if code == "3D000" || code == codeNoConnections {
				early += n
			}
		}
	}
	require.NotZero(t, early, "the prober came too late to see anything")
}
