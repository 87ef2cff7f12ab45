// Package ddlbench measures what the no-code builder's changes cost, and holds nothing else. make bench-ddl runs it on durable clusters and
// 50 million rows (DDL_ROWS); make test-more runs it on few, to show that no query fails and no value is lost.
//
//   - TestChanges: how long a tenant's application waits while each kind of change is made on a large table that it reads and writes, beside the
//     plain SQL that does the same to an identical table under the same traffic. What the traffic wrote, and every row it did not touch, is compared
//     with what must be there.
//   - TestFill: how fast rows are filled beside the traffic, against one UPDATE of the whole table.
//   - TestAddField: what the smallest change costs on an open connection, against its bare ALTER TABLE.
//
// The traffic is 200 writes and 200 reads a second through the application's role, over several connections, with prepared statements. A query's
// time counts from when it was due. A query that is refused because a type has changed under its prepared statement (0A000) is asked once
// more: that is what applications are told to do.
package ddlbench
