package migrations_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/workers/fleettest"
)

// lookout looks at a database from outside before every statement of a connection.
type lookout struct{ look func() }

func (l lookout) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	l.look()
	return ctx
}

func (lookout) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Whoever may connect while a control database is made, or who finds one whose migration broke off between two files, may call nothing.
func TestNothingIsEverOpenToPublic(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database := emptyDatabase(t)
	outside, err := pgxpool.New(ctx, database)
	require.NoError(t, err)
	t.Cleanup(outside.Close)
	committed := map[int]bool{} // how many functions and tables were seen
	config, err := pgx.ParseConfig(database)
	require.NoError(t, err)
	config.Tracer = lookout{func() {
		var made int
		var open *string
		require.NoError(t, outside.QueryRow(ctx, `
			SELECT count(*) + (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('tenantry')), string_agg(proname, ', ' ORDER BY proname) FILTER (WHERE has_function_privilege('public', oid, 'EXECUTE'))
			FROM pg_proc WHERE pronamespace = to_regnamespace('tenantry')`).Scan(&made, &open))
		require.Nil(t, open, "functions that everybody may call")
		committed[made] = true
	}}
	conn, err := pgx.ConnectConfig(ctx, config)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	ran, err := migrations.Control(ctx, conn, func(ctx context.Context) error {
		migrator, err := rivermigrate.New(riverpgxv5.New(outside), &rivermigrate.Config{Schema: jobs.Schema})
		require.NoError(t, err)
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(committed), len(ran), "no look between the files")

	var doors []string
	require.NoError(t, outside.QueryRow(ctx, `
		SELECT array_agg(proname::text ORDER BY proname) FROM pg_proc
		WHERE pronamespace = 'tenantry'::regnamespace AND has_function_privilege('tenantry_api', oid, 'EXECUTE')`).Scan(&doors))
	require.Equal(t, []string{"cancel", "create_tenant", "pause", "retry", "submit", "submit_many"}, doors)
}

// emptyDatabase makes a database and gives its URL.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	server := fleettest.ServerURL(t)
	name := "test_ctl_" + strings.ToLower(rand.Text()[:16])
	admin, err := pgx.Connect(t.Context(), server)
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}
