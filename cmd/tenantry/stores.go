//go:build !race

package main

// The object stores that a URL can name besides a folder. No other package knows them: with their dependencies they are most of the program, and with the
// race detector they would take minutes to build for tests that use folders.
import (
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"

	_ "github.com/avenit/tenantry/tenants/backup/s3store" // s3blob, and what is left of uploads
)
