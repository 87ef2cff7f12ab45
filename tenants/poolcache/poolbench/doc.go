// Package poolbench measures package poolcache against a real PostgreSQL server, and makes the databases to do so.
//
// [Create] makes a fleet of small databases and a role that may connect to them and nothing else, so that
// pg_stat_activity and the role's CONNECTION LIMIT show that role's connections alone on a server shared with others.
// [Zipf] sends the same sequence of short queries to the fleet twice: through a cache with a budget, and with a pool
// made and closed for each.
package poolbench
