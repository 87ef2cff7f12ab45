package workers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
)

// partTimeout bounds the look at what one tenant has of a release.
const partTimeout = 15 * time.Second

// Part is a tenant that has a part of a release at which it does not stand.
type Part struct {
	Tenant string `json:"tenant"` // its slug
	File   string `json:"file"`   // the last of the release's files of which it has anything
}

// Withdraw takes the newest release back, at which no tenant stands: what is published next need not hold its files. Tenants that were tried may
// have its first files though, or a part of one, as their own histories say. Those files stay in every later release; if they are all of it, there
// is nothing to take back. Tenants that are in quarantine because of it are out of it. by and reason are kept with the release. Refusals are errors of the control database with codes TY002 and TY003, or
// [*tenants.RefusedError].
func Withdraw(ctx context.Context, reg *tenants.Registry, name, by, reason string) (release.Withdrawal, []Part, error) {
	rel, err := release.Load(ctx, reg.Pool(), name)
	if err != nil {
		return release.Withdrawal{}, nil, err
	}
	before, err := release.LoadBefore(ctx, reg.Pool(), name)
	if err != nil {
		return release.Withdrawal{}, nil, err
	}
	known := 0 // files that are the release before's
	if before != nil {
		known = len(before.Files)
	}
	if _, err := reg.Pool().Exec(ctx, `SELECT tenantry.withdrawable($1)`, name); err != nil {
		return release.Withdrawal{}, nil, fmt.Errorf("withdraw release: %w", err)
	}
	var attempts int64
	var tried []string
	if err := reg.Pool().QueryRow(ctx, `SELECT attempts, tenants FROM tenantry.release_attempts($1)`, name).Scan(&attempts, &tried); err != nil {
		return release.Withdrawal{}, nil, fmt.Errorf("look who was tried: %w", err)
	}
	w := release.Withdrawal{By: by, Reason: reason}
	var parts []Part
	for _, id := range tried {
		tenant, err := reg.Tenant(ctx, id)
		if err != nil {
			return w, parts, err
		}
		files, err := filesOf(ctx, reg, tenant, rel)
		if err != nil {
			return w, parts, &tenants.RefusedError{
				Message: fmt.Sprintf("what tenant %s has of release %s cannot be seen: %s", tenant.Slug, name, clean(err.Error())),
				Fix:     "a suspended tenant must be resumed, its node must answer, and TENANTRY_SECRET_KEY must hold its key",
			}
		}
		if files > known {
			parts = append(parts, Part{Tenant: tenant.Slug, File: rel.Files[files-1].Name})
			w.KeptFiles = max(w.KeptFiles, files)
		}
	}
	if w.KeptFiles == len(rel.Files) {
		return w, parts, &tenants.RefusedError{
			Message: fmt.Sprintf("nothing of release %s can be taken back: of its last file, %s, tenants have a part: %s", name, rel.Files[len(rel.Files)-1].Name, slugs(parts, w.KeptFiles, rel)),
			Fix:     "publish a release that undoes what you do not want",
		}
	}
	err = reg.Pool().QueryRow(ctx, `SELECT tenantry.withdraw_release($1, $2, $3, $4, $5)`, name, by, reason, w.KeptFiles, attempts).Scan(&w.At)
	if err != nil {
		return w, parts, fmt.Errorf("withdraw release: %w", err)
	}
	return w, parts, nil
}

// filesOf is of how many of a release's files, from the first, a tenant's history holds anything, begun statements too.
func filesOf(ctx context.Context, reg *tenants.Registry, tenant tenants.Tenant, rel *release.Release) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	u, err := reg.TenantURL(ctx, tenant.ID, tenants.RoleMigrator, true)
	if err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, u)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer hangUp(ctx, conn)
	db, err := reg.DatabaseOf(ctx, tenant.ID)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Exec(ctx, "SET ROLE "+tenants.Ident(db.Owner())); err != nil {
		return 0, fmt.Errorf("take the owner's role: %w", err)
	}
	standing, err := apply.State(ctx, conn)
	if err != nil {
		return 0, err
	}
	held := map[string]bool{}
	for _, entry := range standing.Entries {
		held[entry.Version] = true
	}
	for i := len(rel.Files); i > 0; i-- {
		if held[rel.Files[i-1].Version] {
			return i, nil
		}
	}
	return 0, nil
}

// slugs names tenants that have something of the last of so many files.
func slugs(parts []Part, files int, rel *release.Release) string {
	var list []string
	for _, p := range parts {
		if p.File == rel.Files[files-1].Name {
			list = append(list, p.Tenant)
		}
	}
	if more := len(list) - 5; more > 0 {
		list = append(list[:5], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}
