// Package s3store is what stores of backups in S3 need besides what all stores have: multipart uploads that were begun and never ended are taken back.
// Import it for its effect.
//
// It is empty with the race detector: building the client of S3 with that takes minutes, and it has no concurrency of its own.
package s3store
