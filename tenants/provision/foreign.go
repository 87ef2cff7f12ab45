package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/avenit/tenantry/tenants"
)

// Foreign is a database on a node that Tenantry did not make, as it was before anything was changed: what giving up needs to know.
type Foreign struct {
	OID    uint32  `json:"oid"` // stays when the name changes
	Name   string  `json:"name"`
	Owner  string  `json:"owner"`
	Grants []grant `json:"grants"` // on the database itself, its owner's too
	// Notes are what a person should know.
	Notes []string `json:"notes,omitempty"`
}

// grant is one right on a database.
type grant struct {
	Grantee   string `json:"grantee"` // "" is PUBLIC
	Privilege string `json:"privilege"`
	Grantable bool   `json:"grantable,omitempty"`
}

func (g grant) to() string {
	if g.Grantee == "" {
		return "PUBLIC"
	}
	return tenants.Ident(g.Grantee)
}

// foreignSQL looks at a database's line in the node's catalog and at what hangs on it, with the provisioner's eyes.
const foreignSQL = `
SELECT d.oid, pg_get_userbyid(d.datdba), r.rolsuper, pg_has_role(current_user, d.datdba, 'USAGE'),
       has_database_privilege(current_user, d.oid, 'CONNECT'),
       d.datistemplate OR d.datname IN ('postgres', current_database()), d.datallowconn, d.datconnlimit,
       (SELECT jsonb_agg(jsonb_build_object('grantee', CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END,
                                            'privilege', a.privilege_type, 'grantable', a.is_grantable))
        FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a),
       coalesce((SELECT string_agg(slot_name, ', ') FROM pg_replication_slots s WHERE s.database = d.datname), ''),
       (SELECT count(*) FROM pg_prepared_xacts x WHERE x.database = d.datname),
       coalesce((SELECT string_agg(DISTINCT coalesce(nullif(s.setrole, 0)::regrole::text || ': ', '') || array_to_string(s.setconfig, ', '), '; ')
                 FROM pg_db_role_setting s WHERE s.setdatabase = d.oid), ''),
       coalesce((SELECT string_agg(o.datname, ', ' ORDER BY o.datname)
                 FROM pg_database o
                 WHERE o.datallowconn AND (o.datname IN ('postgres', 'template1') OR o.datname ~ '^(t|tpl)_[0-9a-f]{22}$')
                   AND has_database_privilege('public', o.oid, 'CONNECT')), '')
FROM pg_database d
JOIN pg_roles r ON r.oid = d.datdba
WHERE d.datname = $1`

type foreignFacts struct {
	Foreign
	super, member, connects, special, open bool
	limit                                  int
	slots                                  string
	prepared                               int
	settings, exposed                      string
}

// Look looks at a database that is to be adopted and refuses, with the statements that somebody must run first, where it cannot be. It changes
// nothing: not on the node, not in the database.
func (p *Provisioner) Look(ctx context.Context, run Run, node tenants.Node, name string) (Foreign, error) {
	session, err := p.admin.Session(ctx, node, run, "adopt/"+name)
	if err != nil {
		return Foreign{}, err
	}
	defer session.Close()
	facts, err := session.foreign(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return Foreign{}, &tenants.RefusedError{Message: fmt.Sprintf("there is no database %s on node %s", name, node.Name), Fix: "give its name as in psql -l"}
	}
	if err != nil {
		return Foreign{}, fmt.Errorf("look at database %s: %w", name, err)
	}
	if err := facts.check(node); err != nil {
		return facts.Foreign, err
	}
	return facts.Foreign, p.lookInside(ctx, run, node, &facts)
}

func (s *Session) foreign(ctx context.Context, name string) (foreignFacts, error) {
	f := foreignFacts{}
	f.Name = name
	err := s.QueryRow(ctx, foreignSQL, name).Scan(&f.OID, &f.Owner, &f.super, &f.member, &f.connects, &f.special, &f.open, &f.limit, &f.Grants,
		&f.slots, &f.prepared, &f.settings, &f.exposed)
	if f.limit > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("its CONNECTION LIMIT %d stays", f.limit))
	}
	if f.settings != "" {
		f.Notes = append(f.Notes, "settings of the database stay: "+f.settings)
	}
	return f, err //nolint:wrapcheck // the caller looks for no row and wraps
}

// check refuses what no statement inside the database would change.
func (f *foreignFacts) check(node tenants.Node) error {
	refuse := func(fix, format string, args ...any) error {
		return &tenants.RefusedError{Message: "database " + f.Name + " " + fmt.Sprintf(format, args...), Fix: fix}
	}
	switch {
	case f.special:
		return refuse("adopt a tenant's own database", "is the server's own: a template, or one that is used to administer it")
	case f.limit == -2:
		return refuse("drop it", "is invalid: a DROP DATABASE was interrupted")
	case !f.open:
		return refuse("ALTER DATABASE … ALLOW_CONNECTIONS true, if it is to live", "lets nobody in")
	case f.slots != "":
		return refuse("drop the subscription and the slot, adopt, and set them up again under the new name", "has logical replication slots: %s", f.slots)
	case f.prepared > 0:
		return refuse("COMMIT PREPARED or ROLLBACK PREPARED them", "has %d prepared transactions, which hold up a change of its name", f.prepared)
	case f.exposed != "":
		return refuse("tenantry node add "+node.Name+" --url … again, or REVOKE ALL ON DATABASE … FROM PUBLIC there",
			"cannot be isolated: every role of the server may connect to %s", f.exposed)
	}
	return nil
}

