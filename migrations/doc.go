// Package migrations says how schemas change: the control database's own (this package), and, below it, releases
// of the product's schema and how one database is brought to one.
//
//   - control/*.sql: the control database's migrations, run by [Control]; grants.sql is run after each of them.
//   - tenant/*.sql: the sample product, a small no-code CRM, in goose's format.
//   - tenant_next/*.sql: what its next release adds.
//   - release: reads a folder of migrations, splits, hashes and publishes it.
//   - gentle: a session that changes a tenant's database without standing in anybody's way.
//   - apply: brings one tenant's database to a release, statement by statement, resumable.
package migrations
