// Package jobs is what an API links to ask the fleet for work: typed arguments per kind, and a client that submits
// them, in the caller's own transaction where it has one, and reads or watches what became of them.
//
// Everything that is asked becomes one row of the ledger, tenantry.operations, in the same transaction as the River job
// that delivers it: after a rollback neither exists, after a commit both do. The pair of kind and idempotency key is unique,
// so asking twice gives the same operation.
//
//	client := jobs.New(pool)
//	tx, _ := pool.Begin(ctx)
//	// … the API's own rows …
//	created, err := client.CreateTenantTx(ctx, tx, jobs.Provision{Slug: "acme"}, nil)
//	tx.Commit(ctx)
//	operation, err := client.Wait(ctx, created.OperationID)
//
// Both doors are one implementation: the functions here call tenantry.submit, tenantry.create_tenant, tenantry.cancel and
// tenantry.retry in the control database, which programs in other languages call themselves.
// Arguments are checked there, and a refusal comes back as an [*Error] that names the field and the way out.
package jobs
