package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/aggregate"
	"github.com/avenit/tenantry/tenants/fanout"
	"github.com/avenit/tenantry/tenants/provision"
)

// finding is one line of the doctor.
type finding struct {
	Status string `json:"status"` // ok, warn or fail
	What   string `json:"what"`
	Says   string `json:"says"`
	Fix    string `json:"fix,omitempty"`
}

// patient collects findings.
type patient struct {
	findings []finding
}

func (p *patient) ok(what, says string, args ...any) {
	p.findings = append(p.findings, finding{"ok", what, fmt.Sprintf(says, args...), ""})
}

func (p *patient) warn(what, says, fix string) {
	p.findings = append(p.findings, finding{"warn", what, says, fix})
}

func (p *patient) fail(what, says, fix string) {
	p.findings = append(p.findings, finding{"fail", what, says, fix})
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check the control database, nodes, workers and pools, and say what to do", Args: cobra.NoArgs,
		Long: `Looks at everything that Tenantry stands on and says what to do about what is wrong. It changes nothing.
Exit code 1 when something fails; warnings do not count.`,
		RunE: func(c *cobra.Command, _ []string) error {
			p := &patient{}
			a.examine(c.Context(), p)
			if a.json() {
				if err := a.printJSON(p.findings); err != nil {
					return err
				}
			} else {
				for _, f := range p.findings {
					a.printf("%-5s %-28s %s\n", f.Status, f.What, f.Says)
					if f.Fix != "" {
						a.printf("%-5s %-28s → %s\n", "", "", f.Fix)
					}
				}
			}
			if slices.ContainsFunc(p.findings, func(f finding) bool { return f.Status == "fail" }) {
				return &codeError{exitError, errShown}
			}
			return nil
		},
	}
}

func (a *app) examine(ctx context.Context, p *patient) {
	pool, err := a.control(ctx)
	if err != nil {
		p.fail("control database", message(err), "set TENANTRY_CONTROL_URL, start the server, or run tenantry dev")
		return
	}
	if !examineControl(ctx, p, pool) {
		return
	}
	examineWorkers(ctx, p, pool)
	examineOperations(ctx, p, pool)
	examineAggregates(ctx, p, pool)
	keys, err := a.keys()
	if err != nil || keys == nil {
		p.fail("secret key", "TENANTRY_SECRET_KEY is not set or cannot be read", "give it the key that the workers have")
		keys = nil
	}
	reg := tenants.NewRegistry(pool, keys)
	nodes, err := reg.Nodes(ctx)
	if err != nil {
		p.fail("nodes", message(err), "")
		return
	}
	if len(nodes) == 0 {
		p.warn("nodes", "there is none: tenants have nowhere to live", "tenantry node add NAME --url …")
	}
	uses, err := reg.NodeUses(ctx)
	if err != nil {
		p.fail("nodes", message(err), "")
		return
	}
	for i, n := range nodes {
		if keys != nil {
			nodes[i].ServerVersion = examineNode(ctx, p, reg, n, uses[n.ID])
		}
	}
	examineClients(ctx, p, nodes)
}

func examineControl(ctx context.Context, p *patient, pool *pgxpool.Pool) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var version string
	var serverTime time.Time
	var river, ours bool
	asked := time.Now()
	err := pool.QueryRow(ctx, `SELECT current_setting('server_version'), clock_timestamp(),
		to_regclass('river.river_job') IS NOT NULL, to_regclass('tenantry.control_migrations') IS NOT NULL`).Scan(&version, &serverTime, &river, &ours)
	answered := time.Now()
	if err != nil {
		p.fail("control database", message(err), "is it running, and reachable from here?")
		return false
	}
	p.ok("control database", "PostgreSQL %s answers in %s", version, answered.Sub(asked).Round(100*time.Microsecond))
	if !river || !ours {
		p.fail("control schema", "is not there", "tenantry control migrate")
		return false
	}
	examineControlSchema(ctx, p, pool)
	skew := serverTime.Sub(asked.Add(answered.Sub(asked) / 2))
	if skew.Abs() > 5*time.Second {
		p.warn("clock", fmt.Sprintf("this machine's clock and the control database's differ by %s", skew.Round(time.Millisecond)),
			"leases go by the database's clock, but logs and certificates do not: run NTP on both")
	} else {
		p.ok("clock", "this machine and the control database differ by %s", skew.Abs().Round(time.Millisecond))
	}
	var release string
	err = pool.QueryRow(ctx, `SELECT coalesce(tenantry.setting('current_release'), '')`).Scan(&release)
	if err != nil || release == "" {
		p.warn("release", "none is published: no tenant can be made", "tenantry release publish DIR --name V")
	} else {
		p.ok("release", "new tenants get %s", release)
	}
	return true
}

func examineControlSchema(ctx context.Context, p *patient, pool *pgxpool.Pool) {
	files, err := migrations.ControlFiles()
	if err != nil {
		p.fail("control schema", message(err), "")
		return
	}
	rows, err := pool.Query(ctx, `SELECT name || ' ' || checksum FROM tenantry.control_migrations`)
	if err != nil {
		p.fail("control schema", message(err), "")
		return
	}
	applied, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		p.fail("control schema", message(err), "")
		return
	}
	for _, f := range files {
		if !slices.Contains(applied, f.Name+" "+f.Checksum) {
			p.fail("control schema", "migration "+f.Name+" was not applied, or with other content", "tenantry control migrate")
			return
		}
	}
	if len(applied) > len(files) {
		p.fail("control schema", "is of a newer tenantry than this one", "use that version")
		return
	}
	p.ok("control schema", "%d migrations applied", len(files))
}

