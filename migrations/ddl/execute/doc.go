// Package execute makes the no-code builder's changes on one tenant's database, over one direct connection.
//
//	Apply ── lock, read registry and catalog ──► ddl.Generate ──► probes ──► step by step: run, record ──► unlock
//
// # What makes it resumable
//
// The database keeps the registry of its forms and the changes that were made, in the schema _tenantry. A change is written
// there with its plan before its first step, and how far it is in the same transaction as each step's effect. Steps that cannot
// run in a transaction (an index that is built CONCURRENTLY) have names that were settled before: who goes on looks for the index first,
// and builds an invalid one anew. A fill keeps its last key. So the next [Apply] goes on where a crash stopped the last one.
//
// # All or nothing
//
// Everything until the commit can be undone: [Undo], when the change is cancelled, and Apply itself, when the server refuses a
// step for good. A fill of a column that stays keeps the ids of the rows it has filled, so they can be emptied again. With
// the commit the registry, the views and the constraints change in one short transaction. What comes after it only tidies up.
//
// # Beside the traffic
//
// Transactions wait for locks as package gentle does: shortly, and then outside of the queue. Indexes are built, and constraints
// checked, while others read and write. Fills change so many rows at a time as take about a tenth of a second, and give way
// when a row is locked.
package execute
