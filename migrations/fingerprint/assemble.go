package fingerprint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Kinds of rows that are no objects.
const (
	kindComment       = "comment"
	kindSecurityLabel = "security label"
	kindDependency    = "dependency"
	kindMember        = "member"    // of an extension
	kindComposite     = "composite" // the relation of a type
	// kindConstraintIndex is what there is to say of an index besides what its constraint says.
	kindConstraintIndex = "constraint index"
	// kindInitial is a thing of the server's or an extension's, of which only the privileges are looked at.
	kindInitial = "initial privileges"
	// kindDefault is what new objects are granted. Nothing of it is left when it grants what is granted anyway.
	kindDefault = "default privileges"
)

// namesRoles are the kinds whose name or definition has roles' names between two characters 1.
var namesRoles = map[string]bool{"policy": true, "user mapping": true, kindDefault: true}

// assemble makes objects of rows.
func assemble(rows []row, o Options) (Schema, error) {
	roles := roleNames(o.Roles)
	rows = leaveOutMembers(leaveOut(rows, o.Ignore))
	notes := notesOf(rows)
	var objects []Object
	for _, r := range rows {
		if namesRoles[r.kind] {
			r.name, r.definition = roles.replaceMarked(r.name), roles.replaceMarked(r.definition)
		}
		if o, is := r.object(roles, notes); is {
			objects = append(objects, o)
		}
		grants, err := grantsOf(r, roles)
		if err != nil {
			return Schema{}, err
		}
		objects = append(objects, grants...)
	}
	objects = append(objects, columnOrders(rows)...)
	slices.SortFunc(objects, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	for i := 1; i < len(objects); i++ {
		if objects[i].Kind == objects[i-1].Kind && objects[i].Name == objects[i-1].Name {
			return Schema{}, fmt.Errorf("read schema: two objects are %s %s", objects[i].Kind, objects[i].Name)
		}
	}
	return Schema{Objects: objects}, nil
}

// object makes one of a row, if it is one. Its definition ends with owner, comment and labels, a line each.
func (r row) object(roles roleNames, notes map[reference][]string) (Object, bool) {
	var lines []string
	if r.definition != "" {
		lines = append(lines, r.definition)
	}
	if r.owner != "" {
		lines = append(lines, "OWNER "+roles.name(r.owner))
	}
	o := Object{Kind: r.kind, Name: r.name, Definition: strings.Join(append(lines, notes[r.self]...), "\n"), Flaw: r.flaw}
	switch r.kind {
	case kindComment, kindSecurityLabel, kindDependency, kindMember, kindComposite, kindInitial, kindDefault:
		return Object{}, false
	case kindConstraintIndex:
		o.Kind = "index"
		return o, o.Definition != "" || o.Flaw != ""
	default:
		return o, true
	}
}

// notesOf gathers comments and security labels by the object they are of. An extension's comment is the server's.
func notesOf(rows []row) map[reference][]string {
	notes := map[reference][]string{}
	for _, r := range rows {
		switch {
		case r.kind == kindComment && r.self.class != "pg_extension":
			notes[r.self] = append(notes[r.self], "COMMENT "+r.definition)
		case r.kind == kindSecurityLabel:
			notes[r.self] = append(notes[r.self], "SECURITY LABEL FOR "+r.name+" "+r.definition)
		}
	}
	return notes
}

// leaveOut drops the relations to ignore and all that belongs to them.
func leaveOut(rows []row, ignore []string) []row {
	if len(ignore) == 0 {
		return rows
	}
	ignored := map[string]bool{} // by oid
	for _, r := range rows {
		if r.self.class == "pg_class" && r.self.sub == "0" && slices.Contains(ignore, r.name) {
			ignored[r.self.oid] = true
		}
	}
	return slices.DeleteFunc(rows, func(r row) bool {
		return ignored[r.relation] || (r.self.class == "pg_class" && ignored[r.self.oid])
	})
}

// leaveOutMembers drops what extensions brought, of which only the privileges may be anybody else's.
func leaveOutMembers(rows []row) []row {
	members := map[reference]bool{}
	for _, r := range rows {
		if r.kind == kindMember {
			members[r.self] = true
		}
	}
	return slices.DeleteFunc(rows, func(r row) bool {
		member := members[reference{class: r.self.class, oid: r.self.oid, sub: "0"}]
		if r.kind == kindInitial { // users' own things are looked at with their kind
			return !member && r.self.user()
		}
		return member
	})
}

// columnOrders gives the columns of every table and composite type in their order, a line each. The order of a view's is in its text. The rows of
// columns come in order.
func columnOrders(rows []row) []Object {
	views := map[string]bool{} // by oid
	for _, r := range rows {
		if r.kind == "view" || r.kind == "materialized view" {
			views[r.self.oid] = true
		}
	}
	names, columns := map[string]string{}, map[string][]string{}
	for _, r := range rows {
		if r.kind != "column" || views[r.relation] {
			continue
		}
		relation, column := splitColumn(r.name)
		names[r.relation] = relation
		columns[r.relation] = append(columns[r.relation], column)
	}
	orders := make([]Object, 0, len(names))
	for oid, name := range names {
		orders = append(orders, Object{Kind: kindColumnOrder, Name: name, Definition: strings.Join(columns[oid], "\n")})
	}
	return orders
}

// splitColumn takes a column's qualified name apart. The column itself may be quoted and hold points.
func splitColumn(name string) (relation, column string) {
	at := strings.LastIndexByte(name, '.')
	if quoted, is := strings.CutSuffix(name, `"`); is {
		for {
			at = strings.LastIndexByte(quoted, '"')
			if at == 0 || quoted[at-1] != '"' { // not the second of two, which stand for one in the name
				break
			}
			quoted = quoted[:at-1]
		}
		at-- // the point before the quote
	}
	return name[:at], name[at+1:]
}
