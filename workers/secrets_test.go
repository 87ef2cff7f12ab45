package workers_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/directory"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/fleettest"
)

// output is whatever came out of the system in words.
type output struct {
	mu   sync.Mutex
	text map[string]*bytes.Buffer
}

func (o *output) add(where, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text == nil {
		o.text = map[string]*bytes.Buffer{}
	}
	if o.text[where] == nil {
		o.text[where] = &bytes.Buffer{}
	}
	o.text[where].WriteString(text + "\n")
}

func (o *output) of(where string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text[where] == nil {
		return ""
	}
	return o.text[where].String()
}

// places are where something came out.
func (o *output) places() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []string
	for where := range o.text {
		list = append(list, where)
	}
	slices.Sort(list)
	return list
}

type writer struct {
	o     *output
	where string
}

func (w writer) Write(p []byte) (int, error) {
	w.o.add(w.where, string(p))
	return len(p), nil
}

// vault collects what must never be seen. A verifier is less than a password, but enough to try passwords against at leisure.
type vault struct {
	passwords, verifiers map[string]string // secret: what it is
}

func (v *vault) keep(what, secret string) {
	v.passwords[secret] = what
	if escaped := url.QueryEscape(secret); escaped != secret {
		v.passwords[escaped] = what + ", escaped"
	}
}

// collect keeps the passwords that a database's roles have now, and the verifiers that the server has of them.
func (v *vault) collect(t *testing.T, f *fleettest.Fleet, admin *pgx.Conn, databaseID string) {
	t.Helper()
	for _, role := range tenants.LoginRoles() {
		c, err := f.Registry.Credential(t.Context(), databaseID, role)
		require.NoError(t, err)
		v.keep("password of "+string(role), c.Password)
	}
	rows, err := admin.Query(t.Context(), `SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL AND (rolname ~ '^t_[0-9a-f]{22}_' OR rolname ~ '^tenantry_[0-9a-f]{12}$')`)
	require.NoError(t, err)
	var name, verifier string
	_, err = pgx.ForEachRow(rows, []any{&name, &verifier}, func() error {
		v.verifiers[verifier] = "verifier of " + name
		parts := strings.Split(verifier, "$")
		v.verifiers[parts[len(parts)-1]] = "stored and server key of " + name
		return nil
	})
	require.NoError(t, err)
}

// canaryAdmin is a superuser whose password is like no other word.
func canaryAdmin(t *testing.T) (u, password string) {
	t.Helper()
	ctx := t.Context()
	admin, err := pgx.Connect(ctx, fleettest.ServerURL(t))
	require.NoError(t, err)
	password = tenants.NewPassword()
	name := "test_admin_" + strings.ToLower(strings.NewReplacer("-", "x", "_", "y").Replace(tenants.NewPassword()[:8]))
	verifier, err := tenants.Verifier(password)
	require.NoError(t, err)
	_, err = admin.Exec(ctx, "CREATE ROLE "+name+" SUPERUSER LOGIN PASSWORD "+tenants.Literal(verifier))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := admin.Exec(ctx, "DROP ROLE "+name)
		require.NoError(t, err)
		require.NoError(t, admin.Close(ctx))
	})
	parsed, err := url.Parse(fleettest.ServerURL(t))
	require.NoError(t, err)
	parsed.User = url.UserPassword(name, password)
	return parsed.String(), password
}

