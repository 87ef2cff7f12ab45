package release

import "fmt"

// Effects is what a statement's text says it does to a database, for whoever looks at the database before it is applied. The zero value: nothing
// of the kind.
type Effects struct {
	// Opaque statements may do anything to any table: DO, CALL, a function that is not looked into, DROP … CASCADE.
	Opaque bool
	// SearchPath: up to the end of the file, names without a schema mean something else than before.
	SearchPath bool
	// Tables that the statement makes, changes or takes a lock on that others feel, in its order; a table may come twice.
	Tables []TableEffects
	// Functions that it makes or replaces, by name without schema.
	Functions []string
	// Extension that it makes, nil for none.
	Extension *Extension
}

// Name is a table's name as it is written.
type Name struct {
	Schema string // "" is by the search path
	Name   string
}

// String gives the name as people write it, unquoted.
func (n Name) String() string {
	if n.Schema == "" {
		return n.Name
	}
	return n.Schema + "." + n.Name
}

// Extension is what CREATE EXTENSION names.
type Extension struct {
	Name        string
	Version     string // "" is the default one
	IfNotExists bool
}

// TableEffects is what a statement does to one table.
type TableEffects struct {
	Name

	// Makes the table, or what is used like one: a view. Otherwise it must exist, unless Optional.
	Makes bool
	// Temporary: it is made for the session only, and hides a table of its name.
	Temporary bool
	// Optional: the statement says IF EXISTS, or IF NOT EXISTS where it makes the table.
	Optional bool
	// Gone: what the name meant is dropped, renamed or moved.
	Gone bool
	// Owned: only the table's owner may do this.
	Owned bool
	// Rows are changed, added or taken away.
	Rows bool
	// Cascades: from here on, changing this table's rows may change other tables' too (a trigger, a rule, a foreign key's action).
	Cascades bool
	// Rewrites: the table is written anew. Retypes may rewrite it too; that depends on the types that the columns have.
	Rewrites bool
	Retypes  []Retype
	// Adds are the columns that the table gets.
	Adds []AddedColumn
	// Unknown are columns that are not what they were any more: dropped, renamed, of another type.
	Unknown []string
	// Needs are what must be true of the rows that are there.
	Needs []Need
}

// AddedColumn is one that a table gets.
type AddedColumn struct {
	Name     string
	Optional bool // IF NOT EXISTS
}

// Retype is a change of a column's type.
type Retype struct {
	Column string
	Type   string // as the grammar names it, such as "int8" or "varchar"
	Mods   []int  // such as the 30 of varchar(30); nil for none
	Using  bool   // an expression converts the values
}

// NeedKind says what a statement needs of the rows that are there.
type NeedKind string

// What statements need.
const (
	NeedNoRows    NeedKind = "no_rows"   // the table is empty: a column without a default is to be NOT NULL
	NeedNotNull   NeedKind = "not_null"  // Columns[0] is never NULL
	NeedCheck     NeedKind = "check"     // Expressions[0] is true or NULL
	NeedUnique    NeedKind = "unique"    // the Expressions together are unique, where Where is true
	NeedReference NeedKind = "reference" // Columns are found in References
	NeedValid     NeedKind = "valid"     // whatever the constraint Constraint says
	NeedOther     NeedKind = "other"     // something that is not looked into, such as an exclusion constraint
)

// Need is what must be true of a table's rows, or the statement fails.
type Need struct {
	Kind NeedKind
	// Columns that it is about.
	Columns []string
	// Expressions are SQL, as it stands in the statement.
	Expressions []string
	// Where is the SQL of a partial index, "" for all rows.
	Where string
	// Functions that the SQL calls, by name without schema.
	Functions []string
	// NullsEqual: NULLs count as the same value.
	NullsEqual bool
	// References is the table of a foreign key, with its columns; none are its primary key.
	References   Name
	ReferenceTo  []string
	MatchFull    bool
	Constraint   string // its name, "" when PostgreSQL finds one
	NotValidated bool   // NOT VALID: true of these rows only once the constraint is validated
}

// EffectsOf reads what a statement does from its text. The first call in a process takes seconds, as for [Read].
func EffectsOf(sql string) (Effects, error) {
	node, root, refused := inspect(sql)
	if refused != nil {
		return Effects{}, fmt.Errorf("parse statement: %s", refused.message)
	}
	e := effects{sql: sql}
	e.statement(node, root)
	return e.Effects, e.err
}

// effects collects from one statement.
type effects struct {
	Effects

	sql    string
	tokens []token
	err    error
}

// add appends what is done to the table that a RangeVar names.
func (e *effects) add(relation tree, t TableEffects) {
	t.Name = nameOf(relation)
	t.Temporary = relation.text("relpersistence") == "t"
	if t.Name.Name != "" {
		e.Tables = append(e.Tables, t)
	}
}

func nameOf(relation tree) Name {
	return Name{Schema: relation.text("schemaname"), Name: relation.text("relname")}
}
