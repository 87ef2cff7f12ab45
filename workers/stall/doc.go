// Package stall holds the stall test, and nothing else: how long a tenant's own queries wait while a rollout changes the table that
// they read and write. make stall runs it on 5 million rows (STALL_ROWS) with durable clusters; make test-more runs it on 200,000.
//
// A reader and a writer each come at a steady rate, on a table that every kind of safe change is made to, by a rollout through a real
// worker. A query's time counts from when it was due, so one that had to wait for the one before it is counted too. Another pair works on a
// table that nothing changes: what it waits is the machine's, not ours.
//
// The same ALTER without our lock policy, beside a reader whose transaction is open for some seconds, is there for comparison.
package stall
