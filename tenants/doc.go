// Package tenants knows the fleet: tenants and their states, nodes, the databases on them and their credentials.
//
// A tenant is who, a database is where. The control database's rows are the only truth about both; [Registry] reads and
// writes them. Names on a node are opaque and derived from the database alone ([Database.Role]), because every role
// of a PostgreSQL server can read them. Passwords stand there sealed ([Keyring]).
//
// How a tenant's database is made, fenced and dropped stands in the package provision below; connections to tenants are kept by
// the package poolcache.
package tenants
