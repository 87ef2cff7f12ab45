// Package s3 holds the tests of backups in S3, and nothing else: real workers, a real PostgreSQL, a real S3 server, and between workers and server a proxy
// that does to requests and answers what networks and clouds do to them. make test-s3 runs it; without the race detector, with which the client of S3 takes
// minutes to build.
//
// Whatever happens, an operation succeeds or fails. Afterwards, without faults: every backup that is complete restores to what was dumped; after a sweep
// there is no object without a backup and no upload that was begun and not ended.
package s3