// A fleet is made to do and to fail at everything that has to do with passwords, with all its words written down. None is a secret.
func TestNoSecretIsEverShown(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	out := &output{}
	v := &vault{passwords: map[string]string{}, verifiers: map[string]string{}}
	adminURL, adminPassword := canaryAdmin(t)
	v.keep("administrator's password", adminPassword)
	admin, err := pgx.Connect(ctx, adminURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close(context.Background()) })

	f := fleettest.New(t)
	v.keep("secret key", f.Secret)
	node := f.NodeAt(t, adminURL, "n1")
	nodePassword, err := f.Registry.NodePassword(node)
	require.NoError(t, err)
	v.keep("provisioner's password", nodePassword)
	apiURL := fleettest.APIURL(t, f)
	parsed, err := url.Parse(apiURL)
	require.NoError(t, err)
	apiPassword, _ := parsed.User.Password()
	v.keep("API's password", apiPassword)

	stopWatching := watchTheServer(t, f, out)
	controlURL, err := url.Parse(adminURL)
	require.NoError(t, err)
	controlURL.Path = "/" + f.Database
	metrics := prometheus.NewRegistry()
	log := zerolog.New(writer{out, "log"}).Level(zerolog.TraceLevel)
	rt := f.Worker(t, func(c *workers.Config) {
		c.ControlURL, c.Log, c.Metrics = controlURL.String(), log, workers.NewMetrics(metrics)
	})

	// Provision through the API's login, rotate.
	api, err := pgx.Connect(ctx, apiURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = api.Close(context.Background()) })
	var id string
	require.NoError(t, api.QueryRow(ctx, `SELECT tenantry.submit('provision', '{"slug": "acme"}')`).Scan(&id))
	f.Succeeds(t, id)
	tenant := f.Tenant(t, "acme")
	db, err := f.Registry.DatabaseOf(ctx, tenant.ID)
	require.NoError(t, err)
	v.collect(t, f, admin, db.ID)
	f.Do(t, jobs.Rotate{Tenant: "acme"})
	v.collect(t, f, admin, db.ID)
	require.GreaterOrEqual(t, len(v.passwords), 4+6, "the rotation has made new passwords")

	failNodeAdds(t, f, adminURL, v, out)
	failConnections(t, f, rt, admin, node, db, out, log)
	v.collect(t, f, admin, db.ID)

	// Other keys open nothing, and say so without showing theirs.
	otherKey := tenants.NewKey()
	v.keep("another key", otherKey)
	others, err := tenants.ParseKeys(otherKey)
	require.NoError(t, err)
	_, err = tenants.NewRegistry(f.Pool, others).Credential(ctx, db.ID, tenants.RoleApp)
	require.ErrorIs(t, err, tenants.ErrNoKey)
	out.add("errors", err.Error())
	_, err = provision.Inspect(ctx, tenants.NewRegistry(f.Pool, others), node)
	require.ErrorIs(t, err, tenants.ErrNoKey)
	out.add("errors", err.Error())

	f.Do(t, jobs.Suspend{Tenant: "acme"})
	_, err = rt.Cache().Acquire(ctx, tenant.ID)
	require.ErrorIs(t, err, directory.ErrNotActive)
	out.add("errors", err.Error())
	f.Do(t, jobs.Delete{Tenant: "acme"})
	f.Do(t, jobs.Purge{Tenant: "acme", Confirm: "acme"})
	rt.Stop()
	stopWatching()
	dumpControl(t, f, out)
	out.add("metrics", metricsText(t, metrics))

	for _, where := range []string{"log", "errors", "notifications", "metrics", "statements", "tenantry.operations", "tenantry.nodes", "tenantry.workers", "river.river_job"} {
		require.NotEmpty(t, out.of(where), "nothing came out at %s: what is in %v shows too little", where, out.places())
	}
	require.Contains(t, out.of("log"), `"outcome":"parked"`, "the test's premise")
	require.Contains(t, out.of("tenantry.operations"), "purge")
	for _, where := range out.places() {
		text := out.of(where)
		for secret, what := range v.passwords {
			require.False(t, strings.Contains(text, secret), "the %s is in %s", what, where) //nolint:testifylint // NotContains would print the secret
		}
		if where == "statements" {
			continue // CREATE ROLE and ALTER ROLE take no parameter: a verifier is what they show, to superusers only
		}
		for secret, what := range v.verifiers {
			require.False(t, strings.Contains(text, secret), "the %s is in %s", what, where) //nolint:testifylint // NotContains would print the secret
		}
	}
	var credentials int
	require.NoError(t, f.Pool.QueryRow(ctx, `SELECT count(*) FROM tenantry.credentials`).Scan(&credentials))
	require.Zero(t, credentials, "a purged tenant's passwords are forgotten")
}

