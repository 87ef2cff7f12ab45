// Package adopt reads what another migration tool has recorded in a database, and says where that database stands among
// published releases.
//
//	Find ── the tool's history table ──► Read ── its rows, as the tool reads them ──► History ──► Match ── files of a release
//
// A [History] is what the tool says: which migrations are applied. [Match] lines it up with a release's files, purely: what is
// applied must be the first n files, for a tenant's history knows no gaps. Nothing here changes a database. What a tool's history
// cannot say (goose keeps no hashes, golang-migrate a single number, Drizzle no names) is proved by comparing schemas.
//
// A history that cannot be taken over is a [*tenants.RefusedError]: it names the row and the way out.
package adopt
