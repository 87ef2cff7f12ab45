package provision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/avenit/tenantry/tenants"
)

// Script is the statements of one build from nothing, as data: what Build sends when nothing is there yet.
type Script struct {
	Roles    string // on the maintenance database, as the provisioner
	Create   string // there too, alone: it runs in no transaction
	Open     string // there too
	Contents string // in the new database, as the provisioner
	Look     string // in the new database, as the application's role
}

// BuildScript gives the statements of a build.
func BuildScript(db tenants.Database, node tenants.Node, template string, credentials []tenants.Credential) (Script, error) {
	roles, err := rolesSQL(db, credentials, nil)
	if err != nil {
		return Script{}, err
	}
	return Script{Roles: roles, Create: createSQL(db, template), Open: openSQL(db), Contents: contentsSQL(db, node), Look: isolationSQL}, nil
}

// powerless are the attributes of every role of a tenant.
const powerless = " NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"

// rolesSQL makes the roles that are missing of have, and sets the passwords of all.
func rolesSQL(db tenants.Database, credentials []tenants.Credential, have []string) (string, error) {
	var sql strings.Builder
	owner := tenants.Ident(db.Owner())
	if !slices.Contains(have, db.Owner()) {
		fmt.Fprintf(&sql, "CREATE ROLE %s NOLOGIN%s;\nGRANT %s TO CURRENT_USER;\n", owner, powerless, owner)
	}
	for _, c := range credentials {
		verifier, err := tenants.Verifier(c.Password)
		if err != nil {
			return "", err
		}
		role, password := tenants.Ident(c.Username), tenants.Literal(verifier)
		if slices.Contains(have, c.Username) {
			fmt.Fprintf(&sql, "ALTER ROLE %s PASSWORD %s;\n", role, password)
			continue
		}
		fmt.Fprintf(&sql, "CREATE ROLE %s LOGIN%s PASSWORD %s;\n", role, powerless, password)
		if c.Role == tenants.RoleMigrator {
			fmt.Fprintf(&sql, "GRANT %s TO %s;\n", owner, role)
		}
	}
	return sql.String(), nil
}

// createSQL copies the template into a database that lets nobody in.
func createSQL(db tenants.Database, template string) string {
	return fmt.Sprintf("CREATE DATABASE %s OWNER %s TEMPLATE %s ALLOW_CONNECTIONS false",
		tenants.Ident(db.Name), tenants.Ident(db.Owner()), tenants.Ident(template))
}

// openSQL closes a database to PUBLIC and then opens it to its own roles.
func openSQL(db tenants.Database) string {
	return accessSQL(db) + ";\nALTER DATABASE " + tenants.Ident(db.Name) + " ALLOW_CONNECTIONS true"
}

// accessSQL says who may connect to a database that is open: its own roles, nobody else.
func accessSQL(db tenants.Database) string {
	return fmt.Sprintf(`
REVOKE ALL ON DATABASE %[1]s FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE %[1]s TO %[2]s, %[3]s;
GRANT CONNECT ON DATABASE %[1]s TO %[4]s`, tenants.Ident(db.Name),
		tenants.Ident(db.Role(tenants.RoleMigrator)), tenants.Ident(db.Role(tenants.RoleApp)), tenants.Ident(db.Role(tenants.RoleReadOnly)))
}

// rightsSQL gives the roles of a database their rights on what its owner has.
func rightsSQL(db tenants.Database) string {
	app, readOnly := db.Role(tenants.RoleApp), db.Role(tenants.RoleReadOnly)
	return fmt.Sprintf(grantSQL, tenants.Ident(app), tenants.Ident(readOnly)) + strings.Join(DefaultRights(db.Owner(), app, readOnly), ";\n")
}

// DefaultRights gives the application's and the read-only role their rights on what an owner will make.
func DefaultRights(owner, app, readOnly string) []string {
	owner, app, readOnly = tenants.Ident(owner), tenants.Ident(app), tenants.Ident(readOnly)
	var statements []string
	for _, rights := range []string{
		"USAGE ON SCHEMAS TO " + app + ", " + readOnly,
		"SELECT, INSERT, UPDATE, DELETE ON TABLES TO " + app,
		"USAGE, SELECT, UPDATE ON SEQUENCES TO " + app,
		"SELECT ON TABLES TO " + readOnly,
		"SELECT ON SEQUENCES TO " + readOnly,
	} {
		statements = append(statements, "ALTER DEFAULT PRIVILEGES FOR ROLE "+owner+" GRANT "+rights)
	}
	return statements
}

// contentsSQL hands over what the template held; its last statement counts the finished statements of the history.
func contentsSQL(db tenants.Database, node tenants.Node) string {
	return fmt.Sprintf(`
DO $schemas$
DECLARE
  s text;
BEGIN
  -- Before what is in them: PostgreSQL asks of a function's new owner that he may create things there.
  FOR s IN SELECT quote_ident(nspname) FROM pg_namespace WHERE nspowner = '%[1]s'::regrole LOOP
    EXECUTE 'ALTER SCHEMA ' || s || ' OWNER TO %[2]s';
  END LOOP;
END
$schemas$;
REASSIGN OWNED BY %[1]s TO %[2]s;
REVOKE ALL ON SCHEMA public FROM %[1]s;`, tenants.Ident(node.TemplateRole()), tenants.Ident(db.Owner())) + rightsSQL(db) +
		`; SELECT count(*) FROM _tenantry.schema_history WHERE status = 'done'`
}

// grantSQL gives each role its rights on what is there. %[1]s app, %[2]s read-only.
const grantSQL = `
DO $grant$
DECLARE
  s text;
BEGIN
  FOR s IN SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|_tenantry($|_restored_))' LOOP
    EXECUTE 'GRANT USAGE ON SCHEMA ' || s || ' TO %[1]s, %[2]s';
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ' || s || ' TO %[1]s';
    EXECUTE 'GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA ' || s || ' TO %[1]s';
    EXECUTE 'GRANT SELECT ON ALL TABLES IN SCHEMA ' || s || ' TO %[2]s';
    EXECUTE 'GRANT SELECT ON ALL SEQUENCES IN SCHEMA ' || s || ' TO %[2]s';
  END LOOP;
END
$grant$;
`

// isolationSQL looks at the node with the application role's eyes.
const isolationSQL = `
SELECT r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls,
       has_database_privilege('public', current_database(), 'CONNECT'),
       coalesce((SELECT string_agg(d.datname, ', ' ORDER BY d.datname)
                 FROM (SELECT datname FROM pg_database
                       WHERE datallowconn AND datname <> current_database()
                         AND (datname IN ('postgres', 'template1') OR datname ~ '^(t|tpl)_[0-9a-f]{22}$')
                         AND has_database_privilege(oid, 'CONNECT')
                       LIMIT 5) d), '')
FROM pg_roles r
WHERE r.rolname = current_user`
