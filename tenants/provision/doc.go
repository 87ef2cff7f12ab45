// Package provision makes, fences and drops tenants' databases on nodes.
//
// Every function here is a reconciler: it looks at what the node has, acts on the difference and can be run again from
// any point. Three rules make that safe although no transaction spans the control database and a node:
//
//   - Intent first. The row of a database, with its name, exists before anything is made on a node, and its
//     passwords are stored before a role gets them. So nothing on a node is unknown, and a second run finds the same names.
//   - One session at a time. What changes a database's catalog entries holds a session advisory lock named after the
//     database, in the very session that runs the statement: a server that still works on a dead client's CREATE
//     DATABASE keeps the next attempt out until it is done ([Admin.Session]).
//   - A fence against the past. A new attempt ends the sessions of older attempts of its operation, takes the lock, asks the
//     ledger whether it is still the newest, and only then looks and acts.
//
// The life of a database: [Provisioner.Build] (template, roles, database, contents, first connection),
// [Provisioner.Fence] and [Provisioner.Unfence], [Provisioner.Drop]. [Bootstrap] makes a node out of a server.
package provision
