// Package apply brings one database to a release, over one direct connection.
//
//	Apply ── lock, read history ──► compare with the release ──► file by file: run, record ──► unlock
//
// # What makes it resumable
//
// The database keeps its own history, in the schema _tenantry: one row for every statement that was applied, with the
// hash of its text. It travels with the database through dump, restore and move. A row is written in the same
// transaction as its statement, so after a crash at any point the history says exactly what is there, and the next
// [Apply] goes on from it. Each statement takes effect exactly once.
//
// Statements that PostgreSQL refuses inside a transaction (CREATE INDEX CONCURRENTLY, VACUUM) cannot be recorded that
// way. Their row is committed first, as running; then the statement runs; then the row becomes done. Who finds a running
// row looks before acting: is the index there, valid and ready? Then it is done; is it invalid, it is dropped and built
// again. Where looking cannot tell, a person is asked: [UnresolvedError], [Resolve].
//
// # What keeps others safe
//
// The session is one of package gentle: one at a time changes a database, no lock on a table is waited for in its queue for
// longer than [gentle.LockPolicy] says, and who holds the tables is waited for by looking. A file that runs in a transaction
// is rolled back and tried again as a whole. CONCURRENTLY runs without a lock timeout, which would leave an invalid index.
//
// Before anything runs, the history is compared with the release. A statement that was applied with other text, that the
// release does not have, or a gap is [ErrDiverged] and nothing is run.
//
// # Errors
//
// [gentle.Classify] gives every error its fate. [StatementError] says which statement of which file failed and how much is
// applied. A connection that is lost while COMMIT is under way is [gentle.ErrOutcomeUnknown]: nothing is guessed, the next
// call looks at the history.
//
// # Cost
//
// A database that is up to date costs three round trips; a file that runs in a transaction two more, however many
// statements it has. PostgreSQL 14 or later is needed.
package apply
