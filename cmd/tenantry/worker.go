package main

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/avenit/tenantry/tenants/crashpoint"
	"github.com/avenit/tenantry/workers"
	"github.com/avenit/tenantry/workers/opshttp"
)

func (a *app) workerCommand() *cobra.Command {
	var cfg workers.Config
	var concurrency map[string]int
	var addr, trap, guards string
	c := &cobra.Command{
		Use: "worker", Short: "Run a worker", Args: cobra.NoArgs,
		Long: `Runs a worker: it takes operations from the queue and carries them out. Any number can run, on any machines that reach the
control database and the nodes. SIGTERM drains: running operations have the grace, then what is unfinished goes to
another worker, and no attempt is burnt. A worker that is killed is replaced within its lease: another one goes on where it
stopped.

Queues: provision, migrate, ddl, backup, fanout, default.`,
		Example: "  tenantry worker --concurrency provision=4,migrate=16 --http 127.0.0.1:9090",
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := a.log()
			if err != nil {
				return err
			}
			if err := arm(a, trap, guards); err != nil {
				return err
			}
			cfg.ControlURL, cfg.Concurrency, cfg.Version, cfg.Log = a.env.ControlURL, concurrency, version, log
			cfg.BackupURL, cfg.PgBinDir = a.env.BackupURL, a.env.PGBin
			if cfg.Keys, err = a.keys(); err != nil {
				return err
			}
			metrics := newMetricsRegistry()
			cfg.Metrics = workers.NewMetrics(metrics)
			rt, err := workers.New(cfg)
			if err != nil {
				return usageError("%w", err)
			}
			if err := rt.Start(c.Context()); err != nil {
				return err
			}
			defer rt.Stop()
			if addr != "" {
				stop, err := a.serve(c.Context(), addr, log, metrics, rt)
				if err != nil {
					return err
				}
				defer stop()
			}
			<-c.Context().Done()
			log.Info().Dur("grace_ms", cfg.Grace).Msg("draining")
			return nil
		},
	}
	f := c.Flags()
	f.StringToIntVar(&concurrency, "concurrency", nil, "jobs at a time per queue, `queue=n`; 0 turns a queue off here")
	f.DurationVar(&cfg.Grace, "grace", 30*time.Second, "how long running operations may go on after SIGTERM")
	f.DurationVar(&cfg.Lease, "lease", 10*time.Second, "how long this worker counts as alive after its last heartbeat")
	f.DurationVar(&cfg.FetchCooldown, "fetch-cooldown", 20*time.Millisecond, "shortest time between two fetches of a queue")
	f.IntVar(&cfg.SessionsPerNode, "sessions-per-node", 8, "the provisioner's sessions on each node, at most")
	f.StringVar(&addr, "http", "", "serve health, metrics and River UI at this `address`")
	f.StringVar(&trap, "crashpoint", "", "stop at this point of the code, for crash tests")
	f.StringVar(&guards, "guards-off", "", "switch these guards off, to show that the crash tests notice")
	_ = f.MarkHidden("crashpoint")
	_ = f.MarkHidden("guards-off")
	return c
}

func arm(a *app, trap, guards string) error {
	if guards != "" {
		crashpoint.TurnOff(strings.Split(guards, ",")...)
	}
	if trap == "" {
		return nil
	}
	if err := crashpoint.Arm(trap, a.out); err != nil {
		return usageError("--crashpoint: %w", err)
	}
	return nil
}

func crashpointsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "crashpoints", Short: "List the points at which crash tests stop a worker", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, name := range crashpoint.Names() {
				a.println(name)
			}
			return nil
		},
	}
}

func newMetricsRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// serve runs the operators' server. rt may be nil: then there is no pool cache to measure.
func (a *app) serve(ctx context.Context, addr string, log zerolog.Logger, metrics *prometheus.Registry, rt *workers.Runtime) (stop func(), err error) {
	pool, err := a.control(ctx)
	if err != nil {
		return nil, err
	}
	cfg := opshttp.Config{
		Addr: addr, User: a.env.OpsUser, Password: a.env.OpsPassword, ControlPool: pool,
		Registerer: metrics, Gatherer: metrics, Log: log, Version: version,
	}
	if rt != nil {
		cfg.Cache, cfg.WorkerID = rt.Cache(), rt.WorkerID
	}
	server, err := opshttp.New(cfg)
	if err != nil {
		return nil, usageError("%w", err)
	}
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	a.served = server.Addr()
	log.Info().Str("address", a.served).Msg("serving")
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Stop(ctx)
	}, nil
}

func (a *app) opsCommand() *cobra.Command {
	var addr string
	c := &cobra.Command{
		Use: "ops", Short: "Serve health, metrics and River UI", Args: cobra.NoArgs,
		Long: `Serves /healthz, /readyz, /metrics (Prometheus) and River UI at /riverui/. Beyond loopback it needs a login:
TENANTRY_OPS_USER and TENANTRY_OPS_PASSWORD.`,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := a.log()
			if err != nil {
				return err
			}
			stop, err := a.serve(c.Context(), addr, log, newMetricsRegistry(), nil)
			if err != nil {
				return err
			}
			defer stop()
			<-c.Context().Done()
			return nil
		},
	}
	c.Flags().StringVar(&addr, "http", "127.0.0.1:8484", "`address` to listen at")
	return c
}
