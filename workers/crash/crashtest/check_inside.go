package crashtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/avenit/tenantry/migrations/apply"
	"github.com/avenit/tenantry/migrations/release"
	"github.com/avenit/tenantry/tenants"
)

// home is a database that lets sessions in.
type home struct {
	ID, Name, TenantID, ReleaseID, Release string
}

const homesSQL = `
SELECT d.id, d.name, coalesce(t.id, ''), d.release_id, r.name
FROM tenantry.databases d
JOIN tenantry.releases r ON r.id = d.release_id
LEFT JOIN tenantry.tenants t ON t.database_id = d.id
WHERE d.node_id = $1 AND (d.state = 'warm' OR (d.state = 'assigned' AND t.state = 'active'))
ORDER BY d.id`

func (s *Scene) homes(ctx context.Context) ([]home, error) {
	rows, err := s.Fleet.Pool.Query(ctx, homesSQL, s.Node.ID)
	if err != nil {
		return nil, fmt.Errorf("list databases: %w", err)
	}
	homes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[home])
	if err != nil {
		return nil, fmt.Errorf("list databases: %w", err)
	}
	return homes, nil
}

// lookInside looks into databases: their history, their schema, their forms, and that their roles' passwords work.
func (s *Scene) lookInside(ctx context.Context, f *findings, node *pgx.Conn, only []string) {
	homes, err := s.homes(ctx)
	if err != nil {
		f.add("%v", err)
		return
	}
	for _, h := range homes {
		if only != nil && !slices.Contains(only, h.ID) {
			continue
		}
		if err := s.lookInto(ctx, node, h); err != nil {
			f.add("database %s (tenant %s): %v", h.Name, h.TenantID, err)
		}
	}
}

func (s *Scene) lookInto(ctx context.Context, node *pgx.Conn, h home) error {
	conn, err := pgx.Connect(ctx, inDatabase(s.Server, h.Name))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := s.history(ctx, conn, h); err != nil {
		return err
	}
	listing, err := s.listing(ctx, node, conn, h.Name)
	if err != nil {
		return err
	}
	clean, ok := s.Clean[h.Release]
	if !ok {
		return fmt.Errorf("the scene remembers no clean database of release %s", h.Release)
	}
	made, asked, err := s.formsOf(ctx, h.TenantID)
	if err != nil {
		return err
	}
	if asked > 0 {
		clean, listing = withoutForms(clean, listing)
	}
	return errors.Join(diff(clean, listing), forms(ctx, conn, made), s.passwords(ctx, h))
}

// history: the database has every statement of its release once, and nothing else.
func (s *Scene) history(ctx context.Context, conn *pgx.Conn, h home) error {
	rel, err := release.Load(ctx, s.Fleet.Pool, h.ReleaseID)
	if err != nil {
		return fmt.Errorf("load release: %w", err)
	}
	standing, err := apply.State(ctx, conn)
	if err != nil {
		return err
	}
	have := map[string]int{}
	for _, e := range standing.Entries {
		have[fmt.Sprintf("%s/%d %s %s", e.Version, e.StatementNo, e.Hash, e.Status)]++
	}
	var wrong []error
	for _, file := range rel.Files {
		for _, statement := range file.Statements {
			key := fmt.Sprintf("%s/%d %s %s", file.Version, statement.No, statement.Hash, apply.StatusDone)
			if have[key] != 1 {
				wrong = append(wrong, fmt.Errorf("its history has %s %d times", key, have[key]))
			}
			delete(have, key)
		}
	}
	for key := range have {
		wrong = append(wrong, fmt.Errorf("its history has %s, its release not", key))
	}
	if standing.Release != h.Release || standing.ReleaseID != h.ReleaseID {
		wrong = append(wrong, fmt.Errorf("it stands at %s (%s), in the registry at %s", standing.Release, standing.ReleaseID, h.Release))
	}
	return errors.Join(wrong...)
}

// passwords connects as every role, and as none with a wrong one.
func (s *Scene) passwords(ctx context.Context, h home) error {
	var wrong []error
	for _, role := range tenants.LoginRoles() {
		c, err := s.Fleet.Registry.Credential(ctx, h.ID, role)
		if err == nil {
			err = login(ctx, s.Node, h.Name, c)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("log in as %s: %w", role, err))
		}
	}
	return errors.Join(wrong...)
}

