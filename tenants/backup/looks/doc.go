// Package looks copies tables of a backup into their tenant's live database, for a look: into a schema of their own, beside what the tenant has.
//
//	[Choose] ── names, what the backup holds ──► tables ──► [Copy.Run] ── COPY, in one transaction ──► schema ──► [Find], [Drop]
//
// The backup was restored into another database and compared before, so what is copied is what was dumped. A copy has the rows and the columns, and nothing else: no
// constraints, defaults, triggers or indexes, and no column of a type that is the tenant's. So nothing of the tenant's depends on a copy, nor a copy on anything of
// the tenant's, and a release that drops a type does not trip over it.
//
// The schema's comment says what it is, written in the transaction that makes it: who comes after a crash finds either nothing or all of it.
package looks
