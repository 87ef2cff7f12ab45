package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// whereabouts is a database's line in the node's catalog, found by what never changes.
type whereabouts struct {
	name, owner string
	open        bool
}

func (s *Session) whereIs(ctx context.Context, oid uint32) (whereabouts, error) {
	var w whereabouts
	err := s.QueryRow(ctx, `SELECT datname, pg_get_userbyid(datdba), datallowconn FROM pg_database WHERE oid = $1`, oid).Scan(&w.name, &w.owner, &w.open)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, &tenants.RefusedError{Message: "the database is not on the node any more: somebody has dropped it", Fix: "purge the tenant"}
	}
	if err != nil {
		return w, fmt.Errorf("look for the database: %w", err)
	}
	return w, nil
}

// foreign says whether a database was to be adopted and is not taken over: it is not ours to drop.
func (p *Provisioner) foreign(ctx context.Context, databaseID string) (bool, error) {
	a, err := p.reg.Adoption(ctx, databaseID)
	if errors.Is(err, tenants.ErrNoAdoption) {
		return false, nil
	}
	return a.Unfinished(), err
}

// foreignOf reads what was kept of a database before something was changed, nil when nothing ever was.
func foreignOf(a tenants.Adoption) (*Foreign, error) {
	if len(a.Before) == 0 {
		return nil, nil
	}
	var f Foreign
	if err := json.Unmarshal(a.Before, &f); err != nil {
		return nil, fmt.Errorf("read what was before: %w", err)
	}
	return &f, nil
}
