package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// ErrSuperseded says that a newer attempt has taken the operation over. Whoever meets it stops at once and records nothing.
var ErrSuperseded = errors.New("superseded by a newer attempt")

// Run is the attempt of an operation on whose behalf a step acts.
type Run interface {
	// OperationID is the operation's id.
	OperationID() string
	// Attempt is the fencing token: it grows with every start of the operation.
	Attempt() int
	// Step records in the ledger what begins now. ErrSuperseded: stop.
	Step(ctx context.Context, name string, done, total int64) error
	// Current asks the ledger whether this is still the newest attempt. ErrSuperseded: stop.
	Current(ctx context.Context) error
}

// Schema brings one database to a release.
type Schema interface {
	// Apply runs what the database lacks of the release. owner is the role to act as, "" for the connection's own.
	Apply(ctx context.Context, conn *pgx.Conn, releaseID, owner string, run Run) error
	// Statements is how many statements the release has: what a finished history counts.
	Statements(ctx context.Context, releaseID string) (int, error)
	// Expect keeps what the connection's database holds as what the release makes. It is called in a transaction; roles are what its
	// roles stand for, as [RolesOf] gives them.
	Expect(ctx context.Context, conn *pgx.Conn, releaseID string, roles map[string]string) error
}

// SessionName is the application_name of a run's sessions on a node.
func SessionName(run Run) string {
	return fmt.Sprintf("%s%d", sessionPrefix(run), run.Attempt())
}

func sessionPrefix(run Run) string { return "tenantry/" + run.OperationID() + "/" }

func attempt(run Run) tenants.Attempt {
	return tenants.Attempt{OperationID: run.OperationID(), Number: run.Attempt()}
}

// superseded says the registry's refusal of an old attempt in this package's word.
func superseded(err error) error {
	if errors.Is(err, tenants.ErrNotCurrent) {
		return ErrSuperseded
	}
	return err
}