// failNodeAdds adds nodes with everything wrong that can be wrong with an administrator's URL.
func failNodeAdds(t *testing.T, f *fleettest.Fleet, adminURL string, v *vault, out *output) {
	t.Helper()
	good, err := url.Parse(adminURL)
	require.NoError(t, err)
	wrong := func(change func(u *url.URL, password string)) string {
		password := tenants.NewPassword()
		v.keep("wrong password", password)
		u := *good
		u.User = url.UserPassword(good.User.Username(), password)
		change(&u, password)
		return u.String()
	}
	keep := func(*url.URL, string) {}
	urls := []string{
		wrong(keep),
		wrong(func(u *url.URL, _ string) { u.Host = closedPort(t) }),
		wrong(func(u *url.URL, _ string) { u.Host = "no-such-host.invalid" }),
		wrong(func(u *url.URL, _ string) { u.Path = "/no_such_database" }),
		wrong(func(u *url.URL, _ string) { u.RawQuery = "sslmode=nonsense" }),
		wrong(func(u *url.URL, _ string) { u.RawQuery = "connect_timeout=x" }),
		wrong(func(u *url.URL, p string) {
			u.User = url.User(good.User.Username())
			u.RawQuery = "sslmode=disable&password=" + p
		}),
		strings.Replace(wrong(keep), "@", "/@", 1), strings.Replace(wrong(keep), "@", "%@", 1), strings.Replace(wrong(keep), "postgres://", "", 1), strings.Replace(wrong(keep), "postgres://", "mysql://", 1),
		strings.Replace(wrong(keep), "postgres://", "postgres://12/", 1),
	}
	password := tenants.NewPassword()
	v.keep("password in a DSN", password)
	urls = append(urls, "host=127.0.0.1 user=postgres password="+password)
	for i, u := range urls {
		for _, spec := range []provision.NodeSpec{
			{Name: fmt.Sprintf("bad%d", i), AdminURL: u}, {Name: fmt.Sprintf("badurl%d", i), AdminURL: adminURL, NodeChange: tenants.NodeChange{URL: &u}}, {Name: fmt.Sprintf("badpooler%d", i), AdminURL: adminURL, NodeChange: tenants.NodeChange{PoolerURL: &u}},
		} {
			node, _, err := provision.Bootstrap(t.Context(), f.Registry, spec)
			if err != nil {
				out.add("errors", err.Error())
			}
			out.add("nodes", fmt.Sprintf("%+v", node))
			if node.ID != "" {
				dropProvisioner(t, adminURL, node)
			}
		}
		// The same mistakes with the control database's URL.
		if _, err := workers.MigrateControl(t.Context(), u); err != nil {
			out.add("errors", err.Error())
		}
		rt, err := workers.New(workers.Config{ControlURL: u, Keys: f.Keys, Log: zerolog.New(writer{out, "log"})})
		require.NoError(t, err)
		if err := rt.Start(t.Context()); err != nil {
			out.add("errors", err.Error())
		}
		rt.Stop()
	}
	require.Contains(t, out.of("errors"), "28P01")
}

// dropProvisioner removes the roles of a node that was added half or whole.
func dropProvisioner(t *testing.T, adminURL string, node tenants.Node) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), adminURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, role := range []string{node.TemplateRole(), node.Provisioner} {
		require.NoError(t, tenants.RetryCatalog(t.Context(), func() error {
			_, err := conn.Exec(t.Context(), fmt.Sprintf(`DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = %[2]s) THEN DROP OWNED BY %[1]s; DROP ROLE %[1]s; END IF; END $$`,
				tenants.Ident(role), tenants.Literal(role)))
			return err
		}))
	}
}

