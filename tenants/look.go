package tenants

// LookPrefix begins the names of schemas that hold tables of a backup, in the live database, for a look. Such a schema is no part of what the tenant has: what
// compares schemas, backs up, exports or measures leaves it out, and SQL that does so has these letters in it.
const LookPrefix = "_tenantry_restored_"
