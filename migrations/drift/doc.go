// Package drift keeps what tenants' schemas should be and what they were found to be. It reads and writes the control database only: who looks
// into a tenant's database is a worker.
//
//   - [Expect] and [Find]: what a database of a release holds that nobody has touched, by the server's major version, because versions write
//     definitions in different ways. It is seen when a template of the release is built.
//   - [Pick]: whom a check is about, those first that were not looked at for longest. [Look] is a tenant just before and just after it was read:
//     only where both are the same was nothing changing it.
//   - [Record] and [List]: what was found.
package drift
