// Package workers says when and whether work is done: it runs River's client, starts and settles operations in the ledger,
// and looks after what nobody asks for (dead workers, warm pools, tenants whose grace is over).
//
// The path of a job:
//
//	River fetches ─► guard (middleware) ─► delivery ─► ledger.start ─► handler ─► outcome ─► ledger.settle
//
// River delivers and the ledger decides: a start that is not the operation's turn, or comes after its end, does nothing; and
// an end is written to the operation, its River job, the tenant and the tenant's mailbox in one transaction.
// [Handlers] is the one list of what can be done. [fate] is the one place where an error becomes retry, wait, cancel,
// fail or park.
//
// A [Runtime] is one worker process. Each start has a fresh id and a row that it renews (liveness.go). One that cannot
// renew it stops its own jobs before others take them over, and starts anew under another id.
package workers
