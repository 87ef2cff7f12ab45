package ddl

import (
	"fmt"
	"strings"
)

// twin is a field that has two columns for a while, and the trigger that keeps them in step.
type twin struct {
	// schema of the table, "" for [DataSchema].
	schema, table string
	// name of the trigger and of its function.
	name     string
	from, to Spec
	// old is what applications write that do not know of the change, new what others do.
	old, new string
	// standin is what old has in a row for which nobody names it, once the change is visible: the field's default, as a value of the former type; "" is NULL.
	standin string
	// also are columns that a trigger writes old from: a statement that names one of them sets old as well.
	also []string
}

// syncOf is the twin of a field and one of its former columns.
func syncOf(form *Form, field *Field, former Former) twin {
	return twin{
		table: form.Table, name: former.Sync, from: former.Spec, to: field.Spec, old: former.Column, new: field.Column, standin: standin(field, former.Spec),
	}
}

// standin writes a field's default as a value of another type, "" when there is none.
func standin(field *Field, of Spec) string {
	if field.Default == nil || field.Dropped != nil {
		return ""
	}
	constant, _ := field.Spec.constant(field.Default)
	sql, _ := convert(field.Spec, of, constant)
	return sql
}

func (t twin) function() string { return ident(DataSchema, t.name) }

func (t twin) trigger(columns, body string) []string {
	return []string{
		fmt.Sprintf("CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $sync$\nBEGIN\n%s\n  RETURN NEW;\nEND\n$sync$", t.function(), body),
		fmt.Sprintf("CREATE OR REPLACE TRIGGER %s BEFORE INSERT OR UPDATE OF %s ON %s FOR EACH ROW EXECUTE FUNCTION %s()",
			ident(t.name), columns, ident(or(t.schema, DataSchema), t.table), t.function()),
	}
}

// follow has the new column follow the old one: what everybody writes until the change is visible.
func (t twin) follow() []string {
	value, _ := convert(t.from, t.to, "NEW."+ident(t.old))
	columns := []string{ident(t.old)}
	for _, column := range t.also {
		columns = append(columns, ident(column))
	}
	return t.trigger(strings.Join(columns, ", "), fmt.Sprintf("  NEW.%s := %s;", ident(t.new), value))
}

// both has each column follow the other: once the change is visible, who has not heard of it yet writes the old one. An insert of
// such a writer has something else in the old column than the standin, which is its default now; where they are alike, both columns agree anyway.
func (t twin) both() []string {
	o, n := ident(t.old), ident(t.new)
	forth, _ := convert(t.from, t.to, "NEW."+o)
	back, _ := convert(t.to, t.from, "NEW."+n)
	follow := fmt.Sprintf("NEW.%s := %s", o, back)
	if back == "" {
		follow = "NULL" // there is no way back: the old column keeps what it had
	}
	return t.trigger(o+", "+n, fmt.Sprintf(`  IF TG_OP = 'INSERT' THEN
    IF NEW.%[1]s IS DISTINCT FROM (%[5]s) THEN
      NEW.%[2]s := %[3]s;
    ELSE
      %[4]s;
    END IF;
  ELSIF NEW.%[2]s IS DISTINCT FROM OLD.%[2]s THEN
    %[4]s;
  ELSIF NEW.%[1]s IS DISTINCT FROM OLD.%[1]s THEN
    NEW.%[2]s := %[3]s;
  END IF;`, o, n, forth, follow, or(t.standin, "NULL")))
}

// defaults gives the old column its standin, or takes it away.
func (t twin) defaults() string {
	alter := "ALTER TABLE " + data(t.table) + " ALTER COLUMN " + ident(t.old)
	if t.standin == "" {
		return alter + " DROP DEFAULT"
	}
	return alter + " SET DEFAULT " + t.standin
}

func (t twin) drop() []string {
	return []string{
		fmt.Sprintf("DROP TRIGGER %s ON %s", ident(t.name), data(t.table)),
		"DROP FUNCTION " + t.function() + "()",
	}
}

// synced is the former column of a field that a trigger writes already, nil when there is none.
func (b *builder) synced(field *Field) *Former {
	if b.isNew(field.Column) {
		return nil
	}
	for i := range field.Former {
		if field.Former[i].Sync != "" {
			return &field.Former[i]
		}
	}
	return nil
}

// resync has the trigger that keeps a former column in step convert to what the field's type is now.
func (b *builder) resync(form *Form, field *Field) {
	if former := b.synced(field); former != nil {
		sync := syncOf(form, field, *former)
		b.commit(form.Table, append(sync.both(), sync.defaults())...)
	}
}

// unsync takes that trigger away for as long as the commit changes the column's type, which PostgreSQL does under no trigger.
func (b *builder) unsync(form *Form, field *Field) {
	if former := b.synced(field); former != nil {
		b.commit(form.Table, syncOf(form, field, *former).drop()...)
	}
}

// endSync ends an earlier change's writing of two columns: only one can be under way. Until the commit its trigger goes on; it gives the columns
// that are written to it.
func (b *builder) endSync(form *Form, field *Field) (also []string) {
	for i := range field.Former {
		former := &field.Former[i]
		if former.Sync == "" {
			continue
		}
		sync := syncOf(form, field, *former)
		b.commit(form.Table, append(sync.drop(), "ALTER TABLE "+data(form.Table)+" ALTER COLUMN "+ident(former.Column)+" DROP DEFAULT")...)
		b.note("column %s of field %s is not written any more", former.Column, field.Key)
		former.Sync = ""
		also = append(also, former.Column)
	}
	return also
}
