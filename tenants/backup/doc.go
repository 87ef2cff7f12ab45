// Package backup keeps copies of tenants' databases that are known to restore.
//
//	pg_dump ──► archive (counts rows, adds them up) ──► zstd ──► age ──► SHA-256 ──► object store
//
// A backup is three objects below one prefix, and the last one is the manifest: without it an object is no backup, so one that was killed leaves nothing
// that looks like one.
//
//	tenants/<tenant>/<backup>/<attempt>.data       the dump, encrypted to the tenant's key
//	tenants/<tenant>/<backup>/<attempt>.contents   what the dump holds: schema, rows and sums per table, sequences; encrypted likewise
//	tenants/<tenant>/<backup>/manifest.json        sizes, checksums, versions, key; signed with the installation's key
//	tenants/<tenant>/keys/<key>.json               the tenant's key, sealed with the installation's
//	installation/<key>.json                        a key that signs, sealed likewise
//	tenants/<tenant>/exports/<export>.<attempt>.zip   what package export writes; not encrypted
//	imports/<upload>.zip                           what was uploaded to be imported
//
// Nothing of a tenant is readable there, apart from its exports, but its id, sizes, times and versions. Whoever can write to the store can take backups away, and cannot make
// one that is accepted: manifests are signed, and they have the checksums of the other objects.
package backup
