package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/workers"
)

// errShown: the error has been told to the user already.
var errShown = errors.New("shown")

// settings is the environment, read once.
type settings struct {
	ControlURL  string `env:"TENANTRY_CONTROL_URL"`
	SecretKey   string `env:"TENANTRY_SECRET_KEY"`
	OpsUser     string `env:"TENANTRY_OPS_USER"`
	OpsPassword string `env:"TENANTRY_OPS_PASSWORD"`
	LogLevel    string `env:"TENANTRY_LOG_LEVEL"    envDefault:"info"`
	LogFormat   string `env:"TENANTRY_LOG_FORMAT"   envDefault:"json"`
	PGBin       string `env:"TENANTRY_PG_BIN"`
	BackupURL   string `env:"TENANTRY_BACKUP_URL"`
	Requester   string `env:"TENANTRY_REQUESTED_BY"`
}

// app is one call of the program: its environment, where it writes, what it has open.
type app struct {
	out, err io.Writer
	format   format
	env      settings
	devEnv   string // the dev.env that was read, "" without
	began    bool
	served   string // where the operators' server listens

	pool *pgxpool.Pool
}

func (a *app) readEnv() error {
	environment := env.ToMap(os.Environ())
	if environment["TENANTRY_CONTROL_URL"] == "" {
		path, values, err := findDevEnv()
		if err != nil {
			return err
		}
		a.devEnv = path
		for key, value := range values {
			if environment[key] == "" {
				environment[key] = value
			}
		}
	}
	if err := env.ParseWithOptions(&a.env, env.Options{Environment: environment}); err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	return nil
}

// findDevEnv reads .tenantry/dev.env of this folder or the nearest one above.
func findDevEnv() (string, map[string]string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", nil, fmt.Errorf("find this folder: %w", err)
	}
	for {
		path := filepath.Join(dir, ".tenantry", "dev.env")
		values, err := readDevEnv(path)
		if err == nil {
			return path, values, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", nil, fmt.Errorf("read %s: %w", path, err)
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", nil, nil
	}
}

// readDevEnv reads lines KEY=VALUE; others are comments.
func readDevEnv(path string) (map[string]string, error) {
	body, err := os.ReadFile(path) //nolint:gosec // the path is ours: DIR/dev.env
	if err != nil {
		return nil, err //nolint:wrapcheck // callers name the file
	}
	values := map[string]string{}
	for line := range strings.Lines(string(body)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			values[strings.TrimPrefix(key, "export ")] = strings.Trim(value, `'"`)
		}
	}
	return values, nil
}

func (a *app) close() {
	if a.pool != nil {
		a.pool.Close()
	}
}

// control opens the control database.
func (a *app) control(ctx context.Context) (*pgxpool.Pool, error) {
	if a.pool != nil {
		return a.pool, nil
	}
	if a.env.ControlURL == "" {
		return nil, usageError("TENANTRY_CONTROL_URL is not set, and there is no .tenantry/dev.env here: set it, or run tenantry dev")
	}
	pool, err := workers.OpenControl(ctx, a.env.ControlURL, "tenantry/cli")
	if err != nil {
		return nil, err
	}
	a.pool = pool
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		if a.devEnv != "" {
			return nil, fmt.Errorf("control database of %s does not answer; is tenantry dev running? %w", a.devEnv, err)
		}
		return nil, fmt.Errorf("control database does not answer: %w", err)
	}
	return pool, nil
}

// keys reads the secret keys; nil without any.
func (a *app) keys() (*tenants.Keyring, error) {
	if a.env.SecretKey == "" {
		return nil, nil
	}
	keys, err := tenants.ParseKeys(a.env.SecretKey)
	if err != nil {
		return nil, usageError("%w", err)
	}
	return keys, nil
}

func (a *app) registry(ctx context.Context) (*tenants.Registry, error) {
	pool, err := a.control(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	return tenants.NewRegistry(pool, keys), nil
}

// tenantOf opens the registry and reads a tenant by its slug or id.
func (a *app) tenantOf(ctx context.Context, slugOrID string) (*tenants.Registry, tenants.Tenant, error) {
	reg, err := a.registry(ctx)
	if err != nil {
		return nil, tenants.Tenant{}, err
	}
	t, err := reg.Tenant(ctx, slugOrID)
	return reg, t, err
}

func (a *app) jobs(ctx context.Context) (*jobs.Client, error) {
	pool, err := a.control(ctx)
	if err != nil {
		return nil, err
	}
	return jobs.New(pool), nil
}

// requester names who asks through the command line.
func (a *app) requester() string {
	if a.env.Requester != "" {
		return a.env.Requester
	}
	name := os.Getenv("SUDO_USER")
	if name == "" {
		name = os.Getenv("USER")
	}
	if name == "" {
		return "cli"
	}
	return "cli:" + name
}

func (a *app) log() (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(a.env.LogLevel)
	if err != nil {
		return zerolog.Nop(), usageError("TENANTRY_LOG_LEVEL: %q is no level; use debug, info, warn or error", a.env.LogLevel)
	}
	out := a.err
	switch a.env.LogFormat {
	case "json":
	case "console":
		out = zerolog.ConsoleWriter{Out: a.err, TimeFormat: time.TimeOnly}
	default:
		return zerolog.Nop(), usageError("TENANTRY_LOG_FORMAT: %q is no format; use json or console", a.env.LogFormat)
	}
	return zerolog.New(out).Level(level).Hook(zerolog.HookFunc(timestamp)), nil
}

// timestamp gives a line its time. zerolog's own way to more than seconds is a variable for all loggers, which others read meanwhile.
func timestamp(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().Format(time.RFC3339Nano))
}

// message says an error to a person.
func message(err error) string {
	var refusal *jobs.Error
	if errors.As(err, &refusal) && refusal.Fix != "" {
		return refusal.Message + "\n  " + refusal.Fix
	}
	// The control database's own refusals, where no door is between.
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(pg.Code, "TY") && pg.Hint != "" {
		return pg.Message + "\n  " + pg.Hint
	}
	return err.Error()
}