// failConnections has operations wait for a node that is away, park because the provisioner is locked out, and a pool fail to open.
func failConnections(t *testing.T, f *fleettest.Fleet, rt *workers.Runtime, admin *pgx.Conn, node tenants.Node, db tenants.Database, out *output, log zerolog.Logger) {
	t.Helper()
	ctx := log.WithContext(t.Context())
	setURL := func(u string) {
		_, err := f.Pool.Exec(ctx, `UPDATE tenantry.nodes SET url = $2 WHERE id = $1`, node.ID, u)
		require.NoError(t, err)
	}
	away, err := url.Parse(node.URL)
	require.NoError(t, err)
	away.Host = closedPort(t)
	setURL(away.String())
	waits := f.Submit(t, jobs.Rotate{Tenant: "acme"})
	require.Eventually(t, func() bool {
		op, err := f.Jobs.Get(ctx, waits)
		return err == nil && op.State == jobs.StateRetrying && op.Error != nil && op.Error.Code == "unreachable"
	}, 30*time.Second, 20*time.Millisecond)
	_, err = provision.Inspect(ctx, f.Registry, mustNode(t, f, node.ID))
	require.Error(t, err)
	out.add("errors", err.Error())
	setURL(node.URL)
	f.Succeeds(t, waits)

	lockOut := func(locked bool) {
		verb := "NOLOGIN"
		if !locked {
			verb = "LOGIN"
		}
		_, err := admin.Exec(ctx, "ALTER ROLE "+tenants.Ident(node.Provisioner)+" "+verb)
		require.NoError(t, err)
		_, err = admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, node.Provisioner)
		require.NoError(t, err)
	}
	lockOut(true)
	parks := f.Submit(t, jobs.Rotate{Tenant: "acme"})
	require.Eventually(t, func() bool {
		op, err := f.Jobs.Get(ctx, parks)
		return err == nil && op.State == jobs.StateParked
	}, 30*time.Second, 20*time.Millisecond)
	lockOut(false)
	_, err = f.Jobs.Retry(ctx, parks)
	require.NoError(t, err)
	f.Succeeds(t, parks)

	app := db.Role(tenants.RoleApp)
	_, err = admin.Exec(ctx, "ALTER ROLE "+tenants.Ident(app)+" PASSWORD 'something else'")
	require.NoError(t, err)
	_, err = rt.Cache().Acquire(ctx, *db.TenantID)
	require.Error(t, err)
	out.add("errors", err.Error())
	f.Do(t, jobs.Rotate{Tenant: "acme"}) // puts it right
	require.Eventually(t, func() bool {
		lease, err := rt.Cache().Acquire(ctx, *db.TenantID)
		if err == nil {
			lease.Release()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
}

func mustNode(t *testing.T, f *fleettest.Fleet, id string) tenants.Node {
	t.Helper()
	n, err := f.Registry.Node(t.Context(), id)
	require.NoError(t, err)
	return n
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// watchTheServer writes down what the control database announces, and what the server shows of everybody's statements.
func watchTheServer(t *testing.T, f *fleettest.Fleet, out *output) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := pgx.Connect(ctx, f.URL)
	require.NoError(t, err)
	for _, channel := range []string{"tenantry_operations", "tenantry_epochs", "tenantry_warm", `"river.river_insert"`, `"river.river_control"`} {
		_, err := listener.Exec(ctx, "LISTEN "+channel)
		require.NoError(t, err)
	}
	watcher, err := pgx.Connect(ctx, f.URL)
	require.NoError(t, err)
	var crew sync.WaitGroup
	crew.Go(func() {
		defer func() { _ = listener.Close(context.Background()) }()
		for {
			n, err := listener.WaitForNotification(ctx)
			if err != nil {
				return
			}
			out.add("notifications", n.Channel+" "+n.Payload)
		}
	})
	crew.Go(func() {
		defer func() { _ = watcher.Close(context.Background()) }()
		seen := map[string]bool{}
		for pause(ctx, time.Millisecond) {
			rows, err := watcher.Query(ctx, `SELECT query || ' ' || application_name FROM pg_stat_activity WHERE pid <> pg_backend_pid()`)
			if err != nil {
				return
			}
			list, err := pgx.CollectRows(rows, pgx.RowTo[*string])
			if err != nil {
				return
			}
			for _, q := range list {
				if q != nil && !seen[*q] {
					seen[*q] = true
					out.add("statements", *q)
				}
			}
		}
	})
	return func() {
		cancel()
		crew.Wait()
	}
}

// dumpControl writes down every row of every table of the control database.
func dumpControl(t *testing.T, f *fleettest.Fleet, out *output) {
	t.Helper()
	rows, err := f.Pool.Query(t.Context(), `SELECT oid::regclass::text FROM pg_class WHERE relnamespace IN ('tenantry'::regnamespace, 'river'::regnamespace) AND relkind IN ('r', 'v')`)
	require.NoError(t, err)
	relations, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, relation := range relations {
		rows, err := f.Pool.Query(t.Context(), "SELECT t::text FROM "+relation+" t")
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, row := range list {
			out.add(relation, row)
		}
	}
}

func metricsText(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	var text strings.Builder
	for _, family := range families {
		text.WriteString(family.String() + "\n")
	}
	return text.String()
}
