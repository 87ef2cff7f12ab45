// Package localpg finds PostgreSQL on this machine and runs a private cluster with it: for `tenantry dev`, for the demo
// and for tests. It is not how Tenantry meets a production node; those are somebody else's servers.
//
// # The tour
//
// [Find] looks for the programs. [Start] takes a directory and returns a running [Server]; the first time it makes the
// cluster, every later time it finds it again, with its data, its password and its port.
//
//	dir/               locked (flock) while a process of ours runs the cluster
//	    password       the superuser's, mode 0600
//	    port           remembered, so that a restart keeps the addresses others wrote down
//	    postgres.log   what the server says; its tail is part of a start error
//	    location       only if data/ had to live elsewhere, see below
//	    server.conf    our settings, written at every start; includes data/postgresql.conf
//	    data/          the cluster. It appears by one rename, so it is whole or it is not there
//
// # Promises
//
//   - Every connection gives a password (SCRAM): there is no trust entry. The server listens on 127.0.0.1 only and has
//     no Unix socket.
//   - One owner. A second Start on the same directory fails with [ErrInUse] while the first owner lives. When the owner
//     was killed, the next Start ends what is left of its server and goes on with the data.
//   - The server does not outlive its owner: Linux sends it SIGQUIT when the owner dies, whatever killed it. PostgreSQL
//     treats that as a crash and recovers at the next start. Ctrl-C in a terminal does not reach the server; its owner
//     decides.
//
// # Started as root
//
// PostgreSQL refuses to run as root. Then the server runs as the owner of its data directory, which for a new one is
// "postgres" or else "nobody". When that user cannot enter the directory, for example below a home of mode 0700, data/
// and server.conf go to /var/tmp/tenantry-<hash of the directory's path>; the file "location" says so, the log too, and
// [Remove] deletes both.
package localpg
