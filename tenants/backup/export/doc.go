// Package export writes a tenant's database as a zip of open formats, which its customer can read without us, and makes a new tenant of one.
//
//	README.txt                     what this is, and how to load it elsewhere
//	schema.pre-data.sql            what must be there before the rows: schemas, types, functions, tables
//	schema.post-data.sql           what comes after them: indexes, keys, triggers, views that hold rows
//	data/<schema>.<table>.csv      the rows of a table; .ndjson or .parquet if that was asked for
//	sequences.json                 where the sequences stand
//	large_objects.json             which there are; large_objects/<oid> is what each holds
//	forms.json                     the forms of the no-code builder: labels, fields, physical names
//	load.sql                       loads all of that with psql; only with CSV
//	internal/…                     what only an import needs: Tenantry's own schema, rights
//	manifest.json                  every file with its size and SHA-256, signed with the installation's key
//
// All is read in one snapshot, and streamed: from PostgreSQL through the zip into the object store. An export is not encrypted. The manifest is its last
// file: without it a zip is no export. [Open] believes nothing else of one.
package export
