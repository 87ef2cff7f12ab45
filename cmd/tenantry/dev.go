package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/cmd/internal/localpg"
	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
	"github.com/avenit/tenantry/workers"
)

// devOptions are the flags of tenantry dev.
type devOptions struct {
	dir     string
	pgPort  int
	http    string
	tenants int
	warm    int
	demo    bool
	verbose bool
}

func (a *app) devCommand() *cobra.Command {
	var o devOptions
	c := &cobra.Command{
		Use: "dev", Short: "Run a whole fleet on this machine, to try it all", Args: cobra.NoArgs,
		Long: `Starts a private PostgreSQL, makes a control database and a node of it, publishes the sample product (a small CRM), starts a
worker and the operators' server, makes tenants with sample rows, and stays up. It writes DIR/dev.env, which every other
tenantry command reads in this folder. Ctrl-C stops all of it; the data is there the next time.`,
		Example: "  tenantry dev\n  tenantry dev --dir /tmp/fleet --pg-port 6432 --http 127.0.0.1:9000 --tenants 20",
		RunE: func(c *cobra.Command, _ []string) error {
			if o.tenants < 0 || o.tenants > 1000 {
				return usageError("--tenants %d is not from 0 to 1000", o.tenants)
			}
			if o.demo {
				o.dir = filepath.Join(o.dir, "demo") // which is removed: what else is in DIR stays
			}
			if o.demo && !c.Flags().Changed("http") {
				o.http = "127.0.0.1:0"
			}
			if o.demo && !c.Flags().Changed("tenants") {
				o.tenants = demoTenants
			}
			if o.demo && (o.tenants == 0 || o.warm == 0) {
				return usageError("--demo needs a tenant and a warm database at least: --tenants 1 --warm 1")
			}
			return a.dev(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", ".tenantry", "`folder` of the cluster and of dev.env")
	f.IntVar(&o.pgPort, "pg-port", 0, "PostgreSQL's `port`; the one of the last time, else a free one, if not given")
	f.StringVar(&o.http, "http", "127.0.0.1:8484", "`address` of River UI, health and metrics")
	f.IntVar(&o.tenants, "tenants", 3, "tenants with sample rows, 24 with --demo if not given")
	f.IntVar(&o.warm, "warm", 2, "databases kept ready for new tenants")
	f.BoolVar(&o.demo, "demo", false, "tell the whole story with a fleet of its own, then stop and remove it")
	f.BoolVar(&o.verbose, "verbose", false, "show the workers' log lines too")
	return c
}

// dev runs the fleet. Everything that is started here is stopped here, in the opposite order, however it ends.
func (a *app) dev(ctx context.Context, o devOptions) (err error) {
	begun := time.Now()
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return fmt.Errorf("find folder: %w", err)
	}
	if o.demo {
		if err := removeDemo(dir); err != nil { // left over from a demo that was killed
			return err
		}
		defer func() { err = errors.Join(err, removeDemo(dir)) }()
	}
	d := &devFleet{app: a, opts: o, dir: dir, begun: begun}
	defer func() { err = errors.Join(err, d.stop()) }()
	err = d.start(ctx)
	switch {
	case err == nil && o.demo:
		err = d.demo(ctx)
	case err == nil:
		err = d.makeTenants(ctx)
	}
	if err != nil && o.demo && errors.Is(ctx.Err(), context.Canceled) {
		return errInterrupted
	}
	if err != nil || o.demo {
		return err
	}
	d.welcome()
	select {
	case <-ctx.Done():
		d.say("stopping")
		return nil
	case <-d.server.Done():
		return d.server.Err()
	}
}

func removeDemo(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := localpg.Remove(ctx, filepath.Join(dir, "pg")); err != nil {
		return fmt.Errorf("remove the demo: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the demo: %w", err)
	}
	return nil
}

// devFleet is what tenantry dev runs.
type devFleet struct {
	app   *app
	opts  devOptions
	dir   string
	begun time.Time

	server    *localpg.Server
	values    map[string]string // of dev.env
	runtime   *workers.Runtime
	stopServe func()
	url       string // of the operators' server

	issued map[string]int // invoices that this run has written, by the day in UTC that they were issued on
}

// say tells what has been done, and when.
func (d *devFleet) say(format string, args ...any) {
	d.app.println(d.stamp() + fmt.Sprintf(format, args...))
}

// stamp begins a line with the seconds since the beginning.
func (d *devFleet) stamp() string { return fmt.Sprintf("%6.1fs  ", time.Since(d.begun).Seconds()) }

func (d *devFleet) start(ctx context.Context) error {
	log, err := d.log()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil { //nolint:gosec // PostgreSQL's own user must get through to its data
		return fmt.Errorf("make folder: %w", err)
	}
	d.server, err = localpg.Start(ctx, localpg.Config{
		Dir: filepath.Join(d.dir, "pg"), Port: d.opts.pgPort, Bin: d.app.env.PGBin, Log: log, Settings: map[string]string{"shared_buffers": "128MB"},
	})
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	d.say("PostgreSQL %s answers on port %d", d.server.Binaries().Version, d.server.Port())
	if err := d.prepare(ctx); err != nil {
		return err
	}
	ran, err := workers.MigrateControl(ctx, d.values["TENANTRY_CONTROL_URL"])
	if err != nil {
		return fmt.Errorf("migrate control database: %w", err)
	}
	d.say("control database is migrated (%d migrations run now)", len(ran))
	if err := d.addNode(ctx); err != nil {
		return err
	}
	if err := d.publish(ctx); err != nil {
		return err
	}
	if err := d.startWorker(ctx, log); err != nil {
		return err
	}
	return d.writeEnv()
}

func (d *devFleet) log() (zerolog.Logger, error) {
	if d.opts.verbose {
		return d.app.log()
	}
	// The lines of a healthy fleet would drown what dev itself says; warnings and errors are shown.
	log, err := d.app.log()
	return log.Level(zerolog.WarnLevel), err
}

// prepare makes the control database and its owner, who is no superuser, and the values of dev.env. Passwords and keys of
// an earlier start are kept.
func (d *devFleet) prepare(ctx context.Context) error {
	values, err := readDevEnv(filepath.Join(d.dir, "dev.env"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read dev.env: %w", err)
	}
	d.values = map[string]string{}
	for key, create := range map[string]func() string{
		"TENANTRY_SECRET_KEY":   tenants.NewKey,
		"TENANTRY_OPS_USER":     func() string { return "dev" },
		"TENANTRY_OPS_PASSWORD": tenants.NewPassword,
		"TENANTRY_BACKUP_URL":   func() string { return "file://" + filepath.Join(d.dir, "backups") },
	} {
		if d.values[key] = values[key]; values[key] == "" {
			d.values[key] = create()
		}
	}
	admin, err := pgx.Connect(ctx, d.server.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	var database bool
	err = admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'tenantry')`).Scan(&database)
	if err != nil {
		return fmt.Errorf("look for the control database: %w", err)
	}
	if database && values["TENANTRY_SECRET_KEY"] == "" {
		return fmt.Errorf("%s has a fleet, but %s with its secret key is gone: restore the file, or remove the folder", d.dir, filepath.Join(d.dir, "dev.env"))
	}
	password := tenants.NewPassword()
	verifier, err := tenants.Verifier(password)
	if err != nil {
		return err
	}
	statements := []string{
		`DO $d$ BEGIN CREATE ROLE tenantry; EXCEPTION WHEN duplicate_object THEN NULL; END $d$`,
		`ALTER ROLE tenantry LOGIN CREATEROLE PASSWORD ` + tenants.Literal(verifier),
	}
	if !database {
		statements = append(statements, `CREATE DATABASE tenantry OWNER tenantry`)
	}
	for _, sql := range statements {
		if _, err := admin.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make the control database: %w", err)
		}
	}
	d.values["TENANTRY_CONTROL_URL"], err = tenants.JoinURL(d.server.URL("tenantry"), "tenantry", "tenantry", password)
	if err != nil {
		return err
	}
	// The key must be on disk before anything is sealed with it.
	if err := d.writeEnv(); err != nil {
		return err
	}
	d.app.env.ControlURL, d.app.env.SecretKey = d.values["TENANTRY_CONTROL_URL"], d.values["TENANTRY_SECRET_KEY"]
	d.app.env.OpsUser, d.app.env.OpsPassword = d.values["TENANTRY_OPS_USER"], d.values["TENANTRY_OPS_PASSWORD"]
	return nil
}

// writeEnv writes dev.env, whole or not at all, for its owner's eyes only.
func (d *devFleet) writeEnv() error {
	keys := make([]string, 0, len(d.values))
	for key := range d.values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var body strings.Builder
	body.WriteString("# Written by tenantry dev at every start. Every tenantry command in this folder reads it.\n")
	for _, key := range keys {
		fmt.Fprintf(&body, "%s='%s'\n", key, d.values[key])
	}
	path := filepath.Join(d.dir, "dev.env")
	temp, err := os.CreateTemp(d.dir, "dev.env.*")
	if err != nil {
		return fmt.Errorf("write dev.env: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.WriteString(body.String()) // CreateTemp makes it 0600
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("write dev.env: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("write dev.env: %w", err)
	}
	return nil
}

func (d *devFleet) addNode(ctx context.Context) error {
	reg, err := d.app.registry(ctx)
	if err != nil {
		return err
	}
	if err := d.moveNode(ctx, reg); err != nil {
		return err
	}
	node, _, err := provision.Bootstrap(ctx, reg, provision.NodeSpec{
		Name: "local", AdminURL: d.server.URL("postgres"), NodeChange: tenants.NodeChange{Region: new("local"), WarmTarget: &d.opts.warm},
	})
	if err != nil {
		return fmt.Errorf("add node: %w", err)
	}
	d.say("node %s takes tenants (at most %d connections)", node.Name, node.MaxConnections)
	return nil
}

// moveNode follows a cluster that was started on another port.
func (d *devFleet) moveNode(ctx context.Context, reg *tenants.Registry) error {
	bare, _, err := tenants.SplitURL(d.server.URL("postgres"))
	if err != nil {
		return fmt.Errorf("node URL: %w", err)
	}
	if _, err := reg.Pool().Exec(ctx, `UPDATE tenantry.nodes SET url = $1 WHERE name = 'local'`, bare); err != nil {
		return fmt.Errorf("move node: %w", err)
	}
	return nil
}

// contentName names a folder after its content: reading it as a release takes seconds, for PostgreSQL's grammar is loaded.
func contentName(folder fs.FS) (string, error) {
	names, err := fs.Glob(folder, "*.sql")
	if err != nil {
		return "", fmt.Errorf("list the sample product: %w", err)
	}
	h := sha256.New()
	for _, name := range names {
		body, err := fs.ReadFile(folder, name)
		if err != nil {
			return "", fmt.Errorf("read the sample product: %w", err)
		}
		_, _ = fmt.Fprintf(h, "%s %d\n%s", name, len(body), body)
	}
	return "crm-" + hex.EncodeToString(h.Sum(nil)[:4]), nil
}

// publish publishes the sample product under a name that is its content's.
func (d *devFleet) publish(ctx context.Context) error {
	pool, err := d.app.control(ctx)
	if err != nil {
		return err
	}
	sample, err := subFolder(migrations.Sample, "tenant")
	if err != nil {
		return err
	}
	name, err := contentName(sample)
	if err != nil {
		return err
	}
	list, err := release.List(ctx, pool)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Name == name {
			d.say("release %s was published before", name)
			return nil
		}
	}
	p, err := workers.PublishRelease(ctx, pool, sample, name, "tenantry dev", workers.MakeCurrent)
	if err != nil {
		return fmt.Errorf("publish the sample product: %w", err)
	}
	d.say("release %s is published: %d files read as %s, %d statements", p.Name, p.FileCount, p.Format, p.StatementCount)
	return nil
}

func (d *devFleet) startWorker(ctx context.Context, log zerolog.Logger) error {
	keys, err := d.app.keys()
	if err != nil {
		return err
	}
	metrics := newMetricsRegistry()
	rt, err := workers.New(workers.Config{
		ControlURL: d.values["TENANTRY_CONTROL_URL"], Keys: keys, Log: log, Version: version, Metrics: workers.NewMetrics(metrics),
		Grace: 10 * time.Second, Concurrency: map[string]int{jobs.QueueProvision: 4},
		BackupURL: d.values["TENANTRY_BACKUP_URL"], PgBinDir: d.app.env.PGBin,
	})
	if err != nil {
		return fmt.Errorf("make worker: %w", err)
	}
	if err := rt.Start(ctx); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	d.runtime = rt
	d.say("worker %s works", rt.WorkerID())
	if d.stopServe, err = d.app.serve(ctx, d.opts.http, log, metrics, rt); err != nil {
		return fmt.Errorf("serve at %s (--http takes another address): %w", d.opts.http, err)
	}
	d.url = "http://" + d.app.served
	d.values["TENANTRY_OPS_URL"] = d.url
	pool, err := d.app.control(ctx)
	if err != nil {
		return err
	}
	d.values["TENANTRY_API_URL"], err = newAPIURL(ctx, pool, d.values["TENANTRY_CONTROL_URL"])
	return err
}

func (d *devFleet) welcome() {
	d.app.printf(`
The fleet is up.

  control database  %[1]s
  as the API        %[2]s
  River UI          %[3]s/riverui/   (user %[4]s, password in %[5]s)
  metrics           %[3]s/metrics

Try next, in another terminal in this folder:

  %[7]s tenant list
  %[7]s tenant create my-first --wait
  psql "$(%[7]s tenant url acme --role app)" -c 'SELECT count(*), sum(total) FROM invoices'
  %[7]s tenant suspend acme --wait
  %[7]s backup create globex --wait && %[7]s backup verify --tenant globex --wait && %[7]s backup status
  %[7]s query "SELECT count(*) FROM invoices WHERE issued_at >= current_date"
  %[7]s op list
  %[7]s doctor

Ctrl-C stops everything; the data stays in %[6]s.
`, redact(d.values["TENANTRY_CONTROL_URL"]), redact(d.values["TENANTRY_API_URL"]), d.url, d.values["TENANTRY_OPS_USER"],
		filepath.Join(d.dir, "dev.env"), d.dir, programName())
}

// programName is how a person calls this program from here.
func programName() string {
	if _, err := exec.LookPath("tenantry"); err == nil {
		return "tenantry"
	}
	return os.Args[0]
}

// redact hides the password of a URL: terminals are recorded and shared. It stands in dev.env.
func redact(u string) string {
	bare, _, err := tenants.SplitURL(u)
	if err != nil {
		return "(see dev.env)"
	}
	return bare + "   (password in dev.env)"
}

func (d *devFleet) stop() error {
	if d.stopServe != nil {
		d.stopServe()
	}
	if d.runtime != nil {
		d.runtime.Stop()
	}
	d.app.close()
	d.app.pool = nil
	if d.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := d.server.Stop(ctx, localpg.Fast); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	if !d.opts.demo { // its last line is the answer
		d.say("stopped")
	}
	return nil
}
