package workers

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"github.com/avenit/tenantry/tenants/provision"
)

// run is one attempt of an operation. It is what steps act on behalf of ([provision.Run]).
type run struct {
	started
	ledger *ledger
	log    zerolog.Logger

	// pauseAsked: a person wants it to stop at its next step.
	pauseAsked atomic.Bool

	mu   sync.Mutex
	step string
}

var _ provision.Run = (*run)(nil)

func (r *run) OperationID() string { return r.ID }

func (r *run) Attempt() int { return r.started.Attempt }

// Step records in the ledger what begins now.
func (r *run) Step(ctx context.Context, name string, done, total int64) error {
	r.mu.Lock()
	r.step = name
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var answer string
	err := r.ledger.pool.QueryRow(ctx, `SELECT tenantry.step($1, $2, $3, $4, $5)`, r.ID, r.Attempt(), name, done, total).Scan(&answer)
	switch {
	case err != nil:
		return fmt.Errorf("record step %s: %w", name, err)
	case answer == "stop":
		return provision.ErrSuperseded
	case answer == "cancel":
		return errCancelAsked
	case answer == "pause":
		r.pauseAsked.Store(true)
	}
	return nil
}

// Current asks the ledger whether this is still the newest attempt.
func (r *run) Current(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var current bool
	err := r.ledger.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM tenantry.operations WHERE id = $1 AND attempt = $2 AND state = 'running')`,
		r.ID, r.Attempt()).Scan(&current)
	if err != nil {
		return fmt.Errorf("ask whether this attempt is current: %w", err)
	}
	if !current {
		return provision.ErrSuperseded
	}
	return nil
}

// change writes to the control database if this is still the newest attempt.
func (r *run) change(ctx context.Context, rec record) error {
	return r.ledger.change(ctx, r.ID, r.Attempt(), r.TenantID, rec)
}

// schemaChanged is the record that the tenant's tables have changed, for those who cannot wait for the operation's end.
func (r *run) schemaChanged(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE tenantry.tenants SET schema_epoch = schema_epoch + 1 WHERE id = $1`, r.TenantID)
	return err //nolint:wrapcheck // the caller does
}

func (r *run) lastStep() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.step
}

// args decodes the operation's arguments. They were checked at submit; an unknown field is of a newer version and ignored.
func args[T any](r *run) (T, error) {
	var a T
	if err := json.Unmarshal(r.Args, &a); err != nil {
		return a, fmt.Errorf("read arguments: %w", err)
	}
	return a, nil
}

// done is what a handler did: the result that people see, and what is recorded with the operation's end.
type done struct {
	result any
	record record
	// release is what the operation's database stands at now, "" when that has not changed. Unlike a record it is written together with the ends
	// of other operations.
	release string
	// schema says that the tenant's tables may have changed, also beside an error: every process with a pool of the tenant is told. A release says
	// so, too.
	schema bool
}
