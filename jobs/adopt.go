package jobs

import (
	"context"
	"encoding/json"
	"fmt"
)

// Adopt makes a tenant of a database that another tool has made and migrated. Only an operator may ask for it.
type Adopt struct {
	// Slug names the tenant, as in [Provision].
	Slug string `json:"slug"`
	// Database is the database's present name on the node. It gets another one.
	Database string `json:"database"`
	// Node is the name of the node.
	Node string `json:"node"`
	// Name is free text for display. Defaults to the slug.
	Name string `json:"name,omitempty"`
	// Labels are the tenant's own.
	Labels map[string]string `json:"labels,omitempty"`
	// Release is the newest that the database may be at. Defaults to the newest published.
	Release string `json:"release,omitempty"`
	// HistoryTable is where the tool keeps its history, where that is not its default: "table" or "schema.table".
	HistoryTable string `json:"history_table,omitempty"`
	// AcceptDrift says why the database is adopted although its schema is not what its history says. Defaults to "": it is not.
	AcceptDrift string `json:"accept_drift,omitempty"`
}

// AdoptCheck looks at what [Adopt] would find and changes nothing. Only an operator may ask for it.
type AdoptCheck struct {
	Database     string `json:"database"`
	Node         string `json:"node"`
	Release      string `json:"release,omitempty"`
	HistoryTable string `json:"history_table,omitempty"`
}

// KindUnadopt gives a database back that an adoption has left closed. Only the fleet itself asks for it.
const KindUnadopt = "unadopt"

// Kind is the operation's kind.
func (Adopt) Kind() string { return "adopt" }

// Kind is the operation's kind.
func (AdoptCheck) Kind() string { return "adopt_check" }

// Adopted is what [Client.Adopt] made or found.
type Adopted struct {
	TenantID    string `json:"tenant_id"`
	OperationID string `json:"operation_id"`
	State       string `json:"state"` // the tenant's: active when it was adopted before
	New         bool   `json:"created"`
}

const adoptSQL = `
WITH asked_by AS MATERIALIZED (SELECT set_config('tenantry.requested_by', $3, true) AS name)
SELECT a.tenant_id, a.operation_id, a.state, a.created
FROM asked_by, tenantry.adopt_tenant($1, $2) a
WHERE name IS NOT NULL`

// Adopt asks for an adoption. Asking again for one that failed begins anew with what is said now; for one under way or done it gives that one. The
// login must be the control database's owner.
func (c *Client) Adopt(ctx context.Context, args Adopt, opts *Options) (Adopted, error) {
	var made Adopted
	err := c.ask(ctx, args, func(ctx context.Context, encoded string) error {
		return c.pool.QueryRow(ctx, adoptSQL, encoded, opts.key(), opts.by()).Scan(&made.TenantID, &made.OperationID, &made.State, &made.New)
	})
	return made, err
}

const checkAdoptionSQL = `
WITH asked_by AS MATERIALIZED (SELECT set_config('tenantry.requested_by', $3, true) AS name)
SELECT tenantry.check_adoption($1, $2)
FROM asked_by
WHERE name IS NOT NULL`

// CheckAdoption asks for a look at what an adoption would find and returns the operation's id: its result is the report.
func (c *Client) CheckAdoption(ctx context.Context, args AdoptCheck, opts *Options) (string, error) {
	var id string
	err := c.ask(ctx, args, func(ctx context.Context, encoded string) error {
		return c.pool.QueryRow(ctx, checkAdoptionSQL, encoded, opts.key(), opts.by()).Scan(&id)
	})
	return id, err
}

// ask encodes arguments and turns a refusal into an [*Error].
func (c *Client) ask(ctx context.Context, args Args, send func(ctx context.Context, encoded string) error) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	encoded, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("encode %s arguments: %w", args.Kind(), err)
	}
	return doorError(args.Kind(), send(ctx, string(encoded)))
}
