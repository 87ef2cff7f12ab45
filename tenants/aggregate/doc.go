// Package aggregate keeps questions that are asked of every tenant for each day, and their answers in tables of the control database's schema aggregates.
//
// # From a text to a table
//
// An aggregate has a text of SQL with parameters, such as :day ([Params]). Its columns, as a tenant's server tells them, make a table ([Define]): tenant_id, day, and a
// column of each, with its type. A text that gives more columns extends the table; one that lacks some, or has others, begins a new table with _v2 after its name. What is
// in a table is never changed by a definition.
//
// # From a day to its rows
//
// A run is an operation for one day. It has no job: every worker looks what it needs next (decide, a pure function) and does that under the run's lock ([Advance]). It has a
// slice for each tenant, and asks for them in batches: an operation for some tenants of a node, one at a time on each node, whichever run is its parent. A batch asks through
// package fanout, and writes what tenants have answered in one transaction with their slices ([Collector], [Batch.Write]):
//
//	due ──► asked ──► contributed      its rows are in the table, once
//	 ▲        │ └───► left             it was suspended or deleted first
//	 └────────┘                        it has not answered: again after a pause, until the run's time is over
//
// A tenant's rows of a day are replaced when it contributes again. So however often a day is run, and wherever it is broken off, each tenant stands in it once, and
// who is missing stands in the slices, with the reason.
//
// # Who sees what
//
// The role tenantry_bi reads the tables, and sees the rows of published days only: a policy on each table looks that up. A day is published when enough tenants have
// contributed, and stays so.
package aggregate
