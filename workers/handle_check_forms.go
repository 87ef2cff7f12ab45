package workers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/migrations/ddl"
	"github.com/avenit/tenantry/migrations/fingerprint"
	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/provision"
)

// ofForms matches the names of what is in a schema of forms, or is one.
var ofForms = regexp.MustCompile(`(^| )(` + strings.Join(ddl.Schemas(), "|") + `)(\.|$| )`)

// splitForms tells what a tenant's forms are made of from what its release makes.
func splitForms(s fingerprint.Schema) (forms, rest fingerprint.Schema) {
	for _, o := range s.Objects {
		if ofForms.MatchString(o.Name) {
			forms.Objects = append(forms.Objects, o)
		} else {
			rest.Objects = append(rest.Objects, o)
		}
	}
	return forms, rest
}

// formDifferences compares the tables and views of a tenant's forms with what its registry says of them.
func (c *checker) formDifferences(ctx context.Context, home tenants.Home, l seen, found fingerprint.Schema) ([]fingerprint.Difference, error) {
	var want fingerprint.Schema
	if l.registry.Kept() {
		var err error
		if want, err = c.expectedForms(ctx, home, l.registry); err != nil {
			return nil, fmt.Errorf("build what the forms should be: %w", err)
		}
	}
	return fingerprint.Compare(want, found), nil
}

// mostExpected is how many tenants' forms are remembered.
const mostExpected = 500

// expectedForms makes the forms of a registry in a scratch database of the tenant's node, and looks at them.
func (c *checker) expectedForms(ctx context.Context, home tenants.Home, registry *ddl.Registry) (fingerprint.Schema, error) {
	db, node := home.Database(), c.nodes[home.NodeID]
	app, readOnly := db.Role(tenants.RoleApp), db.Role(tenants.RoleReadOnly)
	statements := slices.Concat(provision.DefaultRights(node.TemplateRole(), app, readOnly), ddl.SchemasSQL(app, readOnly), registry.Script())
	hash := sha256.Sum256([]byte(node.ID + "\n" + strings.Join(statements, ";\n")))
	key := hex.EncodeToString(hash[:])
	c.schema.mu.Lock()
	want, known := c.schema.expected[key]
	c.schema.mu.Unlock()
	if known {
		return want, nil
	}
	still := func(context.Context) (bool, error) { return true, nil }
	err := c.prov.Scratch(ctx, c.run, node, still, func(ctx context.Context, conn *pgx.Conn) error {
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("run %s: %w", sql, err)
			}
		}
		roles := provision.RolesOf(db, node)
		roles[node.TemplateRole()] = "{owner}"
		all, err := fingerprint.Read(ctx, conn, fingerprint.Options{Roles: roles})
		want, _ = splitForms(all)
		return err
	})
	if err != nil {
		return want, err
	}
	c.schema.mu.Lock()
	defer c.schema.mu.Unlock()
	if len(c.schema.expected) > mostExpected {
		clear(c.schema.expected)
	}
	c.schema.expected[key] = want
	return want, nil
}
