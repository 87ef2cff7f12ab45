// Package gentletest is what tests stand on that show how long others wait while something is changed: clients that ask queries at a steady
// rate, and a look at who waits for a lock.
//
// A query's time counts from when it was due. One that had to wait for the one before it is counted too: else a stall of a second would
// look like one slow query, where two hundred were late.
package gentletest
