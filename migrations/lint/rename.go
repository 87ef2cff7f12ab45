package lint

import "fmt"

func (v *visit) rename(t tree) {
	n, to := nameOf(t.at("relation")), t.text("newname")
	switch t.text("renameType") {
	case "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE":
		v.renameRelation(v.schema.relation(n), to)
	case "OBJECT_SEQUENCE":
		r := v.schema.relation(n)
		v.lock(r, AccessExclusive)
		v.schema.move(r, name{r.name.schema, to})
	case "OBJECT_COLUMN":
		v.renameColumn(v.schema.relation(n), t.text("subname"), to)
	case "OBJECT_INDEX":
		v.renameIndex(n, to)
	case "OBJECT_TABCONSTRAINT":
		r := v.schema.relation(n)
		v.lockFamily(r, AccessExclusive)
		v.renameConstraint(r, t.text("subname"), to)
	case "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE":
		v.lock(v.schema.relation(n), AccessExclusive)
	case "OBJECT_SCHEMA":
		v.note("rename", fmt.Sprintf("code that uses the schema %s by its old name fails from then on", ident(t.text("subname"))), "leave the name as it is")
	}
}

func (v *visit) renameRelation(r *relation, to string) {
	v.lock(r, AccessExclusive)
	v.find(r, "rename", fmt.Sprintf("code that uses %s by its old name fails from then on, and code that uses the new one failed until then", r.name),
		fmt.Sprintf("leave the name as it is; or CREATE VIEW %s AS SELECT * FROM %s; for new code, and rename when no old code is left",
			name{r.name.schema, to}, r.name))
	v.schema.move(r, name{r.name.schema, to})
}

// move gives a relation another name.
func (s *schema) move(r *relation, to name) {
	delete(s.relations, r.name)
	r.name = to
	s.relations[to] = r
}

func (v *visit) renameColumn(r *relation, of, to string) {
	v.lockFamily(r, AccessExclusive)
	v.find(r, "rename", fmt.Sprintf("code that uses %s.%s by its old name fails from then on, and code that uses the new one failed until then", r.name, ident(of)),
		fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s …; let a trigger or the code write both; copy old rows in batches; drop %s when no code uses it",
			r.name, ident(to), ident(of)))
	for _, member := range v.schema.family(r) {
		if c := member.columns[of]; c != nil {
			delete(member.columns, of)
			member.columns[to] = c
		}
		for _, c := range member.checks {
			renameIn(c.columns, of, to)
			renameIn(c.proves, of, to)
		}
		for _, x := range v.schema.indexesOf(member, of) {
			renameIn(x.mentions, of, to)
			renameList(x.columns, of, to)
		}
	}
	for _, key := range v.schema.keys {
		if key.from == r {
			renameList(key.columns, of, to)
		}
		if key.to == r {
			renameList(key.refs, of, to)
		}
	}
}

func renameIn(set map[string]bool, of, to string) {
	if set[of] {
		delete(set, of)
		set[to] = true
	}
}

func renameList(list []string, of, to string) {
	for i := range list {
		if list[i] == of {
			list[i] = to
		}
	}
}

func (v *visit) renameIndex(n name, to string) {
	x, known := v.schema.index(n)
	if !known {
		x = &index{name: v.schema.home(n)}
	}
	v.lockIndex(x, ShareUpdateExclusive)
	if !known {
		return
	}
	delete(v.schema.indexes, x.name)
	x.name.name = to
	v.schema.indexes[x.name] = x
}

func (v *visit) renameConstraint(r *relation, of, to string) {
	if c := r.checks[of]; c != nil {
		delete(r.checks, of)
		r.checks[to] = c
	}
	if x, known := v.schema.index(name{r.name.schema, of}); known {
		delete(v.schema.indexes, x.name)
		x.name.name = to
		v.schema.indexes[x.name] = x
	}
	for _, key := range v.schema.keys {
		if key.from == r && key.name == of {
			key.name = to
		}
	}
}

func (v *visit) setSchema(t tree) {
	switch t.text("objectType") {
	case "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE":
		r := v.schema.relation(nameOf(t.at("relation")))
		v.lock(r, AccessExclusive)
		for _, c := range r.columns {
			if c.sequence != nil {
				v.lock(c.sequence, AccessExclusive)
			}
		}
		v.find(r, "rename", fmt.Sprintf("code that looks for %s where it was fails from then on", r.name),
			fmt.Sprintf("leave it where it is; or a view in its place, in the same transaction: CREATE VIEW %s AS SELECT * FROM %s",
				r.name, name{t.text("newschema"), r.name.name}))
		v.schema.move(r, name{t.text("newschema"), r.name.name})
	}
}