func examineWorkers(ctx context.Context, p *patient, pool *pgxpool.Pool) {
	var alive, late, lost int
	err := pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE heartbeat_at > clock_timestamp() - lease), count(*) FILTER (WHERE heartbeat_at <= clock_timestamp() - lease),
		       count(*) FILTER (WHERE heartbeat_at <= clock_timestamp() - lease - interval '1 minute')
		FROM tenantry.workers WHERE state = 'alive'`).Scan(&alive, &late, &lost)
	switch {
	case err != nil:
		p.fail("workers", message(err), "")
	case alive == 0:
		p.fail("workers", "none is alive: what is asked will wait", "tenantry worker")
	case lost > 0:
		p.fail("workers", fmt.Sprintf("%d alive, %d that lost their lease over a minute ago were not reaped: their operations stand still", alive, lost),
			"the chore reap fails on every worker: read their logs for what it says")
	case late > 0:
		p.warn("workers", fmt.Sprintf("%d alive, %d have not renewed their lease", alive, late), "they are reaped within seconds; read their logs")
	default:
		p.ok("workers", "%d alive", alive)
	}
}

func examineOperations(ctx context.Context, p *patient, pool *pgxpool.Pool) {
	var parked, old int
	err := pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE state = 'parked'), count(*) FILTER (WHERE state = 'queued' AND updated_at < now() - interval '5 minutes')
		FROM tenantry.operations WHERE finished_at IS NULL`).Scan(&parked, &old)
	switch {
	case err != nil:
		p.fail("operations", message(err), "")
	case parked > 0:
		p.warn("operations", fmt.Sprintf("%d are parked: their tenants are held until a person decides", parked), "tenantry op list --state parked")
	case old > 0:
		p.warn("operations", fmt.Sprintf("%d have been queued for more than 5 minutes", old), "more workers, or a higher --concurrency")
	default:
		p.ok("operations", "none is parked")
	}
}

// examineAggregates tells of aggregates whose newest day has ended without some tenants.
func examineAggregates(ctx context.Context, p *patient, pool *pgxpool.Pool) {
	list, err := aggregate.List(ctx, pool, "")
	if err != nil {
		p.fail("aggregates", message(err), "")
		return
	}
	incomplete := 0
	for _, g := range list {
		if g.Newest == nil || g.Newest.Contributed >= g.Newest.Tenants || g.Newest.State == string(jobs.StateRunning) {
			continue
		}
		incomplete++
		says := fmt.Sprintf("%s of %s tenants have answered for %s", fanout.Grouped(g.Newest.Contributed), fanout.Grouped(g.Newest.Tenants), g.Newest.Day)
		if g.Newest.PublishedAt == nil {
			says += ", which is not published"
		}
		p.warn("aggregate "+g.Name, says, fmt.Sprintf("tenantry aggregate show %s says why; then tenantry aggregate run %s --day %s --only-missing", g.Name, g.Name, g.Newest.Day))
	}
	if len(list) > 0 && incomplete == 0 {
		p.ok("aggregates", "%d, each complete in its newest day", len(list))
	}
}

// examineNode looks at a node from inside. It returns its server's version, the last that is known when the server does not answer.
func examineNode(ctx context.Context, p *patient, reg *tenants.Registry, n tenants.Node, use tenants.NodeUse) int {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	what := "node " + n.Name
	if n.State == tenants.NodeLost {
		say := p.warn
		if use.Tenants > 0 {
			say = p.fail
		}
		say(what, fmt.Sprintf("is lost; %d tenants are still on it", use.Tenants), "tenantry node restore "+n.Name+" brings them back from their backups, tenantry node return "+n.Name+" takes it back")
		return n.ServerVersion
	}
	report, err := provision.Inspect(ctx, reg, n)
	switch {
	case errors.Is(err, tenants.ErrNoKey):
		p.fail(what, message(err), "give this program every key in TENANTRY_SECRET_KEY that is still in use; when the key is lost, tenantry node add "+n.Name+" --url … makes a new password")
		return n.ServerVersion
	case err != nil:
		p.fail(what, message(err), "is the server up and reachable? its tenants wait, others do not")
		return n.ServerVersion
	}
	p.ok(what, "PostgreSQL %d.%d, %d tenants, %d of %d connections in use", report.Version/10000, report.Version%10000, use.Tenants, report.Connections, report.MaxConnections)
	if n.State == tenants.NodeAdding {
		p.fail(what, "was never added completely", "run tenantry node add "+n.Name+" --url … again")
	}
	for _, problem := range report.Problems {
		p.fail(what, problem.Says, problem.Fix)
	}
	for _, problem := range report.Warnings {
		p.warn(what, problem.Says, problem.Fix)
	}
	if n.State == tenants.NodeActive && use.Warm < n.WarmTarget {
		p.warn(what, fmt.Sprintf("%d of %d databases are warm, %d are being built", use.Warm, n.WarmTarget, use.Building),
			"it refills by itself; if it does not: tenantry op list --kind warm")
	}
	if n.Provisioner != "" && strings.Contains(n.URL, "sslmode=disable") {
		p.warn(what, "its URL disables TLS", "use sslmode=verify-full beyond a private network")
	}
	return report.Version
}
