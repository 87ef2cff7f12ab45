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
	// also are columns that a trigger writes old from: a statement that names one of them sets old as well.
	also []string
}

// syncOf is the twin of a field and one of its former columns.
func syncOf(form *Form, field *Field, former Former) twin {
	return twin{table: form.Table, name: former.Sync, from: former.Spec, to: field.Spec, old: former.Column, new: field.Column}
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
// such a writer has a value in the old column, which has no default any more; everybody else's has none.
func (t twin) both() []string {
	o, n := ident(t.old), ident(t.new)
	forth, _ := convert(t.from, t.to, "NEW."+o)
	back, _ := convert(t.to, t.from, "NEW."+n)
	follow := fmt.Sprintf("NEW.%s := %s", o, back)
	if back == "" {
		follow = "NULL" // there is no way back: the old column keeps what it had
	}
	return t.trigger(o+", "+n, fmt.Sprintf(`  IF TG_OP = 'INSERT' THEN
    IF NEW.%[1]s IS NOT NULL THEN
      NEW.%[2]s := %[3]s;
    ELSE
      %[4]s;
    END IF;
  ELSIF NEW.%[2]s IS DISTINCT FROM OLD.%[2]s THEN
    %[4]s;
  ELSIF NEW.%[1]s IS DISTINCT FROM OLD.%[1]s THEN
    NEW.%[2]s := %[3]s;
  END IF;`, o, n, forth, follow))
}

func (t twin) drop() []string {
	return []string{
		fmt.Sprintf("DROP TRIGGER %s ON %s", ident(t.name), data(t.table)),
		"DROP FUNCTION " + t.function() + "()",
	}
}
