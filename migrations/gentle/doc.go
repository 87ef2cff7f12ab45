// Package gentle is a session that changes a tenant's database without standing in anybody's way.
//
//	Open ── role, settings, lock, look ──► Retry: Renew, BEGIN, change, COMMIT ──► … ──► Close
//	                                         ▲                         │ a lock was not to be had
//	                                         └── give way: look until who holds the tables is gone
//
// What is changed, and where it is recorded, is the caller's: package apply runs a release's files.
//
// # One at a time
//
// One session at a time changes a database: the advisory lock [LockKey], taken by polling because waiting for it would
// deadlock with CREATE INDEX CONCURRENTLY. [Open] looks behind it in the same round trip. Who does not get it in time is told
// who has it: [LockedError].
//
// # Never in the queue for long
//
// An ALTER that waits for a lock queues the tenant's own queries behind it. So each try of [Session.Retry] waits only shortly
// ([LockPolicy]); then everything is rolled back, and it is tried again when those are gone who hold the tables. They are
// found by looking, without queueing: a report of an hour costs the tenant's users one short stall, not one at every try. An
// autovacuum in the way is ended, as PostgreSQL does for who waits longer. When the budget is spent, [BlockedError] says who is
// in the way.
//
// Statements that PostgreSQL refuses inside a transaction run alone ([Session.AloneTimeouts]); CONCURRENTLY runs without a
// lock timeout, which would leave an invalid index. One that an interrupted build left is found by [Session.Index] and goes with
// [Session.DropIndex].
//
// # Round trips
//
// Commands go in pipelines: an [Session.Exchange] is one round trip, whatever it holds, and a refusal skips what shares the
// refused command's fate. Each session has settings that end it when its client is gone, so that no lock outlives a process
// for long.
//
// # Errors
//
// [Classify] gives every error its fate. After the loss of a connection while something was under way that may have taken
// effect, callers return [ErrOutcomeUnknown]: nothing is guessed, and nothing tried again.
package gentle
