package ddl

import (
	"fmt"
	"slices"
	"time"
)

// Facts is what the catalog of a tenant's database says of its forms' tables.
type Facts struct {
	// Now is the database's clock.
	Now time.Time `json:"now"`
	// Tables by their physical names, those of forms and of many-to-many fields.
	Tables map[string]Table `json:"tables"`
	// Views by their names in [ViewSchema].
	Views map[string]View `json:"views"`
}

// Table is one table.
type Table struct {
	Schema string `json:"schema"`
	// Rows is the server's estimate, -1 when it never counted.
	Rows  float64 `json:"rows"`
	Bytes int64   `json:"bytes"` // without indexes, with large values that were moved out
	// Attributes is how many columns it ever had: PostgreSQL counts dropped ones to its limit.
	Attributes int `json:"attributes"`
	// Columns by name.
	Columns map[string]Column `json:"columns"`
	// Constraints and Indexes are their names; Unchecked are constraints of which not all rows have been checked.
	Constraints []string `json:"constraints"`
	Unchecked   []string `json:"unchecked,omitempty"`
	Indexes     []string `json:"indexes"`
}

// Column is one column.
type Column struct {
	Type    string `json:"type"` // as format_type gives it
	NotNull bool   `json:"not_null"`
}

// View is a view of ours.
type View struct {
	Columns []string `json:"columns"`
}

// smallBytes is how large a table may be so that a scan of it, a plain index or a rewrite takes some milliseconds at most:
// such a change is made at once, under its lock.
const smallBytes = 1 << 20

// small reports whether a table may be scanned under a lock. One that is made by this change is small.
func (f Facts) small(table string) bool {
	return f.Tables[table].Bytes <= smallBytes
}

// rows is an estimate of a table's rows.
func (f Facts) rows(table string) int64 {
	t := f.Tables[table]
	if t.Rows >= 0 {
		return int64(t.Rows)
	}
	const least = 40 // bytes of a small row
	return t.Bytes / least
}

// Mismatches says how a form's table differs from what the registry says of it, "" for not at all: somebody has changed it by hand.
func (f Facts) mismatch(form *Form) string {
	table, found := f.Tables[form.Table]
	if !found {
		return fmt.Sprintf("its table %s.%s is missing", form.schema(), form.Table)
	}
	if table.Schema != form.schema() {
		return fmt.Sprintf("its table %s is in schema %s and not in %s", form.Table, table.Schema, form.schema())
	}
	for _, field := range form.Fields {
		if field.Spec.Type == ManyToMany {
			if _, found := f.Tables[field.Column]; !found {
				return fmt.Sprintf("table %s of field %s is missing", field.Column, field.Key)
			}
			continue
		}
		if !field.Spec.stored() {
			continue
		}
		column, found := table.Columns[field.Column]
		switch {
		case !found:
			return fmt.Sprintf("column %s of field %s is missing", field.Column, field.Key)
		case column.Type != field.Spec.column():
			return fmt.Sprintf("column %s of field %s is of type %s and not %s", field.Column, field.Key, column.Type, field.Spec.column())
		case column.NotNull != (field.Required && field.Dropped == nil):
			return fmt.Sprintf("column %s of field %s has NOT NULL where it should not, or lacks it", field.Column, field.Key)
		case slices.Contains(table.Unchecked, field.Constraint):
			return fmt.Sprintf("the rows have not been checked for constraint %s of field %s: a change is under way, or somebody has made it anew", field.Constraint, field.Key)
		case field.Constraint != "" && !slices.Contains(table.Constraints, field.Constraint):
			return fmt.Sprintf("constraint %s of field %s is missing", field.Constraint, field.Key)
		}
	}
	for _, index := range form.Indexes {
		if !slices.Contains(table.Indexes, index.Name) {
			return fmt.Sprintf("index %s is missing", index.Name)
		}
	}
	return ""
}