func login(ctx context.Context, node tenants.Node, database string, c tenants.Credential) error {
	config, err := node.Direct(database, c.Username, c.Password)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return conn.Close(ctx)
}

// Remember takes a tenant that nothing has happened to as the picture of a clean database of its release.
func (s *Scene) Remember(t testing.TB, slug string) {
	t.Helper()
	tenant := s.Fleet.Tenant(t, slug)
	node, err := pgx.Connect(t.Context(), s.Server)
	require.NoError(t, err)
	defer func() { _ = node.Close(t.Context()) }()
	conn, err := pgx.Connect(t.Context(), inDatabase(s.Server, tenant.Database))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	listing, err := s.listing(t.Context(), node, conn, tenant.Database)
	require.NoError(t, err)
	require.Greater(t, strings.Count(listing, "\n"), 100)
	s.Clean[tenant.Release] = listing
}

// listing tells everything of a database that must be the same in every tenant's: objects, columns, constraints, indexes and
// whether they are valid, owners, rights (those that nobody has said are written as those that they are), roles. The database's own name is left out.
func (s *Scene) listing(ctx context.Context, node, conn *pgx.Conn, database string) (string, error) {
	inside, err := list(ctx, conn, insideSQL)
	if err != nil {
		return "", fmt.Errorf("list what is inside: %w", err)
	}
	outside, err := list(ctx, node, outsideSQL, database)
	if err != nil {
		return "", fmt.Errorf("list what is outside: %w", err)
	}
	text := strings.Join(append(inside, outside...), "\n") + "\n"
	return strings.ReplaceAll(text, database, "t"), nil
}

// insideSQL gives a line for everything that a tenant has in a database, which tables that are there for a look are not. Rights are sorted: their order tells only who was first.
const insideSQL = `
WITH spaces AS (
  SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|_tenantry_restored_)'
), lines AS (
  SELECT format('schema %s owner %s rights %s', nspname, nspowner::regrole, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(coalesce(nspacl, acldefault('n', nspowner))) a)) AS line
  FROM spaces
  UNION ALL
  SELECT format('%s %s.%s owner %s rights %s', c.relkind, n.nspname, c.relname, c.relowner::regrole,
                (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a))
  FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
  UNION ALL
  SELECT format('column %s.%s.%s %s %s not null %s default %s', n.nspname, c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod),
                a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN spaces n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0
  UNION ALL
  SELECT format('constraint %s.%s valid %s: %s', n.nspname, o.conname, o.convalidated, pg_get_constraintdef(o.oid))
  FROM pg_constraint o JOIN spaces n ON n.oid = o.connamespace
  UNION ALL
  SELECT format('index valid %s ready %s: %s', i.indisvalid, i.indisready, pg_get_indexdef(i.indexrelid))
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN spaces n ON n.oid = c.relnamespace
  UNION ALL
  SELECT format('trigger %s', pg_get_triggerdef(g.oid))
  FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN spaces n ON n.oid = c.relnamespace
  WHERE NOT g.tgisinternal
  UNION ALL
  SELECT format('function %s.%s owner %s rights %s body %s', n.nspname, p.oid::regprocedure, p.proowner::regrole,
                (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) a), md5(p.prosrc))
  FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace
  UNION ALL
  SELECT format('default rights of %s on %s: %s', defaclrole::regrole, defaclobjtype, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(defaclacl) a))
  FROM pg_default_acl
)
SELECT line FROM lines ORDER BY line COLLATE "C"`

// outsideSQL gives a line for a database's entry in the server's catalogs and for its roles.
const outsideSQL = `
SELECT format('database owner %s limit %s rights %s', datdba::regrole, datconnlimit, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(datacl) a))
FROM pg_database
WHERE datname = $1
UNION ALL
SELECT format('role %s login %s powers %s %s %s %s %s inherit %s limit %s member of %s', r.rolname, r.rolcanlogin, r.rolsuper, r.rolcreatedb, r.rolcreaterole,
              r.rolreplication, r.rolbypassrls, r.rolinherit, r.rolconnlimit,
              (SELECT string_agg(m.roleid::regrole::text, ' ' ORDER BY m.roleid::regrole::text) FROM pg_auth_members m WHERE m.member = r.oid))
FROM pg_roles r
WHERE r.rolname LIKE $1 || '\_%'
ORDER BY 1`

func inDatabase(server, database string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	u.Path = "/" + database
	return u.String()
}
