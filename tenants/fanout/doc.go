// Package fanout runs one query on the databases of many tenants, read-only, and streams the rows.
//
//	report, err := fanout.Query(ctx, registry, fanout.Request{SQL: "SELECT count(*) FROM invoices"}, func(r fanout.Row) error {
//		fmt.Println(r.Tenant, r.Text(0))
//		return nil
//	})
//	fmt.Println(report.Coverage())
//
// # How a query flows
//
//	text ── is it one that reads? ── homes and logins, one query to the control database ──► per node ──► session per tenant ──► rows
//
// Where tenants live and how to log in there is read at once ([tenants.Registry.Homes]). Nodes are asked beside each other, each by a few
// sessions at a time (Request.Parallel). A tenant costs one connection and, after the login, one round trip: timeouts, search path, time zone and
// read-only are settings of the startup packet, and BEGIN READ ONLY and the query are sent together. Rows are read as the caller takes them: one
// row per session is in memory, and a slow caller slows the servers down. Rows of different tenants come interleaved; [Request.Ended] says when
// one is complete.
//
// # What cannot be done with it
//
// Nothing is written, and there are four walls, each of which holds alone. Texts that do not begin with SELECT, WITH, VALUES, TABLE, SHOW or
// EXPLAIN are refused ([StatementError]). The extended protocol takes one statement, so that nothing can follow it. The transaction is READ ONLY,
// which PostgreSQL does not let be undone after its first query. And the login is the tenant's read-only role ([tenants.RoleReadOnly]), which owns
// nothing and may only read. The transaction is never committed: what a function has notified or set is gone.
//
// # Pools that are open
//
// With a cache ([Request.Cache]) tenants whose pool is open, with a connection idle, are asked through it, without leaving a trace in its recency;
// connections to the others are charged to its budget, of which they take what is free: nobody's open connection is closed for them. Only pools of the
// read-only role are used: a pool of the application's role may see other rows (policies are made for roles) and other tables, so that the answer
// would depend on who happened to be busy. A service that wants its queries over many tenants to be warm keeps a cache of
// directory.New(registry, tenants.RoleReadOnly).
//
// # What may go wrong
//
// One tenant's trouble is that tenant's: [Report] says of each how it ended, and why. A node that refuses or does not answer three times in a row is
// away: its other tenants are told to be unreachable at once. A server that is out of connections is asked again, later. A tenant that was moved, or
// whose password was changed, meanwhile is asked where it is now; one that was suspended or deleted is told so. A text that PostgreSQL cannot even
// parse ends the query at the first answer, not at each tenant.
package fanout
