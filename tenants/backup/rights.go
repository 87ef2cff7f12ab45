package backup

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
	"github.com/avenit/tenantry/tenants/backup/archive"
)

// rights gives what pg_restore was told to leave out: grants, with the target's roles instead of those that were dumped, and the owners of large objects,
// which the application makes by itself.
func (r Restore) rights(ctx context.Context, conn *pgx.Conn, toc archive.TOC) (skipped []string, err error) {
	rename := renaming{from: r.Manifest.Database, to: r.Target.Database}
	var sql strings.Builder
	sql.WriteString("SET client_encoding = 'UTF8';\nSET ROLE " + tenants.Ident(r.Target.Owner) + ";\n")
	for _, e := range toc.Entries {
		switch {
		case isGrant(e):
			grants, left := rename.grants(e.Definition)
			sql.WriteString(grants)
			skipped = append(skipped, left...)
		case e.Kind == "BLOB", e.Kind == "BLOB METADATA":
			if owner, known := rename.role(e.Owner); known && owner != r.Target.Owner {
				own, err := ownSQL(e.Name, owner)
				if err != nil {
					return nil, err
				}
				sql.WriteString(own)
			}
		}
	}
	sql.WriteString("RESET ROLE;\nRESET client_encoding;\n")
	if _, err := conn.PgConn().Exec(ctx, sql.String()).ReadAll(); err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	return skipped, nil
}

// isGrant tells rights within a database. Who may connect to it is the control plane's to say.
func isGrant(e archive.Entry) bool {
	return (e.Kind == "ACL" || e.Kind == "DEFAULT ACL") && !strings.HasPrefix(e.Name, "DATABASE ")
}

// ownSQL gives large objects to a role. They are named by their number, or by the first and last of a range.
func ownSQL(name, owner string) (string, error) {
	first, last, isRange := strings.Cut(name, "..")
	if !isRange {
		last = first
	}
	for _, n := range []string{first, last} {
		if _, err := strconv.ParseUint(n, 10, 32); err != nil {
			return "", fmt.Errorf("%w: a large object is named %q", archive.ErrDamaged, name)
		}
	}
	return fmt.Sprintf(`DO $own$
DECLARE
  o oid;
BEGIN
  FOR o IN SELECT oid FROM pg_largeobject_metadata WHERE oid BETWEEN %s AND %s AND lomowner = current_user::regrole LOOP
    EXECUTE format('ALTER LARGE OBJECT %%s OWNER TO %%I', o, %s);
  END LOOP;
END
$own$;
`, first, last, tenants.Literal(owner)), nil
}

// renaming gives the target's roles for those of the database that was dumped: their names begin with the database's.
type renaming struct{ from, to string }

func (n renaming) role(name string) (renamed string, known bool) {
	kind, known := strings.CutPrefix(name, n.from+"_")
	return n.to + "_" + kind, known
}

// grants renames the roles in the statements of an ACL. Those that name other roles are left, and so is what somebody else than the owner has granted:
// pg_dump puts it between two SET SESSION AUTHORIZATION.
func (n renaming) grants(definition string) (sql string, left []string) {
	var out strings.Builder
	others := false
	for _, statement := range statements(definition) {
		switch {
		case strings.HasPrefix(statement, "SET SESSION AUTHORIZATION"):
			others = true
			continue
		case strings.HasPrefix(statement, "RESET SESSION AUTHORIZATION"):
			others = false
			continue
		}
		renamed, known := n.statement(statement)
		if others || !known {
			left = append(left, statement)
			continue
		}
		out.WriteString(renamed + ";\n")
	}
	return out.String(), left
}

// statements splits at semicolons that are not in a quoted name or text.
func statements(definition string) []string {
	var list []string
	var quote byte
	begin := 0
	for i := range len(definition) {
		switch c := definition[i]; {
		case quote != 0:
			if c == quote {
				quote = 0 // a doubled one quotes again at once
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ';':
			list = append(list, strings.TrimSpace(definition[begin:i]))
			begin = i + 1
		}
	}
	if rest := strings.TrimSpace(definition[begin:]); rest != "" {
		list = append(list, rest)
	}
	return list
}

const roleName = `(PUBLIC|"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)`

// Where pg_dump writes roles: whose new objects it is about, and whom it grants to or revokes from.
var (
	whose = regexp.MustCompile(`^ALTER DEFAULT PRIVILEGES FOR ROLE ` + roleName)
	whom  = regexp.MustCompile(`(?: TO| FROM) ` + roleName + `(?: WITH GRANT OPTION)?$`)
)

// statement renames the roles in a statement. known is false where it names one that is not among them.
func (n renaming) statement(sql string) (renamed string, known bool) {
	at := whom.FindStringSubmatchIndex(sql)
	if at == nil {
		return sql, false
	}
	to, known := n.quoted(sql[at[2]:at[3]])
	if !known {
		return sql, false
	}
	sql = sql[:at[2]] + to + sql[at[3]:]
	if at := whose.FindStringSubmatchIndex(sql); at != nil {
		owner, known := n.quoted(sql[at[2]:at[3]])
		return sql[:at[2]] + owner + sql[at[3]:], known
	}
	return sql, true
}

// quoted is role for a name as SQL has it.
func (n renaming) quoted(name string) (renamed string, known bool) {
	if name == "PUBLIC" {
		return name, true
	}
	if strings.HasPrefix(name, `"`) {
		name = strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
	}
	renamed, known = n.role(name)
	return tenants.Ident(renamed), known
}
