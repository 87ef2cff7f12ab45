// Package fingerprint reads what a database holds besides its rows, in a form in which two databases can be compared: what
// pg_dump -s would write, canonical, in one round trip.
//
//	Read ── catalog/*.sql, one snapshot ──► Schema ──► Sum, or Compare ──► Difference (missing, extra, changed, invalid, not validated)
//
// # What counts
//
// Whatever pg_dump -s writes counts, down to comments, owners, grants and the names of constraints, which later migrations refer to. What it
// does not write does not count: rows, the current value of a sequence, statistics, oids, columns that were dropped. So two databases have the
// same [Schema.Sum] if and only if pg_dump writes the same, and a test holds both against each other, change by change.
//
// The order of columns counts, because SELECT *, INSERT without a list and COPY depend on it, and pg_dump writes it. It is an object of its own
// ("column order"), and [Compare] looks at the columns that both sides have: a column too many is one difference, not one for each column after it.
//
// Roles are written as placeholders ([Options.Roles]), so that databases whose roles have other names read alike.
//
// # Where it knowingly differs from pg_dump -s
//
//   - An index that is not valid is seen, and pg_dump leaves it out. Flaws are classes of their own: see [Object.Flaw].
//   - What is the server's is left out: an extension's version, comment and members, and the version of a collation's library.
//   - The order in which grants, storage options and the roles of a policy were given is left out.
//   - Options of user mappings, which are secrets, subscriptions, large objects, and privileges on single columns of what came with the server are
//     left out; so is what Tenantry keeps in its schema _tenantry, and in those that begin with _tenantry_restored_: tables of a backup, for a look.
//   - What is not in the database is left out by both: roles, tablespaces, the database's own settings and grants.
package fingerprint
