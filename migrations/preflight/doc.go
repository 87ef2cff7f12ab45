// Package preflight looks at every tenant's database before a rollout changes the first one.
//
//	Run ── per node: look at the server ── per tenant: connect, facts ──► judge ──► ask of the rows ── again the server ──► Report
//	                                                                       ▲
//	                                     what the release does (effects) ──┘
//
// # What it may do
//
// It reads. Every session is read-only from its first statement on, every transaction is, no statement runs longer than a few seconds or waits
// longer than half a second for a lock, and no lock is stronger than ACCESS SHARE, which SELECT takes. What is read of rows is counts; no row's
// content is kept, shown or logged.
//
// # How it finds out
//
// What the database lacks of the release is what [apply.Pending] says, so preflight and apply cannot disagree. What these statements do is read
// from their text once ([release.EffectsOf]); what is there, from the catalogs. The two are compared purely ([judge]): a table that is missing,
// a column that is there already, a row budget that is used up. What depends on rows (NOT NULL on a column that holds NULLs) becomes a question
// ([question]), asked only where no earlier statement of the release may change the answer; otherwise "not looked" is told. The release's own
// checks ([release.Check]) are asked as they stand.
//
// Who holds locks and old transactions is asked of the server once for all of its tenants, after them, so that it is fresh.
//
// # What it says
//
// A [Finding] is blocking (the tenant will fail), a warning (it may wait, be slow, or something is not known), or a note. [Report] groups them by
// what is wrong. Nothing is an error of [Run] but what ends it: the control database, the release, the context.
package preflight
