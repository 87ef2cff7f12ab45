// Package ddl turns the no-code builder's changes into DDL that does not stop a tenant's traffic.
//
//	Change ──Decode──► operations ──Generate(change, Registry, Facts)──► Plan: probes, steps, the registry afterwards
//
// It is pure: it opens no connection. What a form is stands in a [Registry], which the tenant's database keeps in its
// schema _tenantry; what its tables are really like stands in [Facts]. Package execute reads both and carries plans out.
//
// # Operations
//
// One operation a file: op_add_field.go, op_set_required.go, … Each checks itself (check), and plans itself (plan): it adds
// steps to a [builder] and changes the builder's copy of the registry, so that the next operation of the change finds what
// this one will have made.
//
// # Names
//
// Every name in the database is made here: d_0001 is a form's table, f_0002 a field's column. Keys and labels of people
// are metadata, so a label may be anything, renaming is no DDL, and a product's own migrations never collide. What people
// write becomes SQL text only as an identifier of a view or as a constant, through tenants.Ident and tenants.Literal.
//
// # Phases
//
// What an operation needs is done in three phases: prepare (every step can be undone, nobody sees it), commit (one short
// transaction with everything that people see, and the registry) and after (what is left over goes). So a change is
// cancelled, or fails, as if it had never begun; and several operations become visible at once.
//
// Operations of one change may meet on a field or a form. What does not go together is refused (claims.go); for the others a builder knows what a
// column will have in it before it is made or filled (builder.reads), because probes run before the first step.
//
// A step on a small table is a part of one transaction, together with its neighbours: a change of a small form is one commit.
package ddl
