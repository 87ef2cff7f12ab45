package opshttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/rs/zerolog"
	"riverqueue.com/riverui"

	"github.com/avenit/tenantry/jobs"
)

// riverPrefix is where River UI is, without the slash at its end.
const riverPrefix = "/riverui"

// riverTimeout bounds one request to River UI.
const riverTimeout = 15 * time.Second

// riverUI serves River UI over a client that inserts only. It begins with the first request: from then on it counts the
// jobs in the background, which a server that nobody looks at must not do.
type riverUI struct {
	handler *riverui.Handler
	life    context.Context //nolint:containedctx // the server's: River UI outlives the request that began it
	begun   func() error
}

func newRiverUI(pool *pgxpool.Pool, log zerolog.Logger) (*riverUI, error) {
	logger := slog.New(zerolog.NewSlogHandler(log.Level(max(log.GetLevel(), zerolog.WarnLevel))))
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: jobs.Schema, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("make queue client for River UI: %w", err)
	}
	handler, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: riverui.NewEndpoints[pgx.Tx](client, nil),
		Logger:    logger,
		Prefix:    riverPrefix,
	})
	if err != nil {
		return nil, fmt.Errorf("make River UI: %w", err)
	}
	return &riverUI{handler: handler}, nil
}

// begin gives it the context in which it runs; it must come before the first request.
func (u *riverUI) begin(life context.Context) {
	u.life = life
	u.begun = sync.OnceValue(func() error { return u.handler.Start(u.life) })
}

// ServeHTTP hands a request to River UI, without the operator's credentials, which are none of its business.
func (u *riverUI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := u.begun(); err != nil {
		http.Error(w, "River UI does not start", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), riverTimeout)
	defer cancel()
	r = r.Clone(ctx)
	r.Header.Del("Authorization")
	r.Header.Del("Cookie")
	u.handler.ServeHTTP(w, r)
}
