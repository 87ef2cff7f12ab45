package opshttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"

	"github.com/avenit/tenantry/jobs"
	"github.com/avenit/tenantry/migrations"
)

// controlTimeout is how long the control database has to answer a probe, a scrape or a page.
const controlTimeout = 2 * time.Second

// healthz says that the process answers. It asks nobody.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok", "version": s.cfg.Version})
}

// readyz says whether the control database can be worked with, and if not, why.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if reason := s.ready.reason(r.Context()); reason != "" {
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "unready", "reason": reason})
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "ready"})
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	encoded, _ := json.Marshal(body) //nolint:errchkjson // strings only
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(encoded, '\n'))
}

// readiness looks whether the control database answers and has the schemas that this program needs. A newer one will do:
// programs of two versions work side by side during an upgrade. Probes at the same time share one look.
type readiness struct {
	pool  *pgxpool.Pool
	queue *rivermigrate.Migrator[pgx.Tx]
	ours  []string // names of our migrations
	looks singleflight.Group
	turns turnLog
}

func newReadiness(pool *pgxpool.Pool, log zerolog.Logger) (*readiness, error) {
	queue, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: jobs.Schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("make River's migrator: %w", err)
	}
	files, err := migrations.ControlFiles()
	if err != nil {
		return nil, fmt.Errorf("list our migrations: %w", err)
	}
	d := &readiness{pool: pool, queue: queue, turns: turnLog{log: log, good: "ready", bad: "not ready"}}
	for _, f := range files {
		d.ours = append(d.ours, f.Name)
	}
	return d, nil
}

// reason is why the control database cannot be worked with, in words that anybody may read; "" when it can. The look
// goes on when the probe that asked for it is gone: others may wait for it.
func (d *readiness) reason(ctx context.Context) string {
	reason, _, _ := d.looks.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlTimeout)
		defer cancel()
		reason, err := d.look(ctx)
		d.turns.note(reason == "", err, reason)
		return reason, nil
	})
	text, _ := reason.(string)
	return text
}

const unmigrated = "; run: tenantry control migrate"

func (d *readiness) look(ctx context.Context) (string, error) {
	rows, err := d.pool.Query(ctx, `
		SELECT wanted
		FROM unnest($1::text[]) wanted
		WHERE wanted NOT IN (SELECT name FROM tenantry.control_migrations)
		ORDER BY wanted`, d.ours)
	if err != nil {
		return publicReason(err), err
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return publicReason(err), err
	}
	if len(missing) > 0 {
		return "schema tenantry lacks " + strings.Join(missing, ", ") + unmigrated, nil
	}
	queue, err := d.queue.Validate(ctx, nil)
	if err != nil {
		return publicReason(err), err
	}
	if !queue.OK {
		return "schema river is not of this version" + unmigrated, nil
	}
	return "", nil
}

// publicReason tells what an error means without its text, which can hold names and addresses.
func publicReason(err error) string {
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && (refused.Code == "42P01" || refused.Code == "3F000"): // no such table or schema
		return "schema tenantry is missing" + unmigrated
	case errors.As(err, &refused):
		return "control database: refused with SQLSTATE " + refused.Code
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("control database: no answer within %s", controlTimeout)
	default:
		return "control database: cannot be reached"
	}
}
