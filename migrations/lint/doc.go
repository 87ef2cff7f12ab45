// Package lint tells what the statements of a release do to a database that is in use: which relations each locks and how,
// whether it rewrites a table or reads it whole meanwhile, and what to write instead of what blocks traffic, loses data or
// breaks running code. It is pure: it looks at a release and at nothing else.
//
//	release ──► parse trees ──► schema as it grows, statement by statement ──► Report: locks, effects, findings
//
// # Entry points
//
// [Release] lints what a release adds to the one before; [After] what comes after a file; [Every] each file as if the tables
// of the files before were full. A [Report] holds a verdict for each [Statement], those without findings too. [Rules] lists
// what a [Finding] can be about.
//
// # What is known
//
// The linter learns the schema from the statements before, also from those that it does not lint: columns and their types, indexes, keys, validated
// checks, partitions, which function is volatile. A relation that the linted statements make is fresh: no running code waits
// for it, so its findings are left out and its locks are marked as new. A relation that was never seen is taken for a table
// that is in use. What code in a DO block or a function does is not known, and said so.
//
// # Judging
//
// [handler] gives each kind of statement its judge: create.go, alter_*.go, index.go, drop.go, rename.go, maintain.go and rows.go hold them.
// transaction.go adds what only the statements of a transaction do together. allow.go applies the suppressions in the file.
//
// # Truth
//
// TestTruth runs statements of every kind on PostgreSQL, and the verdicts must equal the locks in pg_locks, the tables whose
// file changed and the tables that were read. They are held against PostgreSQL 15 so; TEST_DATABASE_URL names another server.
package lint
