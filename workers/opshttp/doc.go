// Package opshttp is the operators' HTTP server: health, metrics, a start page and River UI behind a login. It is embedded
// by "tenantry ops", "tenantry worker --http" and "tenantry dev", and knows the control database only.
//
//	server, err := opshttp.New(opshttp.Config{Addr: "127.0.0.1:8484", ControlPool: pool, Log: log})
//	err = server.Start(ctx)
//	defer server.Stop(ctx)
//
// What it serves (routes.go):
//
//	/healthz   the process answers; asks nobody                      open
//	/readyz    the control database answers and is migrated          open
//	/metrics   Prometheus, measured at the scrape                    open to this machine, else login
//	/login     the form; /logout ends the session                    open
//	/          what is not finished, and the latest operations       login
//	/riverui/  River UI                                              login, audited
//
// # Who gets in
//
// Without a login the server listens on loopback only, and answers only requests that were made to loopback: a name
// that somebody lets point here, or a proxy, is refused (local.go). With one, a session cookie or HTTP Basic opens every
// page (login.go). Wrong passwords use up a token bucket of their sender and one of the process, and an empty bucket is
// answered with 429 before the password is looked at (throttle.go). Sessions live in this process: they end
// with it, and behind a load balancer each must stay with one process (sessions.go).
//
// River UI itself has no login, no protection against cross-site requests, and no headers. A request to it goes through
//
//	headers ─► limits ─► audit ─► login ─► cross-origin protection ─► River UI
//
// and each that could change something leaves one log line "ops change", refused ones too (audit.go). What people do there
// goes past the ledger; the workers bring both into step again within seconds.
//
// # What is measured
//
// A scrape is one query to the control database with a deadline (fleet_sql.go), over what is unfinished or alive and
// never over all of history. Every process tells the same numbers of the fleet: take max by, not sum. When the control
// database is away, tenantry_control_up is 0, the fleet's numbers are absent and the process's own are still there.
package opshttp