// ownersSQL lists who owns what inside a database and is not the server's own: what is to be handed over. Extensions' objects stay theirs; so do
// superusers' publications, event triggers, languages and foreign-data wrappers, which only they can own.
const ownersSQL = `
SELECT owner, super, member, count(*)::integer, array_agg(what ORDER BY what)
FROM (` + ownedSQL + `) o
WHERE NOT (super AND kind IN ('publication', 'event trigger', 'language', 'foreign-data wrapper', 'extension'))
  AND kind <> 'extension' AND owner <> 'pg_database_owner'
GROUP BY owner, super, member
ORDER BY owner`

const insideForeignSQL = `
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'tenantry' AND c.relname = 'control_migrations'),
       EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = '_tenantry'),
       coalesce((SELECT string_agg(e.extname || ' (' || e.extowner::regrole::text || ')', ', ' ORDER BY e.extname) FROM pg_extension e WHERE e.oid >= 16384), ''),
       (SELECT count(*) FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))`

// lookInside looks at what is in the database, once that is allowed.
func (p *Provisioner) lookInside(ctx context.Context, run Run, node tenants.Node, f *foreignFacts) error {
	provisioner := tenants.Ident(node.Provisioner)
	if !f.connects {
		return &tenants.RefusedError{
			Message: fmt.Sprintf("the provisioner may not connect to database %s", f.Name), Fix: "run the statement as a superuser, then adopt again",
			SQL: []string{fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s", tenants.Ident(f.Name), provisioner)},
		}
	}
	conn, err := p.admin.ConnectProvisioner(ctx, node, f.Name, run)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	var control, managed bool
	var extensions string
	var subscriptions int
	if err := conn.QueryRow(ctx, insideForeignSQL).Scan(&control, &managed, &extensions, &subscriptions); err != nil {
		return fmt.Errorf("look into database %s: %w", f.Name, err)
	}
	switch {
	case control:
		return &tenants.RefusedError{Message: fmt.Sprintf("database %s is a control database of Tenantry", f.Name), Fix: "adopt a tenant's own database"}
	case managed:
		return &tenants.RefusedError{Message: fmt.Sprintf("database %s has a schema _tenantry: it is, or was, a tenant's", f.Name), Fix: "if it is a copy that nobody manages: DROP SCHEMA _tenantry CASCADE"}
	case subscriptions > 0:
		return &tenants.RefusedError{Message: fmt.Sprintf("database %s subscribes to another", f.Name), Fix: "DROP SUBSCRIPTION, or ALTER SUBSCRIPTION … after it is adopted is not possible for a tenant"}
	}
	if extensions != "" {
		f.Notes = append(f.Notes, "extensions stay with their owners, which PostgreSQL cannot change alone: "+extensions)
	}
	return f.rights(ctx, conn, provisioner)
}

// rights refuses where the provisioner may not hand over what is there, with the statements that let it.
func (f *foreignFacts) rights(ctx context.Context, conn *pgx.Conn, provisioner string) error {
	rows, err := conn.Query(ctx, ownersSQL)
	if err != nil {
		return fmt.Errorf("list owners: %w", err)
	}
	var missing, sql []string
	var supers []string
	need := func(role string) {
		missing = append(missing, role)
		sql = append(sql, fmt.Sprintf("GRANT %s TO %s", tenants.Ident(role), provisioner))
	}
	var owner string
	var super, member bool
	var count int
	var objects []string
	_, err = pgx.ForEachRow(rows, []any{&owner, &super, &member, &count, &objects}, func() error {
		switch {
		case super:
			supers = append(supers, objects...)
		case !member:
			need(owner)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list owners: %w", err)
	}
	if !f.super && !f.member && !slices.Contains(missing, f.Owner) {
		need(f.Owner)
	}
	if f.super || len(supers) > 0 {
		sql = append(sql, f.handover(provisioner, supers)...)
		missing = append(missing, fmt.Sprintf("a superuser (the database: %t, %d objects)", f.super, len(supers)))
	}
	if len(sql) == 0 {
		return nil
	}
	return &tenants.RefusedError{
		Message: fmt.Sprintf("the provisioner may not hand over what belongs to %s in database %s", strings.Join(missing, ", "), f.Name),
		Fix:     "run the statements as a superuser, in that database, then adopt again; afterwards the GRANTs may be revoked",
		SQL:     sql,
	}
}

// handover are the statements that give a superuser's objects to a role without power, which the provisioner may then take them from: it must not
// become a member of a superuser.
func (f *foreignFacts) handover(provisioner string, objects []string) []string {
	to := tenants.Ident(f.Owner)
	var sql []string
	if f.super {
		to = "tenantry_handover"
		sql = append(sql,
			"DO $$ BEGIN CREATE ROLE tenantry_handover NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
			fmt.Sprintf("GRANT tenantry_handover TO %s", provisioner),
			fmt.Sprintf("ALTER DATABASE %s OWNER TO tenantry_handover", tenants.Ident(f.Name)))
	}
	for _, object := range objects {
		switch object {
		case "SCHEMA public":
			sql = append(sql, "ALTER SCHEMA public OWNER TO pg_database_owner")
		default:
			sql = append(sql, fmt.Sprintf("ALTER %s OWNER TO %s", object, to))
		}
	}
	return sql
}
